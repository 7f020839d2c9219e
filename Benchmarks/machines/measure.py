#!/usr/bin/env python3
"""Times training steps of two processes, on one host and on two with a slow or a long link between them.

    measure.py threads OUT.json [--rounds 5]     two processes of one thread, and one process of two, alternating
    measure.py links OUT.json [--rounds 1]       two hosts (network namespaces; needs root): the measurements of model.py

Needs a quiet machine with two cores, Open MPI and VMUNET_MPI_BINARY, the tool built with the trait MPI, in release.
"""

import argparse
import json
import os
import pathlib
import statistics
import sys
import tempfile

import steps
import hosts

# preset, whole batch, bits a second, seconds of delay each way.
LINKS = [
    ("small", 4, None, None), ("small", 4, 1e9, None), ("small", 4, 250e6, None), ("small", 4, None, 0.0), ("small", 4, None, 0.01),
    ("small", 4, 2e9, None), ("small", 4, 500e6, None), ("small", 4, 100e6, None), ("small", 4, None, 0.003), ("small", 4, None, 0.02),
    ("small", 4, 500e6, 0.005), ("tiny", 4, None, None), ("tiny", 4, 100e6, None), ("tiny", 4, 200e6, 0.01),
    ("small", 8, None, None), ("small", 8, 250e6, None), ("base", 4, None, None), ("base", 4, 1e9, None),
]


def note(words):
    print(words, file=sys.stderr, flush=True)


def threads(folder, rounds, networks):
    rows = {}
    for preset, batch in networks:
        data = steps.set_of_pictures(folder / f"{preset}-{batch}-set", (12 if batch < 16 else 8) * batch)
        for round in range(rounds):
            for processes in (1, 2) if round % 2 else (2, 1):
                run = folder / f"{preset}-{batch}-{processes}-{round}"
                steps.here(steps.arguments(data, run, preset, batch, 2 // processes), processes)
                rows.setdefault((preset, batch, processes), []).append(batch / steps.settled(run))
        one, two = rows[preset, batch, 1], rows[preset, batch, 2]
        note(f"{preset}, batch {batch}: one process {statistics.median(one):.3f} images/s {[round_(x) for x in one]}, "
             f"two {statistics.median(two):.3f} {[round_(x) for x in two]}: {statistics.median(two) / statistics.median(one):.3f}")
    return [{"preset": p, "batch": b, "processes": n, "images_per_second": values} for (p, b, n), values in rows.items()]


def round_(value):
    return round(value, 3)


def links(folder, rounds):
    hosts.command(["mount", "-t", "tmpfs", "tmpfs", str(folder)])
    data, times = {b: steps.set_of_pictures(folder / f"set{b}", 9 * b) for b in {row[1] for row in LINKS}}, {}
    message = messages(folder)
    for round in range(rounds):
        for number, (preset, batch, rate, delay) in enumerate(LINKS):
            run = folder / f"run{round}-{number}"
            with hosts.Hosts(rate=rate, delay=delay) as cluster:
                running = cluster.mpirun(steps.arguments(data[batch], run, preset, batch, 1))
                if running.wait(120) != 0:
                    sys.exit(f"{LINKS[number]} did not end well: {running.text()[-1500:]}")
            times.setdefault(number, []).append(steps.settled(run))
            note(f"{preset} {batch} {rate} {delay}: {times[number][-1]:.3f} s")
    rows = [{"preset": p, "batch": b, "rate": r, "delay": d, "seconds": times[i]} for i, (p, b, r, d) in enumerate(LINKS)]
    return [{"message_seconds": message}, *rows]


def messages(folder):
    """A small message's seconds on a process, a few times."""
    program, sources = folder / "messages", steps.ROOT / "Sources/CMPI"
    hosts.command(["mpicc", "-O2", "-DVMUNET_MPI", f"-I{sources / 'include'}", str(steps.HERE / "messages.c"),
                   *(str(sources / name) for name in ("mpi.c", "sums.c", "launcher.c")), "-o", str(program)])
    values = []
    with hosts.Hosts() as cluster:
        for _ in range(5):
            running = cluster.mpirun([program])
            running.wait(60)
            values.append(float(running.text().split()[-1]))
    return values


def main():
    options = argparse.ArgumentParser()
    options.add_argument("measurement", choices=["threads", "links"])
    options.add_argument("output", type=pathlib.Path)
    options.add_argument("--rounds", type=int)
    options.add_argument("--networks", nargs="+", default=["small:8", "base:4", "base:16"], help="PRESET:BATCH, for `threads`")
    options = options.parse_args()
    inside = "VMUNET_HOSTS" in os.environ
    if options.measurement == "links" and not inside:
        # Hosts, links and mounts go with this process.
        hosts.NETNS.mkdir(parents=True, exist_ok=True)
        os.environ["VMUNET_HOSTS"] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, *sys.argv])
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TMPDIR"] = folder
        if options.measurement == "threads":
            rows = threads(pathlib.Path(folder), options.rounds or 5, [(n.split(":")[0], int(n.split(":")[1])) for n in options.networks])
        else:
            rows = links(pathlib.Path(folder), options.rounds or 1)
            hosts.command(["umount", folder])
    options.output.write_text(json.dumps(rows, indent=1) + "\n")


main()
