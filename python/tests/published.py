"""Trains published code with its reference scan and with vmunet_torch, 20 steps each, on a CPU.

    python python/tests/published.py FOLDER [SIDE]

FOLDER holds the repositories VM-UNet (JCruan519), VMamba (MzeroMiko) and mamba (state-spaces), as cloned. Their code needs
einops, timm, fvcore and, to be imported, triton. Pictures have SIDE rows and columns, 32 unless given. Prints each step's two
losses, and the processor and wall time of a step.
"""
import contextlib
import pathlib
import re
import sys
import time

import torch
import torch.nn.functional as F

import vmunet_torch

STEPS = 20


def mamba_reference(folder):
    """selective_scan_ref alone: its module needs CUDA's extension."""
    from einops import rearrange, repeat
    text = (folder / "mamba/mamba_ssm/ops/selective_scan_interface.py").read_text()
    names = dict(torch=torch, F=F, rearrange=rearrange, repeat=repeat)
    exec(re.search(r"^def selective_scan_ref\(.*?(?=^\S)", text[text.index("def selective_scan_ref("):], re.S | re.M)[0], names)
    return names["selective_scan_ref"]


def imported(folder, name):
    for module in [m for m in sys.modules if m == "models" or m.startswith("models.")]:
        del sys.modules[module]
    sys.path.insert(0, str(folder))
    try:
        return __import__(name, fromlist=["_"])
    finally:
        sys.path.remove(str(folder))


def train(make, batch, loss_of):
    torch.manual_seed(1)
    model = make().train()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, weight_decay=1e-2)
    torch.manual_seed(2)  # stochastic depth draws the same
    losses, cpu, wall = [], time.process_time(), time.perf_counter()
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = loss_of(model(batch[0]), batch[1])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, (time.process_time() - cpu) / STEPS, (time.perf_counter() - wall) / STEPS


def compare(name, scans, module, make, batch, loss_of):
    results = []
    for scan in scans:
        module.selective_scan_fn = scan
        results.append(train(make, batch, loss_of))
    (reference, cpu, wall), (ours, our_cpu, our_wall) = results
    for step, pair in enumerate(zip(reference, ours), 1):
        print(f"{name} step {step:2}: {pair[0]:.7f} {pair[1]:.7f}", flush=True)
    print(f"{name}: losses differ by {max(abs(a - b) / abs(a) for a, b in zip(reference, ours)):.1e} at most; a step takes "
          f"{cpu:.2f} s of processor time and {wall:.2f} s with the reference, {our_cpu:.2f} s and {our_wall:.2f} s with "
          f"vmunet_torch: {cpu / our_cpu:.1f} and {wall / our_wall:.1f} times faster", flush=True)


def main(folder, side=32):
    torch.manual_seed(0)
    pictures = torch.randn(2, 3, side, side)  # the references read and write all tokens at each
    masks = (F.avg_pool2d(pictures[:, :1], 9, 1, 4) > 0).float()

    network = imported(folder / "VM-UNet", "models.vmunet.vmunet")
    vmamba = sys.modules[network.VSSM.__module__]
    compare("VM-UNet", (mamba_reference(folder), vmunet_torch.mamba.selective_scan_fn), vmamba,
            lambda: vmamba.VSSM(num_classes=1, depths=[1] * 4, depths_decoder=[1] * 4, dims=[24, 48, 96, 192],
                                dims_decoder=[192, 96, 48, 24]), (pictures, masks), F.binary_cross_entropy_with_logits)

    vmamba = imported(folder / "VMamba/classification", "models.vmamba")
    torch.cuda.device = contextlib.nullcontext  # its cross_scan_fn enters one even on a CPU
    # vmambav2v_tiny_224.yaml, but smaller.
    compare("VMamba", (vmamba.selective_scan_fn, vmunet_torch.vmamba.selective_scan_fn), vmamba,
            lambda: vmamba.VSSM(depths=[1] * 4, dims=24, ssm_d_state=1, ssm_dt_rank="auto", ssm_ratio=1.0, ssm_conv=3,
                                ssm_conv_bias=False, forward_type="v05_noz", mlp_ratio=4.0, downsample_version="v3",
                                patchembed_version="v2", norm_layer="ln2d", num_classes=10, drop_path_rate=0.2),
            (pictures, torch.tensor([3, 7])), F.cross_entropy)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), *map(int, sys.argv[2:3]))
