#pragma once

namespace ctorch {

/// Makes OpenMP's threads, which libtorch's operators are divided over, sleep soon when they have no work.
/// To be called before the first operator.
///
/// libgomp's threads look for work for milliseconds, in which nothing else gets their processor. It reads
/// GOMP_SPINCOUNT when it is loaded, before any code of ours. But it looks far more briefly while there are more
/// OpenMP threads than processors, as its manual says: so a team without work is added to make them more.
/// Whoever has set OMP_WAIT_POLICY or GOMP_SPINCOUNT is left alone.
void calm_openmp();

}  // namespace ctorch
