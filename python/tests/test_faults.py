"""What the functions refuse, and with which words: each of these once returned numbers, or torch's own error of some inner operator."""
import copy
import pathlib
import subprocess
import sys

import pytest
import torch
from reference import map_inputs, scan_inputs

import vmunet_torch

SEQUENCES = ["u", "delta", "A", "B", "C", "D", "delta_bias"]
MAPS = ["x", "x_proj_weight", "dt_projs_weight", "dt_projs_bias", "A_logs", "Ds"]


def sequences(dtype=torch.float32, **changed):
    inputs = dict(zip(SEQUENCES, (t.to(dtype) for t in scan_inputs(2, 6, 5, 2, 1))))
    return inputs | {name: change(inputs[name]) for name, change in changed.items()}


def maps(dtype=torch.float32, **changed):
    inputs = dict(zip(MAPS, (t.to(dtype) for t in map_inputs(1, 2, 3, 4, 2, 1))))
    return inputs | {name: change(inputs[name]) for name, change in changed.items()}


def one_longer(t):
    return torch.cat([t, t[..., -1:]], -1)


@pytest.mark.parametrize("name, change, words", [
    ("delta", one_longer, r"expected u and delta \[B, D, L\], got \[2, 6, 5\] and \[2, 6, 6\]"),
    ("delta", lambda t: t[:1], "expected u and delta"),
    ("A", lambda t: t[:1, [0, 1, 1]], r"expected A \[6, N\], got \[1, 3\]"),
    ("A", lambda t: t[:, :0], "expected 1 to 256 states, got 0"),
    ("B", one_longer, r"expected B and C \[2, groups, 2, 5\], got \[2, 1, 2, 6\] and \[2, 1, 2, 5\]"),
    ("C", lambda t: t[:1], "expected B and C"),
    ("D", lambda t: t[:1], r"expected D \[6\], got \[1\]"),
    ("delta_bias", lambda t: t[:1], r"expected delta_bias \[6\], got \[1\]"),
    ("D", lambda t: t[:, None], r"expected D \[6\], got \[6, 1\]"),
])
def test_shapes_of_sequences(name, change, words):
    for dtype in (torch.float32, torch.float64):
        with pytest.raises(RuntimeError, match=words):
            vmunet_torch.selective_scan(**sequences(dtype, **{name: change}))
    with pytest.raises(RuntimeError, match=words):  # the operator itself, as Swift calls it
        torch.ops.vmunet.selective_scan(*sequences(**{name: change}).values())


def test_groups_of_sequences():
    inputs = sequences() | {name: torch.randn(2, 4, 2, 5) for name in "BC"}
    for dtype in (torch.float32, torch.float64):
        with pytest.raises(RuntimeError, match="expected 6 channels in equal groups, got 4"):
            vmunet_torch.selective_scan(**{name: t.to(dtype) for name, t in inputs.items()})


@pytest.mark.parametrize("name, change, words", [
    ("x", lambda t: t[0], "expected a map of four axes"),
    ("x_proj_weight", lambda t: t.mT, r"expected x_proj_weight \[4, 5, 4\], got \[4, 4, 5\]"),
    ("dt_projs_weight", lambda t: t.flatten(1), "expected dt_projs_weight"),
    ("dt_projs_bias", lambda t: t.flatten(), r"expected dt_projs_bias \[4, 4\], got \[16\]"),
    ("A_logs", lambda t: t[1:], r"expected A_logs \[16, 2\], got \[15, 2\]"),
    ("Ds", lambda t: t[1:], r"expected Ds \[16\], got \[15\]"),
    ("Ds", lambda t: t.view(4, 4), r"expected Ds \[16\], got \[4, 4\]"),
])
def test_shapes_of_maps(name, change, words):
    for dtype in (torch.float32, torch.float64):
        with pytest.raises(RuntimeError, match=words):
            vmunet_torch.ss2d(**maps(dtype, **{name: change}))
    with pytest.raises(RuntimeError, match=words):
        torch.ops.vmunet.ss2d(*maps(**{name: change}).values())


@pytest.mark.parametrize("change, words", [
    (lambda t: t.int(), "got int32"),
    (lambda t: t > 0, "got bool"),
    (lambda t: t.to(torch.complex64), "complex"),
    (lambda t: t.to("meta"), "on meta"),
    (lambda t: t.numpy(), "as a tensor, got ndarray"),
])
def test_types_and_devices(change, words):
    for name in SEQUENCES:
        with pytest.raises(TypeError, match=words):
            vmunet_torch.selective_scan(**sequences(**{name: change}))
    for name in MAPS:
        with pytest.raises(TypeError, match=words):
            vmunet_torch.ss2d(**maps(**{name: change}))


def test_unsupported_forms():
    u, delta, A, B, C, *_ = scan_inputs(1, 6, 5, 2, 1)
    with pytest.raises(TypeError, match="real A"):
        vmunet_torch.selective_scan(u, delta, A.to(torch.complex64), B, C)
    with pytest.raises(TypeError, match="not supported"):
        vmunet_torch.selective_scan(u, delta, A, A, C)


@pytest.mark.parametrize("function, inputs", [(vmunet_torch.ss2d, maps), (lambda **t: vmunet_torch.selective_scan(**t)[0], sequences)])
def test_second_derivatives(function, inputs):
    def penalty(dtype):
        leaves = {name: t.requires_grad_() for name, t in inputs(dtype).items()}
        first = next(iter(leaves.values()))
        gradient, = torch.autograd.grad((function(**leaves) ** 2).sum(), first, create_graph=True)
        (gradient**2).sum().backward()
        return first.grad

    with pytest.raises(RuntimeError, match="second derivatives are computed in float64 only"):
        penalty(torch.float32)
    assert penalty(torch.float64).isfinite().all()


@pytest.mark.parametrize("operator, inputs", [(torch.ops.vmunet.ss2d, maps), (torch.ops.vmunet.selective_scan, sequences)])
def test_second_derivatives_of_the_operators(operator, inputs):
    leaves = [t.requires_grad_() for t in inputs().values()]
    with pytest.raises(RuntimeError, match="second derivatives"):
        torch.autograd.grad((operator(*leaves) ** 2).sum(), leaves[0], create_graph=True)


@pytest.mark.parametrize("place, change, words", [
    (6, lambda t: t[:, :1], "expected projection"), (7, lambda t: t[:-1], "expected borders"), (8, lambda t: t[..., :1], "expected dy"),
    (0, lambda t: t[:, :1], "expected projection"), (3, lambda t: t[:1], "expected dt_projs_bias"),
])
def test_saved_tensors_of_maps(place, change, words):
    inputs = list(map_inputs(1, 9, 11, 8, 3, 2))
    y, projection, borders = torch.ops.vmunet.ss2d_forward(*inputs, True)
    inputs += [projection, borders, torch.ones_like(y)]
    expected = torch.ops.vmunet.ss2d_backward(*inputs)
    apart = [torch.stack([t, t], -1)[..., 0] for t in inputs]  # the same values, not side by side
    assert all(torch.equal(a, b) for a, b in zip(torch.ops.vmunet.ss2d_backward(*apart), expected))
    inputs[place] = change(inputs[place])
    with pytest.raises(RuntimeError, match=words):
        torch.ops.vmunet.ss2d_backward(*inputs)


@pytest.mark.parametrize("place, change, words", [(0, lambda t: t[:-1], "expected borders"), (1, lambda t: t[:1], "expected dy")])
def test_saved_tensors_of_sequences(place, change, words):
    inputs = list(scan_inputs(2, 6, 70, 2, 1))
    y, borders, _ = torch.ops.vmunet.selective_scan_forward(*inputs, True, True)
    saved = [borders, torch.ones_like(y)]
    saved[place] = change(saved[place])
    with pytest.raises(RuntimeError, match=words):
        torch.ops.vmunet.selective_scan_backward(*inputs, True, *saved)


@pytest.fixture(scope="module")
def network():
    return vmunet_torch.VMUNet(dims=(8, 16, 32, 64), depths=(1, 1, 1, 1), depths_decoder=(1, 1, 1, 1), d_state=4).eval()


@pytest.mark.parametrize("shape", [(1, 3, 33, 64), (1, 3, 48, 48), (3, 64, 64), (1, 2, 64, 64), (1, 3, 0, 64), (1, 3, 16, 32)], ids=str)
def test_shapes_of_pictures(network, shape):
    with pytest.raises(ValueError, match=r"expected pictures \[B, 3 or 1, H, W\], H and W multiples of 32, got"):
        network(torch.zeros(shape))


def test_an_empty_batch_of_pictures(network):
    assert network(torch.zeros(0, 3, 64, 32)).shape == (0, 1, 64, 32)


def test_types_of_networks_and_pictures(network):
    x = torch.zeros(1, 3, 32, 32)
    for dtype in (torch.float16, torch.bfloat16):
        with pytest.raises(TypeError, match="expected parameters in float32 or float64.*torch.autocast"):
            copy.deepcopy(network).to(dtype)(x.to(dtype))
        with pytest.raises(TypeError, match="expected pictures in float32"):
            network(x.to(dtype))
    with pytest.raises(TypeError, match="expected pictures in float32"):
        network(x.double())
    with pytest.raises(TypeError, match="got int64"):
        network(x.long())
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(network(x), network(x.bfloat16()))


def test_an_old_python_is_told_so():
    """pip runs setup.py before it looks at requires-python."""
    setup = pathlib.Path(__file__).resolve().parents[1] / "setup.py"
    code = f"import runpy, sys; sys.version_info = (3, 9, 2); runpy.run_path({str(setup)!r}, run_name='__main__')"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert told.returncode == 1 and "needs Python 3.10 or newer, and this is 3.9" in told.stderr
