#!/usr/bin/env python3
"""A model of a training step's time on several processes: fitted, checked, and drawn beyond what was measured.

    model.py LINKS.json --svg FILE.svg [--table FILE.md]        LINKS.json is measure.py's

A step takes  c + max(0, w - h c) + 4 d,  with  w = 2 (N - 1) / N · S / min(e B, W / 2 d) + K · 2 (N - 2) · g:

    c  computing, measured with a link that does not limit                S  bytes of gradients, float32
    w  moving the gradients                                               B  bytes a second of the link
    h  part of a step that hides it: the backward pass goes on meanwhile  e  part of B that gradients get
    d  a message's way, seconds; a step waits for four: pictures ready,   W  bytes that TCP has on their way
       the loss's sums, the last bucket there and back                    K  buckets of 4 MiB
                                                                          g  a message's work on the processor, measured

e, h and W are fitted to a few of the measurements of two processes; the others are the check.
"""

import argparse
import json
import math
import pathlib
import statistics
import sys

import numpy
from scipy.optimize import least_squares

PARAMETERS = {"base": 27_427_561, "small": 7_463_029, "tiny": 2_169_403}
FITTED = [("small", 4, 1e9, None), ("small", 4, 250e6, None), ("small", 4, None, 0.02)]
RATES, COUNTS = [1e9, 10e9, 25e9, 100e9], [2 ** i for i in range(1, 11)]
# A message's way in a machine room, assumed: a few switches of Ethernet.
ROOM = 50e-6


class Model:
    def __init__(self, rows):
        self.message = statistics.median(next(r["message_seconds"] for r in rows if "message_seconds" in r))
        rows = [r for r in rows if "seconds" in r]
        # The least of several runs: whatever else the machine does makes a run slower, never faster.
        self.seconds = {(r["preset"], r["batch"], r["rate"], r["delay"]): min(r["seconds"]) for r in rows}
        # The relay works on one of the two cores.
        self.relay = self.seconds["small", 4, None, 0.0] / self.seconds["small", 4, None, None]
        fit = least_squares(self.misses, [0.9, 0.1, 3], bounds=([0.5, 0, 0.1], [1, 0.67, 100]))
        self.share, self.hidden, self.window = fit.x

    def misses(self, values):
        self.share, self.hidden, self.window = values
        return [self.predicted(*key) / self.seconds[key] - 1 for key in FITTED]

    def compute(self, preset, batch, delay):
        return self.seconds[preset, batch, None, None] * (self.relay if delay is not None else 1)

    def step(self, compute, parameters, count, rate, delay):
        bytes_a_second = min(self.share * rate / 8 if rate else math.inf, self.window * 2 ** 20 / (2 * delay) if delay else math.inf)
        moved = 2 * (count - 1) / count * 4 * parameters / bytes_a_second
        # The measured time of computing has the messages of two processes in it.
        moved += math.ceil(parameters / 2 ** 20) * 2 * (count - 2) * self.message
        return compute + max(0, moved - self.hidden * compute) + 4 * delay

    def predicted(self, preset, batch, rate, delay):
        return self.step(self.compute(preset, batch, delay), PARAMETERS[preset], 2, rate, delay or 0)

    def checks(self):
        """Measured with a limit, and not used for the fit or as computing."""
        return [k for k in self.seconds if k not in FITTED and (k[2] is not None or k[3])]


def words(key):
    preset, batch, rate, delay = key
    link = [] if rate is None else [f"{rate / 1e6:g} Mbit/s"]
    link += [f"{delay * 1000:g} ms"] if delay else []
    return f"{preset}, batch {batch}, {', '.join(link)}"


def table(model):
    yield "| two processes | measured | model | off by |"
    yield "|---|---|---|---|"
    for key in FITTED + model.checks():
        measured, predicted = model.seconds[key], model.predicted(*key)
        yield f"| {words(key)}{' (fitted)' if key in FITTED else ''} | {measured:.3f} s | {predicted:.3f} s | {100 * (predicted / measured - 1):+.0f} % |"


def efficiency(model, compute, count, rate):
    return compute / model.step(compute, PARAMETERS["base"], count, rate, ROOM)


def projection(model, name, compute):
    yield f"| {name} | whole batch | " + " | ".join(f"{rate / 1e9:g} Gbit/s" for rate in RATES) + " |"
    yield "|---|---|" + "---|" * len(RATES)
    for count in COUNTS:
        cells = [f"{100 * efficiency(model, compute, count, rate):.0f} %" for rate in RATES]
        yield f"| {count} processes | {2 * count} | " + " | ".join(cells) + " |"


STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 } .title { font-weight: 600 } .grid { stroke: #d1d9e0 } .axis { stroke: #59636e }
.line { fill: none; stroke-width: 2.5 } .s0 { stroke: #b35900 } .s1 { stroke: #0969da } .s2 { stroke: #1a7f37 } .s3 { stroke: #8250df }
.t0 { fill: #b35900 } .t1 { fill: #0969da } .t2 { fill: #1a7f37 } .t3 { fill: #8250df }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc } .grid { stroke: #3d444d } .axis { stroke: #9198a1 }
.s0 { stroke: #f0883e } .s1 { stroke: #58a6ff } .s2 { stroke: #3fb950 } .s3 { stroke: #bc8cff }
.t0 { fill: #f0883e } .t1 { fill: #58a6ff } .t2 { fill: #3fb950 } .t3 { fill: #bc8cff } }
"""


def svg(model, panels):
    width, height, left, top, gap = 340, 260, 56, 46, 120
    total = left + len(panels) * (width + gap)
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total} {height + top + 52}" role="img" '
           'aria-label="Share of the processes\' time that is spent computing, by number of processes and network">')
    yield f"<style>{STYLE}</style>"
    for number, (name, compute) in enumerate(panels):
        x0 = left + number * (width + gap)

        def x(count):
            return x0 + width * (math.log2(count) - 1) / 9

        def y(value):
            return top + height * (1 - value)

        yield f'<text class="title" x="{x0}" y="20">{name}</text>'
        for value in (0, 0.25, 0.5, 0.75, 1):
            yield f'<line class="{"grid" if value else "axis"}" x1="{x0}" x2="{x0 + width}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>'
            yield f'<text x="{x0 - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{100 * value:.0f} %</text>'
        for count in COUNTS[::3]:
            yield f'<text x="{x(count):.1f}" y="{top + height + 18}" text-anchor="middle">{count}</text>'
        yield f'<text x="{x0 + width / 2}" y="{top + height + 40}" text-anchor="middle">processes</text>'
        ends = []
        for series, rate in enumerate(RATES):
            values = [efficiency(model, compute, count, rate) for count in COUNTS]
            points = " ".join(f"{x(c):.1f},{y(v):.1f}" for c, v in zip(COUNTS, values))
            yield f'<polyline class="line s{series}" points="{points}"/>'
            ends.append([y(values[-1]) + 4, series, rate])
        # Names beside the lines' ends, from below upwards, none upon another.
        ends.sort(reverse=True)
        for a, b in zip(ends, ends[1:]):
            b[0] = min(b[0], a[0] - 16)
        for at, series, rate in ends:
            yield f'<text class="t{series}" x="{x0 + width + 8}" y="{at:.1f}">{rate / 1e9:g} Gbit/s</text>'
    yield "</svg>"


def main():
    options = argparse.ArgumentParser()
    options.add_argument("links", type=pathlib.Path)
    options.add_argument("--svg", type=pathlib.Path)
    options.add_argument("--table", type=pathlib.Path)
    options = options.parse_args()
    model = Model(json.loads(options.links.read_text()))
    slow = model.seconds["base", 4, None, None]
    panels = [(f"2 pictures a step, {slow:.2f} s", slow), (f"a process 16 times as fast, {slow / 16:.3f} s", slow / 16)]
    off = numpy.array([model.predicted(*k) / model.seconds[k] - 1 for k in model.checks()])
    lines = [*table(model)]
    for panel in panels:
        lines += ["", *projection(model, *panel)]
    print(f"e {model.share:.3f}, h {model.hidden:.3f}, W {model.window:.1f} MiB, g {model.message * 1e6:.1f} µs, relay {model.relay:.3f}; "
          f"largest miss of {len(off)} checks {100 * abs(off).max():.1f} %", file=sys.stderr)
    if options.table:
        options.table.write_text("\n".join(lines) + "\n")
    else:
        print("\n".join(lines))
    if options.svg:
        options.svg.write_text("\n".join(svg(model, panels)) + "\n")


main()
