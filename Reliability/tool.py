#!/usr/bin/env python3
"""Mutated files through the built tool.

    Reliability/tool.py [--count N] [--seed S] [--batch N]     goes on where the last run with this seed ended

Whatever the file, the tool ends by itself with 0 or 65 within ten seconds of processor time and
512 MB, says nothing that a terminal must not see, shows nothing of its inside, and leaves nothing of
a file that it refused. With --batch, `predict` gets folders of N pictures or volumes, and each file
of a folder has its result or counts as refused; a folder that breaks a promise is given again file
by file. Files that break a promise are copied to .build-reliability/findings/tool.
What all runs came to, a line a stretch, is in .build-reliability/tool.tsv: seed, first input, inputs, files
given to the tool, faults, seconds. Needs the `mutate` that mutate.sh builds, or VMUNET_MUTATE.
"""

import argparse
import collections
import os
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import harness

TOTALS = harness.WORK / "tool.tsv"
MUTATE = os.environ.get("VMUNET_MUTATE", harness.ROOT / ".build-reliability/swift/plain/release/mutate")
VOLUME_WEIGHTS = harness.ROOT / "Tests/SegmentationTests/Fixtures/SynapseSet/weights.safetensors"
STRETCH = 500
PICTURES = ("png", "jpeg", "bmp", "tiff", "exif")
# A folder of DICOM files would be one series.
VOLUMES = ("nifti", "nifti-gz", "nrrd", "metaimage", "hdf5", "npz")


def kind_of(path):
    return path.name.split("-", 1)[1].split(".")[0]


def batches(paths, size):
    """Groups of files that one call can take: up to `size` pictures or volumes, or one other file."""
    groups = {PICTURES: [], VOLUMES: []}
    for path in paths:
        group = next((g for kinds, g in groups.items() if kind_of(path) in kinds), None)
        if group is None or size < 2:
            yield [path]
            continue
        group.append(path)
        if len(group) == size:
            yield list(group)
            group.clear()
    yield from (group for group in groups.values() if group)


def is_given(path):
    """A user cannot give lists of keys as files. Settings go to the tool with libtorch, which takes long to start: one in ten."""
    kind = kind_of(path)
    return kind != "keys" and (kind not in ("yaml", "grid") or int(path.name.split("-")[0]) // 20 % 10 == 0)


class Tool:
    """What every call needs beside its file."""

    def __init__(self, base):
        self.base = base
        self.run_folder = harness.pictures_weights(base)
        self.weights = self.run_folder / "checkpoints/best.safetensors"

    def command(self, path, out):
        """The command line that a user would give this file to."""
        kind = kind_of(path)
        if kind in ("pth", "pickle", "legacy", "safetensors"):
            return "convert", [path, out / "weights.safetensors"]
        if kind == "npy":
            return "predict", ["--weights", self.weights, "--raw", path, "--output", out / "logits.npy"]
        if kind in PICTURES:
            return "predict", ["--weights", self.weights, path, "--output", out]
        if kind == "yaml":
            # A sound configuration ends at the data that are not there.
            return "train", ["--config", path, "--data", self.base / "missing", "--run", out / "run"]
        if kind == "grid":
            return "ablate", ["--config", path, "--runs", out / "runs"]
        if kind == "run":
            shutil.copytree(self.run_folder, out / "run")
            shutil.copy(path, out / "run/metrics.jsonl")
            return "report", [out / "run"]
        return "predict", ["--weights", VOLUME_WEIGHTS, path, "--output", out]

    def problems(self, paths):
        """One call for one file, or for a folder of several."""
        out = self.base / "out"
        out.mkdir()
        given, path = set(), paths[0]
        if len(paths) > 1:
            path = self.base / f"batch-{paths[0].name}"
            path.mkdir()
            for file in paths:
                os.link(file, path / file.name)
            weights = self.weights if kind_of(paths[0]) in PICTURES else VOLUME_WEIGHTS
            name, arguments = "predict", ["--weights", weights, path, "--output", out]
        else:
            name, arguments = self.command(path, out)
            given = set(out.rglob("*"))
        outcome = harness.run(name, *arguments, processor_limit=40)
        found = outcome.faults()
        # Settings that name no data set ask for the option.
        if outcome.code not in (0, 65) and not (outcome.code == 64 and b"--data is needed" in outcome.error):
            found.append(f"ended with {outcome.code}: {outcome.error[-300:]!r}")
        if outcome.processor_seconds > 10:
            found.append(f"took {outcome.processor_seconds:.0f} s")
        if outcome.memory > 512 << 20:
            found.append(f"took {outcome.memory >> 20} MB")
        left = [str(p) for p in out.rglob("*") if p.is_file() and p not in given and p.name != "predictions.json"]
        if len(paths) > 1:
            found += self.uncounted(paths, out, left, outcome)
            shutil.rmtree(path)
        # A run's folder is there before its data are looked at; what it was told stays.
        elif outcome.code == 65 and left and name not in ("train", "ablate"):
            found.append(f"refused the file and left {left}")
        shutil.rmtree(out)
        return name, outcome, found

    def uncounted(self, paths, out, left, outcome):
        """Faults of a batch: predictions.json tells of each file once, and of every file that was written."""
        try:
            records = json.loads((out / "predictions.json").read_text())
        except OSError:
            return [f"told nothing of {len(paths)} files"]
        result = []
        told = collections.Counter(pathlib.Path(record["input"]).name for record in records)
        if told != collections.Counter(path.name for path in paths):
            result.append(f"told {sorted(told)} of {sorted(path.name for path in paths)}")
        written = {pathlib.Path(file).name for record in records for file in record["files"]}
        # The folder's lists of classes are nobody's result.
        left = {name for name in (pathlib.Path(file).name for file in left) if not name.startswith("labels.")}
        if written != left:
            result.append(f"told of {sorted(written)}, left {sorted(left)}")
        if any(("error" in record) == bool(record["files"]) for record in records):
            result.append("a file has neither result nor error, or both")
        if (outcome.code == 65) != any("error" in record for record in records):
            result.append(f"ended with {outcome.code}")
        return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=1)
    options = parser.parse_args()
    findings = harness.WORK / "findings/tool"
    folders = ":".join(str(harness.ROOT / name) for name in ("Tests", "Reliability/Seeds", "docs"))
    seeds = {"VMUNET_SEEDS": folders, **os.environ}
    lines = [line.split("\t") for line in TOTALS.read_text().splitlines()] if TOTALS.exists() else []
    first = max((int(line[1]) + int(line[2]) for line in lines if int(line[0]) == options.seed), default=0)
    end, faults = first + options.count, 0
    with tempfile.TemporaryDirectory(prefix="vmunet-tool-") as base:
        base = pathlib.Path(base)
        tool = Tool(base)
        codes, most, slowest = collections.Counter(), 0, 0
        while first < end:
            start, count, bad = time.monotonic(), min(STRETCH, end - first), 0
            files = base / "files"
            subprocess.run([MUTATE, "files", files, str(count), str(options.seed), str(first)], check=True, env=seeds)
            paths = [p for p in sorted(files.iterdir()) if is_given(p)]
            for batch in batches(paths, options.batch):
                name, outcome, found = tool.problems(batch)
                codes[outcome.code] += 1
                most, slowest = max(most, outcome.memory), max(slowest, outcome.processor_seconds)
                if not found:
                    continue
                findings.mkdir(parents=True, exist_ok=True)
                alone = {path: tool.problems([path])[2] for path in batch} if len(batch) > 1 else {batch[0]: found}
                broken = {path: words for path, words in alone.items() if words} or {path: found for path in batch}
                bad += len(broken)
                for path, words in broken.items():
                    shutil.copy(path, findings / f"{options.seed}-{path.name}")
                    print(f"FAULT {name} {path.name}: {'; '.join(words)}".encode("unicode_escape").decode(), flush=True)
            shutil.rmtree(files)
            # The number of files that were given to the tool, and the number of inputs that stood
            # for them.
            with TOTALS.open("a") as totals:
                totals.write(f"{options.seed}\t{first}\t{count}\t{len(paths)}\t{bad}\t{time.monotonic() - start:.0f}\n")
            first, faults = first + count, faults + bad
    given = [line.split("\t") for line in TOTALS.read_text().splitlines()]
    print(f"exit codes of the calls {dict(codes)}, {faults} faults, most {most >> 20} MB, slowest {slowest:.1f} s")
    print(f"all runs: {sum(int(line[3]) for line in given)} files, {sum(int(line[4]) for line in given)} faults")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
