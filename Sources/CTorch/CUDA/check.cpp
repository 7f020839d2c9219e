// Compiles an operator's kernels like a first use, for tests on machines without a GPU.
#include <cstring>

#include "../handles.h"
#include "compiler.h"
#include "program.h"

namespace {

using namespace ctorch::cuda;

Program program_of(const std::string &name, int size, int rank, Input input) {
    if (name == "ss2d") {
        TORCH_CHECK(size >= 1 && size <= 256, "expected 1 to 256 states, got ", size);
        const Geometry geometry = geometry_of(size);
        return ss2d_program(geometry, row_vector(geometry, rank), input);
    }
    if (name == "norm") {
        const auto geometry = NormGeometry::make(size, size % 4 == 0 ? 4 : 1);
        TORCH_CHECK(size >= 1 && geometry.lanes > 0, "expected a row that fits into registers, got a width of ", size);
        return norm_program(geometry, input);
    }
    if (name == "residual") return residual_program(size % 4 == 0 ? 4 : 1, input);
    if (name == "sum") return sum_program(size % 4 == 0 ? 4 : 1, input);
    TORCH_CHECK(name == "depthwise", "no kernels are named ", name);
    return depthwise_program(size % 2 == 0 ? 2 : 1, input);
}

}  // namespace

extern "C" void ct_on_compilation(void (*notice)(const char *, const char *)) { set_compilation_notice(notice); }

extern "C" int ct_cuda_compile_check(const ct_cuda_program *wanted, ct_cuda_compiled *result) {
    return ctorch::guarded([&] {
        TORCH_CHECK(wanted->input >= 0 && wanted->input <= 2, "expected an input of 0 to 2, got ", wanted->input);
        const Program program = program_of(wanted->kernels, wanted->size, wanted->rank, static_cast<Input>(wanted->input));
        const auto compiled = compile(*program.source, program.name, program.definitions, wanted->architecture, wanted->verbose);
        *result = {strdup(compiled.log.c_str()), compiled.cached, static_cast<int64_t>(compiled.code.size())};
    });
}
