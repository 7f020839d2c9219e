"""VMUNet under published keys, against this repository's golden results and its own command."""
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from reference import distance, scan, scan_inputs

import vmunet_torch

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = REPOSITORY / "Tests" / "VMUNetTests" / "Fixtures"


def golden(name):
    return pytest.importorskip("safetensors.torch").load_file(GOLDEN / name)


def nine_classes():
    weights = golden("model_small9_weights.safetensors")
    count = lambda stages, i: len({k.split(".")[4] for k in weights if k.startswith(f"vmunet.{stages}.{i}.blocks.")})
    depths, depths_decoder = ([count(stages, i) for i in range(4)] for stages in ("layers", "layers_up"))
    model = vmunet_torch.VMUNet(input_channels=weights["vmunet.patch_embed.proj.weight"].shape[1], num_classes=9,
                                dims=[weights[f"vmunet.layers.{i}.blocks.0.ln_1.bias"].shape[0] for i in range(4)],
                                depths=depths, depths_decoder=depths_decoder)
    model.load_state_dict(weights)
    return model.eval()


def test_golden_logits():
    case = golden("model_small9.safetensors")
    with torch.no_grad():
        assert distance(nine_classes().double()(case["x"].double()), case["logits"]) < 1e-6
        # torch's own products round differently from processor to processor.
        assert distance(nine_classes()(case["x"]), case["logits"]) < 4e-5


def test_the_commands_logits(tmp_path):
    command = os.environ.get("VMUNET_LIGHT_BINARY")
    if not command:
        pytest.skip("VMUNET_LIGHT_BINARY does not name the built command")
    model, x = nine_classes(), torch.randn(2, 1, 96, 64)
    np.save(tmp_path / "x.npy", x.numpy())
    subprocess.run([command, "predict", "--raw", tmp_path / "x.npy", "--weights", GOLDEN / "model_small9_weights.safetensors",
                    "--output", tmp_path / "y.npy", "--quiet"], check=True)
    with torch.no_grad():
        # Each is within 2e-5 of the float64 result.
        assert distance(model(x), torch.from_numpy(np.load(tmp_path / "y.npy"))) < 4e-5


def test_the_papers_size():
    assert sum(p.numel() for p in vmunet_torch.VMUNet().parameters()) == 27_427_561


def test_learns():
    model = vmunet_torch.VMUNet(dims=(8, 16, 32, 64), depths=(1, 1, 1, 1), depths_decoder=(1, 1, 1, 1), d_state=4)
    x = torch.randn(4, 3, 32, 32)
    target = (x[:, :1] > 0).float()
    optimizer, losses = torch.optim.AdamW(model.parameters(), 3e-3), []
    for _ in range(8):
        optimizer.zero_grad()
        loss = F.binary_cross_entropy(model(x), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.02


def test_stands_in_for_mamba_ssm():
    vmunet_torch.mamba.stand_in()
    from mamba_ssm.ops.selective_scan_interface import selective_scan_fn
    if "vmunet_torch" not in selective_scan_fn.__module__:
        pytest.skip("mamba_ssm itself is installed")
    u, delta, A, B, C, D, bias = scan_inputs(1, 6, 9, 2, 1)
    y, _ = scan(u, delta, A, B, C, D, bias, True)
    assert distance(selective_scan_fn(u, delta, A, B, C, D, delta_bias=bias, delta_softplus=True), y) < 1e-5
    assert sys.modules["selective_scan"].selective_scan_fn is selective_scan_fn
