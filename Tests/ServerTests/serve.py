"""Drives the real server as its clients do, and stops with an assertion where an answer is not what it should be.

    serve.py SERVER VMUNET VOLUME_WEIGHTS OUT [--kills N] [--mutations N] [--chromium PATH] [--screenshots DIR]

SERVER is vmunet-serve, VMUNET the tool whose `predict` the answers are compared with, VOLUME_WEIGHTS weights that take volumes, OUT an
empty folder. Prints a line for each thing that was tried.
"""

import argparse
import io
import json
import pathlib
import re
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile

import nibabel
import numpy
import pydicom
from PIL import Image

from driven import Server, finished, root, save_volume, series, shipped, tell, weights_for

sys.path.insert(0, str(root / "Reliability"))
import server as campaign  # noqa: E402

parser = argparse.ArgumentParser()
parser.add_argument("server")
parser.add_argument("vmunet")
parser.add_argument("weights", type=pathlib.Path)
parser.add_argument("out", type=pathlib.Path)
parser.add_argument("--kills", type=int, default=4)
parser.add_argument("--mutations", type=int, default=200)
parser.add_argument("--chromium")
parser.add_argument("--screenshots", type=pathlib.Path)
arguments = parser.parse_args()
data = arguments.out / "data"
arguments.out.mkdir(parents=True, exist_ok=True)


def start(*options):
    return Server(arguments.server, data, [shipped, arguments.weights], *options)


# Pictures, by curl as the documentation has it.
server = start()
picture = root / "Sources/VMUNetBrowser/Page/example.jpg"
mask = arguments.out / "mask.png"
(arguments.out / "photo.jpg").write_bytes(picture.read_bytes())
documentation = (root / "docs/server.md").read_text().replace("http://127.0.0.1:8080", server.address)
command = re.search(r"^curl -T photo.jpg .*$", documentation, re.MULTILINE)[0]
subprocess.run(["bash", "-c", command.replace("curl", "curl -sS --fail", 1)], cwd=arguments.out, check=True)
own = arguments.out / "own.png"
subprocess.run([arguments.vmunet, "predict", picture, "--output", own, "--quiet", "--weights", shipped], check=True)
found, expected = numpy.array(Image.open(mask)), numpy.array(Image.open(own))
assert expected.max() == 255 and (found == expected).all(), (found != expected).sum()
tell("a picture's mask is predict's")

# urllib sends all of a body, and asks for the connection's end, before it looks for the answer.
status, _, body = server.ask("/v1/predict", bytes(65 << 20))
assert status == 413 and json.loads(body)["remedy"] == "send a smaller file", body
tell("a client that sends too much gets its answer")

for path in ("/v1/predict", "/v1/jobs"):
    with socket.create_connection((server.host, server.port), timeout=60) as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n".encode() + b"\x1f\x8b")
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1000).startswith(b"HTTP/1.1 400"), path
tell("a body that is cut off is refused")

# A volume, with its events.
path = arguments.out / "ct.nii.gz"
save_volume(path, 20)
status, headers, body = server.ask("/v1/jobs", path.read_bytes())
assert status == 202, body
address = headers["Location"]
events = urllib.request.urlopen(server.address + address + "/events", timeout=120).read().decode()
told = [json.loads(line[6:]) for line in events.splitlines() if line.startswith("data: ")]
assert told[-1]["state"] == "done", told[-1]
progress = [job["progress"] for job in told]
assert progress == sorted(progress) and progress[-1] == 1, progress
own = arguments.out / "own.nii.gz"
subprocess.run([arguments.vmunet, "predict", path, "--output", own, "--quiet", "--weights", arguments.weights], check=True)
status, headers, body = server.ask(address + "/result")
result = arguments.out / "result.nii.gz"
result.write_bytes(body)
found, expected = nibabel.load(result), nibabel.load(own)
assert headers["Content-Type"] == "application/x-nifti"
assert (found.affine == expected.affine).all() and (numpy.asarray(found.dataobj) == numpy.asarray(expected.dataobj)).all()
voxels = int((numpy.asarray(expected.dataobj) == 1).sum())
assert voxels > 0 and told[-1]["result"]["labels"][0]["voxels"] == voxels, (voxels, told[-1]["result"])
assert abs(told[-1]["result"]["labels"][0]["volume_ml"] - voxels * 1.5 * 1.5 * 3 / 1000) < 0.01
archive = zipfile.ZipFile(io.BytesIO(server.ask(address + "/result", headers={"Accept": "application/zip"})[2]))
assert archive.testzip() is None and archive.read("segmentation/labels.nii.gz") == body, archive.namelist()
tell("a volume's labels are predict's")

# The documentation's Python.
example = re.search(r"```python\n(.*?)```", documentation, re.DOTALL)[1]
printed = subprocess.run([sys.executable, "-c", example], cwd=arguments.out, check=True, capture_output=True, text=True).stdout
assert (numpy.asarray(nibabel.load(arguments.out / "labels.nii.gz").dataobj) == numpy.asarray(expected.dataobj)).all()
assert "lesion" in printed and printed.splitlines()[-1] in ("1", "1.0"), printed
tell("the documentation's examples work")

# The page shows the patient's left on the right. The volume is stored in LPS, so only coronal and sagittal planes are turned.
labels = numpy.asarray(found.dataobj).transpose(2, 1, 0)
assert nibabel.aff2axcodes(found.affine) == ("L", "P", "S")
for plane, index, slice_ in [("axial", 9, labels[9]), ("coronal", 20, labels[::-1, 20]), ("sagittal", 21, labels[::-1, :, 21])]:
    png = numpy.array(Image.open(io.BytesIO(server.ask(f"{address}/view/labels/{plane}/{index}")[2])))
    assert png.shape == slice_.shape and (png == slice_).all(), plane
tell("planes show the labels")

# A DICOM series.
status, headers, body = server.ask("/v1/jobs", series())
assert status == 202, body
job = finished(server, json.loads(body)["id"])
assert job["state"] == "done", job
file = pydicom.dcmread(io.BytesIO(server.ask(headers["Location"] + "/result", headers={"Accept": "application/dicom"})[2]))
assert file.Modality == "SEG" and file.NumberOfFrames >= 1 and file.PatientID == "SECRET-42"
tell("a DICOM series gives a SEG")

# Without the study's number the standard allows no SEG; the other results are there.
status, headers, body = server.ask("/v1/jobs", series(study=False))
job = finished(server, json.loads(body)["id"])
assert job["state"] == "done" and not job["result"]["has_segmentation"], job
assert any("no DICOM segmentation" in note for note in job["result"]["notes"]), job
assert server.ask(headers["Location"] + "/result", headers={"Accept": "application/dicom"})[0] == 406
assert len(server.ask(headers["Location"] + "/result", headers={"Accept": "application/x-nifti"})[2]) > 100
tell("a DICOM series without a study's number gives all but the SEG")

# A damaged upload fails alone, with a reason.
flipped = bytearray(series())
flipped[300] ^= 255
for damaged in (b"\x1f\x8b" + bytes(1000), series()[:-2000], path.read_bytes()[:-300], bytes(flipped)):
    status, _, body = server.ask("/v1/jobs", damaged)
    job = finished(server, json.loads(body)["id"])
    assert job["state"] == "failed" and job["problem"]["detail"] and "/" not in job["problem"]["detail"], job
assert server.ask("/healthz")[0] == 200
tell("damaged volumes fail with a reason")

# Nothing of a patient or a file's name is written down.
everything = "".join(server.log) + "".join(p.read_bytes().decode("latin-1") for p in data.glob("server.sqlite*"))
for secret in ("SECRET", "Secret", "IM0001", "ct.nii", "example.jpg", str(arguments.out)):
    assert secret not in everything, secret
tell("logs and the store name nobody")

# Mutated uploads and requests: never a 500, never a crash.
campaign.mutate(server, data, arguments.mutations)
tell(f"{arguments.mutations} mutated requests and uploads are answered")

# Deleting removes files, also of a job that runs.
long = arguments.out / "long.nii.gz"
save_volume(long, 120, 64)
running = server.start_job(long.read_bytes())
assert server.ask(f"/v1/jobs/{running}", method="DELETE")[0] == 204
time.sleep(1)
assert not (data / "jobs" / running).exists()
for job in server.json("/v1/jobs")["jobs"]:
    assert server.ask(f"/v1/jobs/{job['id']}", method="DELETE")[0] == 204
assert list((data / "jobs").iterdir()) == [] and list((data / "incoming").iterdir()) == []
tell("DELETE removes every file")

# The store's file keeps nothing of deleted jobs; the audit log keeps their numbers.
for part in data.glob("server.sqlite*"):
    bytes_ = part.read_bytes()
    assert b"nii.gz" not in bytes_ and b"gzip stream" not in bytes_, part
tell("nor does the store keep anything")

# SIGKILL during jobs; each is finished once.
reference = arguments.out / "long-own.nii.gz"
subprocess.run([arguments.vmunet, "predict", long, "--output", reference, "--quiet", "--weights", arguments.weights], check=True)
reference = numpy.asarray(nibabel.load(reference).dataobj)
server = campaign.kill(server, start, data, [(long.read_bytes(), reference)], arguments.kills)
tell(f"jobs survive {arguments.kills} SIGKILLs")

if arguments.chromium:
    for job in server.json("/v1/jobs")["jobs"]:
        server.ask(f"/v1/jobs/{job['id']}", method="DELETE")
    from server_page import look
    look(arguments.chromium, server.address, picture, long, series(), arguments.out, arguments.screenshots, numpy.array(Image.open(mask)), reference)
    tell("the page shows and saves the same")

# One server a folder: a second would run the first's jobs.
other = subprocess.run(
    [arguments.server, "serve", "--port", "0", "--data", data, "--weights", arguments.weights], capture_output=True, text=True, timeout=60)
assert other.returncode == 65 and "another server uses this folder" in other.stderr, other
other = subprocess.run(
    [arguments.server, "serve", "--port", str(server.port), "--data", arguments.out / "other", "--weights", arguments.weights],
    capture_output=True, text=True, timeout=60)
assert other.returncode == 64 and "another program listens there" in other.stderr, other
tell("a folder and a port that are taken are named")

# A clean stop returns a running job to the queue, also while somebody follows it.
running = server.start_job(long.read_bytes())
following = urllib.request.urlopen(f"{server.address}/v1/jobs/{running}/events", timeout=120)
following.readline()
begin = time.time()
server.stop()
assert time.time() - begin < 20, time.time() - begin
following.read()
server = start()
assert finished(server, running)["state"] == "done"
server.stop()
tell("SIGTERM ends it cleanly")

server = start("--max-voxels", "1000")
told = finished(server, server.send(path.read_bytes()))
assert told["state"] == "failed" and "46080 voxels" in told["problem"]["detail"], told
server.stop()
tell("a volume beyond the limit fails and says why")

# A job computes with the weights that it names, or fails.
changing = arguments.out / "changing.safetensors"
changing.write_bytes(arguments.weights.read_bytes())
server = Server(arguments.server, data, [changing])
assert server.ask("/healthz")[0] == 200
weights_for(changing, "volumes", 64)
status, _, body = server.ask("/healthz")
assert status == 503 and "restart the server" in json.loads(body)["checks"]["model changing"], body
status, _, body = server.ask("/v1/jobs", path.read_bytes())
assert status == 503 and "has changed" in json.loads(body)["detail"], body
changing.write_bytes(arguments.weights.read_bytes())
assert server.ask("/healthz")[0] == 200
waiting = server.start_job(long.read_bytes())
server.stop()
weights_for(changing, "volumes", 64)
server = Server(arguments.server, data, [changing])
told = finished(server, waiting)
assert told["state"] == "failed" and "has changed" in told["problem"]["detail"], told
server.stop()
tell("weights that were exchanged are not used under their old name")
