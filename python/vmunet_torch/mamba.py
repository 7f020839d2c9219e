"""The functions of mamba_ssm.ops.selective_scan_interface, for a CPU."""
import importlib.machinery
import sys
import types

import torch.nn.functional as F

from .scan import selective_scan


def selective_scan_fn(u, delta, A, B, C, D=None, z=None, delta_bias=None, delta_softplus=False, return_last_state=False):
    """y [B, D, L], times silu(z) where z is given; with return_last_state also the last states [B, D, N]."""
    y, last = selective_scan(u, delta, A, B, C, D, delta_bias, delta_softplus)
    if z is not None:
        y = y * F.silu(z)
    return (y, last) if return_last_state else y


def _module(name, **contents):
    module = types.ModuleType(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None)
    vars(module).update(contents)
    return module


def stand_in():
    """Makes `import mamba_ssm.ops.selective_scan_interface` and `import selective_scan` find the function here, for code that
    cannot be changed. Does nothing where mamba_ssm is installed."""
    try:
        import mamba_ssm  # noqa: F401
        return
    except ImportError:
        pass
    functions = dict(selective_scan_fn=selective_scan_fn, selective_scan_ref=selective_scan_fn)
    interface = _module("mamba_ssm.ops.selective_scan_interface", **functions)
    ops = _module("mamba_ssm.ops", selective_scan_interface=interface)
    for module in (interface, ops, _module("mamba_ssm", ops=ops), _module("selective_scan", **functions)):
        sys.modules.setdefault(module.__name__, module)
