#!/usr/bin/env python3
"""One run on two hosts: slow, cut and lost links, killed hosts, a full disk. cluster.sh starts it.

    cases.py [--short] [--only NAME…]

Each failure must end the run on both hosts within a stated time and with a clear word; then `--resume` on two hosts must give the same bits as a
run that nothing disturbed. Without --short, failures come at many moments.
"""

import argparse
import json
import os
import pathlib
import random
import sys
import time

import hosts

sys.path.insert(0, str(hosts.HERE.parent))
import harness  # noqa: E402

BINARY = os.environ["VMUNET_MPI_BINARY"]
# Longer than Open MPI takes to end the other host's process, about 3 s: two calls to end the run at once make its mpirun wait.
PATIENCE = 6
# Seconds within which a run ends on both hosts. A lost host is noticed after PATIENCE seconds, and its mpirun ends 15 later.
KILLED, LOST, FULL = 30, PATIENCE + 15 + 20, 30


class Failed(Exception):
    """A promise that was not kept."""


def require(condition, words):
    if not condition:
        raise Failed(words)


class Cases:
    def __init__(self, folder, short):
        self.folder, self.short = folder, short
        epochs = 12 if short else 40
        self.count = 0
        self.data = harness.discs(folder / "discs")
        self.config = folder / "settings.yaml"
        self.config.write_text(f"{{epochs: {epochs}, ema_decay: 0.9, schedule: {{name: cosine_annealing, t_max: {epochs}}}}}\n")
        self.reference = None

    def new_run(self):
        self.count += 1
        return self.folder / f"run{self.count}"

    def train(self, run):
        return [BINARY, "train", "--config", self.config, "--data", self.data, "--dataset", "folder", *harness.SMALLEST, "--threads", "1",
                "--peer-timeout", PATIENCE, "--run", run]

    def resume(self, run):
        return [BINARY, "train", "--resume", "--threads", "1", "--peer-timeout", PATIENCE, "--run", run]

    def finish(self, cluster, arguments, both=True):
        running = cluster.mpirun(arguments, both=both)
        code = running.wait(120)
        require(code == 0, f"a run that nothing disturbs ended with {code}: {running.text()[-1500:]}")

    def expect_whole(self, run):
        """The run's result is the reference's, bit for bit."""
        for name in ("last", "best"):
            mine, whole = ((r / f"checkpoints/{name}.safetensors").read_bytes() for r in (run, self.reference))
            require(mine == whole, f"{name}.safetensors has other bits than the undisturbed run's")
        require(losses(run) == losses(self.reference), "other losses than the undisturbed run's")

    def disturb(self, cluster, seconds, harm, run=None, steps=None):
        """Starts a run on both hosts, harms it after some steps, and waits until it has ended on both. Returns the run and its output."""
        run = run or self.new_run()
        running = cluster.mpirun(self.train(run))
        steps = steps or 12
        limit = time.monotonic() + 60
        while lines(run) < steps:
            require(running.is_running() and time.monotonic() < limit, f"did not reach step {steps}: {running.text()[-1500:]}")
            time.sleep(0.002)
        harm(run)
        start = time.monotonic()
        code = running.wait(seconds)
        require(code is not None, f"mpirun has not ended {seconds} s after: {running.text()[-1500:]}")
        require(code != 0, "mpirun ended with 0")
        while cluster.processes(0) or cluster.processes(1):
            require(time.monotonic() - start < seconds, f"processes are left after {seconds} s: {[names(cluster, i) for i in range(2)]}")
            time.sleep(0.05)
        return run, running.text(), time.monotonic() - start

    # ---- cases

    def alike(self):
        """Two processes of one host, and one process on each of two, give the same bits."""
        with hosts.Hosts() as cluster:
            self.reference = self.new_run()
            self.finish(cluster, self.train(self.reference), both=False)
            run = self.new_run()
            self.finish(cluster, self.train(run))
            self.expect_whole(run)

    def slow(self):
        """So do hosts with 50 Mbit/s between them, and hosts 5 ms apart."""
        for settings in ({"rate": 50e6}, {"delay": 0.005}):
            with hosts.Hosts(**settings) as cluster:
                run = self.new_run()
                self.finish(cluster, self.train(run))
                self.expect_whole(run)

    def killed(self, steps=None):
        """Every process of a host is killed."""
        for index in range(2):
            with hosts.Hosts() as cluster:
                run, text, seconds = self.disturb(cluster, KILLED, lambda _: cluster.kill(index), steps=steps)
                # With host 0 goes mpirun, and everybody who could say something.
                if index == 1:
                    require("lost communication" in text or "signal 9" in text or "has not answered" in text, f"no clear word: {text[-1500:]}")
                self.finish(cluster, self.resume(run))
                self.expect_whole(run)
                tell(f"host {index} killed: ended after {seconds:.1f} s")

    def cut(self, steps=None):
        """The link's plug is pulled, and nobody is told."""
        for index in [1] if self.short else range(2):
            with hosts.Hosts() as cluster:
                run, text, seconds = self.disturb(cluster, LOST, lambda _: cluster.cut(index), steps=steps)
                require("has not answered for" in text and "--resume" in text, f"no clear word: {text[-1500:]}")
                cluster.mend(index)
                self.finish(cluster, self.resume(run))
                self.expect_whole(run)
                tell(f"link cut at host {index}: ended after {seconds:.1f} s")

    def full(self, steps=None):
        """The disk with the run's folder fills up."""
        disk = self.folder / "disk"
        disk.mkdir(exist_ok=True)
        hosts.command(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)])
        filler = disk / "filler"

        def fill(_):
            with open(filler, "wb", buffering=0) as file:
                try:
                    while True:
                        file.write(bytes(65536))
                except OSError:
                    pass

        try:
            with hosts.Hosts() as cluster:
                run, text, seconds = self.disturb(cluster, FULL, fill, run=disk / "run", steps=steps)
                require("No space left" in text and "disk's free space" in text, f"no clear word: {text[-1500:]}")
                filler.unlink()
                self.finish(cluster, self.resume(run))
                self.expect_whole(run)
                tell(f"disk full: ended after {seconds:.1f} s")
        finally:
            hosts.command(["umount", str(disk)])


def lines(run):
    try:
        return (run / "metrics.jsonl").read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def losses(run):
    events = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [(e["epoch"], e.get("step"), e.get("loss"), e.get("val_loss")) for e in events]


def names(cluster, index):
    """The names of a host's processes, without their arguments."""
    result = []
    for pid in cluster.processes(index):
        try:
            result.append(pathlib.Path(f"/proc/{pid}/comm").read_text().strip())
        except OSError:
            pass
    return result


def tell(words):
    print(f"cluster: {words}", file=sys.stderr, flush=True)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("folder", type=pathlib.Path)
    options.add_argument("--short", action="store_true")
    names = ["slow", "killed", "cut", "full"]
    options.add_argument("--only", nargs="+", choices=names, default=names)
    options = options.parse_args()
    # Gone with this process's mounts.
    hosts.command(["mount", "-t", "tmpfs", "tmpfs", str(options.folder)])
    cases, failures = Cases(options.folder, options.short), 0
    moments = [None] if options.short else random.Random(7).sample(range(4, 120), 10)
    for name in ["alike", *options.only]:
        for moment in moments if name in ("killed", "cut", "full") else [None]:
            start = time.monotonic()
            try:
                getattr(cases, name)(*([moment] if moment else []))
                tell(f"{name}: kept ({time.monotonic() - start:.0f} s)")
            except Failed as failure:
                failures += 1
                tell(f"{name}{f' at step {moment}' if moment else ''}: BROKEN: {failure}")
    sys.exit(1 if failures else 0)


main()
