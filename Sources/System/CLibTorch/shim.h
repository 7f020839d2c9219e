// Nothing to import: libtorch is C++, and CTorch is its interface. This target carries libtorch's
// pkg-config flags.
