// Nothing to import: libtorch is C++, and CTorch is the door to it. This target carries its pkg-config flags.
