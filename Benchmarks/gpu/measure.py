"""Measures parity, this package's times, the peer's and each kernel's share. Writes the report anew after each step, so that a machine that is taken
away leaves what it had measured. `gpu.sh` runs it and lists the options."""
import argparse, datetime, json, os, platform, shutil, subprocess, sys, tempfile, time

here = os.path.dirname(os.path.abspath(__file__))
root = os.path.dirname(os.path.dirname(here))
parser = argparse.ArgumentParser()
parser.add_argument("--tool", required=True)
parser.add_argument("--output")
parser.add_argument("--preset", choices=["base", "small", "tiny"])
parser.add_argument("--no-peer", action="store_true")
parser.add_argument("--no-graph", action="store_true")
parser.add_argument("--runs", type=int, default=20)
parser.add_argument("--seconds", type=float, default=float("inf"))
parser.add_argument("--steps", default="parity,times,kernels,memory")
parser.add_argument("--cpu-dry-run", action="store_true")
options = parser.parse_args()

started = time.monotonic()
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
    print(f"{time.monotonic() - started:4.0f} s  {text}", file=sys.stderr, flush=True)


class Failed(Exception):
    pass


def time_left():
    return options.seconds - (time.monotonic() - started)


def output_of(command):
    """Standard output and error of a command, which is stopped when the time is over."""
    limit = None if time_left() == float("inf") else max(time_left(), 1)
    try:
        done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        raise Failed("the time was over") from None
    return done


def run_json(command):
    """The JSON object that a command prints."""
    done = output_of(command)
    if done.returncode != 0 and not done.stdout.strip():
        lines = done.stderr.strip().splitlines() or ["no output"]
        for line in lines[-20:]:
            note(f"  {line}")
        raise Failed(f"status {done.returncode}: {lines[-1]}")
    return json.loads(done.stdout)


def ours(command, *arguments):
    return run_json([options.tool, command, "--device", device, "--preset", preset, *arguments])


class Peer:
    """peer.py, which stays: importing PyTorch takes longer than measuring a row."""

    def __init__(self):
        command = [sys.executable, os.path.join(here, "peer.py"), "--image-size", str(side), "--runs", str(runs), "--device", device, "--preset", preset]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def measure(self, train, precision, batch):
        try:
            self.process.stdin.write(json.dumps({"train": train, "precision": precision, "batch": batch}) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise Failed("peer.py ended: see its error above")
        answer = json.loads(line)
        if "error" in answer:
            raise Failed(answer["error"])
        return answer

    def close(self):
        self.process.stdin.close()
        self.process.terminate()


def as_a_graph(arguments):
    """Time and memory of `bench` with --compile-graph. On a CPU this checks only that the option is accepted; `--device cpu` would refuse it."""
    if options.no_graph:
        return ["–", "–"]
    try:
        found = ours("bench", *arguments, "--compile-graph", *(["--device", "auto"] if dry else []))
    except Failed as error:
        return [f"failed: {error}", "–"]
    if not found["compile_graph"]:
        return ["–", "–"]
    return [f"{found['median_seconds'] * 1e3:.2f} ms", f"{found['peak_memory_bytes'] / 1e9:.2f} GB"]


def first_line(command):
    try:
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.strip().splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return None


passed = True


def parity():
    """Yields the section's lines when they are whole, as the other steps do."""
    global passed
    found = run_json([options.tool, "parity", "--device", device, "--preset", preset, "--image-size", 32 if dry else 128, "--json"])
    passed = found["passed"]
    lines = [f"Reference: {found['reference']}. {'All rows are within their limits.' if passed else '**Not all rows are within their limits.**'}", "",
             *([f"**The network's work could not be recorded**: {found['failure']}", ""] if found.get("failure") else []),
             "| what | precision | forward | limit | worst gradient | limit | same bits twice |", "|---|---|---|---|---|---|---|"]
    number = lambda value: "–" if value is None else f"{value:.1e}"
    rows, gradients = [row for row in found["rows"] if row["kind"] != "gradients"], [row for row in found["rows"] if row["kind"] == "gradients"]
    worst = max(gradients, key=lambda row: (not row["isDeterministic"], row["gradient"] or 0), default=None)
    if worst:  # of hundreds of parameters, the worst says enough
        rows.insert(next((i for i, row in enumerate(rows) if row["kind"] == "recorded"), len(rows)), {**worst, "kind": f"gradients of all {len(gradients)} groups of parameters:", "name": "the worst"})
    for row in rows:
        forward, gradient = row.get("forward"), row.get("gradient")
        beyond = (forward or 0) > row["forwardLimit"] or (gradient or 0) > row["gradientLimit"]
        worst = f" ({row['worst']})" if row.get("worst") else ""
        lines.append(f"| {row['kind']} {row['name']}{' **beyond**' if beyond else ''} | {row['precision']} | {number(forward)} | "
                     f"{number(row['forwardLimit'] if forward is not None else None)} | {number(gradient)}{worst} | "
                     f"{number(row['gradientLimit'] if gradient is not None else None)} | {'yes' if row['isDeterministic'] else '**no**'} |")
        if beyond or not row["isDeterministic"]:
            note(lines[-1])
    note(f"parity: {'all' if passed else 'NOT all'} of {len(found['rows'])} rows within their limits; {found.get('failure') or 'recorded work runs'}")
    yield lines


def times():
    lines = ["| | precision | this package | images/s | peak memory | as a graph | peak memory | PyTorch | images/s | peak memory | × faster | graph × faster | goal |",
             "|---|---|---|---|---|---|---|---|---|---|---|---|---|"]
    end = ["", "Medians; each run waits for the device. Memory is the allocator's peak (on a CPU, the process's). \"As a graph\" is with --compile-graph."]
    peer = None if options.no_peer else Peer()
    scan = None
    for name, train, batch, precision, goal, memory in ROWS:
        arguments = ["--image-size", side, "--batch-size", batch, "--runs", runs, "--warm-up", 1 if dry else 5, "--precision", precision, "--json",
                     *(["--train"] if train else [])]
        cells, seconds = ["–"] * 3, None
        try:
            mine = ours("bench", *arguments)
            seconds = mine["median_seconds"]
            cells = [f"{seconds * 1e3:.2f} ms", f"{mine['images_per_second']:.1f}", f"{mine['peak_memory_bytes'] / 1e9:.2f} GB"]
        except Failed as error:
            cells[0] = f"failed: {error}"
        graph = as_a_graph(arguments)
        cells += graph
        theirs = None
        if peer:
            try:
                theirs = peer.measure(train, precision, batch)
                scan = theirs["scan"]
                cells += [f"{theirs['median_seconds'] * 1e3:.2f} ms", f"{theirs['images_per_second']:.1f}", f"{theirs['peak_memory_bytes'] / 1e9:.2f} GB"]
            except Failed as error:
                cells += [f"failed: {error}", "–", "–"]
        else:
            cells += ["–"] * 3
        for mine in [seconds, float(graph[0].split()[0]) / 1e3 if graph[0].endswith(" ms") else None]:
            cells.append(f"{theirs['median_seconds'] / mine:.2f}" if theirs and mine else "–")
        wanted = f"≥ {goal}" + (f", ≤ {memory} GB" if memory else "")
        lines.append(f"| {name}, {side}×{side}, batch {batch} | {precision} | " + " | ".join(cells) + f" | {wanted} |")
        note(lines[-1])
        told = f" The peer is the network of `Tests/Oracle/oracle.py`, eager, with fused AdamW where there is a GPU, TF32 off. Its scan: {scan}." if scan else ""
        yield lines + [end[0], end[1] + told]
    if peer:
        peer.close()


def kernels():
    lines = ["Least bytes count inputs, results and gradients once each, so 100 % is the time of copying them. Maps are B×H×W×channels of the stage. "
             "Backward is the time of both passes minus forward's."]
    for precision in ["bf16", "fp32"]:
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
            note(lines[-1])
        yield lines


def memory():
    """A training step under compute-sanitizer, which finds accesses outside of arrays."""
    sanitizer = shutil.which("compute-sanitizer") or ("/usr/local/cuda/bin/compute-sanitizer" if os.path.exists("/usr/local/cuda/bin/compute-sanitizer") else None)
    if dry or not sanitizer:
        yield ["compute-sanitizer is not here."]
        return
    lines = []
    for precision in ["fp32", "bf16"]:
        done = output_of([sanitizer, "--tool", "memcheck", "--error-exitcode", "9", options.tool, "bench", "--device", "cuda", "--preset", "tiny", "--train",
                          "--image-size", "32", "--batch-size", "2", "--runs", "1", "--warm-up", "0", "--precision", precision, "--json"])
        said = [line.strip("= ") for line in (done.stdout + done.stderr).splitlines() if line.startswith("=====")]
        lines.append(f"- compute-sanitizer, memcheck, a training step of the tiny network at 32×32, {precision}: status {done.returncode}, {said[-1] if said else 'no word'}")
        note(lines[-1])
        for line in said[:12] if done.returncode else []:
            note(f"  {line}")
        yield lines


def facts():
    import torch
    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else f"no GPU, {platform.machine()}"
    driver = first_line(["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"])
    revision = first_line(["git", "-C", root, "rev-parse", "--short", "HEAD"])
    return (f"{gpu}; torch {torch.__version__}" + (f", CUDA {torch.version.cuda}" if torch.version.cuda else "") + (f", driver {driver}" if driver else "")
            + (f"; revision {revision}" if revision else "") + f"; {datetime.date.today().isoformat()}. Model: {preset}.")


BY_HAND = "<!-- From here on: written by hand, and kept. -->"


def by_hand():
    try:
        with open(output) as file:
            text = file.read()
    except OSError:
        return ""
    return text[text.index(BY_HAND):] if BY_HAND in text else ""


def write(sections):
    kept = by_hand()
    report = ["# On an NVIDIA GPU", ""]
    if dry:
        report += ["**A dry run on a CPU: no number here says anything about a GPU.**", ""]
    report += [about, "", "Written by `Benchmarks/gpu.sh`, all in one run."]
    for title, lines in sections.items():
        report += ["", f"## {title}", "", *lines]
    os.makedirs(os.path.dirname(os.path.abspath(output)), exist_ok=True)
    with open(output + ".new", "w") as file:
        file.write("\n".join(report) + "\n" + ("\n" + kept if kept else ""))
    os.replace(output + ".new", output)


STEPS = {"parity": ("Parity", parity), "times": ("Times", times), "kernels": ("Each operator against its floors", kernels), "memory": ("Memory", memory)}
about, sections, failed = facts(), {}, False
for step in options.steps.split(","):
    title, work = STEPS[step]
    note(title.lower())
    try:
        for lines in work():
            sections[title] = lines
            write(sections)
    except Failed as error:
        failed = True
        note(f"{title}: failed: {error}")
        sections[title] = sections.get(title, []) + ["", f"**Failed**: {error}"]
        write(sections)
print(output)
sys.exit(0 if passed and not failed else 70)
