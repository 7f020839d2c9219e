// Registers the network's operators with libtorch's dispatcher, so that they are called by name
// like any other. Each is differentiable. Activations are channels-last: B images, H rows, W
// columns, contiguous channels.
#include "operators.h"
#include "passes.h"

using namespace ctorch;

TORCH_LIBRARY(vmunet, library) {
    // Image [B, channels, H, W] → patches [B, H/4, W/4, 16·channels] in the order of the 4×4
    // convolution's weight, float32. An image of one channel is repeated to three.
    library.def("patchify(Tensor image, int channels=3) -> Tensor", patchify);
    // x·Wᵀ (+ bias) (+ residual): x [.., K], weight [N, K] → [.., N] of `dtype`; unset, it is x's,
    // or float32 with a residual.
    library.def("linear(Tensor x, Tensor weight, Tensor? bias=None, Tensor? residual=None, ScalarType? dtype=None) -> Tensor", linear);
    // One product, two halves: x [.., K], weight [2D, K] → [.., D] and [.., D].
    library.def("linear_halves(Tensor x, Tensor weight) -> (Tensor, Tensor)", linear_halves);
    library.def("layer_norm(Tensor x, Tensor weight, Tensor bias, ScalarType dtype) -> Tensor", layer_norm);
    // silu(3×3 depthwise convolution): x [B, H, W, D], weight [D, 1, 3, 3].
    library.def("depthwise_conv_silu(Tensor x, Tensor weight, Tensor bias) -> Tensor", depthwise_conv_silu);
    // The selective scan in four directions, with its projections: x [B, H, W, D] → y [B, H, W, D],
    // float32.
    library.def(
        "ss2d(Tensor x, Tensor x_proj_weight, Tensor dt_projs_weight, Tensor dt_projs_bias, Tensor A_logs, Tensor Ds) -> Tensor", ss2d);
    // The selective scan of sequences in one direction: u and delta [B, D, L], A [D, N], B and C
    // [B, N, L] or [B, groups, N, L], D and delta_bias [D] → y [B, D, L].
    library.def(
        "selective_scan(Tensor u, Tensor delta, Tensor A, Tensor B, Tensor C, Tensor? D=None, Tensor? delta_bias=None, bool "
        "softplus=False) "
        "-> Tensor",
        selective_scan);
    // LayerNorm(y) · silu(z): both [B, H, W, D].
    library.def("norm_gate(Tensor y, Tensor weight, Tensor bias, Tensor z) -> Tensor", norm_gate);
    // Patch merging up to its Linear: [B, H, W, C] → [B, H/2, W/2, 4C].
    library.def("merge_norm(Tensor x, Tensor weight, Tensor bias, ScalarType dtype) -> Tensor", merge_norm);
    // Patch expanding after its Linear: [B, H, W, s·s·c] → [B, H·s, W·s, c].
    library.def("expand_norm(Tensor x, Tensor weight, Tensor bias, int scale) -> Tensor", expand_norm);
    // Final projection after its Linear: [B, H, W, 16c] → logits [B, classes, 4H, 4W].
    library.def("head(Tensor x, Tensor norm_weight, Tensor norm_bias, Tensor conv_weight, Tensor conv_bias) -> Tensor", head);
    // x + scale[b]·branch: scale [B], or 1.
    library.def("add_branch(Tensor x, Tensor branch, Tensor? scale=None) -> Tensor", add_branch);

    // The scans' passes apart, on a CPU, and how many floats forward leaves for backward.
    library.def(
        "ss2d_forward(Tensor x, Tensor x_proj_weight, Tensor dt_projs_weight, Tensor dt_projs_bias, Tensor A_logs, Tensor Ds, "
        "bool for_backward) -> (Tensor y, Tensor projection, Tensor borders)");
    library.def(
        "ss2d_backward(Tensor x, Tensor x_proj_weight, Tensor dt_projs_weight, Tensor dt_projs_bias, Tensor A_logs, Tensor Ds, "
        "Tensor projection, Tensor borders, Tensor dy) -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)");
    library.def("ss2d_border_count(int batch, int height, int width, int channels, int states, int rank) -> int", ss2d_border_count);
    library.def(
        "selective_scan_forward(Tensor u, Tensor delta, Tensor A, Tensor B, Tensor C, Tensor? D, Tensor? delta_bias, bool softplus, "
        "bool for_backward) -> (Tensor y, Tensor borders, Tensor last)");
    library.def(
        "selective_scan_backward(Tensor u, Tensor delta, Tensor A, Tensor B, Tensor C, Tensor? D, Tensor? delta_bias, bool softplus, "
        "Tensor borders, Tensor dy) -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)");
    library.def(
        "selective_scan_border_count(int batch, int channels, int length, int states, int groups) -> int", selective_scan_border_count);
}

TORCH_LIBRARY_IMPL(vmunet, CPU, library) {
    library.impl("ss2d_forward", ss2d_forward);
    library.impl("ss2d_backward", ss2d_backward);
    library.impl("selective_scan_forward", selective_scan_forward);
    library.impl("selective_scan_backward", selective_scan_backward);
}
