#include "CFuzzer.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>

static void too_long(int signal_number) {
    (void)signal_number;
    abort();
}

void campaign_limit_seconds(int seconds) {
    static int is_ready = 0;
    if (!is_ready) {
        signal(SIGPROF, too_long);
        is_ready = 1;
    }
    struct itimerval limit = {{0, 0}, {seconds, 0}};
    setitimer(ITIMER_PROF, &limit, NULL);
}
