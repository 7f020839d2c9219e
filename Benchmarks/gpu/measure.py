"""Measures parity, this package's times, the peer's and each kernel's share, then writes the report. `gpu.sh` runs it and lists the options."""
import argparse, datetime, json, os, platform, subprocess, sys, tempfile

here = os.path.dirname(os.path.abspath(__file__))
root = os.path.dirname(os.path.dirname(here))
parser = argparse.ArgumentParser()
parser.add_argument("--tool", required=True)
parser.add_argument("--output")
parser.add_argument("--preset", choices=["base", "small", "tiny"])
parser.add_argument("--no-peer", action="store_true")
parser.add_argument("--runs", type=int, default=20)
parser.add_argument("--cpu-dry-run", action="store_true")
options = parser.parse_args()

dry = options.cpu_dry_run
device, preset = ("cpu", options.preset or "tiny") if dry else ("cuda", options.preset or "base")
side, large = (32, 2) if dry else (256, 32)
runs = 1 if dry else options.runs
if dry:
    os.environ["OMP_NUM_THREADS"] = "1"  # at these small sizes threads would only wait for each other
output = options.output or (os.path.join(tempfile.mkdtemp(prefix="vmunet-gpu-"), "gpu.md") if dry else os.path.join(root, "docs", "results", "gpu.md"))

# name, train, batch, precision, at least this many times as fast as the peer, at most this much
# memory (GB)
ROWS = [
    ("training step", True, large, "bf16", 2.0, 9),
    ("training step", True, large, "fp32", 1.5, None),
    ("inference", False, 1, "fp32", 2.0, None),
    ("inference", False, 1, "bf16", 2.0, None),
    ("inference", False, large, "fp32", 1.5, None),
    ("inference", False, large, "bf16", 1.5, None),
]


def note(text):
    print(text, file=sys.stderr, flush=True)


def run_json(command, may_fail=False):
    """The JSON object that a command prints; with `may_fail`, a failing command's last error line instead."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0 and not done.stdout.strip():
        reason = (done.stderr.strip().splitlines() or ["no output"])[-1]
        if may_fail:
            return {"error": reason}
        note(done.stderr)
        sys.exit(f"gpu.sh: '{' '.join(map(str, command))}' failed: {reason}")
    return json.loads(done.stdout)


def ours(command, *arguments, may_fail=False):
    return run_json([options.tool, command, "--device", device, "--preset", preset, *arguments], may_fail)


def as_a_graph(arguments):
    """Time and memory of `bench` with --compile-graph. On a CPU this checks only that the option is accepted; `--device cpu` would refuse it."""
    found = ours("bench", *arguments, "--compile-graph", *(["--device", "auto"] if dry else []), may_fail=True)
    if "error" in found:
        return [f"failed: {found['error']}", "–"]
    if not found["compile_graph"]:
        return ["–", "–"]
    return [f"{found['median_seconds'] * 1e3:.2f} ms", f"{found['peak_memory_bytes'] / 1e9:.2f} GB"]


def first_line(command):
    try:
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.strip().splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return None


def parity():
    note("parity")
    found = run_json([options.tool, "parity", "--device", device, "--preset", preset, "--image-size", 32 if dry else 128, "--json"])
    lines = [f"Reference: {found['reference']}. {'All rows are within their limits.' if found['passed'] else '**Not all rows are within their limits.**'}", "",
             *([f"**The network's work could not be recorded**: {found['failure']}", ""] if found.get("failure") else []),
             "| what | precision | forward | limit | worst gradient | limit | same bits twice |", "|---|---|---|---|---|---|---|"]
    number = lambda value: "–" if value is None else f"{value:.1e}"
    for row in found["rows"]:
        forward, gradient = row.get("forward"), row.get("gradient")
        mark = "" if (forward or 0) <= row["forwardLimit"] and (gradient or 0) <= row["gradientLimit"] else " **beyond**"
        worst = f" ({row['worst']})" if row.get("worst") else ""
        lines.append(f"| {row['kind']} {row['name']}{mark} | {row['precision']} | {number(forward)} | {number(row['forwardLimit'] if forward is not None else None)} | "
                     f"{number(gradient)}{worst} | {number(row['gradientLimit'] if gradient is not None else None)} | {'yes' if row['isDeterministic'] else '**no**'} |")
    return lines, found["passed"]


def times():
    lines = ["| | precision | this package | images/s | peak memory | as a graph | peak memory | PyTorch | images/s | peak memory | × faster | goal |",
             "|---|---|---|---|---|---|---|---|---|---|---|---|"]
    scan = None
    for name, train, batch, precision, goal, memory in ROWS:
        note(f"{name}, batch {batch}, {precision}")
        arguments = ["--image-size", side, "--batch-size", batch, "--runs", runs, "--warm-up", 1 if dry else 5, "--precision", precision, "--json",
                     *(["--train"] if train else [])]
        mine, graph = ours("bench", *arguments), as_a_graph(arguments)
        cells = ["–"] * 4
        if not options.no_peer:
            theirs = run_json([sys.executable, os.path.join(here, "peer.py"), "--mode", "train" if train else "inference", "--image-size", side, "--batch-size", batch,
                               "--precision", precision, "--runs", runs, "--device", device, "--preset", preset], may_fail=True)
            scan = theirs.get("scan", scan)
            if "error" in theirs:
                cells = [f"failed: {theirs['error']}", "–", "–", "–"]
            else:
                cells = [f"{theirs['median_seconds'] * 1e3:.2f} ms", f"{theirs['images_per_second']:.1f}", f"{theirs['peak_memory_bytes'] / 1e9:.2f} GB",
                         f"{theirs['median_seconds'] / mine['median_seconds']:.2f}"]
        wanted = f"≥ {goal}" + (f", ≤ {memory} GB" if memory else "")
        lines.append(f"| {name}, {side}×{side}, batch {batch} | {precision} | {mine['median_seconds'] * 1e3:.2f} ms | {mine['images_per_second']:.1f} | "
                     f"{mine['peak_memory_bytes'] / 1e9:.2f} GB | " + " | ".join(graph + cells) + f" | {wanted} |")
        note(lines[-1])
    peer = "" if options.no_peer else f"The peer is the network of `Tests/Oracle/oracle.py`, eager, with fused AdamW where there is a GPU, TF32 off. Its scan: {scan}."
    return lines + ["", "Medians; each run waits for the device. Memory is the allocator's peak (on a CPU, the process's). \"As a graph\" is with --compile-graph." + (" " + peer if peer else "")]


def kernels():
    lines = []
    for precision in ["bf16", "fp32"]:
        note(f"kernels, {precision}")
        found = ours("kernels", "--image-size", side, "--batch-size", large, "--calls", 1 if dry else 20, "--precision", precision)
        copy, product = found["copy_bytes_per_second"], found["product_operations_per_second"]
        lines += ["", f"**{precision}**: a copy moves {copy / 1e9:.0f} GB/s, a product of {'256×256' if dry else '8192×8192'} matrices does {product / 1e12:.1f} T operations/s.",
                  "", "| operator | | map | time | least bytes | of a copy's speed | operations | of the product's speed |", "|---|---|---|---|---|---|---|---|"]
        for row in found["kernels"]:
            seconds = row["seconds"]
            if seconds <= 0:  # within the noise of the two times that it is the difference of
                lines.append(f"| {row['name']} | {row['direction']} | {'×'.join(map(str, row['map']))} | – | {row['bytes'] / 1e6:.1f} MB | – | – | – |")
                continue
            operations = [f"{row['operations'] / 1e9:.2f} G", f"{row['operations'] / seconds / product:.0%}"] if row["operations"] else ["–", "–"]
            lines.append(f"| {row['name']} | {row['direction']} | {'×'.join(map(str, row['map']))} | {seconds * 1e6:.0f} µs | {row['bytes'] / 1e6:.1f} MB | "
                         f"{row['bytes'] / seconds / copy:.0%} | {operations[0]} | {operations[1]} |")
    return lines


def facts():
    import torch
    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else f"no GPU, {platform.machine()}"
    driver = first_line(["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"])
    revision = first_line(["git", "-C", root, "rev-parse", "--short", "HEAD"])
    return (f"{gpu}; torch {torch.__version__}" + (f", CUDA {torch.version.cuda}" if torch.version.cuda else "") + (f", driver {driver}" if driver else "")
            + (f"; revision {revision}" if revision else "") + f"; {datetime.date.today().isoformat()}. Model: {preset}.")


parity_lines, passed = parity()
report = ["# On an NVIDIA GPU", ""]
if dry:
    report += ["**A dry run on a CPU: no number here says anything about a GPU.**", ""]
report += [facts(), "", "Written by `Benchmarks/gpu.sh`, all in one run.", "", "## Times", ""] + times() + ["", "## Each operator against its floors", "",
           "Least bytes count inputs, results and gradients once each, so 100 % is the time of copying them. Maps are B×H×W×channels of the stage. "
           "Backward is the time of both passes minus forward's."] + kernels() + ["", "## Parity", ""] + parity_lines
os.makedirs(os.path.dirname(os.path.abspath(output)), exist_ok=True)
with open(output + ".new", "w") as file:
    file.write("\n".join(report) + "\n")
os.replace(output + ".new", output)
print(output)
sys.exit(0 if passed else 70)
