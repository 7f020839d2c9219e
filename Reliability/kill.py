#!/usr/bin/env python3
"""Kills commands that write, runs them again, and compares with an undisturbed run bit for bit.

    Reliability/kill.py [--kills 1000] [--seed 1] [--commands train,ablate,predict,convert,report]

A trial kills one command one to three times, then lets it finish. A kill's moment is one of three
kinds: a random time; when a temporary file appears beside its target; when a random number of files
exists. Afterwards every result must equal the undisturbed run's, with no file missing or left over.
"""

import argparse
import json
import pathlib
import random
import shutil
import sys
import tempfile
import time

import harness
from harness import Running, expect_done, run

# Durations may differ from run to run; nothing else may.
DURATIONS = {"seconds", "train_seconds", "images_per_second", "duration", "started", "finished", "date", "time"}


def without_durations(value):
    if isinstance(value, dict):
        return {k: without_durations(v) for k, v in value.items() if k not in DURATIONS}
    if isinstance(value, list):
        return [without_durations(v) for v in value]
    return value


def canonical(path):
    """A file's content without durations."""
    data = path.read_bytes()
    try:
        if path.suffix == ".json":
            return without_durations(json.loads(data))
        if path.suffix == ".jsonl":
            return [without_durations(json.loads(line)) for line in data.splitlines()]
    except ValueError:
        return data
    return data


def files(folder, ignored=()):
    return {
        str(p.relative_to(folder)): p for p in sorted(folder.rglob("*"))
        if p.is_file() and not any(p.match(pattern) for pattern in ignored)
    }


class Train:
    name = "train"
    ignored = ("events.out.*", "environment.json")

    def __init__(self, base):
        self.data = harness.discs(base / "discs")
        self.config = base / "train.yaml"
        self.config.write_text("{epochs: 3, ema_decay: 0.9, schedule: {name: cosine_annealing, t_max: 3}}\n")

    def arguments(self, trial):
        out = trial / "out"
        if (out / "config.yaml").exists():
            return ["--resume", "--run", out]
        return ["--config", self.config, "--data", self.data, "--dataset", "folder", *harness.SMALLEST, "--run", out]


class Ablate:
    name = "ablate"
    ignored = ("events.out.*", "environment.json")

    def __init__(self, base):
        data = harness.discs(base / "discs")
        self.config = base / "grid.yaml"
        self.config.write_text(
            f"base:\n  data: {{path: {data}, dataset: folder, image_size: 32}}\n"
            "  network: {dims: [8, 16, 32, 64], depths: [1, 1, 1, 1], decoder_depths: [1, 1, 1, 1]}\n"
            "  epochs: 2\n  batch_size: 4\n  device: cpu\naxes:\n  network.drop_path: [0.0, 0.2]\n")

    def arguments(self, trial):
        return ["--config", self.config, "--runs", trial / "out"]


class Predict:
    name = "predict"
    ignored = ()

    def __init__(self, base):
        self.weights = harness.pictures_weights(base) / "checkpoints/best.safetensors"
        self.pictures = base / "discs/train/images"

    def arguments(self, trial):
        # A relative path, so that no path in a result names the trial.
        return ["--weights", self.weights, self.pictures, "--output", "out", "--overlay", "--probabilities", "--device", "cpu"]


class Convert:
    name = "convert"
    ignored = ()

    def __init__(self, base):
        self.weights = harness.pictures_weights(base) / "checkpoints/best.safetensors"

    def arguments(self, trial):
        (trial / "out").mkdir(exist_ok=True)
        return [self.weights, "out/weights.pth"]


class Report:
    name = "report"
    ignored = ()

    def __init__(self, base):
        self.run = harness.pictures_weights(base)

    def arguments(self, trial):
        # The run is copied once; the page is written into it.
        if not (trial / "out").exists():
            shutil.copytree(self.run, trial / "out")
            for page in (trial / "out").glob("*.html"):
                page.unlink()
        return ["out"]


COMMANDS = {c.name: c for c in (Train, Ablate, Predict, Convert, Report)}


class Campaign:
    def __init__(self, base, seed):
        self.base, self.random = base, random.Random(seed)
        self.faults = 0
        self.counts = {}

    def fault(self, command, trial, what):
        self.faults += 1
        kept = self.base / f"fault-{self.faults}-{command.name}"
        if trial and trial.exists():
            shutil.copytree(trial, kept)
        print(f"FAULT {command.name}: {what}; its folder is kept in {kept}", flush=True)

    def undisturbed(self, command):
        trial = self.base / f"{command.name}-undisturbed"
        trial.mkdir()
        arguments = command.arguments(trial)
        outcome = expect_done(run(command.name, *arguments, cwd=trial), command.name)
        found = files(trial, command.ignored)
        return {name: canonical(path) for name, path in found.items()}, outcome.seconds

    def wait_for_moment(self, running, trial, seconds, reached):
        """Waits for a random moment of the process; false if it ends before."""
        kind = self.random.random()
        if kind < 0.5:
            end = time.monotonic() + self.random.random() * seconds * 1.05
            while time.monotonic() < end:
                if running.is_over():
                    return False
                time.sleep(min(0.002, max(0, end - time.monotonic())))
            return not running.is_over()
        wanted = self.random.randrange(1, max(2, reached)) if kind >= 0.8 else self.random.randrange(1, 6)
        seen, before = 0, set()
        while not running.is_over():
            now = {str(p) for p in trial.rglob("*")} if trial.exists() else set()
            if kind >= 0.8:
                if len(now) >= wanted:
                    return True
            else:
                temporary = {p for p in now if p.endswith(".tmp")}
                seen += len(temporary - before)
                before = temporary
                if seen >= wanted:
                    return True
            time.sleep(0.0003)
        return False

    def trial(self, command, expected, seconds, kills_left):
        trial = self.base / f"{command.name}-trial"
        shutil.rmtree(trial, ignore_errors=True)
        trial.mkdir()
        kills = 0
        for _ in range(min(self.random.choice([1, 1, 2, 3]), kills_left)):
            running = Running(command.name, *command.arguments(trial), cwd=trial)
            if self.wait_for_moment(running, trial, seconds, len(expected)):
                running.kill()
                outcome = running.outcome(600)
                if outcome.signal == 9:
                    kills += 1
                    continue
            outcome = running.outcome(1200)
            if outcome.code != 0:
                self.fault(command, trial, f"ended with {outcome.code} before it was killed: {outcome.error[-400:]!r}")
                return kills
        outcome = run(command.name, *command.arguments(trial), cwd=trial)
        if outcome.code != 0 or outcome.timed_out:
            self.fault(command, trial, f"after {kills} kills ended with {outcome.code}: {outcome.error[-400:]!r}")
            return kills
        found = files(trial, command.ignored)
        missing, left = expected.keys() - found.keys(), found.keys() - expected.keys()
        if missing or left:
            self.fault(command, trial, f"after {kills} kills: missing {sorted(missing)}, left over {sorted(left)}")
            return kills
        different = [name for name, path in found.items() if canonical(path) != expected[name]]
        if different:
            self.fault(command, trial, f"after {kills} kills these differ: {different}")
        return kills

    def run(self, names, kills):
        share, start = -(-kills // len(names)), time.monotonic()
        for name in names:
            command = COMMANDS[name](self.base)
            expected, seconds = self.undisturbed(command)
            done = trials = 0
            while done < share and trials < 20 * share:
                done += self.trial(command, expected, seconds, share - done)
                trials += 1
            self.counts[name] = done
            print(f"{name}: {done} kills in {trials} trials, {len(expected)} files each, {seconds:.2f} s undisturbed", flush=True)
        print(f"{sum(self.counts.values())} kills, {self.faults} faults, {time.monotonic() - start:.0f} s")
        return self.faults == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--commands", default=",".join(COMMANDS))
    options = parser.parse_args()
    base = pathlib.Path(tempfile.mkdtemp(prefix="vmunet-kill-"))
    good = Campaign(base, options.seed).run(options.commands.split(","), options.kills)
    if good:
        shutil.rmtree(base)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
