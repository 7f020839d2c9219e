"""Shared by kill.py, tool.py and limits.py: runs the built tool under supervision, and makes small inputs.

Needs only Python's standard library.

VMUNET_BINARY        the built tool; vmunet-train and vmunet-report are looked for beside it
VMUNET_LIGHT_BINARY  the tool without libtorch, for the commands that it has: it starts faster
VMUNET_LIBRARY_PATH  the folder of libtorch
VMUNET_CAMPAIGN      where counts and findings go instead of .build-reliability
"""

import os
import pathlib
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unicodedata
import zlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORK = pathlib.Path(os.environ.get("VMUNET_CAMPAIGN", ROOT / ".build-reliability"))
# A command counts as hung after so many seconds by the clock. Its work is limited by processor time
# instead, because at the lowest priority a command of one second may wait for an hour.
PATIENCE = 10_800
# A network as small as can be, on pictures of 32×32.
SMALLEST = [
    "--dims", "8,16,32,64", "--depths", "1,1,1,1", "--decoder-depths", "1,1,1,1",
    "--image-size", "32", "--batch-size", "4", "--device", "cpu",
]


def binary(command):
    """The executable that offers a command."""
    tool = pathlib.Path(os.environ.get("VMUNET_LIGHT_BINARY") or os.environ.get("VMUNET_BINARY", ROOT / ".build/release/vmunet"))
    special = {"train": "vmunet-train", "ablate": "vmunet-train", "report": "vmunet-report"}.get(command)
    if special and (tool.parent / special).exists():
        return str(tool.parent / special)
    if not tool.exists():
        sys.exit(f"{tool} is missing: build it, or name it in VMUNET_BINARY")
    return str(tool)


def environment():
    result = dict(os.environ, OMP_NUM_THREADS="1", SWIFT_BACKTRACE="enable=no")
    if "VMUNET_LIBRARY_PATH" in os.environ:
        result["LD_LIBRARY_PATH"] = os.environ["VMUNET_LIBRARY_PATH"]
    return result


class Outcome:
    """A finished process: its exit code or signal, its output, the time and memory it took."""

    def __init__(self, status, usage, seconds, output, error):
        self.code = os.waitstatus_to_exitcode(status)
        self.signal = -self.code if self.code < 0 else None
        self.processor_seconds = usage.ru_utime + usage.ru_stime
        self.memory = usage.ru_maxrss << 10
        self.seconds = seconds
        self.output = output
        self.error = error
        self.timed_out = False

    def faults(self):
        """The promises that this call broke, of those that hold for every call."""
        result = []
        if self.signal == signal.SIGXCPU:
            result.append(f"took {self.processor_seconds:.0f} s of processor time")
        elif self.timed_out:
            result.append(f"hung for {self.seconds:.0f} s")
        elif self.signal:
            result.append(f"ended by signal {self.signal}: {self.error[-300:]!r}")
        elif self.code not in (0, 64, 65, 69, 70, 130):
            result.append(f"ended with {self.code}")
        text = (self.output + self.error).decode("utf-8", "replace")
        # A carriage return is fine: progress lines use it.
        controls = {c for c in text if unicodedata.category(c) == "Cc" and c not in "\n\r\t"}
        if controls:
            result.append(f"printed control characters {controls!r}: {text[:300]!r}")
        for trace in ("Fatal error", ".swift:", "c10::", "vmunet::", "Error Domain", "(null)", "Fault(", "std::", "NSCocoaError"):
            if trace in text:
                result.append(f"shows internals ({trace}): {text[-400:]!r}")
        return result


class Running:
    """A running process. Its output goes to files, so it never waits for a reader."""

    def __init__(self, command, *arguments, cwd=None, memory_limit=None, processor_limit=120):
        self.output, self.error = tempfile.TemporaryFile(), tempfile.TemporaryFile()

        def limit():
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_CPU, (processor_limit, processor_limit + 5))
            if memory_limit:
                resource.setrlimit(resource.RLIMIT_AS, (memory_limit, memory_limit))

        self.start = time.monotonic()
        self.process = subprocess.Popen(
            [binary(command), command, *map(str, arguments)], cwd=cwd, env=environment(), stdin=subprocess.DEVNULL,
            stdout=self.output, stderr=self.error, preexec_fn=limit)
        self.status = None

    def is_over(self):
        if self.status is None:
            pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
            if pid:
                self.status, self.usage = status, usage
                self.process.returncode = os.waitstatus_to_exitcode(status)
        return self.status is not None

    def kill(self):
        if not self.is_over():
            os.kill(self.process.pid, signal.SIGKILL)

    def outcome(self, timeout=None):
        timed_out = False
        pause = 0.0005
        while not self.is_over():
            if timeout and not timed_out and time.monotonic() - self.start > timeout:
                timed_out = True
                self.kill()
            time.sleep(pause)
            pause = min(pause * 1.3, 0.02)
        for file in (self.output, self.error):
            file.seek(0)
        result = Outcome(self.status, self.usage, time.monotonic() - self.start, self.output.read(), self.error.read())
        result.timed_out = timed_out
        self.output.close()
        self.error.close()
        return result


def run(command, *arguments, timeout=PATIENCE, **options):
    """Runs a command to its end. The limit is on processor time: on a busy machine seconds take longer."""
    return Running(command, *arguments, **options).outcome(timeout)


def expect_done(outcome, what):
    if outcome.code != 0:
        sys.exit(f"{what} ended with {outcome.code}: {outcome.error.decode(errors='replace')[-2000:]}")
    return outcome


def png(path, width, height, channels, pixel):
    """Writes an 8-bit PNG; `pixel(x, y)` gives a tuple of `channels` values."""
    rows = b"".join(b"\0" + bytes(v for x in range(width) for v in pixel(x, y)) for y in range(height))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0 if channels == 1 else 2, 0, 0, 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def disc(folder, name, index, size=32):
    """A dark disc on light ground in folder/images, and its mask in folder/masks."""
    cx, cy, r = size * (0.35 + 0.3 * (index * 37 % 10) / 10), size * (0.35 + 0.3 * (index * 53 % 10) / 10), size * (0.2 + index % 5 / 50)

    def inside(x, y):
        return (x - cx) ** 2 + (y - cy) ** 2 < r * r

    def noise(x, y):
        return (x * 7919 + y * 104729 + index * 1299709) % 31

    png(folder / "images" / f"{name}.png", size, size, 3,
        lambda x, y: tuple(c + noise(x, y) for c in ((90, 50, 40) if inside(x, y) else (220, 180, 160))))
    png(folder / "masks" / f"{name}.png", size, size, 1, lambda x, y: (255 if inside(x, y) else 0,))


def discs(folder, training=12, validation=6, size=32):
    for i in range(training + validation):
        disc(folder / ("train" if i < training else "val"), f"disc_{i:02}", i, size)
    return folder


def nifti(path, shape, value):
    """Writes float32 NIfTI-1; `value(x, y, z)`, shape (columns, rows, slices)."""
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, *shape, 1, 1, 1, 1)
    struct.pack_into("<hh", header, 70, 16, 32)
    struct.pack_into("<8f", header, 76, 1, 1, 1, 1, 1, 1, 1, 1)
    struct.pack_into("<fff", header, 108, 352, 1, 0)
    header[344:348] = b"n+1\0"
    columns, rows, slices = shape
    values = [value(x, y, z) for z in range(slices) for y in range(rows) for x in range(columns)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(header) + struct.pack(f"<{len(values)}f", *values))


def pictures_weights(folder):
    """Trains a tiny network on pictures for one epoch; returns the weights and the run's folder."""
    run_folder = folder / "seed-run"
    discs(folder / "discs")
    if not (run_folder / "checkpoints/best.safetensors").exists():
        expect_done(run("train", "--data", folder / "discs", "--dataset", "folder", "--epochs", 1, *SMALLEST, "--run", run_folder), "train")
    return run_folder
