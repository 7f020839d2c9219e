#define _GNU_SOURCE
#include "launcher.h"

#ifdef __linux__

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/// A process in /proc: its parent, and its start, which tells it from a later process
/// of the same number.
struct process {
    pid_t pid, parent;
    unsigned long long start;
    char name[32];
};

static bool look_up(pid_t pid, struct process *result) {
    char path[40], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    const ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    if (length <= 0) return false;
    text[length] = 0;
    // The name, in parentheses, may have any character.
    const char *name = strchr(text, '('), *end = strrchr(text, ')');
    if (!name || !end || end < name) return false;
    int parent = 0;
    if (sscanf(end + 1, " %*c %d %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu", &parent, &result->start) != 2)
        return false;
    const size_t size = (size_t)(end - name - 1);
    if (size >= sizeof result->name) return false;
    memcpy(result->name, name + 1, size);
    result->name[size] = 0;
    result->pid = pid;
    result->parent = parent;
    return true;
}

static bool launches(const struct process *process) {
    const char *const names[] = {"mpirun", "mpiexec", "orted", "orterun", "prted", "prterun", "hydra_pmi_proxy"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(process->name, names[i], strlen(names[i])) == 0) return true;
    return false;
}

/// The nearest launcher above this process. Scripts may stand between.
static bool find(struct process *launcher) {
    pid_t pid = getppid();
    for (int depth = 0; depth < 8 && pid > 1 && look_up(pid, launcher); depth++, pid = launcher->parent)
        if (launches(launcher)) return true;
    return false;
}

static bool runs(const struct process *launcher) {
    struct process now;
    return look_up(launcher->pid, &now) && now.start == launcher->start;
}

/// Returns true once the launcher has ended, false after `seconds`.
static bool has_ended(const struct process *launcher, int seconds) {
    for (int i = 0; i < 10 * seconds; i++) {
        if (!runs(launcher)) return true;
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    return false;
}

void cm_end_launcher_soon(void) {
    struct process launcher;
    if (!find(&launcher)) return;
    if (fork() != 0) return;
    // The launcher kills its processes with their groups.
    setsid();
    // The launcher waits for the end of its processes' output, and other processes for that of their
    // connections.
    const long files = sysconf(_SC_OPEN_MAX);
    for (int i = 0; i < (files > 0 && files < 65536 ? files : 65536); i++) close(i);
    // Open MPI 4.1's mpirun crashes on SIGTERM while it waits.
    if (!has_ended(&launcher, CM_LAUNCHER_PATIENCE)) kill(launcher.pid, SIGKILL);
    _exit(0);
}

#else

void cm_end_launcher_soon(void) {}

#endif
