"""Runs a real server for tests and campaigns, and makes inputs for it."""

import atexit
import gzip
import io
import json
import pathlib
import re
import signal
import struct
import subprocess
import threading
import time
import urllib.error
import urllib.request
import zipfile

import nibabel
import numpy
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset

root = pathlib.Path(__file__).resolve().parents[2]
shipped = root / "Weights/isic17.safetensors"


class Server:
    """Runs `program serve` on a free port, with jobs in `data`."""

    def __init__(self, program, data, weights, *options):
        words = [word for path in weights for word in ("--weights", str(path))]
        self.process = subprocess.Popen(
            [program, "serve", "--port", "0", "--data", str(data), *words, *options], stderr=subprocess.PIPE, text=True)
        # A failed assertion leaves no server behind, which would keep the caller's output open.
        atexit.register(self.kill)
        self.log = []
        for line in self.process.stderr:
            self.log.append(line)
            if found := re.search(r"serving on http://127\.0\.0\.1:(\d+)", line):
                self.host, self.port = "127.0.0.1", int(found[1])
                self.address = f"http://{self.host}:{self.port}"
                break
        else:
            raise AssertionError("".join(self.log))
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

    def send(self, body):
        """Sends a volume; returns its job's number."""
        return self.json("/v1/jobs", body=body)["id"]

    def start_job(self, body):
        """Sends a volume; returns its job's number once the job has left the queue."""
        job = self.send(body)
        while self.json(f"/v1/jobs/{job}")["state"] == "queued":
            time.sleep(0.02)
        return job

    def labels(self, job):
        """Returns the labels of a finished job."""
        packed = self.ask(f"/v1/jobs/{job}/result")[2]
        return numpy.asarray(nibabel.Nifti1Image.from_bytes(gzip.decompress(packed)).dataobj)

    def memory(self, name="VmRSS"):
        """Returns the bytes of memory in use or, for "VmHWM", the most so far."""
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{name}:\s+(\d+) kB", text)[1]) * 1024

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


def series(slices=8, study=True):
    """Returns a ZIP of a CT series, with its study's number or without."""
    packed = io.BytesIO()
    study_uid, uid, frame = (pydicom.uid.generate_uid(entropy_srcs=[name]) for name in "abc")
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
            file.StudyInstanceUID, file.SeriesInstanceUID, file.FrameOfReferenceUID = study_uid, uid, frame
            if not study:
                del file.StudyInstanceUID
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


def weights_for(path, kind, size):
    """Writes the shipped weights as if they were trained on "pictures" or "volumes" of `size`×`size`; small sizes are fast."""
    bytes_ = shipped.read_bytes()
    length = struct.unpack("<Q", bytes_[:8])[0]
    header = json.loads(bytes_[8:8 + length])
    header["__metadata__"] |= {"input": kind, "image_size": str(size)}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes_[8 + length:])
    return path
