"""Overloads a real server, and shows that its memory stays bounded and that it goes on answering others.

    overload.py SERVER OUT [--seconds 20]

`wrk` sends more pictures than the server takes. Beside it, clients send heads and bodies a few bytes at a time, or read no answers. One
honest client asks throughout. Prints the server's memory over time. SERVER is vmunet-serve, OUT an empty folder.
"""

import argparse
import collections
import io
import pathlib
import re
import socket
import subprocess
import threading
import time

from PIL import Image

from driven import Server, root, shipped, tell

parser = argparse.ArgumentParser()
parser.add_argument("server")
parser.add_argument("out", type=pathlib.Path)
parser.add_argument("--seconds", type=int, default=20)
arguments = parser.parse_args()
arguments.out.mkdir(parents=True, exist_ok=True)

# The most memory that these requests may add: the files of 128 pictures, maps and pictures of each thread, and buffers of 300 KB for
# each of 512 connections.
bound = 400 << 20

server = Server(arguments.server, arguments.out / "data", [shipped])
body = io.BytesIO()
Image.open(root / "Sources/VMUNetBrowser/Page/example.jpg").resize((256, 256)).save(body, "JPEG")
picture = arguments.out / "picture.jpg"
picture.write_bytes(body.getvalue())
for _ in range(8):
    assert server.ask("/v1/predict", body.getvalue())[0] == 200
large = f"/weights/{shipped.name}"
status, _, file = server.ask(large)
large_size = len(file)
assert status == 200 and large_size > 10 << 20, "the page's files are not beside the server"
rest = server.memory()
end = time.time() + arguments.seconds
outcomes, lock = collections.Counter(), threading.Lock()


def note(outcome):
    with lock:
        outcomes[outcome] += 1


def connect(address):
    """Connects from an address of the loopback. The server takes each address for another client."""
    connection = socket.socket()
    connection.settimeout(30)
    connection.bind((address, 0))
    connection.connect((server.host, server.port))
    return connection


class Dripping:
    """A connection that sends a few bytes now and then, again and again until the server ends it."""

    def __init__(self, kind, first, drop):
        self.kind, self.first, self.drop, self.connection = kind, first, drop, None

    def step(self):
        try:
            if self.connection is None:
                self.connection = connect("127.0.0.3")
                self.connection.settimeout(0)
                self.connection.send(self.first)
            elif self.drop:
                self.connection.send(self.drop)
            try:
                if self.drop and self.connection.recv(1 << 12) == b"":
                    raise ConnectionError
            except BlockingIOError:
                pass
        except (ConnectionError, TimeoutError):
            note(f"{self.kind}: closed by the server")
            self.connection.close()
            self.connection = None
        except BlockingIOError:
            pass


class Idle:
    """A connection that asks for a large file and does not read it. After 75 seconds it looks: the server should have closed it."""

    def __init__(self):
        self.connection, self.since = None, 0

    def step(self):
        if self.connection is None:
            self.connection, self.since = connect("127.0.0.3"), time.time()
            self.connection.sendall(f"GET {large} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() * 3)
        elif time.time() > self.since + 75:
            count = 0
            try:
                while piece := self.connection.recv(1 << 20):
                    count += len(piece)
            except (ConnectionError, TimeoutError):
                pass
            note("readers that do not read: " + ("closed by the server" if count < large_size else "served"))
            self.connection.close()
            self.connection = None


def drip():
    heads = [Dripping("slow heads", b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\n", b"X-A: 1\r\n") for _ in range(120)]
    bodies = [Dripping("slow bodies", b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000000\r\n\r\n", b"0" * 50) for _ in range(50)]
    refused = [Dripping("bodies after a refusal", b"POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000000\r\n\r\n", b"0" * 50) for _ in range(20)]
    readers = [Idle() for _ in range(40)]
    while time.time() < end:
        for client in heads + bodies + refused + readers:
            client.step()
        time.sleep(1)


def press():
    script = arguments.out / "post.lua"
    script.write_text(f'wrk.method = "POST"\nlocal file = io.open("{picture}", "rb")\nwrk.body = file:read("*a")\n')
    told = subprocess.run(["wrk", "-t1", "-c150", f"-d{arguments.seconds}s", "--timeout", "30s", "-s", script, server.address + "/v1/predict"],
                          capture_output=True, text=True).stdout
    tell("  wrk: " + "; ".join(line.strip() for line in told.splitlines() if "requests in" in line or "Non-2xx" in line or "Socket errors" in line))
    assert re.search(r"[1-9]\d* requests in", told), told


def ask(times):
    while time.time() < end:
        start = time.time()
        try:
            connection = connect("127.0.0.9")
            connection.sendall(b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body.getvalue()) + body.getvalue())
            answer = b""
            while piece := connection.recv(1 << 16):
                answer += piece
            connection.close()
            note(f"honest client: {int(answer.split(b' ', 2)[1])}")
        except TimeoutError:
            note("honest client: no answer in 30 s")
        times.append(time.time() - start)
        time.sleep(0.5)


times, memory = [], []
threads = [threading.Thread(target=drip), threading.Thread(target=press), threading.Thread(target=ask, args=(times,))]
for thread in threads:
    thread.start()
while any(thread.is_alive() for thread in threads):
    memory.append(server.memory())
    time.sleep(max(0.2, arguments.seconds / 120))
assert server.process.poll() is None, server.log[-5:]
assert server.ask("/healthz")[0] == 200
most = server.memory("VmHWM")
step = max(1, len(memory) // 12)
tell(f"  memory: {rest >> 20} MB at rest, {most >> 20} at most; over time {' '.join(str(value >> 20) for value in memory[::step])}")
tell(f"  {dict(outcomes)}; the honest client waited {sorted(times)[len(times) // 2]:.1f} s, at most {max(times):.1f}")
assert most - rest < bound, (rest, most)
third = len(memory) // 3
assert max(memory[-third:]) <= max(memory[:2 * third]) + (32 << 20), "memory grows"
assert outcomes["honest client: 200"] >= 0.9 * len(times), outcomes
server.stop()
tell("overload is refused, and takes no more memory")
