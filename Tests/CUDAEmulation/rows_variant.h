// The norms' kernels for one geometry (LANES, GROUPS, VECTOR) and all three types, entered into
// `norm_variants`. No include guard: included once per geometry.
#define JOINED(a, b, c, d, e) a##_##b##_##c##_##d##_##e
#define NAMED(a, b, c, d, e) JOINED(a, b, c, d, e)
#define HERE NAMED(norm, LANES, GROUPS, VECTOR, INPUT)
#define ENTERED                                                                                      \
    static const bool entered = [] {                                                                 \
        norm_variants.push_back(                                                                     \
            {LANES,                                                                                  \
             GROUPS,                                                                                 \
             VECTOR,                                                                                 \
             INPUT,                                                                                  \
             {layer_norm_forward, norm_gate_forward, merge_norm_forward, expand_norm_forward},       \
             {layer_norm_backward, norm_gate_backward, merge_norm_backward, expand_norm_backward}}); \
        return true;                                                                                 \
    }();

#define INPUT 0
namespace HERE {
#include ELEMENTS_TEXT
#include NORM_TEXT
ENTERED
}  // namespace HERE
#undef INPUT
#define INPUT 1
namespace HERE {
#include ELEMENTS_TEXT
#include NORM_TEXT
ENTERED
}  // namespace HERE
#undef INPUT
#define INPUT 2
namespace HERE {
#include ELEMENTS_TEXT
#include NORM_TEXT
ENTERED
}  // namespace HERE
#undef INPUT
#undef JOINED
#undef NAMED
#undef HERE
#undef ENTERED
#undef LANES
#undef GROUPS
#undef VECTOR
