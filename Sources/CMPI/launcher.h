// The mpirun, or its daemon on this machine, that started this process.
#pragma once

enum { CM_LAUNCHER_PATIENCE = 15 };
/// Ends the launcher if it still runs so many seconds from now, from a process of its own. Open MPI's
/// mpirun waits without limit for a machine that is gone, and so would whoever waits for mpirun.
/// Does nothing under srun, which notices lost machines itself, and on other systems than Linux.
void cm_end_launcher_soon(void);
