"""Drives the real server as its clients do, and stops with an assertion where an answer is not what it should be.

    serve.py SERVER VMUNET VOLUME_WEIGHTS OUT [--kills N] [--mutations N] [--chromium PATH] [--screenshots DIR]

SERVER is vmunet-serve, VMUNET the tool whose `predict` the answers are compared with, VOLUME_WEIGHTS weights that take volumes, OUT an
empty folder. Prints a line for each thing that was tried.
"""

import argparse
import io
import json
import pathlib
import random
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
import zipfile

import nibabel
import numpy
import pydicom
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset

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
root = pathlib.Path(__file__).resolve().parents[2]
shipped = root / "Weights/isic17.safetensors"
data = arguments.out / "data"
random.seed(1)
arguments.out.mkdir(parents=True, exist_ok=True)


class Server:
    def __init__(self, *options):
        self.process = subprocess.Popen(
            [arguments.server, "serve", "--port", "0", "--data", str(data), "--weights", str(shipped), "--weights", str(arguments.weights), *options],
            stderr=subprocess.PIPE, text=True)
        self.log = []
        for line in self.process.stderr:
            self.log.append(line)
            if found := re.search(r"serving on http://127\.0\.0\.1:(\d+)", line):
                self.address = f"http://127.0.0.1:{found[1]}"
                break
        else:
            raise AssertionError("".join(self.log))
        import threading
        threading.Thread(target=lambda: self.log.extend(self.process.stderr), daemon=True).start()

    def ask(self, path, body=None, method=None, headers={}):
        request = urllib.request.Request(self.address + path, data=body, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), error.read()

    def json(self, path, **others):
        status, _, body = self.ask(path, **others)
        assert status in (200, 202), (path, status, body)
        return json.loads(body)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(90) == 0, "".join(self.log[-20:])

    def kill(self):
        self.process.kill()
        self.process.wait()


def finished(server, job, seconds=300):
    end = time.time() + seconds
    while time.time() < end:
        told = server.json(f"/v1/jobs/{job}")
        if told["state"] in ("done", "failed"):
            return told
        time.sleep(0.1)
    raise AssertionError(f"{job} does not end: {told}")


def tell(text):
    print(text, flush=True)


def volume(slices, side=48):
    z, y, x = numpy.mgrid[:slices, :side, :side]
    ball = (x - side / 2) ** 2 + (y - side / 2) ** 2 + ((z - slices / 2) * side / slices) ** 2 < (side / 3) ** 2
    noise = numpy.random.default_rng(7).normal(0, 5, ball.shape)
    return numpy.where(ball, 40, 200) + noise


def save_volume(path, slices, side=48):
    image = nibabel.Nifti1Image(volume(slices, side).transpose(2, 1, 0).astype(numpy.float32), numpy.diag([-1.5, -1.5, 3, 1]))
    nibabel.save(image, path)


def series(slices=8):
    """A ZIP of a CT series."""
    packed = io.BytesIO()
    study, uid, frame = (pydicom.uid.generate_uid(entropy_srcs=[name]) for name in "abc")
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, plane in enumerate(volume(slices)):
            meta = FileMetaDataset()
            meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
            meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid(entropy_srcs=[str(number)])
            meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
            file = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
            file.SOPClassUID, file.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
            file.PatientName, file.PatientID, file.Modality = "Secret^Name", "SECRET-42", "CT"
            file.PatientBirthDate = file.PatientSex = file.StudyDate = file.StudyTime = file.AccessionNumber = file.ReferringPhysicianName = ""
            file.StudyID, file.SeriesNumber, file.InstanceNumber = "1", 1, number + 1
            file.StudyInstanceUID, file.SeriesInstanceUID, file.FrameOfReferenceUID = study, uid, frame
            file.ImageOrientationPatient, file.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [0, 0, 3 * number]
            file.PixelSpacing, file.SliceThickness = [1.5, 1.5], 3
            file.Rows, file.Columns = plane.shape
            file.SamplesPerPixel, file.PhotometricInterpretation, file.PixelRepresentation = 1, "MONOCHROME2", 1
            file.BitsAllocated = file.BitsStored = 16
            file.HighBit, file.RescaleIntercept, file.RescaleSlope = 15, 0, 1
            file.PixelData = plane.astype("<i2").tobytes()
            written = io.BytesIO()
            pydicom.dcmwrite(written, file, enforce_file_format=True)
            archive.writestr(f"Secret Name/IM{number:04}", written.getvalue())
    return packed.getvalue()


# Pictures, by curl as the documentation has it.
server = Server()
picture = root / "Sources/VMUNetBrowser/Page/example.jpg"
mask = arguments.out / "mask.png"
subprocess.run(["curl", "-sS", "--fail", "-T", picture, server.address + "/v1/predict", "--output", mask], check=True)
own = arguments.out / "own.png"
subprocess.run([arguments.vmunet, "predict", picture, "--output", own, "--quiet", "--weights", shipped], check=True)
found, expected = numpy.array(Image.open(mask)), numpy.array(Image.open(own))
assert expected.max() == 255 and (found == expected).all(), (found != expected).sum()
tell("a picture's mask is predict's")

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

# The planes that the page shows: the patient's left on the right, so x runs to the left as stored here reversed.
view = told[-1]["result"]
labels = numpy.asarray(found.dataobj).transpose(2, 1, 0)
order = "".join(nibabel.aff2axcodes(found.affine))
turned = labels if order == "LPS" else None
assert turned is not None, order
for plane, index, slice_ in [("axial", 9, turned[9]), ("coronal", 20, turned[::-1, 20]), ("sagittal", 21, turned[::-1, :, 21])]:
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

# Nothing of a patient or a file's name is written down.
everything = "".join(server.log) + "".join(p.read_bytes().decode("latin-1") for p in data.glob("server.sqlite*"))
for secret in ("SECRET", "Secret", "IM0001", "ct.nii", "example.jpg", str(arguments.out)):
    assert secret not in everything, secret
tell("logs and the store name nobody")

# A damaged upload fails alone, with a reason.
for damaged in (b"\x1f\x8b" + bytes(1000), series()[:-2000], path.read_bytes()[:-300]):
    status, _, body = server.ask("/v1/jobs", damaged)
    job = finished(server, json.loads(body)["id"])
    assert job["state"] == "failed" and job["problem"]["detail"] and "/" not in job["problem"]["detail"], job
assert server.ask("/healthz")[0] == 200
tell("damaged volumes fail with a reason")

# Mutated uploads and requests: never a 500, never a crash.
sources = [picture.read_bytes(), mask.read_bytes()]
for _ in range(arguments.mutations):
    body = bytearray(random.choice(sources))
    for _ in range(random.choice([1, 3, 30])):
        body[random.randrange(min(len(body), random.choice([64, 1024, len(body)])))] = random.randrange(256)
    body = bytes(body[:random.choice([len(body), len(body), random.randrange(len(body))])])
    query = random.choice(["", "?threshold=0.5", "?threshold=", "?model=%00", "?model=isic17", "?threshold=1e400", "?%ff=%fe"])
    status, _, answer = server.ask("/v1/predict" + query, body, headers={"Accept": random.choice(["*/*", "application/json", "x", "image/png;q=a"])})
    assert status in (200, 400, 406, 413, 415, 422), (status, answer)
assert server.ask("/healthz")[0] == 200 and server.process.poll() is None
tell(f"{arguments.mutations} mutated requests are answered")

# Deleting removes files, also of a job that runs.
long = arguments.out / "long.nii.gz"
save_volume(long, 120, 64)
running = json.loads(server.ask("/v1/jobs", long.read_bytes())[2])["id"]
while server.json(f"/v1/jobs/{running}")["state"] == "queued":
    time.sleep(0.02)
assert server.ask(f"/v1/jobs/{running}", method="DELETE")[0] == 204
time.sleep(1)
assert not (data / "jobs" / running).exists()
for job in server.json("/v1/jobs")["jobs"]:
    assert server.ask(f"/v1/jobs/{job['id']}", method="DELETE")[0] == 204
assert list((data / "jobs").iterdir()) == [] and list((data / "incoming").iterdir()) == []
tell("DELETE removes every file")

# SIGKILL during jobs; each is finished once.
reference = arguments.out / "long-own.nii.gz"
subprocess.run([arguments.vmunet, "predict", long, "--output", reference, "--quiet", "--weights", arguments.weights], check=True)
reference = numpy.asarray(nibabel.load(reference).dataobj)
known = []
for turn in range(arguments.kills):
    if turn % 4 == 0:
        known.append(json.loads(server.ask("/v1/jobs", long.read_bytes())[2])["id"])
    time.sleep(random.uniform(0, 1.2))
    server.kill()
    server = Server()
for job in known:
    told = finished(server, job)
    # A job during which the server ends five times fails.
    assert told["state"] == "done" or (told["state"] == "failed" and "ended 5 times" in told["problem"]["detail"]), told
    if told["state"] == "done":
        result.write_bytes(server.ask(f"/v1/jobs/{job}/result")[2])
        assert (numpy.asarray(nibabel.load(result).dataobj) == reference).all()
        assert sorted(p.name for p in (data / "jobs" / job).iterdir()) == ["result"]
assert {job["id"] for job in server.json("/v1/jobs")["jobs"]} == set(known)
tell(f"jobs survive {arguments.kills} SIGKILLs")

if arguments.chromium:
    from server_page import look
    look(arguments.chromium, server.address, picture, long, arguments.out, arguments.screenshots, numpy.array(Image.open(mask)), reference)
    tell("the page shows and saves the same")

# A clean stop returns a running job to the queue.
running = json.loads(server.ask("/v1/jobs", long.read_bytes())[2])["id"]
while server.json(f"/v1/jobs/{running}")["state"] == "queued":
    time.sleep(0.02)
server.stop()
server = Server()
assert finished(server, running)["state"] == "done"
server.stop()
tell("SIGTERM ends it cleanly")
