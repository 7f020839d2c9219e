"""Compares training in bfloat16 with float32: the same runs in both, for the first 100 steps; with --peer, PyTorch's autocast as well.

usage: bf16.py DIR [--dataset isic17] [--preset tiny] [--image-size 64] [--batch-size 16] [--seeds 6] [--init WEIGHTS] [--lr 1e-3] [--peer]
DIR is a data set as `vmunet train` takes it. Runs that differ only in rounding drift apart like runs whose initial weights differ slightly. The mean over seeds
shows the cost of bfloat16; a single seed shows how far such runs drift. --peer needs a Python with torch, ninja, numpy and pillow.
"""
import argparse, glob, json, os, statistics, subprocess, sys, tempfile

here = os.path.dirname(os.path.abspath(__file__))
root = os.path.dirname(os.path.dirname(here))
STEPS = 100


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--dataset", default="isic17")
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--init", help="initial weights of the preset; random if left out")
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--peer", action="store_true")
    parser.add_argument("--tool", default=os.path.join(root, "vmunet"))
    options = parser.parse_args()
    if options.peer and options.init:
        parser.error("--peer starts from random weights: leave --init out")
    return options


def train(options, seed, precision, folder):
    """Losses of the first steps of a run with the published settings."""
    count = len(glob.glob(os.path.join(options.data, "train", "images", "*")))
    epochs = -(-STEPS * options.batch_size // count)
    command = [options.tool, "train", "--data", options.data, "--dataset", options.dataset, "--preset", options.preset, "--image-size", str(options.image_size),
               "--batch-size", str(options.batch_size), "--epochs", str(epochs), "--seed", str(seed), "--device", "cpu", "--precision", precision, "--run", folder,
               "--lr", str(options.lr)] + (["--init", options.init] if options.init else [])
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(os.path.join(folder, "metrics.jsonl")) as file:
        return [line["loss"] for line in map(json.loads, file) if line["kind"] == "step"][:STEPS]


class Peer:
    """The network of Tests/Oracle in PyTorch, in float32 or under autocast; the scan is float32 in both."""

    def __init__(self, options):
        sys.path.insert(0, os.path.join(root, "Tests", "Oracle"))
        import oracle
        self.oracle, self.options = oracle, options
        scan = oracle.ScanCpp

        class Float32Scan:
            apply = staticmethod(lambda *tensors: scan.apply(*[t.float() for t in tensors]))
        oracle.ScanCpp = Float32Scan
        folder = os.path.join(options.data, "train")
        self.pairs = []
        for picture in sorted(glob.glob(os.path.join(folder, "images", "*"))):
            name = os.path.splitext(os.path.basename(picture))[0]
            masks = [m for end in ("", "_segmentation") for m in glob.glob(os.path.join(folder, "masks", glob.escape(name) + end + ".*"))]
            self.pairs.append((picture, masks[0]))

    def batch(self, order, step):
        import numpy as np, torch
        from PIL import Image
        side, size = self.options.image_size, self.options.batch_size
        pictures, masks = [], []
        for i in range(size):
            picture, mask = self.pairs[order[(step * size + i) % len(order)]]
            x = np.asarray(Image.open(picture).convert("RGB").resize((side, side), Image.BILINEAR), np.float32)
            pictures.append(((x - x.min()) / max(x.max() - x.min(), 1) * 255).transpose(2, 0, 1))
            masks.append(np.asarray(Image.open(mask).convert("L").resize((side, side), Image.BILINEAR), np.float32)[None] / 255)
        return torch.from_numpy(np.stack(pictures)), torch.from_numpy(np.stack(masks))

    def train(self, weights, seed, autocast):
        import random, torch, torch.nn.functional as F
        order = list(range(len(self.pairs)))
        random.Random(seed).shuffle(order)
        dims = {"base": 96, "small": 48, "tiny": 24}[self.options.preset]
        config = self.oracle.Config(dims=(dims, 2 * dims, 4 * dims, 8 * dims))
        weights = {key: value.float().clone().requires_grad_() for key, value in weights.items()}
        optimizer = torch.optim.AdamW(weights.values(), lr=self.options.lr, weight_decay=1e-2)
        losses = []
        for step in range(STEPS):
            x, target = self.batch(order, step)
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
                logits = self.oracle.forward(weights, config, x, "cpp")
            logits = logits.float()
            p, t = logits.sigmoid().flatten(1), target.flatten(1)
            loss = F.binary_cross_entropy_with_logits(logits, target) + 1 - ((2 * (p * t).sum(1) + 1) / (p.sum(1) + t.sum(1) + 1)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    def initial(self, seed, folder):
        """This package's initial weights, taken from a run with a negligible learning rate."""
        from safetensors.torch import load_file
        options = self.options
        command = [options.tool, "train", "--data", options.data, "--dataset", options.dataset, "--preset", options.preset, "--image-size", "32", "--drop-path", "0",
                   "--batch-size", "64", "--epochs", "1", "--lr", "1e-30", "--seed", str(seed), "--device", "cpu", "--run", folder]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return load_file(os.path.join(folder, "checkpoints", "best.safetensors"))


def compare(reference, other):
    """other` against `reference`, in percent: the mean loss over all steps, and the mean and greatest difference of ten-step means."""
    tens = [sum(other[i:i + 10]) / sum(reference[i:i + 10]) - 1 for i in range(0, STEPS, 10)]
    return 100 * (sum(other) / sum(reference) - 1), 100 * statistics.mean(map(abs, tens)), 100 * max(map(abs, tens))


def row(name, results):
    wholes = [r[0] for r in results]
    error = statistics.stdev(wholes) / len(wholes) ** 0.5 if len(wholes) > 1 else float("nan")
    print(f"| {name} | {statistics.mean(wholes):+.2f} ± {error:.2f} | {min(wholes):+.2f} … {max(wholes):+.2f} | {statistics.mean(r[1] for r in results):.2f} | {max(r[2] for r in results):.2f} |")


options = arguments()
ours, theirs = [], []
peer = Peer(options) if options.peer else None
with tempfile.TemporaryDirectory() as scratch:
    for seed in range(1, options.seeds + 1):
        runs = [train(options, seed, precision, os.path.join(scratch, f"{precision}-{seed}")) for precision in ("fp32", "bf16")]
        ours.append(compare(*runs))
        print(f"seed {seed}: {ours[-1][0]:+.2f} %", file=sys.stderr, flush=True)
        if peer:
            weights = peer.initial(seed, os.path.join(scratch, f"initial-{seed}"))
            theirs.append(compare(peer.train(weights, seed, False), peer.train(weights, seed, True)))
            print(f"   autocast: {theirs[-1][0]:+.2f} %", file=sys.stderr, flush=True)
print(f"{options.preset}, {options.image_size}×{options.image_size}, batch {options.batch_size}, {STEPS} steps, {options.seeds} seeds, learning rate {options.lr}, {'given' if options.init else 'random'} weights; loss of bf16 relative to fp32, in percent")
print("| | mean of 100 steps, ± standard error | least … greatest | ten-step means: mean difference | greatest |\n|---|---|---|---|---|")
row("this package", ours)
if theirs:
    row("PyTorch, autocast", theirs)
