// SS2D's kernels for one geometry and type, entered into `variants`. No include guard: included
// once per variant, and undefines its parameters. Defaults: the geometry of up to 32 states,
// float32, reading one number of a row at a time.
#ifndef PER_THREAD
#define PER_THREAD 4
#define LOADED 32
#define TILE 8
#endif
#ifndef ROW_VECTOR
#define ROW_VECTOR 1
#endif
#ifndef INPUT
#define INPUT 0
#endif
#define JOINED(a, b, c) ss2d_##a##_##b##_##c
#define NAMED(a, b, c) JOINED(a, b, c)

namespace NAMED(STATES, ROW_VECTOR, INPUT) {
#include TILE_TEXT
#include FORWARD_TEXT
#include BACKWARD_TEXT

static const bool entered = [] {
    variants.push_back(
        {STATES, PER_THREAD, LOADED, TILE, ROW_VECTOR, INPUT, ss2d_states, ss2d_carry, ss2d_forward, ss2d_gradients, ss2d_backward});
    return true;
}();
}  // namespace NAMED(STATES,ROW_VECTOR,INPUT)

#undef JOINED
#undef NAMED
#undef STATES
#undef PER_THREAD
#undef LOADED
#undef TILE
#undef ROW_VECTOR
#undef INPUT
