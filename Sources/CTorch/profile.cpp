// Time by operator. libtorch reports every call: of its own operators, of ours, and of the backward
// functions.
#include "handles.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <mutex>
#include <sstream>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Entry {
    int64_t calls = 0;
    double seconds = 0;
};

std::mutex entries_mutex;
std::map<std::string, Entry> entries;
at::CallbackHandle callback = 0;

struct Frame : at::ObserverContext {
    Clock::time_point start = Clock::now();
    double inside = 0;  // of the operators that this one calls
};
thread_local std::vector<Frame *> frames;

std::unique_ptr<at::ObserverContext> enter(const at::RecordFunction &) {
    auto frame = std::make_unique<Frame>();
    frames.push_back(frame.get());
    return frame;
}

void leave(const at::RecordFunction &function, at::ObserverContext *context) {
    auto *frame = static_cast<Frame *>(context);
    const double seconds = std::chrono::duration<double>(Clock::now() - frame->start).count();
    const double own = seconds - frame->inside;
    if (!frames.empty()) frames.pop_back();
    if (!frames.empty()) frames.back()->inside += seconds;
    std::lock_guard lock(entries_mutex);
    auto &entry = entries[function.name()];
    entry.calls++;
    entry.seconds += own;
}

}  // namespace

extern "C" {

void ct_profile_begin(void) {
    ct_profile_end();
    std::lock_guard lock(entries_mutex);
    entries.clear();
    callback = at::addGlobalCallback(
        at::RecordFunctionCallback(enter, leave)
            .scopes({at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION, at::RecordScope::USER_SCOPE}));
}

void ct_profile_end(void) {
    if (callback) at::removeCallback(callback);
    callback = 0;
}

char *ct_profile_lines(void) {
    std::lock_guard lock(entries_mutex);
    std::vector<std::pair<std::string, Entry>> sorted(entries.begin(), entries.end());
    std::sort(sorted.begin(), sorted.end(), [](const auto &a, const auto &b) { return a.second.seconds > b.second.seconds; });
    std::ostringstream text;
    for (const auto &[name, entry] : sorted) text << name << '\t' << entry.calls << '\t' << entry.seconds << '\n';
    return strdup(text.str().c_str());
}

}  // extern "C"
