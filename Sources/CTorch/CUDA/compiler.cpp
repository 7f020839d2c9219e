#include "compiler.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

#include "libraries.h"

namespace ctorch::cuda {

namespace {

/// FNV-1a. It names files and finds damage; it need not keep anyone out, as the folder is the
/// user's own.
uint64_t hash(const std::string &bytes, uint64_t start = 0xcbf29ce484222325u) {
    for (const unsigned char byte : bytes) start = (start ^ byte) * 0x100000001b3u;
    return start;
}

std::string hexadecimal(uint64_t value) {
    char text[17];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
    return text;
}

/// The cache's folder, made if necessary; empty if there is no home.
std::string cache_folder() {
    std::string folder;
    if (const char *cache = std::getenv("XDG_CACHE_HOME"); cache && *cache == '/') {
        folder = cache;
    } else if (const char *home = std::getenv("HOME"); home && *home) {
        folder = std::string(home) + "/.cache";
    } else {
        return "";
    }
    mkdir(folder.c_str(), 0700);
    folder += "/vmunet";
    mkdir(folder.c_str(), 0700);
    return folder;
}

/// A cached file: a line with its key, a line with the code's length and checksum, the code.
struct Entry {
    std::string path, key;

    std::string header(const std::string &code) const {
        return key + "\n" + std::to_string(code.size()) + " " + hexadecimal(hash(code)) + "\n";
    }

    bool read(std::string &code) const {
        std::FILE *file = path.empty() ? nullptr : std::fopen(path.c_str(), "rb");
        if (!file) return false;
        std::string all;
        char buffer[1 << 16];
        constexpr size_t most = 64u << 20;
        while (const size_t count = std::fread(buffer, 1, sizeof buffer, file)) {
            all.append(buffer, count);
            if (all.size() > most) break;
        }
        std::fclose(file);
        size_t begin = all.find('\n');
        if (begin != std::string::npos) begin = all.find('\n', begin + 1);
        if (begin == std::string::npos) return false;
        code = all.substr(begin + 1);
        return !code.empty() && all.compare(0, begin + 1, header(code)) == 0;
    }

    void write(const std::string &code) const {
        if (path.empty()) return;
        std::string temporary = path + ".XXXXXX";
        const int descriptor = mkstemp(temporary.data());
        if (descriptor < 0) return;
        const std::string all = header(code) + code;
        size_t written = 0;
        while (written < all.size()) {
            const ssize_t count = ::write(descriptor, all.data() + written, all.size() - written);
            if (count < 0 && errno == EINTR) continue;
            if (count <= 0) break;
            written += static_cast<size_t>(count);
        }
        const bool complete = written == all.size() && fsync(descriptor) == 0;
        if (close(descriptor) != 0 || !complete || std::rename(temporary.c_str(), path.c_str()) != 0) unlink(temporary.c_str());
    }
};

Entry entry_of(
    const Nvrtc &compiler, const std::string &source, const std::string &name, const std::vector<std::string> &definitions,
    const std::string &architecture) {
    std::string options;
    for (const auto &definition : definitions) options += " " + definition;
    const std::string key = "vmunet-cubin 1 " + name + " " + architecture + " nvrtc " + compiler.version_text() + options + " source " +
        hexadecimal(hash(source));
    const std::string folder = cache_folder();
    return {folder.empty() ? "" : folder + "/" + name + "-" + architecture + "-" + hexadecimal(hash(key)) + ".cubin", key};
}

std::atomic<void (*)(const char *, const char *)> notice{nullptr};

const Nvrtc &needed_compiler() {
    std::string why_not;
    const Nvrtc *compiler = nvrtc(why_not);
    if (!compiler) throw std::runtime_error(why_not);
    return *compiler;
}

/// "compute_100", that is PTX, for "sm_103" if the compiler ends at 100.
std::string known_architecture(const Nvrtc &compiler, const std::string &architecture) {
    int count = 0;
    compiler.supported_count(&count);
    std::vector<int> known(std::max(count, 1));
    if (count == 0 || compiler.supported(known.data()) != 0) return architecture;
    const int wanted = std::atoi(architecture.c_str() + 3);
    if (std::find(known.begin(), known.end(), wanted) != known.end()) return architecture;
    int best = 0;
    for (const int each : known)
        if (each < wanted) best = std::max(best, each);
    if (best == 0)
        throw std::runtime_error(
            "NVRTC " + compiler.version_text() + " does not compile for " + architecture + ", only for sm_" +
            std::to_string(known.front()) + " and newer");
    return "compute_" + std::to_string(best);
}

}  // namespace

Compiled compile(
    const std::string &source, const std::string &name, const std::vector<std::string> &definitions, const std::string &architecture,
    bool log_wanted) {
    const Nvrtc &compiler = needed_compiler();
    const Entry entry = entry_of(compiler, source, name, definitions, architecture);
    Compiled result{};
    if (!log_wanted && entry.read(result.code)) {
        result.cached = true;
        return result;
    }
    const std::string target = known_architecture(compiler, architecture);
    if (const auto tell = notice.load()) tell(name.c_str(), architecture.c_str());
    std::vector<std::string> options{"-arch=" + target, "-std=c++17"};
    if (log_wanted) options.push_back("--ptxas-options=-v");
    options.insert(options.end(), definitions.begin(), definitions.end());
    std::vector<const char *> pointers;
    for (const auto &option : options) pointers.push_back(option.c_str());

    nvrtcProgram program = nullptr;
    int status = compiler.create(&program, source.c_str(), (name + ".cu").c_str(), 0, nullptr, nullptr);
    if (status == 0) status = compiler.compile(program, static_cast<int>(pointers.size()), pointers.data());
    size_t size = 0;
    if (program && compiler.log_size(program, &size) == 0 && size > 1) {
        result.log.resize(size);
        compiler.log(program, result.log.data());
        result.log.resize(size - 1);  // without the closing zero
    }
    if (status == 0) {
        const bool ptx = target.compare(0, 3, "sm_") != 0;
        status = (ptx ? compiler.ptx_size : compiler.cubin_size)(program, &size);
        if (status == 0) {
            result.code.resize(size);
            status = (ptx ? compiler.ptx : compiler.cubin)(program, result.code.data());
        }
    }
    if (program) compiler.destroy(&program);
    if (status != 0) {
        throw std::runtime_error(
            "NVRTC " + compiler.version_text() + " could not compile " + name + " for " + architecture + ": " +
            compiler.error_text(status) + (result.log.empty() ? "" : "\n" + result.log));
    }
    entry.write(result.code);
    return result;
}

void set_compilation_notice(void (*tell)(const char *, const char *)) { notice = tell; }

void forget(
    const std::string &source, const std::string &name, const std::vector<std::string> &definitions, const std::string &architecture) {
    const Entry entry = entry_of(needed_compiler(), source, name, definitions, architecture);
    if (!entry.path.empty()) unlink(entry.path.c_str());
}

}  // namespace ctorch::cuda
