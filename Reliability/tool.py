#!/usr/bin/env python3
"""Mutated files through the built tool, one process a file.

    Reliability/tool.py FOLDER [--limit N]       FOLDER holds what `mutate files FOLDER COUNT` wrote

For any file the tool must end by itself with 0 or 65, within ten seconds of processor time and
512 MB, print nothing that a terminal must not see, and show none of its internals. Files that break
a promise are copied to .build-reliability/findings/tool.
"""

import argparse
import collections
import pathlib
import shutil
import sys
import tempfile
import time

import harness

VOLUME_WEIGHTS = harness.ROOT / "Tests/SegmentationTests/Fixtures/SynapseSet/weights.safetensors"


def command(path, out, weights):
    """The command line with which a user would open this file."""
    kind = path.name.split("-", 1)[1].rsplit(".", 1)[0].split(".")[0]
    if kind in ("pth", "pickle", "legacy", "safetensors"):
        return "convert", [path, out / "weights.safetensors"]
    if kind == "npy":
        return "predict", ["--weights", weights, "--raw", path, "--output", out / "logits.npy"]
    if kind in ("png", "jpeg", "bmp", "tiff", "exif"):
        return "predict", ["--weights", weights, path, "--output", out]
    return "predict", ["--weights", VOLUME_WEIGHTS, path, "--output", out]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--limit", type=int)
    options = parser.parse_args()
    findings = harness.ROOT / ".build-reliability/findings/tool"
    with tempfile.TemporaryDirectory(prefix="vmunet-tool-") as base:
        base = pathlib.Path(base)
        weights = harness.pictures_weights(base) / "checkpoints/best.safetensors"
        codes, faults, most, slowest, start = collections.Counter(), 0, 0, 0, time.monotonic()
        paths = sorted(options.folder.iterdir())[: options.limit]
        for i, path in enumerate(paths):
            out = base / "out"
            out.mkdir()
            name, arguments = command(path, out, weights)
            outcome = harness.run(name, *arguments, processor_limit=40)
            problems = outcome.faults()
            if outcome.code not in (0, 65):
                problems.append(f"ended with {outcome.code}: {outcome.error[-300:]!r}")
            if outcome.processor_seconds > 10:
                problems.append(f"took {outcome.processor_seconds:.0f} s")
            if outcome.memory > 512 << 20:
                problems.append(f"took {outcome.memory >> 20} MB")
            if outcome.code == 65 and any(p.is_file() for p in out.rglob("*") if p.name != "predictions.json"):
                problems.append(f"refused the file and left {[str(p) for p in out.rglob('*')]}")
            if problems:
                faults += 1
                findings.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, findings)
                print(f"FAULT {name} {path.name}: {'; '.join(problems)}", flush=True)
            codes[outcome.code] += 1
            most, slowest = max(most, outcome.memory), max(slowest, outcome.processor_seconds)
            shutil.rmtree(out)
            if i % 5000 == 4999:
                print(f"{i + 1} files, {faults} faults, {time.monotonic() - start:.0f} s", flush=True)
        print(
            f"{len(paths)} files, exit codes {dict(codes)}, {faults} faults, most {most >> 20} MB, slowest {slowest:.1f} s, "
            f"{time.monotonic() - start:.0f} s in all")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
