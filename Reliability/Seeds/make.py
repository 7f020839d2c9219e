"""Writes the first inputs of the reader of DICOM that no test has as a file: segmentations by highdicom, and images of several frames. usage: make.py"""
import os
import highdicom as hd
import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.codedict import codes

here = os.path.dirname(os.path.abspath(__file__))
T = hd.seg.SegmentationTypeValues


def image(k, frames=1):
    d = Dataset()
    d.file_meta = FileMetaDataset()
    d.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    d.SOPClassUID = d.file_meta.MediaStorageSOPClassUID = pydicom.uid.CTImageStorage
    d.SOPInstanceUID = d.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{k + 1}"
    d.StudyInstanceUID, d.SeriesInstanceUID, d.FrameOfReferenceUID = "1.2.4", "1.2.5", "1.2.6"
    d.PatientName, d.PatientID, d.PatientBirthDate, d.PatientSex = "A^B", "1", "", ""
    d.StudyDate, d.StudyTime, d.StudyID, d.AccessionNumber, d.ReferringPhysicianName = "", "", "", "", ""
    d.Modality, d.SeriesNumber, d.InstanceNumber, d.Manufacturer, d.PositionReferenceIndicator = "CT", 1, k + 1, "x", ""
    d.ImagePositionPatient, d.ImageOrientationPatient = [0, 0, 5 * k], [1, 0, 0, 0, 1, 0]
    d.PixelSpacing, d.SliceThickness = [1.5, 2], 5
    d.Rows, d.Columns, d.SamplesPerPixel, d.PhotometricInterpretation = 8, 10, 1, "MONOCHROME2"
    d.BitsAllocated, d.BitsStored, d.HighBit, d.PixelRepresentation = 16, 12, 11, 0
    d.RescaleSlope, d.RescaleIntercept = 1, -1024
    if frames > 1:
        d.NumberOfFrames = frames
        d.PerFrameFunctionalGroupsSequence = []
        for f in range(frames):
            place, group = Dataset(), Dataset()
            place.ImagePositionPatient = [0, 0, 5 * f]
            group.PlanePositionSequence = [place]
            d.PerFrameFunctionalGroupsSequence.append(group)
    d.PixelData = (np.arange(80 * frames, dtype=np.uint16) * 7 % 4096).tobytes()
    return d


image(0, frames=3).save_as(os.path.join(here, "frames.dcm"), enforce_file_format=True)
series = [image(k) for k in range(3)]
mask = np.arange(240).reshape(3, 8, 10) % 3
for kind, values in (("BINARY", mask.astype(np.uint8)), ("LABELMAP", mask.astype(np.uint8)), ("FRACTIONAL", (mask / 2).astype(np.float32))):
    segments = [
        hd.seg.SegmentDescription(
            i, f"part {i}", codes.SCT.Organ, codes.SCT.Liver, hd.seg.SegmentAlgorithmTypeValues.MANUAL)
        for i in ((1, 2) if kind != "FRACTIONAL" else (1,))
    ]
    seg = hd.seg.Segmentation(
        series, values, T[kind], segments, "1.2.7", 2, f"1.2.8.{len(kind)}", 1, "x", "x", "1", "1", omit_empty_frames=True)
    seg.save_as(os.path.join(here, f"{kind.lower()}.dcm"))
