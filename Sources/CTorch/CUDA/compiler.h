// Compiles CUDA source, with a cache on disk.
#pragma once
#include <string>
#include <vector>

namespace ctorch::cuda {

struct Compiled {
    // A cubin; or PTX, which the driver translates, if NVRTC does not know the architecture yet.
    std::string code;
    std::string log;  // the compiler's; empty if the code was cached
    bool cached;
};

/// Compiles `source` for an architecture such as "sm_90". Looks into the cache first, unless
/// `log_wanted`, which also makes ptxas report registers and spills. Throws std::runtime_error with
/// the compiler's log.
///
/// The cache is $XDG_CACHE_HOME/vmunet or ~/.cache/vmunet: a file for each (source, options,
/// architecture, NVRTC version), written beside its place and renamed. A file with another key, a
/// wrong length or a wrong checksum is compiled again. A cache that cannot be written costs only
/// time.
Compiled compile(
    const std::string &source, const std::string &name, const std::vector<std::string> &definitions, const std::string &architecture,
    bool log_wanted = false);

/// Called before each compilation with the program's name and the architecture, unless it is NULL.
void set_compilation_notice(void (*notice)(const char *name, const char *architecture));

/// Removes a cached file that a driver refused.
void forget(
    const std::string &source, const std::string &name, const std::vector<std::string> &definitions, const std::string &architecture);

}  // namespace ctorch::cuda
