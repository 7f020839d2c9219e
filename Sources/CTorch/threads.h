#pragma once

namespace ctorch {

/// Makes OpenMP's threads, which share the work of libtorch's operators, sleep soon when they are
/// idle and other programs want the processors. Otherwise they spin, and share the kernels' work as
/// well. Call it before every operator.
///
/// Idle libgomp threads spin for milliseconds and keep their processor from others. GOMP_SPINCOUNT
/// is read when libgomp is loaded, before any of our code. But as its manual says, they spin far
/// less while there are more OpenMP threads than processors, so an idle team is added then: on a
/// quiet machine spinning makes tiny steps up to a quarter faster. It does nothing if
/// OMP_WAIT_POLICY or GOMP_SPINCOUNT is set.
void calm_openmp();

}  // namespace ctorch
