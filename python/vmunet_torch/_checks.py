"""What the scans take, for the kernels and for PyTorch's own operators alike; the words are those of Sources/CTorch/Operators."""
import torch

TYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)


def _require(condition, message):
    if not condition:
        raise RuntimeError(message())


def tensors(name, **given):
    """Refuses what is no tensor, another type than TYPES, and tensors on several devices. None passes."""
    first = None
    for what, t in given.items():
        if t is None:
            continue
        if not isinstance(t, torch.Tensor):
            raise TypeError(f"{name}: expected {what} as a tensor, got {type(t).__name__}")
        if t.dtype not in TYPES:
            raise TypeError(f"{name}: expected {what} in float32, float64, bfloat16 or float16, got {str(t.dtype)[6:]}; convert it with .float()")
        first = first or (what, t.device)
        if t.device != first[1]:
            raise TypeError(f"{name}: expected all tensors on one device, got {first[0]} on {first[1]} and {what} on {t.device}; move one with .to()")


def _shape(name, what, t, expected):
    _require(tuple(t.shape) == expected, lambda: f"{name}: expected {what} {list(expected)}, got {list(t.shape)}")


def sequences(u, delta, A, B, C, D, delta_bias):
    """B and C with their axis of groups."""
    name = "selective_scan"
    _require(u.dim() == 3 and delta.shape == u.shape,
             lambda: f"{name}: expected u and delta [B, D, L], got {list(u.shape)} and {list(delta.shape)}")
    batch, channels, length = u.shape
    _require(A.dim() == 2 and A.shape[0] == channels, lambda: f"{name}: expected A [{channels}, N], got {list(A.shape)}")
    states = A.shape[1]
    _require(1 <= states <= 256, lambda: f"{name}: expected 1 to 256 states, got {states}")
    _require(B.dim() == 4 and C.shape == B.shape and (B.shape[0], *B.shape[2:]) == (batch, states, length),
             lambda: f"{name}: expected B and C [{batch}, groups, {states}, {length}], got {list(B.shape)} and {list(C.shape)}")
    groups = B.shape[1]
    _require(groups >= 1 and channels % groups == 0, lambda: f"{name}: expected {channels} channels in equal groups, got {groups}")
    for what, t in (("D", D), ("delta_bias", delta_bias)):
        if t is not None:
            _shape(name, what, t, (channels,))


def maps(x, x_proj_weight, dt_projs_weight, dt_projs_bias, A_logs, Ds):
    name = "ss2d"
    _require(x.dim() == 4, lambda: f"{name}: expected a map of four axes, got shape {list(x.shape)}")
    _require(dt_projs_weight.dim() == 3 and A_logs.dim() == 2,
             lambda: f"{name}: expected dt_projs_weight [4, D, R] and A_logs [4D, N], got {list(dt_projs_weight.shape)} and {list(A_logs.shape)}")
    d, states, rank = x.shape[3], A_logs.shape[1], dt_projs_weight.shape[2]
    _require(1 <= states <= 256, lambda: f"{name}: expected 1 to 256 states, got {states}")
    _shape(name, "x_proj_weight", x_proj_weight, (4, rank + 2 * states, d))
    _shape(name, "dt_projs_weight", dt_projs_weight, (4, d, rank))
    _shape(name, "dt_projs_bias", dt_projs_bias, (4, d))
    _shape(name, "A_logs", A_logs, (4 * d, states))
    _shape(name, "Ds", Ds, (4 * d,))


def pictures(x, weight):
    """What VMUNet takes; `weight` is that of its first convolution."""
    if weight.dtype not in (torch.float32, torch.float64):
        raise TypeError(f"VMUNet: expected parameters in float32 or float64, got {str(weight.dtype)[6:]}; call .float() on the network, and for "
                        f"bfloat16 compute within torch.autocast('{weight.device.type}', torch.bfloat16)")
    tensors("VMUNet", parameters=weight, x=x)
    if x.dtype != weight.dtype and not torch.is_autocast_enabled(x.device.type):
        raise TypeError(f"VMUNet: expected pictures in {str(weight.dtype)[6:]}, as the parameters are, got {str(x.dtype)[6:]}; convert one")
    channels = weight.shape[1]
    if x.dim() != 4 or x.shape[1] not in (1, channels) or min(x.shape[2:]) < 32 or x.shape[2] % 32 or x.shape[3] % 32:
        counts = "1" if channels == 1 else f"{channels} or 1"
        raise ValueError(f"VMUNet: expected pictures [B, {counts}, H, W], H and W multiples of 32, got {list(x.shape)}; resize or pad them")
