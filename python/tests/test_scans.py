"""The scans and their gradients against the literal recurrence in float64."""
import pathlib
import sys

import pytest
import torch
import torch.nn.functional as F
from reference import distance, map_inputs, scan, scan_inputs, with_gradients

import vmunet_torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "Tests" / "Oracle"))
import oracle  # noqa: E402


@pytest.mark.parametrize("sizes", [(1, 1, 1, 1, 1), (2, 5, 63, 3, 1), (1, 16, 64, 16, 1), (2, 24, 65, 16, 4), (1, 40, 200, 5, 2),
                                   (3, 34, 130, 1, 1), (1, 130, 70, 8, 1)], ids=str)
@pytest.mark.parametrize("options", [{}, {"skip": False}, {"bias": False}, {"skip": False, "bias": False, "growing": True}], ids=str)
@pytest.mark.parametrize("softplus", [True, False])
def test_sequences(sizes, options, softplus):
    inputs = scan_inputs(*sizes, **options)
    if not softplus:
        inputs[1] = inputs[1].abs() * 0.5
        inputs[6] = inputs[6] if inputs[6] is None else inputs[6].abs()
    got = with_gradients(lambda *t: vmunet_torch.selective_scan(*t, softplus)[0], inputs)
    expected = with_gradients(lambda *t: scan(*t, softplus)[0], inputs, torch.float64)
    assert [distance(a, b) < 2e-5 for a, b in zip(got, expected)] == [True] * len(expected)


@pytest.mark.parametrize("sizes", [(1, 1, 1, 4, 1, 1), (2, 5, 7, 18, 3, 2), (1, 12, 9, 32, 16, 3)], ids=str)
def test_maps(sizes):
    inputs = map_inputs(*sizes)
    names = ["x_proj_weight", "dt_projs_weight", "dt_projs_bias", "A_logs", "Ds"]
    literal = lambda x, *weights: oracle.ss2d(dict(zip(names, weights)), "", x.permute(0, 3, 1, 2), "loop")
    expected = with_gradients(literal, inputs, torch.float64)
    for a, b in zip(with_gradients(vmunet_torch.ss2d, inputs), expected):
        assert distance(a, b) < 2e-5
    for a, b in zip(with_gradients(vmunet_torch.ss2d, inputs, torch.float64), expected):
        assert distance(a, b) < 1e-12
    for a, b in zip(with_gradients(torch.ops.vmunet.ss2d, inputs), expected):  # as Swift calls it
        assert distance(a, b) < 2e-5
    with torch.no_grad():
        assert distance(vmunet_torch.ss2d(*inputs), expected[0]) < 2e-5


def test_signatures():
    u, delta, A, B, C, D, bias = scan_inputs(2, 12, 33, 4, 1)
    y, last = scan(u, delta, A, B, C, D, bias, True)
    z = torch.randn_like(u)
    got, state = vmunet_torch.mamba.selective_scan_fn(
        u, delta, A, B[:, 0], C[:, 0], D, z=z, delta_bias=bias, delta_softplus=True, return_last_state=True)
    assert distance(got, y * F.silu(z)) < 1e-5
    assert distance(state, last) < 1e-5
    assert distance(vmunet_torch.vmamba.selective_scan_fn(u, delta, A, B, C, D, bias, True, True, backend="oflex"), y) < 1e-5


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(dtype):
    inputs = scan_inputs(2, 12, 33, 4, 1)
    inputs[0], inputs[1] = inputs[0].to(dtype), inputs[1].to(dtype)
    y, _ = scan(*(t.float() for t in inputs), True)
    half, _ = vmunet_torch.selective_scan(*inputs, True)
    assert half.dtype == dtype and torch.equal(half, vmunet_torch.selective_scan(*(t.float() for t in inputs), True)[0].to(dtype))
    assert vmunet_torch.vmamba.selective_scan_fn(*inputs).dtype == torch.float32
    assert vmunet_torch.vmamba.selective_scan_fn(*inputs, oflex=False).dtype == dtype
    assert distance(half, y) < 1e-2


def test_empty_batches():
    y, last = vmunet_torch.selective_scan(*scan_inputs(0, 4, 5, 2, 1))
    assert y.shape == (0, 4, 5) and last.shape == (0, 4, 2)
    assert vmunet_torch.ss2d(*map_inputs(0, 2, 3, 4, 2, 1)).shape == (0, 2, 3, 4)
