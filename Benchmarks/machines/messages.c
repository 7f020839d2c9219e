// Prints the seconds that a message costs a process, sent and received: many small sums of two
// processes at a time, so that no message waits for another.
//   mpicc -O2 -DVMUNET_MPI -ISources/CMPI/include Benchmarks/machines/messages.c Sources/CMPI/{mpi,sums,launcher}.c
#include <stdio.h>
#include <time.h>

#include "cmpi.h"

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int main(void) {
    enum { SUMS = 64, ROUNDS = 400 };
    int rank, size, local_rank, local_size;
    const char *reason;
    if (!cm_start(60, &rank, &size, &local_rank, &local_size, &reason)) return 1;
    // As many bytes to each process as 4 MiB have among 1,024.
    cm_sum sums[SUMS];
    for (int i = 0; i < SUMS; i++) sums[i] = cm_sum_make(1024 * size, false);
    double start = 0;
    for (int round = -20; round < ROUNDS; round++) {
        if (round == 0) start = seconds();
        for (int i = 0; i < SUMS; i++) cm_sum_start(sums[i]);
        cm_sums_finish(sums, SUMS);
    }
    // One message there and one back, to and from each other process.
    if (rank == 0) printf("%.9f\n", (seconds() - start) / ROUNDS / SUMS / 2 / (size - 1));
    cm_finish();
    return 0;
}
