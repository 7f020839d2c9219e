// Decodes the pixels of DICOM files by GDCM, for vmunet:  vmunet-dicom FILE…
//
// For each file a line on standard output, "ok ROWS COLUMNS FRAMES SAMPLES ALLOCATED STORED HIGHBIT
// SIGN BYTES", and so many bytes, little-endian; or "no REASON". GDCM crashes on some damaged
// files: its process has limits, and nothing else to lose.
#include <gdcmImage.h>
#include <gdcmImageReader.h>
#include <gdcmTrace.h>

#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

namespace {

constexpr rlim_t largestMemory = 6ULL << 30;  // bytes of address space
constexpr rlim_t longestTime = 600;           // seconds of a processor
constexpr unsigned long largestImage = 1UL << 31;

void limit(int resource, rlim_t value) {
    rlimit limits{};
    if (getrlimit(resource, &limits) != 0) return;
    limits.rlim_cur = limits.rlim_max == RLIM_INFINITY ? value : std::min(value, limits.rlim_max);
    limits.rlim_max = limits.rlim_cur;
    setrlimit(resource, &limits);
}

/// The reason why a file yields no pixels; empty if it did.
std::string decode(const char *path) {
    gdcm::ImageReader reader;
    reader.SetFileName(path);
    if (!reader.Read()) return "GDCM cannot read it";
    const gdcm::Image &image = reader.GetImage();
    const unsigned long length = image.GetBufferLength();
    if (length == 0 || length > largestImage) return "its size is out of range";
    std::vector<char> pixels(length);
    if (!image.GetBuffer(pixels.data())) return "GDCM cannot decode it";
    const gdcm::PixelFormat &format = image.GetPixelFormat();
    const unsigned int *size = image.GetDimensions();
    const unsigned int frames = image.GetNumberOfDimensions() > 2 ? size[2] : 1;
    std::printf("ok %u %u %u %u %u %u %u %u %lu\n", size[1], size[0], frames, unsigned(format.GetSamplesPerPixel()),
                unsigned(format.GetBitsAllocated()), unsigned(format.GetBitsStored()), unsigned(format.GetHighBit()),
                unsigned(format.GetPixelRepresentation()), length);
    if (std::fwrite(pixels.data(), 1, length, stdout) != length) std::exit(1);
    return "";
}

}  // namespace

int main(int count, char **arguments) {
    limit(RLIMIT_AS, largestMemory);
    limit(RLIMIT_CPU, longestTime);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, 0);  // It writes no files: standard output is a pipe.
    gdcm::Trace::DebugOff();
    gdcm::Trace::WarningOff();
    gdcm::Trace::ErrorOff();
    for (int i = 1; i < count; ++i) {
        std::string reason;
        try {
            reason = decode(arguments[i]);
        } catch (const std::bad_alloc &) {
            reason = "it needs more memory than is allowed";
        } catch (const std::exception &) {
            reason = "GDCM cannot decode it";
        }
        if (!reason.empty()) std::printf("no %s\n", reason.c_str());
        std::fflush(stdout);
    }
    return 0;
}
