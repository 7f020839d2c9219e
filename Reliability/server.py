#!/usr/bin/env python3
"""Attacks a real server: mutated requests and uploads, SIGKILL in the middle of jobs, a full disk.

    Reliability/server.py SERVER VMUNET OUT [--mutations 100000] [--kills 100] [--disk] [--seed S]

SERVER is a built vmunet-serve, VMUNET the tool whose `predict` gives the expected labels, OUT an empty folder. A part is left out if its
number is 0. `--disk` mounts a small tmpfs and needs root. Tests/ServerTests/serve.py runs the first two in short.
"""

import argparse
import collections
import contextlib
import http.client
import io
import json
import os
import pathlib
import random
import re
import socket
import sqlite3
import subprocess
import sys
import time
import zipfile

import nibabel
import numpy
from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Tests/ServerTests"))
from driven import Server, finished, root, save_volume, series, shipped, tell, weights_for  # noqa: E402

# The statuses with which a server refuses; 501 and 505 are for unknown methods and versions of HTTP.
REFUSALS = {400, 401, 404, 405, 406, 408, 409, 410, 413, 415, 421, 422, 429, 501, 503, 505}


# ---- mutation

def mutated(body, strength=(1, 3, 30)):
    """Changes, removes or repeats a few bytes of `body`, or cuts it off. Its beginning is changed more often than the rest."""
    body = bytearray(body)
    for _ in range(random.choice(strength)):
        if not body:
            break
        at = random.randrange(min(len(body), random.choice([64, 1024, len(body)])))
        kind = random.randrange(6)
        if kind < 3:
            body[at] = random.choice([0, 255, 127, random.randrange(256)])
        elif kind == 3:
            del body[at:at + random.choice([1, 2, 16])]
        elif kind == 4:
            body[at:at] = body[at:at + random.choice([1, 4, 64])]
        else:
            body[at] ^= 1 << random.randrange(8)
    return bytes(body[:random.choice([len(body), len(body), random.randrange(len(body) + 1)])])


def pictures():
    picture = Image.fromarray(numpy.random.default_rng(3).integers(0, 255, (40, 56, 3), dtype=numpy.uint8))
    for kind in ("PNG", "JPEG", "BMP", "TIFF"):
        written = io.BytesIO()
        picture.save(written, kind)
        yield written.getvalue()


def volumes(folder):
    path = folder / "seed.nii.gz"
    save_volume(path, 3, 24)
    nifti = nibabel.load(path)
    yield path.read_bytes()
    yield nifti.to_bytes()
    values = numpy.asarray(nifti.dataobj, dtype="<f4")
    size = " ".join(map(str, values.shape))
    raw = values.tobytes("F")
    yield f"NRRD0004\ntype: float\ndimension: 3\nsizes: {size}\nencoding: raw\nendian: little\n\n".encode() + raw
    yield f"ObjectType = Image\nNDims = 3\nDimSize = {size}\nElementType = MET_FLOAT\nElementDataFile = LOCAL\n".encode() + raw
    yield series(3)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../../escape.nii.gz", path.read_bytes())
    yield packed.getvalue()


class Attack:
    """Sends and checks, over one connection for as long as the server keeps it."""

    def __init__(self, server, private):
        self.host, self.port = server.host, server.port
        # Paths that no answer may show.
        self.private = [str(path) for path in private]
        self.counts = collections.Counter()
        self.connection = None

    def ask(self, method, path, body=None, headers={}):
        for attempt in (1, 2):
            reused = self.connection is not None
            if not reused:
                self.connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
            try:
                self.connection.request(method, path, body=body, headers=headers)
                response = self.connection.getresponse()
                answer = response.read()
                break
            except (http.client.HTTPException, OSError):
                self.connection.close()
                self.connection = None
                # The server may close a connection after an answer. A new connection must work.
                if not reused or attempt == 2:
                    raise
        self.check(response.status, response.headers, answer, (method, path))
        return response.status, answer

    def check(self, status, headers, answer, about):
        self.counts[status] += 1
        if status < 400:
            return
        assert status in REFUSALS, (about, status, answer[:300])
        if answer:  # HTTP that cannot be parsed is refused without a body.
            problem = json.loads(answer)
            assert headers["Content-Type"] == "application/problem+json" and problem["status"] == status and problem["detail"], (about, answer)
            assert not any(path in problem["detail"] for path in self.private), (about, problem)
        if status in (429, 503):
            assert headers["Retry-After"], about

    def raw(self, sent):
        """Sends bytes that may not be HTTP, and reads until the server closes the connection."""
        with socket.create_connection((self.host, self.port), timeout=60) as connection:
            answer = b""
            try:
                connection.sendall(sent)
                connection.shutdown(socket.SHUT_WR)
                while piece := connection.recv(1 << 16):
                    answer += piece
            except ConnectionError:
                pass  # closed in the middle, which is an answer too
        if not answer:
            self.counts["closed"] += 1
            return
        assert answer.startswith(b"HTTP/1.1 "), answer[:100]
        for status in re.findall(rb"(?:^|\n)HTTP/1\.1 (\d+)", answer):
            self.counts[int(status)] += 1
            assert int(status) < 400 or int(status) in REFUSALS, (sent[:300], answer[:300])


def head(method, path, headers, body=b""):
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *[f"{name}: {value}" for name, value in headers], "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def raw_request(bodies):
    body = random.choice(bodies)
    path = random.choice(["/v1/predict", "/v1/jobs", "/v1/jobs/" + "0" * 32, "/v1/models", "/healthz", "/", "/openapi.json"])
    method = random.choice(["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"])
    kind = random.randrange(6)
    if kind == 0:  # a length that is not the body's
        return head(method, path, [("Content-Length", random.choice([0, 1, len(body) - 1, len(body) + 9, -1, 2**63, "1e3", ""]))], body)
    if kind == 1:  # pieces whose sizes are not theirs
        pieces = b"".join(b"%x\r\n%b\r\n" % (random.choice([5, 5, 5, 4, 2**31]), body[i:i + 5]) for i in range(0, 40, 5))
        return head(method, path, [("Transfer-Encoding", random.choice(["chunked", "gzip, chunked", "x"]))], pieces + b"0\r\n\r\n")
    if kind == 2:  # many or long fields
        fields = [(f"X-{i}", "a" * random.choice([1, 100])) for i in range(random.choice([1, 90, 400]))]
        return head(method, path + "?" + "a=b&" * random.choice([1, 50, 5000]), fields)
    if kind == 3:  # two requests in one
        return head(method, path, [("Content-Length", len(body))], body) + head("GET", "/v1/models", [("Connection", "close")])
    if kind == 4:  # both lengths
        return head(method, path, [("Content-Length", len(body)), ("Transfer-Encoding", "chunked")], b"0\r\n\r\n")
    fields = [("Content-Length", len(body)), ("Accept", random.choice(["*/*", "image/*;q=x", ",,,", "\xff"])), ("Expect", "100-continue")]
    text = mutated(head(method, path, fields))
    return text + body


QUERIES = ["", "", "?threshold=0.5", "?threshold=", "?threshold=-1", "?threshold=1e400", "?threshold=nan", "?model=%00", "?model=../../x", "?%ff=%fe",
           "?threshold=0.5&threshold=0.6", "?model=" + "a" * 5000]
ACCEPTS = ["*/*", "application/json", "image/png", "x", "image/png;q=a", "image/png;q=0", "*/*;q=1e9", ";;;", "a/" + "b" * 3000]


def mutate(server, data, count):
    """Sends `count` mutated requests and uploads, and waits for the jobs that come of them."""
    attack, small, large, jobs = Attack(server, [root, data.parent]), list(pictures()), list(volumes(data.parent)), []
    begin, start, shown = server.memory(), time.time(), 0
    bodies = small + [mutated(b"GET / HTTP/1.1\r\n\r\n")]
    for number in range(count):
        kind = random.random()
        if kind < 0.62:
            attack.ask(random.choice(["POST", "PUT"]), "/v1/predict" + random.choice(QUERIES), mutated(random.choice(small)), {"Accept": random.choice(ACCEPTS)})
        elif kind < 0.85:
            attack.raw(raw_request(bodies))
        elif kind < 0.98 or len(jobs) > 200:
            id_ = random.choice([*jobs[-20:], "0" * 32, "..%2f..", "%00", "a" * 300])
            tail = random.choice(["", "/events", "/result", f"/view/labels/axial/{random.randrange(-1, 5)}", "/view/%2e/x/1e9", "/result/../.."])
            # Events end with their job.
            method = "DELETE" if tail == "" and random.random() < 0.3 else "HEAD" if tail == "/events" else "GET"
            attack.ask(method, f"/v1/jobs/{id_}{tail}", headers={"Accept": random.choice([*ACCEPTS, "application/zip", "application/dicom"])})
        else:
            status, answer = attack.ask("POST", "/v1/jobs" + random.choice(["", "", "?threshold=0.3"]), mutated(random.choice(large)))
            if status == 202:
                jobs.append(json.loads(answer)["id"])
        if time.time() - shown > 60:
            shown = time.time()
            print(f"  {number} of {count}, {server.memory() >> 20} MB, {dict(attack.counts)}", flush=True)
        assert server.process.poll() is None, server.log[-5:]
    states = collections.Counter()
    for id_ in jobs:
        end = time.time() + 900
        while time.time() < end:
            status, answer = attack.ask("GET", f"/v1/jobs/{id_}")
            job = json.loads(answer)
            if status == 404 or job["state"] in ("done", "failed"):
                break
            time.sleep(0.2)
        else:
            raise AssertionError(f"{id_} does not end: {job}")
        states["deleted" if status == 404 else job["state"]] += 1
        if status == 200 and job["state"] == "failed":
            assert job["problem"]["detail"] and "/" not in job["problem"]["detail"].replace("and/or", ""), job
    assert server.ask("/healthz")[0] == 200 and server.process.poll() is None
    assert list((data / "incoming").iterdir()) == []
    failures = [line for line in server.log if '"status": "500"' in line or "status=500" in line or "Fatal" in line]
    assert not failures, failures[:3]
    for id_ in jobs:
        server.ask(f"/v1/jobs/{id_}", method="DELETE")
    tell(f"  answers {dict(sorted(attack.counts.items(), key=str))}; jobs {dict(states)}; "
         f"memory {begin >> 20} MB before, {server.memory() >> 20} after, {server.memory('VmHWM') >> 20} at most; {time.time() - start:.0f} s")


# ---- kills

def rows(data, query):
    """Queries the store of a running server."""
    with contextlib.closing(sqlite3.connect(f"file:{data}/server.sqlite?mode=ro", uri=True, timeout=30)) as store:
        return store.execute(query).fetchall()


def attempts(data):
    """Returns the number of times that the running job was started, or 0."""
    return rows(data, "SELECT coalesce(max(attempts), 0) FROM job WHERE state = 'running'")[0][0]


def kill(server, start, data, cases, count):
    """Kills the server `count` times while jobs run. `cases` are volumes and their labels. Returns the last server."""
    known, kills, while_running = {}, 0, 0
    while kills < count:
        waiting = [id_ for id_ in known if server.json(f"/v1/jobs/{id_}")["state"] in ("queued", "running")]
        while len(waiting) < 2:
            body, expected = cases[len(known) % len(cases)]
            id_ = server.send(body)
            known[id_] = expected
            waiting.append(id_)
        time.sleep(random.uniform(0, 1.5))
        # The server fails a job that has been interrupted five times.
        running = attempts(data)
        if running >= 4:
            time.sleep(0.2)
            continue
        server.kill()
        kills += 1
        while_running += running > 0
        server = start()
    for id_, expected in known.items():
        told = finished(server, id_)
        assert told["state"] == "done", told
        assert (server.labels(id_) == expected).all(), id_
        assert sorted(path.name for path in (data / "jobs" / id_).iterdir()) == ["result"]
    ends = dict(rows(data, "SELECT subject, count(*) FROM audit WHERE action IN ('finish', 'fail') GROUP BY subject"))
    assert all(ends.get(id_) == 1 for id_ in known), ends
    assert {path.name for path in (data / "jobs").iterdir()} == {job["id"] for job in server.json("/v1/jobs")["jobs"]}
    tell(f"  {kills} kills, {while_running} with a job's process at work; {len(known)} jobs, each finished once, all labels right")
    return server


# ---- a full disk

def fill(path, leave):
    """Writes a file that leaves `leave` bytes of its disk free."""
    room = os.statvfs(path.parent)
    with open(path, "wb") as file:
        left = room.f_bavail * room.f_frsize - leave
        try:
            while left > 0:
                left -= file.write(bytes(min(left, 1 << 20)))
        except OSError:
            pass


def disk(program, out, weights, body, expected):
    """Lets a disk of 200 MB run full in each moment of a job's life."""
    place = out / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "vmunet-test", place], check=True)
    try:
        data, filler = place / "data", place / "filler"
        server = Server(program, data, [shipped, weights])
        first = server.send(body)
        assert finished(server, first)["state"] == "done"
        picture = next(pictures())

        fill(filler, 70 << 20)
        status, _, answer = server.ask("/v1/jobs", body + bytes(20 << 20))
        problem = json.loads(answer)
        assert status == 507 and "disk is full" in problem["detail"] and problem["remedy"], answer
        connection = http.client.HTTPConnection(server.host, server.port, timeout=60)
        # Without a declared length, the disk fills while the body arrives.
        connection.request("POST", "/v1/jobs", body=iter([b"\x1f\x8b" + bytes(1 << 20)] * 20), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
        assert connection.getresponse().status == 507
        connection.close()
        assert list((data / "incoming").iterdir()) == []
        tell("  uploads beyond the room: 507, and nothing is left of them")

        filler.unlink()
        second = server.start_job(body)
        fill(filler, 0)
        time.sleep(6)
        told = server.json(f"/v1/jobs/{second}")
        status, _, answer = server.ask("/healthz")
        assert status == 503 and json.loads(answer)["checks"]["disk"] == "is full", answer
        assert server.ask("/v1/predict", picture)[0] == 200
        assert server.ask(f"/v1/jobs/{first}/result")[0] == 200
        assert server.ask("/v1/jobs", body)[0] == 507
        assert told["state"] in ("queued", "running"), told
        tell(f"  a full disk: pictures and results are served, the job is {told['state']}, uploads get 507, /healthz says so")

        # Not even a kill loses the job.
        server.kill()
        filler.unlink()
        server = Server(program, data, [shipped, weights])
        told = finished(server, second)
        assert told["state"] == "done", told
        assert (server.labels(second) == expected).all()
        tell("  with room again the job is done, and its labels are right")

        fill(filler, 0)
        assert server.ask(f"/v1/jobs/{first}", method="DELETE")[0] == 204
        assert server.ask(f"/v1/jobs/{first}")[0] == 404 and not (data / "jobs" / first).exists()
        tell("  jobs can be deleted on a full disk")
        filler.unlink()
        server.stop()
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("server")
    parser.add_argument("vmunet")
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--mutations", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--disk", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    out = arguments.out
    out.mkdir(parents=True)
    if arguments.mutations:
        data, weights = out / "mutate" / "data", [weights_for(out / f"{kind}.safetensors", kind, 32) for kind in ("pictures", "volumes")]
        data.parent.mkdir()
        server = Server(arguments.server, data, weights)
        mutate(server, data, arguments.mutations)
        server.stop()
        tell(f"{arguments.mutations} mutated requests and uploads are answered")
    large = weights_for(out / "large.safetensors", "volumes", 96)
    cases = []
    for slices in (60, 90) if arguments.kills or arguments.disk else ():
        volume, labels = out / f"{slices}.nii.gz", out / f"{slices}-labels.nii.gz"
        save_volume(volume, slices, 64)
        subprocess.run([arguments.vmunet, "predict", volume, "--output", labels, "--quiet", "--weights", large], check=True)
        cases.append((volume.read_bytes(), numpy.asarray(nibabel.load(labels).dataobj)))
    if arguments.kills:
        data = out / "kill" / "data"
        data.parent.mkdir()

        def start():
            return Server(arguments.server, data, [shipped, large])

        server = kill(start(), start, data, cases, arguments.kills)
        server.stop()
        tell(f"jobs survive {arguments.kills} SIGKILLs")
    if arguments.disk:
        disk(arguments.server, out, large, *cases[1])
        tell("a full disk loses nothing")


if __name__ == "__main__":
    main()
