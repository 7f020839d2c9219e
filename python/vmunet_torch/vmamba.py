"""The selective scan under VMamba's signature (models/csms6s.py), for a CPU."""
from .scan import selective_scan


def selective_scan_fn(u, delta, A, B, C, D=None, delta_bias=None, delta_softplus=True, oflex=True, backend=None):
    """y [B, D, L]; with oflex in float32, otherwise in u's type. Every backend is this one."""
    y, _ = selective_scan(u.float() if oflex else u, delta, A, B, C, D, delta_bias, delta_softplus)
    return y
