#!/usr/bin/env python3
"""Measures what hostile files cost the tool.

    Reliability/limits.py [--only WORD] [--hostile FOLDER]

Apart from the network's own passes, no file may take ten seconds of processor time, or more memory
than twice its honest content plus 256 MB. Nothing may end by a signal or print raw control
characters. FOLDER may hold more such files.
"""

import argparse
import itertools
import pathlib
import shutil
import sys
import tempfile
import time
import zlib

import harness
import hostile

GB = 1 << 30
MB = 1 << 20
VOLUME_WEIGHTS = harness.ROOT / "Tests/SegmentationTests/Fixtures/SynapseSet/weights.safetensors"


class Case:
    """One call. `honest`: bytes that the honest content needs; `passes`: seconds for the network."""

    def __init__(self, name, command, arguments, honest=0, codes=(65,), passes=0, memory_limit=None):
        self.name, self.command, self.arguments, self.honest, self.codes = name, command, arguments, honest, codes
        self.passes, self.memory_limit = passes, memory_limit

    def faults(self, outcome, base_memory):
        result = outcome.faults()
        if outcome.code not in self.codes:
            result.append(f"ended with {outcome.code} instead of {self.codes}: {outcome.error[-300:]!r}")
        if outcome.processor_seconds > 10 + self.passes:
            result.append(f"took {outcome.processor_seconds:.1f} s")
        # The memory that the program itself takes before reading anything does not count.
        allowed = 2 * self.honest + 256 * MB + base_memory
        if outcome.memory > allowed:
            result.append(f"took {outcome.memory >> 20} MB, {allowed >> 20} allowed")
        return result


def cases(base, run_folder):
    folder = base / "inputs"
    folder.mkdir()
    weights = run_folder / "checkpoints/best.safetensors"

    def put(name, data):
        (folder / name).write_bytes(data)
        return folder / name

    def volume(name, data, **options):
        return Case(name, "predict", ["--weights", VOLUME_WEIGHTS, put(name, data), "--output", base / "out", "--device", "cpu"], **options)

    def picture(name, data, **options):
        return Case(name, "predict", ["--weights", weights, put(name, data), "--output", base / "out", "--device", "cpu"], **options)

    def convert(name, data, **options):
        return Case(name, "convert", [put(name, data), base / "out.safetensors"], **options)

    def train(name, *arguments, **options):
        return Case(name, "train", ["--data", base / "discs", "--dataset", "folder", *arguments, "--run", base / "out-run"], **options)

    yield volume("symbols.h5", hostile.hdf5_many_symbols(4000, 4000, 200))
    yield volume("symbols_long.h5", hostile.hdf5_many_symbols(4, 4000, 65535))
    gigabyte = hostile.zeros(1023 * MB, zlib.compressobj(9))
    yield volume("chunk_bomb.h5", hostile.hdf5_chunked((1, 8, 8), (1023, 1024, 1024), gigabyte))
    # Honest, but larger than memory: must be an error, not an abort.
    scarce = {"memory_limit": GB, "codes": (65, 70), "honest": GB}
    yield volume("two_gigabytes.h5", hostile.hdf5_chunked((2046, 1024, 1024), (1023, 1024, 1024), gigabyte), **scarce)
    yield volume("half_gigabyte.nii.gz", hostile.nifti_gz((512, 512, 2047), slope=2), **scarce)
    yield volume("float_gigabyte.nii.gz", hostile.nifti_gz((1024, 1024, 255), 16, 4), **scarce)
    yield volume("gigabyte.npz", hostile.npz((255, 1024, 1024), 1020 * MB), **scarce)
    yield volume("flat.nii.gz", hostile.nifti_gz((32767, 32767, 1)), honest=GB, codes=(0, 65, 70), passes=60)
    yield volume("thin.nii.gz", hostile.nifti_gz((1, 1, 32767)))
    yield volume("line.nii.gz", hostile.nifti_gz((32767, 1, 1)))
    yield volume("late.nii.gz", hostile.nifti_gz((8, 8, 8), offset=2e9, padding=2000 * MB), codes=(0, 65))
    yield volume("members.nii.gz", hostile.gz(b"") * 200_000)
    yield volume("many_members.npz", hostile.many_members(60_000))
    yield convert("many_members.pth", hostile.many_members(60_000))
    yield convert("many_tensors.safetensors", hostile.many_tensors(300_000), codes=(0, 65))
    yield convert("integers.pth", hostile.pth(b"\x80\x02]q\x00(" + b"K\x01" * 5_000_000 + b"e."))
    yield convert("memo.pth", hostile.pth(b"\x80\x02" + b"".join(b"K\x01r" + i.to_bytes(4, "little") + b"0" for i in range(1_000_000)) + b"N."))
    yield volume("cut.nii.gz", hostile.nifti_gz((512, 512, 2047))[:2000])
    yield convert("deep.safetensors", hostile.deep_weights(96, 1000), codes=(0, 65))
    for name, data in (("deep", hostile.deep_weights(96, 1000)), ("wide", hostile.deep_weights(16384, 1))):
        yield Case(
            f"{name}.safetensors to predict", "predict",
            ["--weights", put(f"{name}_network.safetensors", data), base / "discs/val/images", "--output", base / "out", "--device", "cpu"])
    yield convert("nested_header.safetensors", len(b"[" * 900_000).to_bytes(8, "little") + b"[" * 900_000)
    yield convert("claims.safetensors", (1 << 62).to_bytes(8, "little") + b"{}")
    yield convert("deep_tuples.pth", hostile.pth(b"\x80\x02" + b"(" * 1_000_000 + b"t" * 1_000_000 + b"."))
    yield convert("deep_lists.pth", hostile.pth(b"\x80\x02" + b"]" * 1_000_000 + b"a" * 999_999 + b"."))
    yield convert("doubling.pth", hostile.pth(b"\x80\x02" + b"]q\x00" + b"(h\x00h\x00lq\x00" * 60 + b"."))
    yield convert("long.pth", hostile.pth(b"\x80\x02\x8b\xff\xff\xff\x7f" + bytes(100)))
    yield convert("escape.safetensors", hostile.safetensors({"\x1b[31mred\x07": [1], "\u2028": [2]}), codes=(0, 65))
    for scans in (1, 100):
        yield picture(f"arithmetic{scans}.jpg", hostile.jpeg(19999, 19999, scans, True))
        yield picture(f"progressive{scans}.jpg", hostile.jpeg(19999, 19999, scans, False, padding=790_000))
    yield picture("baseline_arithmetic.jpg", hostile.jpeg(19999, 19999, 1, True, is_progressive=False))
    yield picture("many_scans.jpg", hostile.jpeg(5999, 5999, 100, False, padding=80_000))
    yield picture("sound_scans.jpg", hostile.jpeg(8900, 8900, 100, False, is_sound=True), honest=700 * MB, codes=(0, 65))
    yield picture("tile.tif", hostile.tiled_tiff(1, 1, 4096, 4096, 64, 16))
    yield picture("samples.tif", hostile.tiled_tiff(16384, 16384, 1024, 1024, 64, 8))
    yield picture("claims.png", hostile.png(20000, 20000, zlib.compress(bytes(1000))))
    rows = hostile.zeros((12000 * 3 + 1) * 9000, zlib.compressobj(9))
    yield picture("zeros.png", hostile.png(12000, 9000, rows), honest=324 * MB, codes=(0, 65))
    yield picture("text.png", hostile.png_text(1000 * MB), codes=(0, 65))
    yield picture("strips.tif", hostile.tiff(20, 4_000_000, 1, 1, bytes(20)), honest=240 * MB, codes=(0, 65))
    yield picture("claims.tif", hostile.tiff(20000, 20000, 20000, 8, zlib.compress(bytes(1000))))
    yield picture("bomb.tif", hostile.tiff(1000, 1000, 1000, 8, hostile.zeros(1000 * MB, zlib.compressobj(9))), codes=(0, 65))
    yield picture("bits.tif", hostile.tiff(20000, 20000, 20000, 5, b"\x81\0" * 100))
    yield picture("listed.tif", hostile.tiff(20, 20, 1, 1, bytes(20), count=2_000_000))
    yield picture("runs.bmp", hostile.bmp_runs(20000, 19999, 100))
    yield picture("lines.bmp", hostile.bmp_runs(60000, 6000, 1_500_000), honest=1080 * MB, codes=(0, 65))
    # Texts
    for name, text in {
        "escape.yaml": b'"\\e[31mred\\x07": 1\n', "raw_escape.yaml": b"\x1b[31m: 1\n",
        "nested.yaml": b"[" * 500_000, "deep.yaml": b"? " * 200_000, "brackets.yaml": b"epochs: " + b"{a: " * 100_000,
        "aliases.yaml": b"a: &a [1,1]\n" + b"".join(b"%c: &%c [*%c,*%c]\n" % (98 + i, 98 + i, 97 + i, 97 + i) for i in range(24)),
        "large.yaml": b"a: " + b"b" * (2 << 20), "bytes.yaml": bytes(range(256)),
        "huge_number.yaml": b"epochs: 99999999999999999999999999\n",
    }.items():
        yield train(name, "--config", put(name, text))
    # Names that must not reach a terminal
    for name, path in (("a name", put("\x1b[31mred\x07.png", b"no picture")), ("a missing name", folder / "\x1b[2Jgone\n.png")):
        yield Case(f"{name} with escapes", "predict", ["--weights", weights, path, "--output", base / "out"])
    # One name too long for its results, in a folder of others
    names = folder / "names"
    names.mkdir()
    for name in ("a", "b" * 245):
        shutil.copy(base / "discs/val/images/disc_12.png", names / f"{name}.png")
    yield Case("a long name", "predict", ["--weights", weights, names, "--output", base / "out", "--overlay", "--device", "cpu"])
    yield train("escapes in --init", *harness.SMALLEST, "--init", put("keys.safetensors", hostile.safetensors({"\x1b[31mred\x07": [1]})))
    # A run's log of what is none
    for name, line in (("deep", b"[" * 500_000 + b"\n"), ("long", b'{"kind":"epoch","epoch":' + b"9" * 50_000_000 + b"}\n"),
                       ("many", b'{"epoch":1,"kind":"step","loss":1.5,"lr":0.001,"step":1}\n' * 200_000), ("escape", b'{"kind":"\x1b[31m"}\n')):
        copy = base / f"log-{name}"
        shutil.copytree(run_folder, copy)
        (copy / "metrics.jsonl").write_bytes(line)
        yield Case(f"log {name}", "report", [copy], codes=(0, 65))
    # Positions that lie
    last = (run_folder / "checkpoints/last.safetensors").read_bytes()
    big = 2**63 - 1
    for i, lies in enumerate((
            {"epoch": -1}, {"epoch": big}, {"epoch": 5, "step": -5}, {"epoch": 5, "step": big}, {"epoch": 5, "totalSteps": big},
            {"step": 1, "images": big}, {"lossSum": 1e308, "step": 2}, {"bestEpoch": -big}, {"validationLosses": [0.0] * 100_000},
            {"epoch": 0, "step": 3, "totalSteps": -3})):
        copy = base / f"lying-run-{i}"
        shutil.copytree(run_folder, copy)
        (copy / "checkpoints/last.safetensors").write_bytes(hostile.with_position(last, lies))
        yield Case(f"position {str(lies)[:60]}", "train", ["--run", copy, "--resume"], codes=(0, 65), passes=10)
    # More memory than there is
    large = [*harness.SMALLEST[:6], "--device", "cpu", "--batch-size", "64", "--image-size", "1024"]
    pictures = base / "discs/val/images"
    for megabytes in (300, 600, 1200):
        yield Case(
            f"a pass beyond {megabytes} MB", "predict",
            ["--weights", weights, pictures, "--output", base / "out", "--image-size", 4096, "--device", "cpu"],
            codes=(65, 70), memory_limit=megabytes * MB, honest=megabytes * MB, passes=30)
        yield Case(
            f"a batch beyond {megabytes} MB", "evaluate",
            ["--weights", weights, "--data", base / "discs", "--dataset", "folder", "--image-size", 2048, "--batch-size", 32],
            codes=(65, 70), memory_limit=megabytes * MB, honest=megabytes * MB, passes=30)
    for megabytes in (900, 1000, 1100, 1200, 1500):
        yield train(
            f"a network beyond {megabytes} MB", "--preset", "base", "--image-size", 64, "--batch-size", 8, "--device", "cpu", "--epochs", 1,
            codes=(0, 70), memory_limit=megabytes * MB, honest=megabytes * MB, passes=60)
    yield train("a batch beyond memory", *large, codes=(65, 70), memory_limit=2 * GB, honest=2 * GB, passes=30)


def foreign(folder, base, run_folder):
    """Cases for a folder of hostile files, chosen by their endings."""
    for path in sorted(folder.iterdir()):
        if path.suffix in (".h5", ".gz", ".npz", ".nii"):
            yield Case(path.name, "predict", ["--weights", VOLUME_WEIGHTS, path, "--output", base / "out"])
        elif path.suffix in (".jpg", ".png"):
            yield Case(path.name, "predict", ["--weights", run_folder / "checkpoints/best.safetensors", path, "--output", base / "out"])
        elif path.suffix == ".yaml":
            yield Case(path.name, "train", ["--data", base / "discs", "--dataset", "folder", "--config", path, "--run", base / "out-run"])
        elif path.suffix in (".pth", ".safetensors"):
            yield Case(path.name, "convert", [path, base / "out.safetensors"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="")
    parser.add_argument("--short", action="store_true", help="leave out files that take long to make or read")
    parser.add_argument("--hostile", type=pathlib.Path)
    options = parser.parse_args()
    base = pathlib.Path(tempfile.mkdtemp(prefix="vmunet-limits-"))
    try:
        run_folder = harness.pictures_weights(base)
        resting = {c: harness.run(c, "--help").memory for c in ("predict", "evaluate", "convert", "train", "report")}
        bad = count = 0
        start = time.monotonic()
        every = cases(base, run_folder)
        if options.hostile:
            every = itertools.chain(every, foreign(options.hostile, base, run_folder))
        for case in every:
            if options.only not in case.name or options.short and (case.honest or case.memory_limit):
                continue
            outcome = harness.run(case.command, *case.arguments, processor_limit=40, memory_limit=case.memory_limit)
            faults = case.faults(outcome, resting[case.command])
            for left in ("out", "out-run"):
                shutil.rmtree(base / left, ignore_errors=True)
            bad, count = bad + bool(faults), count + 1
            verdict = "ok" if not faults else "FAULT " + "; ".join(faults)
            line = (f"{case.name:40.40} {case.command:8} {outcome.code:4} {outcome.processor_seconds:6.2f} s "
                    f"{outcome.memory >> 20:6} MB  {verdict}")
            print(line.encode("unicode_escape").decode(), flush=True)
        print(f"{count} files, {bad} faults, {time.monotonic() - start:.0f} s")
    finally:
        shutil.rmtree(base, ignore_errors=True)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
