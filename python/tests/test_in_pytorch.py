"""What PyTorch does to operators: checks of gradients, compilation, autocast, checkpoints, forks."""
import multiprocessing

import torch
from reference import distance, map_inputs, scan_inputs, with_gradients
from torch.utils.checkpoint import checkpoint

import vmunet_torch


def leaves(inputs, dtype=torch.float32):
    return [t.to(dtype).requires_grad_() for t in inputs]


def test_operators_are_registered_in_full():
    for grad in (True, False):
        torch.library.opcheck(torch.ops.vmunet.ss2d_forward.default, (*leaves(map_inputs(1, 3, 4, 6, 2, 1)), grad))
        torch.library.opcheck(torch.ops.vmunet.selective_scan_forward.default, (*leaves(scan_inputs(1, 6, 5, 2, 2)), True, grad))


def test_gradcheck_in_float64():
    assert torch.autograd.gradcheck(
        lambda *t: vmunet_torch.selective_scan(*t, True)[0], leaves(scan_inputs(1, 4, 5, 2, 2), torch.float64))
    assert torch.autograd.gradcheck(vmunet_torch.ss2d, leaves(map_inputs(1, 2, 3, 3, 2, 1), torch.float64))


def test_compiles_without_a_break():
    torch._dynamo.reset()
    block = vmunet_torch.model._SS2D(4, 2)
    compiled = torch.compile(block, backend="aot_eager", fullgraph=True)  # inductor takes a minute
    for size in ((1, 2, 3, 4), (2, 5, 4, 4)):
        x = torch.randn(size)
        for a, b in zip(with_gradients(compiled, [x]), with_gradients(block, [x])):
            assert distance(a, b) < 1e-5


def test_autocast():
    """The kernels take the maps in bfloat16, in which autocast computes what is before them."""
    block, x = vmunet_torch.model._SS2D(16, 4), torch.randn(2, 6, 5, 16)
    expected = block(x)
    with torch.autocast("cpu", torch.bfloat16):
        got = block(x)
    got.float().sum().backward()
    assert got.dtype == torch.bfloat16 and (got.float() - expected).norm() < 0.02 * expected.norm()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in block.parameters())


def test_checkpointing_recomputes_the_same():
    inputs = map_inputs(1, 5, 6, 8, 3, 2)
    expected = with_gradients(vmunet_torch.ss2d, inputs)
    for reentrant in (True, False):
        got = with_gradients(lambda *t: checkpoint(vmunet_torch.ss2d, *t, use_reentrant=reentrant), inputs)
        assert all(torch.equal(a, b) for a, b in zip(got, expected))


class Scans(torch.utils.data.Dataset):
    def __init__(self, inputs):
        self.inputs = inputs

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return vmunet_torch.ss2d(*self.inputs)


def test_forked_workers():
    inputs = map_inputs(1, 20, 20, 32, 4, 2)
    expected = vmunet_torch.ss2d(*inputs)  # the kernels' threads are there before the fork
    context = multiprocessing.get_context("fork")
    for y in torch.utils.data.DataLoader(Scans(inputs), batch_size=None, num_workers=2, multiprocessing_context=context, timeout=60):
        assert torch.equal(y, expected)
    assert torch.equal(vmunet_torch.ss2d(*inputs), expected)
