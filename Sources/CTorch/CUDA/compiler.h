// From CUDA source to a GPU's code, by way of the disk.
#pragma once
#include <string>
#include <vector>

namespace ctorch::cuda {

struct Compiled {
    std::string code;  // a cubin; PTX where NVRTC does not know the architecture yet, which the driver then translates
    std::string log;   // the compiler's; empty where the code came from the cache
    bool cached;
};

/// Compiles `source` for an architecture such as "sm_90". Looks into the cache first unless `log_wanted`, which also asks ptxas for registers and spills.
/// Throws std::runtime_error with the compiler's log.
///
/// The cache is $XDG_CACHE_HOME/vmunet or ~/.cache/vmunet, a file for each (source, options, architecture, NVRTC version), written beside and renamed. A
/// file with another key, a wrong length or a wrong checksum is compiled again; a cache that cannot be written costs time and nothing else.
Compiled compile(
    const std::string &source, const std::string &name, const std::vector<std::string> &definitions, const std::string &architecture,
    bool log_wanted = false);

/// Called before each compilation, where it is set: with the program's name and the architecture.
void set_compilation_notice(void (*notice)(const char *name, const char *architecture));

/// Removes the cached file, which a driver refused.
void forget(
    const std::string &source, const std::string &name, const std::vector<std::string> &definitions, const std::string &architecture);

}  // namespace ctorch::cuda
