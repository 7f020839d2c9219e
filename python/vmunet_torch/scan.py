"""The selective scans as functions of tensors."""
import torch
import torch.nn.functional as F

from . import _checks, _library  # noqa: F401  _library registers torch.ops.vmunet


def _follows_backward(*tensors):
    return torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors)


@torch.compiler.disable  # the states that its passes exchange are known on the GPU alone
def _ss2d_on_gpu(*tensors):
    return torch.ops.vmunet.ss2d(*tensors)


def _ss2d_of_sequences(x, x_proj_weight, dt_projs_weight, dt_projs_bias, A_logs, Ds):
    """Four sequences side by side: any type, any number of derivatives."""
    b, h, w, d = x.shape
    n, r = A_logs.shape[1], dt_projs_weight.shape[2]
    rows, columns = x.flatten(1, 2).mT, x.transpose(1, 2).flatten(1, 2).mT  # [B, D, L]
    xs = torch.stack([rows, columns, rows.flip(-1), columns.flip(-1)], 1)
    delta, B, C = torch.einsum("bkdl,krd->bkrl", xs, x_proj_weight.view(4, r + 2 * n, d)).split([r, n, n], 2)
    delta = torch.einsum("bkrl,kdr->bkdl", delta, dt_projs_weight.view(4, d, r))
    y, _ = selective_scan(xs.flatten(1, 2), delta.flatten(1, 2), -A_logs.exp(), B, C, Ds, dt_projs_bias.flatten(), True)
    y = y.view(b, 4, d, h * w)
    y = y[:, :2] + y[:, 2:].flip(-1)
    return y[:, 0].mT.view(b, h, w, d) + y[:, 1].mT.view(b, w, h, d).transpose(1, 2)


def ss2d(x, x_proj_weight, dt_projs_weight, dt_projs_bias, A_logs, Ds):
    """VMamba's 2D selective scan: a map is read in four directions, whose results are summed.

    x [B, H, W, D] in float32, bfloat16, float16 or float64 -> y [B, H, W, D] in float32 (float64 for float64). The parameters
    are those of VM-UNet's checkpoints: x_proj_weight [4, R + 2N, D], dt_projs_weight [4, D, R], dt_projs_bias [4, D],
    A_logs [4D, N], Ds [4D]. float64 is computed token by token in PyTorch.
    """
    _checks.tensors("ss2d", x=x, x_proj_weight=x_proj_weight, dt_projs_weight=dt_projs_weight, dt_projs_bias=dt_projs_bias, A_logs=A_logs, Ds=Ds)
    _checks.maps(x, x_proj_weight, dt_projs_weight, dt_projs_bias, A_logs, Ds)
    work = torch.float64 if x.dtype == torch.float64 else torch.float32
    parameters = tuple(p.to(work).contiguous() for p in (x_proj_weight, dt_projs_weight, dt_projs_bias, A_logs, Ds))
    if x.dtype not in (torch.float64, torch.float32, torch.bfloat16):
        x = x.float()
    if x.dtype == torch.float64 or x.numel() == 0:
        return _ss2d_of_sequences(x, *parameters)
    if x.device.type == "cuda":
        return _ss2d_on_gpu(x, *parameters)
    if x.device.type != "cpu":
        return _ss2d_of_sequences(x.float(), *parameters)
    return torch.ops.vmunet.ss2d_forward(x.contiguous(), *parameters, _follows_backward(x, *parameters))[0]


def _token_by_token(u, delta, A, B, C, D, delta_bias, delta_softplus):
    """The scan in PyTorch's own operators: any type, any device, any number of derivatives."""
    if delta_bias is not None:
        delta = delta + delta_bias[:, None]
    if delta_softplus:
        delta = F.softplus(delta)
    B, C = (m.repeat_interleave(u.shape[1] // m.shape[1], 1) for m in (B, C))
    h = u.new_zeros(*u.shape[:2], A.shape[1])
    ys = []
    for l in range(u.shape[2]):
        h = torch.exp(delta[..., l, None] * A) * h + (delta[..., l] * u[..., l])[..., None] * B[..., l]
        ys.append((h * C[..., l]).sum(-1))
    y = torch.stack(ys, -1) if ys else torch.zeros_like(u)
    return (y if D is None else y + u * D[:, None]), h


def selective_scan(u, delta, A, B, C, D=None, delta_bias=None, delta_softplus=False):
    """Mamba's selective scan of sequences: y and the states after the last token, through which no gradient flows.

    u and delta [B, D, L], A [D, N], B and C [B, N, L] or [B, groups, N, L], D and delta_bias [D] -> y [B, D, L] in u's type,
    states [B, D, N]. float32, bfloat16 and float16 on a CPU are computed by the kernels in float32; float64 and other
    devices token by token in PyTorch.
    """
    if isinstance(A, torch.Tensor) and A.is_complex():
        raise TypeError("selective_scan: expected a real A, got a complex one, which is not supported")
    _checks.tensors("selective_scan", u=u, delta=delta, A=A, B=B, C=C, D=D, delta_bias=delta_bias)
    if B.dim() == 2 or C.dim() == 2:  # the same for all tokens of each channel
        raise TypeError("selective_scan: expected B and C [B, N, L] or [B, groups, N, L], got [D, N], which is not supported")
    dtype = u.dtype
    work = torch.float64 if dtype == torch.float64 else torch.float32
    B, C = (m.unsqueeze(1) if m.dim() == 3 else m for m in (B, C))
    _checks.sequences(u, delta, A, B, C, D, delta_bias)
    tensors = tuple(t if t is None else t.to(work).contiguous() for t in (u, delta, A, B, C, D, delta_bias))
    if u.device.type == "cpu" and work == torch.float32 and u.numel() > 0:
        y, _, last = torch.ops.vmunet.selective_scan_forward(*tensors, delta_softplus, _follows_backward(*tensors))
    else:
        y, last = _token_by_token(*tensors, delta_softplus)
    return y.to(dtype), last.detach()
