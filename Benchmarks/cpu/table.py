"""Writes the table of CPU times: the hardware's limit, this package and a PyTorch peer, measured in one run.

usage: table.py [--no-peer] [--light VMUNET] [--unet] [--output FILE.md]
Needs a quiet machine; a Python with torch, numpy and ninja; clang or gcc as `c++`; and the built tool (./vmunet setup). `limit.py` explains the limit.
`--light` adds rows of the program without libtorch, `--unet` rows of a U-Net of 31 million parameters in onnxruntime (unet.py).
"""
import argparse, json, os, platform, re, subprocess, sys

here = os.path.dirname(os.path.abspath(__file__))
root = os.path.dirname(os.path.dirname(here))
parser = argparse.ArgumentParser()
parser.add_argument("--no-peer", action="store_true")
parser.add_argument("--output")
parser.add_argument("--light", help="the program without libtorch, vmunet of a release build")
parser.add_argument("--unet", action="store_true")
parser.add_argument("--tool", default=os.path.join(root, "vmunet"))
options = parser.parse_args()

ROWS = [  # name, side, batch, mode, precision, limit, most limits allowed, runs
    ("forward, 256×256, batch 1, fp32", 256, 1, "fwd", "fp32", "limit_fp32", 1.5, 20),
    ("forward, 256×256, batch 8, fp32", 256, 8, "fwd", "fp32", "limit_fp32", 1.6, 7),
    ("forward, 512×512, batch 1, fp32", 512, 1, "fwd", "fp32", "limit_fp32", 1.6, 9),
    ("forward, 1024×1024, batch 1, fp32", 1024, 1, "fwd", "fp32", "limit_fp32", None, 5),
    ("forward, 256×256, batch 1, bf16", 256, 1, "fwd", "bf16", "limit_bf16", 1.7, 20),
    ("training step, 256×256, batch 8, fp32", 256, 8, "train", "fp32", "limit_train_fp32", 2.2, 5),
    ("training step, 256×256, batch 8, bf16", 256, 8, "train", "bf16", "limit_train_fp32", None, 5),
]


def run(command, **more):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **more).stdout


def limits(side, batch):
    words = run([sys.executable, os.path.join(here, "limit.py"), str(side), str(batch)]).split()
    return {key: float(value) for key, value in zip(words, words[1:]) if re.fullmatch(r"limit_\w+", key)}


def ours(tool, side, batch, mode, precision, runs):
    command = [tool, "bench", "--json", "--image-size", str(side), "--batch-size", str(batch), "--runs", str(runs), "--precision", precision]
    if tool == options.tool:
        command += ["--device", "cpu"]
    return json.loads(run(command + (["--train"] if mode == "train" else []), stderr=subprocess.DEVNULL))


def unet(side, batch):
    return json.loads(run([sys.executable, os.path.join(here, "unet.py"), str(side), str(batch), "5"], stderr=subprocess.DEVNULL))


def peer(side, batch, mode):
    return json.loads(run([sys.executable, os.path.join(here, "peer.py"), mode, str(side), str(batch), "3"], stderr=subprocess.DEVNULL))


lines = ["| base model | limit | this package | × limit | goal | peak memory | PyTorch with a C++ scan | × faster |", "|---|---|---|---|---|---|---|---|"]
seconds = {}
LIGHT_GOALS = {(256, 1, "fp32"): 1.12, (256, 8, "fp32"): 1.12, (512, 1, "fp32"): 1.18, (256, 1, "bf16"): 1.2}
for name, side, batch, mode, precision, which, goal, runs in ROWS:
    limit = limits(side, batch)[which]
    mine = ours(options.tool, side, batch, mode, precision, runs)
    light = ours(options.light, side, batch, mode, precision, runs) if options.light and mode == "fwd" else None
    again = limits(side, batch)[which]  # the machine's speed drifts: the mean of before and after
    limit, time = (limit + again) / 2, mine["median_seconds"]
    seconds[name] = time
    other, times = "", ""
    if not options.no_peer and precision == "fp32" and side <= 512:
        theirs = peer(side, batch, mode)
        other = f"{theirs['median_seconds']:.2f} s, {theirs['peak_memory_bytes'] / 2**30:.1f} GiB"
        times = f"{theirs['median_seconds'] / time:.1f}"

    def row(name, measured, goal, other, times):
        time, memory = measured["median_seconds"], f"{measured['peak_memory_bytes'] / 2**30:.2f} GiB"
        lines.append(f"| {name} | {limit:.3f} s | {time:.3f} s | {time / limit:.2f} | {goal or '–'} | {memory} | {other or '–'} | {times or '–'} |")
        print(lines[-1], file=sys.stderr, flush=True)

    row(name, mine, goal, other, times)
    if light:
        row(name + ", without libtorch", light, LIGHT_GOALS.get((side, batch, precision)), "", "")
if options.unet:
    lines += ["", "| U-Net, 31 million parameters, onnxruntime, fp32 | time | peak memory |", "|---|---|---|"]
    for side, batch in ((256, 1), (256, 8), (512, 1)):
        theirs = unet(side, batch)
        lines.append(f"| {side}×{side}, batch {batch} | {theirs['median_seconds']:.3f} s | {theirs['peak_memory_bytes'] / 2**30:.2f} GiB |")
        print(lines[-1], file=sys.stderr, flush=True)
ratio = seconds["forward, 1024×1024, batch 1, fp32"] / seconds["forward, 512×512, batch 1, fp32"]
lines += ["", f"Time at 1024×1024 over time at 512×512: {ratio:.2f} (4 is linear in pixels).", "", f"{os.cpu_count()} cores, {platform.processor() or platform.machine()}."]
text = "\n".join(lines) + "\n"
print(text)
if options.output:
    with open(options.output, "w") as file:
        file.write(text)
