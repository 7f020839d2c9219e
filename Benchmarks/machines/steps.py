"""Runs training on one or two processes and times its steps."""

import os
import pathlib
import shlex
import statistics
import struct
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
for folder in (ROOT / "Reliability/cluster", ROOT / "Reliability"):
    sys.path.insert(0, str(folder))
import harness  # noqa: E402
import hosts  # noqa: E402

BINARY = os.environ.get("VMUNET_MPI_BINARY", ROOT / ".build-mpi/release/vmunet-train")


def set_of_pictures(folder, count, size=256):
    """`count` pictures to train on, copies of a few, and two to validate."""
    harness.discs(folder, training=4, validation=2, size=size)
    for kind in ("images", "masks"):
        files = sorted((folder / "train" / kind).iterdir())
        for i in range(4, count):
            os.link(files[i % 4], files[0].parent / f"disc_x{i:03}.png")
    return folder


def arguments(data, run, preset, batch, threads):
    """One epoch from random weights, with augmentation. The curves' file has the time of every step."""
    return [BINARY, "train", "--data", data, "--dataset", "folder", "--preset", preset, "--image-size", 256, "--batch-size", batch, "--epochs", 1,
            "--device", "cpu", "--threads", threads, "--run", run]


def times(run):
    """Seconds between the ends of successive steps."""
    (file,) = run.glob("**/events.out.tfevents.*")
    data, at, ends = file.read_bytes(), 0, {}
    while at + 12 <= len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        event = data[at + 12:at + 12 + length]
        at += 16 + length
        # wall_time is field 1, a double; step is field 2; a summary, field 5, is a scalar.
        if b"\x2a" not in event or event[0] != 9 or event[9] != 16:
            continue
        step, shift = 0, 0
        for byte in event[10:]:
            step |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        ends.setdefault(step, struct.unpack_from("<d", event, 1)[0])
    order = [ends[step] for step in sorted(ends)]
    return [b - a for a, b in zip(order, order[1:])]


def settled(run, first=2, last=1):
    """The median step's seconds. The first steps fill caches and connections, and the last is near the validation."""
    return statistics.median(times(run)[first:-last])


def here(line, processes, environment=()):
    """Runs a training on this host, with one or several processes. Returns its messages."""
    line = [str(a) for a in line]
    if processes > 1:
        line = ["mpirun", "-n", str(processes), *line]
    # Within a host MPI chooses its way itself, shared memory.
    settings = {key: value for key, value in hosts.MPI.items() if key != "OMPI_MCA_btl"}
    done = subprocess.run(line, env={**os.environ, **settings, **dict(environment)}, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{shlex.join(line)} ended with {done.returncode}: {done.stderr[-1500:]}")
    return done.stderr
