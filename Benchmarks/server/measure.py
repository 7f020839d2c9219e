#!/usr/bin/env python3
"""Measures the server's throughput and latency against `bench`, and prints a table.

    Benchmarks/server/measure.py SERVER VMUNET RESULTS.json [PART…]

SERVER is a built vmunet-serve, VMUNET the tool with `bench`, both of the same build. The parts, all of them by default:

    bench    pictures a second of `bench` at each batch size, and one forward pass
    closed   16 clients, each with the next picture as soon as it has its answer
    stages   one client, and the seconds of each stage
    open     arrivals at random at half the rate of `closed`, whatever is still waiting
    large    arrivals at a quarter of that rate, alone and beside pictures of 12000×9000
    table    prints what RESULTS.json holds

Pictures are JPEGs of 256×256. The load comes from this process, on the same cores; its share of them is measured.
"""

import asyncio
import io
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time

from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "Tests/ServerTests"))
from driven import Server, root, shipped  # noqa: E402

cores = len(os.sched_getaffinity(0))
clients = 16


def picture(width, height):
    written = io.BytesIO()
    Image.open(root / "Sources/VMUNetBrowser/Page/example.jpg").convert("RGB").resize((width, height)).save(written, "JPEG", quality=90)
    return written.getvalue()


def quantiles(times):
    times = sorted(times)
    return {name: times[min(len(times) - 1, int(share * len(times)))] for name, share in (("p50", 0.5), ("p99", 0.99))}


def stages(server):
    """Sums and counts of seconds, by stage; "request" is all of a request."""
    text = server.ask("/metrics")[2].decode()
    found = re.findall(r'vmunet_stage_seconds_(sum|count)\{stage="(\w+)"\} (\S+)', text)
    found += [(kind, "request", value) for kind, value in re.findall(r'vmunet_request_seconds_(sum|count)\{route="/v1/predict"\} (\S+)', text)]
    return {(stage, kind): float(value) for kind, stage, value in found}


class Client:
    """One connection that stays open."""

    async def ask(self, port, body):
        if not hasattr(self, "reader"):
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        self.writer.write(b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nAccept: image/png\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        head = await self.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        await self.reader.readexactly(int(re.search(rb"(?i)content-length: (\d+)", head)[1]))


async def closed(port, body, seconds, count):
    """`count` clients in a row of their own requests. Returns each answer's seconds, and the whole time."""
    times, start = [], time.perf_counter()

    async def one():
        client = Client()
        while time.perf_counter() - start < seconds:
            begin = time.perf_counter()
            await client.ask(port, body)
            times.append(time.perf_counter() - begin)

    await asyncio.gather(*(one() for _ in range(count)))
    return times, time.perf_counter() - start


async def opened(port, body, seconds, rate):
    """Arrivals of a Poisson process. A time is from the planned arrival, so that waiting counts."""
    times, free, tasks, start = [], [], [], time.perf_counter()
    random.seed(7)

    async def one(planned):
        client = free.pop() if free else Client()
        await client.ask(port, body)
        free.append(client)
        times.append(time.perf_counter() - planned)

    planned = start
    while (planned := planned + random.expovariate(rate)) < start + seconds:
        await asyncio.sleep(max(0, planned - time.perf_counter()))
        tasks.append(asyncio.create_task(one(planned)))
    await asyncio.gather(*tasks)
    return times


def generator_seconds():
    spent = os.times()
    return spent.user + spent.system


def measure(server, vmunet, part, results):
    body = picture(256, 256)
    if part == "bench":
        results["batches"] = {}
        for batch in (1, 2, 4, 8, 16):
            # The shipped weights are a small network's.
            told = subprocess.run([vmunet, "bench", "--preset", "small", "--batch-size", str(batch), "--runs", str(max(5, 30 // batch)), "--warm-up", "2", "--json", "--quiet"],
                                  check=True, capture_output=True, text=True).stdout
            told = json.loads(told)
            results["batches"][str(batch)] = told["images_per_second"]
            if batch == 1:
                results["forward"] = told["median_seconds"]
        return
    asyncio.run(closed(server.port, body, 2, 4))  # warm-up
    if part == "closed":
        spent = generator_seconds()
        times, wall = asyncio.run(closed(server.port, body, 25, clients))
        share = (generator_seconds() - spent) / wall / cores
        results["closed"] = {"rate": len(times) / wall, "share": share, **quantiles(times)}
    elif part == "stages":
        before = stages(server)
        times, _ = asyncio.run(closed(server.port, body, 12, 1))
        after = stages(server)
        mean = {stage: (after[stage, "sum"] - before.get((stage, "sum"), 0)) / (after[stage, "count"] - before.get((stage, "count"), 0)) for stage, kind in after if kind == "sum"}
        results["stages"] = {**mean, "client": sum(times) / len(times), "requests": len(times)}
    elif part == "open":
        rate = results["closed"]["rate"] / 2
        times = asyncio.run(opened(server.port, body, 60, rate))
        results["open"] = {"rate": rate, "requests": len(times), **quantiles(times)}
    elif part == "large":
        rate, large = results["closed"]["rate"] / 4, picture(12000, 9000)
        alone = asyncio.run(opened(server.port, body, 15, rate))

        async def both():
            task = asyncio.create_task(Client().ask(server.port, large))
            times = await opened(server.port, body, 20, rate)
            await task
            return times

        begin = time.perf_counter()
        asyncio.run(Client().ask(server.port, large))
        single = time.perf_counter() - begin
        beside = asyncio.run(both())
        results["large"] = {"rate": rate, "seconds": single, "alone": quantiles(alone), "beside": quantiles(beside)}


def table(results):
    def ms(seconds):
        return f"{1000 * seconds:.0f} ms"

    forward, rows = results["forward"], []
    best = max(results["batches"], key=results["batches"].get)
    most = results["batches"][best]
    rows.append(("`bench`, best batch", f"{most:.1f} pictures a second, at {best}"))
    rows.append(("`bench`, one picture", ms(forward)))
    if found := results.get("closed"):
        rate, share = found["rate"], found["share"]
        rows.append((f"{clients} clients", f"{rate:.1f} pictures a second: {rate / most:.2f} of `bench`; {rate / most / (1 - share):.2f} without the load's {100 * share:.1f}% of the cores"))
    if found := results.get("stages"):
        network, total = found["network"], found["request"]
        rows.append(("one client, by stage", f"decode {1000 * found['decode']:.1f} ms, network {1000 * network:.1f}, encode {1000 * found['encode']:.1f}, "
                     f"waiting {1000 * found['wait']:.1f}, HTTP and the audit log {1000 * (found['client'] - found['decode'] - network - found['encode'] - found['wait']):.1f}"))
        rows.append(("overhead beside the network", f"{1000 * (found['client'] - network):.1f} ms, {100 * (found['client'] - network) / found['client']:.0f}%"))
    if found := results.get("open"):
        rows.append((f"{found['rate']:.1f} arrivals a second", f"p50 {ms(found['p50'])} ({found['p50'] / forward:.2f} passes), p99 {ms(found['p99'])} ({found['p99'] / forward:.2f} passes)"))
    if found := results.get("large"):
        rows.append(("a picture of 12000×9000", f"{found['seconds']:.1f} s"))
        rows.append((f"{found['rate']:.1f} arrivals a second, alone", f"p50 {ms(found['alone']['p50'])}, p99 {ms(found['alone']['p99'])}"))
        rows.append(("the same beside that picture", f"p50 {ms(found['beside']['p50'])}, p99 {ms(found['beside']['p99'])}"))
    return "| | |\n|---|---|\n" + "\n".join(f"| {name} | {value} |" for name, value in rows)


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    program, vmunet, path = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    parts = sys.argv[4:] or ["bench", "closed", "stages", "open", "large", "table"]
    results = json.loads(path.read_text()) if path.exists() else {}
    with tempfile.TemporaryDirectory() as data:
        server = Server(program, data, [shipped]) if set(parts) - {"bench", "table"} else None
        try:
            for part in parts:
                if part == "table":
                    print(table(results))
                else:
                    measure(server, vmunet, part, results)
                    path.write_text(json.dumps(results, indent=1))
        finally:
            if server:
                server.stop()


if __name__ == "__main__":
    main()
