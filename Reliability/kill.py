#!/usr/bin/env python3
"""Kills commands that write, runs them again, and compares with an undisturbed run bit for bit.

    Reliability/kill.py [--kills 1000] [--seed S] [--commands train,ablate,predict,convert,report]

A trial is one to three kills of one command and the run that finishes the work. Moments are drawn
from three kinds: a random time; a temporary file lies beside its target; a random number of files is
there. After the last run every result equals the undisturbed one, and no file is left that the
undisturbed run does not have. The commands take turns; what all runs came to, a line a turn, is in
.build-reliability/kills.tsv: command, seed, kills, trials, faults, seconds.
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

TOTALS = harness.WORK / "kills.tsv"
# Kills of a command before the next one's turn.
TURN = 20

# Durations differ from run to run, and nothing else may.
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
        self.base, self.seed, self.random = base, seed, random.Random(seed)
        self.faults = 0

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
            outcome = running.outcome(harness.PATIENCE)
            if outcome.signal == 9:
                kills += 1
                continue
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
        left = {name: -(-kills // len(names)) for name in names}
        commands = {name: COMMANDS[name](self.base) for name in names}
        undisturbed = {}
        while any(left.values()):
            for name in [n for n in names if left[n]]:
                if name not in undisturbed:
                    undisturbed[name] = self.undisturbed(commands[name])
                expected, seconds = undisturbed[name]
                start, faults, done, trials = time.monotonic(), self.faults, 0, 0
                while done < min(TURN, left[name]) and trials < 20 * TURN:
                    done += self.trial(commands[name], expected, seconds, min(TURN, left[name]) - done)
                    trials += 1
                # A command that ends before it can be killed has had its turns.
                left[name] = left[name] - done if done else 0
                line = (name, self.seed, done, trials, self.faults - faults, round(time.monotonic() - start))
                with TOTALS.open("a") as totals:
                    totals.write("\t".join(map(str, line)) + "\n")
                print(f"{name}: {done} kills in {trials} trials, {len(expected)} files each, {seconds:.2f} s undisturbed", flush=True)
        return self.faults == 0


def all_runs():
    return [line.split("\t") for line in TOTALS.read_text().splitlines()] if TOTALS.exists() else []


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=max((int(line[1]) for line in all_runs()), default=0) + 1)
    parser.add_argument("--commands", default=",".join(COMMANDS))
    options = parser.parse_args()
    TOTALS.parent.mkdir(exist_ok=True)
    base = pathlib.Path(tempfile.mkdtemp(prefix="vmunet-kill-"))
    good = Campaign(base, options.seed).run(options.commands.split(","), options.kills)
    if good:
        shutil.rmtree(base)
    for name in COMMANDS:
        lines = [line for line in all_runs() if line[0] == name]
        kills, trials, faults = (sum(int(line[i]) for line in lines) for i in (2, 3, 4))
        print(f"all runs, {name}: {kills} kills in {trials} trials, {faults} faults")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
