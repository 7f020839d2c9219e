// Nothing to import: CMPI includes mpi.h. This target carries MPI's pkg-config flags, which
// `./vmunet`'s set-up writes for Open MPI or MPICH.
