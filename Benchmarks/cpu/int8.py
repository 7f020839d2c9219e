"""Scores weights with products in int8, by emulation, beside float32. docs/speed.md has the numbers.

    int8.py FOLDER... [--weights FILE.safetensors] [--pictures N]

A folder holds images/ and masks/. Weights are rounded to int8 with a scale an output channel, the other operands with a scale a
token, as a kernel for AVX-VNNI would round them. Everything else, the scan included, stays in float32. Sums of products of int8 are
exact in int32, and here to float32's rounding. Needs torch, numpy, pillow, safetensors and ninja.
"""
import argparse, os, sys
here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "..", "..", "Tests", "Oracle"))
import numpy as np, oracle, torch
from PIL import Image
from safetensors.torch import load_file

parser = argparse.ArgumentParser()
parser.add_argument("folders", nargs="+")
parser.add_argument("--weights", default=os.path.join(here, "..", "..", "Weights", "isic17.safetensors"))
parser.add_argument("--pictures", type=int, default=100000)
options = parser.parse_args()
weights = {key: value.float() for key, value in load_file(options.weights).items()}
config = oracle.Config(dims=(48, 96, 192, 384))
F, einsum = torch.nn.functional, torch.einsum
is_int8 = False


def rounded(x, axis):
    scale = x.abs().amax(axis, keepdim=True).clamp(min=1e-30) / 127
    return (x / scale).round() * scale


class Functional:
    """torch.nn.functional with other products."""
    __getattr__ = staticmethod(lambda name: getattr(F, name))

    @staticmethod
    def linear(x, w):
        return F.linear(rounded(x, -1), rounded(w, -1)) if is_int8 else F.linear(x, w)


def products(equation, x, w):  # x_proj: [b, k, c, l] and [k, r, c]; dt_proj belongs to the scan
    if is_int8 and equation == "bkcl,krc->bkrl":
        x, w = rounded(x, 2), rounded(w, 2)
    return einsum(equation, x, w)


oracle.F, torch.einsum = Functional(), products


def picture(path):
    x = torch.from_numpy(np.asarray(Image.open(path).convert("RGB")).astype(np.float32)).permute(2, 0, 1)[None]
    x = (x - x.min()) * (255 / (x.max() - x.min()))
    return F.interpolate(x, (256, 256), mode="bilinear", align_corners=False)


def mask(path):
    x = torch.from_numpy((np.asarray(Image.open(path).convert("L")) > 127).astype(np.float32))[None, None]
    return F.interpolate(x, (256, 256), mode="bilinear", align_corners=False)[0, 0] >= 0.5


for folder in options.folders:
    names = sorted(os.listdir(os.path.join(folder, "images")))[:options.pictures]
    masks = {os.path.splitext(name)[0]: name for name in os.listdir(os.path.join(folder, "masks"))}
    counts = {kind: np.zeros(3) for kind in ("float32", "int8")}  # both, prediction, truth
    same = total = 0
    for name in names:
        stem = os.path.splitext(name)[0]
        truth = mask(os.path.join(folder, "masks", next(masks[key] for key in (stem, stem + "_segmentation", stem + "_mask") if key in masks)))
        x, labels = picture(os.path.join(folder, "images", name)), {}
        for kind in counts:
            is_int8 = kind == "int8"
            with torch.no_grad():
                labels[kind] = oracle.forward(weights, config, x, "cpp")[0, 0] >= 0
            counts[kind] += [(labels[kind] & truth).sum(), labels[kind].sum(), truth.sum()]
        same += (labels["float32"] == labels["int8"]).sum().item()
        total += truth.numel()
    for kind, (both, ours, theirs) in counts.items():
        print(f"{folder}: {len(names)} pictures, {kind}: mIoU {100 * both / (ours + theirs - both):.2f} DSC {200 * both / (ours + theirs):.2f}", flush=True)
    print(f"{folder}: {100 * same / total:.3f} % of the pixels have the same label", flush=True)
