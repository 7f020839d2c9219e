"""Writes small DICOM series, one trouble each, into the folder `Series`. usage: make.py

Six slices of 32×40 pixels, 5 mm apart, whose values follow a formula that the tests know. Wants pydicom 3.0.2, pyjpegls, pylibjpeg-openjpeg, highdicom 0.28.2 and matplotlib.
"""
import os, shutil
import numpy as np, pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless,
    RLELossless, generate_uid)

here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "Series")
shutil.rmtree(here, ignore_errors=True)
U = lambda *words: generate_uid("1.2.826.0.1.3680043.8.498.", entropy_srcs=["vmunet"] + [str(w) for w in words])
SYNTAX = {"implicit": ImplicitVRLittleEndian, "big": ExplicitVRBigEndian, "deflated": DeflatedExplicitVRLittleEndian}


def slices(n=6, z0=0.0, dz=5.0):
    k, y, x = np.mgrid[:n, :32, :40]
    values = (k * 37 + y * 16 + x) * 7 % 1200 - 1000
    return [(values[i], [-31.5, -20.25, z0 + i * dz]) for i in range(n)]


def write(name, items, edit=None, uid=None, names=None, description=None, iop=(1, 0, 0, 0, 1, 0), number=1):
    folder = os.path.join(here, name)
    os.makedirs(folder, exist_ok=True)
    syntax = SYNTAX.get(name, ExplicitVRLittleEndian)
    for k, (hu, ipp) in enumerate(items):
        ds = Dataset()
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = syntax
        ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = CTImageStorage
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = U(name, uid, k)
        ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = U(name, "study"), U(name, "series", uid), U(name, "frame")
        ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientSex = "SECRET^NAME", "SECRETID", "19700101", "O"
        ds.StudyDate = ds.SeriesDate = ds.ContentDate = "20260101"
        ds.StudyTime = ds.SeriesTime = ds.ContentTime = "120000"
        ds.AccessionNumber = ds.StudyID = "1"
        ds.ReferringPhysicianName, ds.Manufacturer, ds.Modality, ds.PositionReferenceIndicator, ds.PatientPosition = "", "TEST", "CT", "", "HFS"
        ds.SeriesNumber, ds.InstanceNumber, ds.AcquisitionNumber, ds.ImageType = number, k + 1, 1, ["ORIGINAL", "PRIMARY", "AXIAL"]
        ds.SeriesDescription = description or name
        ds.ImagePositionPatient = [f"{v:.8g}" for v in ipp]
        ds.ImageOrientationPatient = [f"{v:.8g}" for v in iop]
        ds.PixelSpacing, ds.SliceThickness, ds.KVP = [1.5, 2], 5, 120
        ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation = 32, 40, 1, "MONOCHROME2"
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
        ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = 1, -1024, "HU"
        ds.PixelData = (hu + 1024).astype("<u2").tobytes()
        ds["PixelData"].VR = "OW"
        if edit: edit(ds, k, hu)
        if name == "big": ds.PixelData = np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes(); ds["PixelData"].VR = "OW"
        file = os.path.join(folder, names[k] if names else f"IM{k + 1:03d}.dcm")
        pydicom.dcmwrite(file, ds, enforce_file_format=True)


S = slices()
for name in ("plain", "implicit", "big", "deflated"): write(name, S)
write("missing", S[:3] + S[4:])
write("unequal", [(h, [p[0], p[1], z]) for (h, p), z in zip(S, (0, 5, 10, 15, 22.5, 30))])
write("shuffled_names", S, names=["e", "a", "f", "c", "b", "d"])
write("duplicate", S + [S[2]])
t = np.radians(15)
write("tilt", S, iop=(1, 0, 0, 0, np.cos(t), -np.sin(t)))
write("mixed", S, uid="a", description="thick")
write("mixed", slices(4, 100), uid="b", names=[f"B{k}.dcm" for k in range(4)], description="other", number=2)


def signed(ds, k, hu): ds.PixelRepresentation, ds.BitsStored, ds.HighBit, ds.RescaleIntercept = 1, 16, 15, 0; ds.PixelData = hu.astype("<i2").tobytes()
def dirty(ds, k, hu): ds.PixelRepresentation, ds.RescaleIntercept = 1, 0; ds.PixelData = ((hu & 0x0FFF) | 0x5000).astype("<u2").tobytes()
def mono1(ds, k, hu):
    ds.PhotometricInterpretation = "MONOCHROME1"
    ds.RescaleSlope, ds.RescaleIntercept = -1, 3071
    ds.PixelData = (3071 - hu).astype("<u2").tobytes()
def slope(ds, k, hu): ds.RescaleSlope, ds.RescaleIntercept = 2.0 ** (k - 2), -1024 * 2.0 ** (k - 2); ds.PixelData = (hu + 1024).astype("<u2").tobytes()
def padded(ds, k, hu): a = (hu + 1024).astype("<u2"); a[0, :3] = 4000; ds.PixelPaddingValue = 4000; ds.PixelData = a.tobytes()
def no_place(ds, k, hu): del ds.ImageOrientationPatient; del ds.ImagePositionPatient; ds.SliceLocation = 5 * k
def compress(uid): return lambda ds, k, hu: ds.compress(uid, generate_instance_uid=False)


write("signed", S, signed); write("signed12_rubbish", S, dirty); write("mono1", S, mono1); write("slope_each", S, slope); write("padded", S, padded)
write("rle", S, compress(RLELossless)); write("jpegls", S, compress(JPEGLSLossless)); write("jpeg2000", S, compress(JPEG2000Lossless))
write("no_iop", S, no_place)
# Orientations for segmentations: sagittal, coronal, oblique, and rows that run backwards.
c, s = np.cos(0.3), np.sin(0.3)
for name, row, column in [
    ("sagittal", (0, 1, 0), (0, 0, -1)), ("coronal", (1, 0, 0), (0, 0, -1)), ("backwards", (1, 0, 0), (0, -1, 0)), ("oblique", (c, s, 0), (-s * c, c * c, s))]:
    n = np.cross(row, column)
    write(name, [(h, list(np.array([10.5, -20, 30]) + k * 4 * n)) for k, (h, _) in enumerate(S)], iop=(*row, *column))
from highdicom.legacy import LegacyConvertedEnhancedCTImage
import glob
plain = [pydicom.dcmread(f) for f in sorted(glob.glob(os.path.join(here, "plain", "*")))]
mf = LegacyConvertedEnhancedCTImage(plain, series_instance_uid=U("mf", "series"), series_number=2, sop_instance_uid=U("mf"), instance_number=1)
os.makedirs(os.path.join(here, "multiframe")); mf.save_as(os.path.join(here, "multiframe", "MF.dcm"))

# Structure sets on two of the series, and the masks that matplotlib's point-in-polygon gives: a
# star, a ring (a hole is a contour inside), a region without contours.
from matplotlib.path import Path
for name in ("plain", "oblique"):
    source = sorted((pydicom.dcmread(f) for f in glob.glob(os.path.join(here, name, "*"))), key=lambda d: d.InstanceNumber)
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.481.3"
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = U(name, "rt")
    ds.Modality, ds.PatientName, ds.StructureSetLabel = "RTSTRUCT", "SECRET^NAME", "test"
    mask = np.zeros((6, 32, 40), np.uint8)
    ds.StructureSetROISequence, ds.ROIContourSequence = [], []
    angles = np.linspace(0, 2 * np.pi, 41)[:-1]
    star = lambda r: np.column_stack([12.3 + r * (1 + 0.4 * np.sin(5 * angles)) * np.cos(angles), 15.7 + r * (1 + 0.4 * np.sin(5 * angles)) * np.sin(angles)])
    circle = lambda r: np.column_stack([29.1 + r * np.cos(angles), 14.2 + r * np.sin(angles)])
    y, x = np.mgrid[:32, :40]
    centres = np.column_stack([x.ravel(), y.ravel()])
    for number, (label, contours) in enumerate([("star", {1: [star(6)], 2: [star(7.5)], 4: [star(3)]}), ("ring", {0: [circle(8), circle(4)], 3: [circle(9)]}), ("none", {})], 5):
        roi = Dataset(); roi.ROINumber, roi.ROIName, roi.ROIGenerationAlgorithm = number, label, "MANUAL"; ds.StructureSetROISequence.append(roi)
        item = Dataset(); item.ReferencedROINumber, item.ROIDisplayColor, item.ContourSequence = number, [255, number, 0], []
        for k, polygons in contours.items():
            s = source[k]
            row, column = np.array(s.ImageOrientationPatient, float)[:3], np.array(s.ImageOrientationPatient, float)[3:]
            inside = np.zeros(32 * 40, bool)
            for p in polygons:
                inside ^= Path(p).contains_points(centres)
                points = np.array(s.ImagePositionPatient, float) + p[:, :1] * 2 * row + p[:, 1:] * 1.5 * column
                c = Dataset(); c.ContourGeometricType, c.NumberOfContourPoints, c.ContourData = "CLOSED_PLANAR", len(p), [f"{v:.6g}" for v in points.ravel()]
                item.ContourSequence.append(c)
            mask[k].ravel()[inside] = number - 4
        ds.ROIContourSequence.append(item)
    pydicom.dcmwrite(os.path.join(here, "..", f"structures_{name}.dcm"), ds, enforce_file_format=True)
    mask.tofile(os.path.join(here, "..", f"structures_{name}.raw"))
