#pragma once

namespace ctorch {

/// Makes OpenMP's threads, which share the work of libtorch's operators, sleep soon when idle. Call
/// it before the first operator.
///
/// Idle libgomp threads spin for milliseconds and keep their processor from others. GOMP_SPINCOUNT
/// is read when libgomp is loaded, before any of our code. But as its manual says, they spin far
/// less while there are more OpenMP threads than processors, so this adds an idle team. It does
/// nothing if OMP_WAIT_POLICY or GOMP_SPINCOUNT is set.
void calm_openmp();

}  // namespace ctorch
