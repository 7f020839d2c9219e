"""Loads the operators built from Sources/CKernels and Sources/CTorch, and tells PyTorch their gradients and shapes."""
import pathlib

import torch

_file = pathlib.Path(__file__).with_name("_operators.so")
if not _file.exists():
    raise ImportError(f"{_file} is missing: `pip install ./python` builds it")
try:
    torch.ops.load_library(str(_file))
except OSError as error:
    raise ImportError(f"{_file} does not fit torch {torch.__version__}: build it again with `pip install ./python` ({error})") from error


def _ss2d_context(ctx, inputs, output):
    _, projection, borders = output
    ctx.save_for_backward(*inputs[:-1], projection, borders)
    ctx.set_materialize_grads(False)


def _ss2d_backward(ctx, dy, *_):
    if dy is None:
        return (None,) * 7
    return *torch.ops.vmunet.ss2d_backward(*ctx.saved_tensors, dy), None


def _scan_context(ctx, inputs, output):
    *tensors, ctx.softplus, _ = inputs
    ctx.save_for_backward(*tensors, output[1])
    ctx.set_materialize_grads(False)


def _scan_backward(ctx, dy, *_):
    if dy is None:
        return (None,) * 9
    *tensors, borders = ctx.saved_tensors
    gradients = torch.ops.vmunet.selective_scan_backward(*tensors, ctx.softplus, borders, dy)
    # D and delta_bias may be missing.
    return *(g if t is not None else None for g, t in zip(gradients, tensors)), None, None


def _no_second_derivatives(name):
    def refuse(ctx, *_):
        raise RuntimeError(f"{name}: second derivatives are computed in float64 only; convert the inputs with .double()")
    return refuse


# Shapes without values, for torch.compile. int() fixes a size that could vary: the borders depend on the machine's kernels.
def _ss2d_forward_shapes(x, x_proj_weight, dt_projs_weight, dt_projs_bias, A_logs, Ds, for_backward):
    b, h, w, d = map(int, x.shape)
    n, r = int(A_logs.shape[1]), int(dt_projs_weight.shape[2])
    borders = torch.ops.vmunet.ss2d_border_count(b, h, w, d, n, r) if for_backward else 0
    return tuple(x.new_empty(shape, dtype=torch.float32) for shape in [(b, h, w, d), (b, h, w, 4 * (r + 2 * n)), (borders,)])


def _ss2d_backward_shapes(x, x_proj_weight, dt_projs_weight, dt_projs_bias, A_logs, Ds, projection, borders, dy):
    return tuple(t.new_empty(t.shape) for t in (x, x_proj_weight, dt_projs_weight, dt_projs_bias, A_logs, Ds))


def _scan_forward_shapes(u, delta, A, B, C, D, delta_bias, softplus, for_backward):
    b, d, l = map(int, u.shape)
    n, groups = int(A.shape[1]), int(B.shape[1])
    borders = torch.ops.vmunet.selective_scan_border_count(b, d, l, n, groups) if for_backward else 0
    return u.new_empty((b, d, l)), u.new_empty((borders,)), u.new_empty((b, d, n))


def _scan_backward_shapes(u, delta, A, B, C, D, delta_bias, softplus, borders, dy):
    return tuple(u.new_empty((0,) if t is None else t.shape) for t in (u, delta, A, B, C, D, delta_bias))


torch.library.register_fake("vmunet::ss2d_forward", _ss2d_forward_shapes)
torch.library.register_fake("vmunet::ss2d_backward", _ss2d_backward_shapes)
torch.library.register_fake("vmunet::selective_scan_forward", _scan_forward_shapes)
torch.library.register_fake("vmunet::selective_scan_backward", _scan_backward_shapes)
torch.library.register_autograd("vmunet::ss2d_forward", _ss2d_backward, setup_context=_ss2d_context)
torch.library.register_autograd("vmunet::selective_scan_forward", _scan_backward, setup_context=_scan_context)
# Without these, torch warns and passes the first derivatives for constants.
for _name in ("ss2d", "selective_scan"):
    torch.library.register_autograd(f"vmunet::{_name}_backward", _no_second_derivatives(_name))
