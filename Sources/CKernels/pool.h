// A team of threads that helps whoever has work to divide.
#pragma once

namespace vmk {

/// Runs `work(context)` on the calling thread and on up to `helpers` others at the same time;
/// returns when all have left it. `work` must be correct for any number of threads: a helper that
/// the system delays may come late or never, and nobody waits for it. While another thread uses the
/// team, the caller works alone.
void work_together(int helpers, void *context, void (*work)(void *context));

}  // namespace vmk
