"""Writes the NRRD and MetaImage files of this folder, and expected.json with what SimpleITK and pynrrd read. usage: make.py

Wants numpy, pynrrd 1.1.3 and SimpleITK 2.5.7.
"""
import json, os
import numpy as np, nrrd, SimpleITK as sitk

here = os.path.dirname(os.path.abspath(__file__))
at = lambda name: os.path.join(here, name)
values = (np.arange(60).reshape(3, 4, 5) * 7 % 50 - 9).astype(np.int16)  # slices, rows, columns
directions = [[1.5, 0, 0], [0, 0, -2.0], [0, 4.0, 0.5]]
origin = [-7.5, 6, 4.25]
expected = {}


def by_itk(name):
    """Values and the affine to right, anterior, superior."""
    image = sitk.ReadImage(at(name))
    n = image.GetDimension()
    D = np.eye(3); D[:n, :n] = np.array(image.GetDirection()).reshape(n, n)[:3, :3]
    S = np.ones(3); S[:n] = image.GetSpacing()[:3]
    O = np.zeros(3); O[:n] = image.GetOrigin()[:3]
    A = np.column_stack([D * S, O]); A[:2] *= -1
    a = sitk.GetArrayFromImage(image)
    if image.GetNumberOfComponentsPerPixel() > 1: a = np.moveaxis(a, -1, 0)
    return a, A


def by_pynrrd(name):
    a, h = nrrd.read(at(name), index_order="C")
    A = np.column_stack([np.array(h["space directions"], float)[:3].T, h["space origin"]]) if "space directions" in h else None
    if A is not None and h["space"].startswith("left"): A[0] *= -1
    if A is not None and "posterior" in h["space"]: A[1] *= -1
    return a, A


def record(name, read, **more):
    a, A = read(name)
    expected[name] = dict(shape=list(a.shape), values=[float(v) for v in a.ravel()], affine=None if A is None else [list(map(float, r)) for r in A], **more)


def put(name, head, *blocks):
    with open(at(name), "wb") as f:
        f.write(head.encode())
        for b in blocks: f.write(b)


space = {"space": "left-posterior-superior", "space directions": np.array(directions), "space origin": np.array(origin), "kinds": ["domain"] * 3}
for encoding in ("raw", "gzip", "ascii", "hex", "bzip2"):
    if encoding == "hex": continue
    nrrd.write(at(f"{encoding}.nrrd"), values, {**space, "encoding": encoding, "endian": "little"}, index_order="C")
    record(f"{encoding}.nrrd", by_pynrrd)
field = lambda type="short", **k: "".join([
    "NRRD0004\n# by hand\ntype: ", type, "\ndimension: 3\nspace: ", k.pop("space", "left-posterior-superior"), "\nsizes: 5 4 3\n",
    "space directions: (1.5,0,0) (0,0,-2) (0,4,0.5)\nkinds: domain domain domain\nendian: ", k.pop("endian", "little"), "\nencoding: ", k.pop("encoding", "raw"),
    "\nspace origin: (-7.5,6,4.25)\n", *[f"{n.replace('_', ' ')}: {v}\n" for n, v in k.items()]])
raw = values.tobytes()
put("big.nrrd", field(endian="big") + "\n", values.astype(">i2").tobytes()); record("big.nrrd", by_itk)
put("hex.nrrd", field(encoding="hex") + "\n", raw.hex().encode() + b"\n"); record("hex.nrrd", by_itk)
put("ras.nrrd", field(space="right-anterior-superior") + "\n", raw); record("ras.nrrd", by_itk)
put("las.nrrd", field(space="LAS") + "\n", raw); record("las.nrrd", by_itk)
put("crlf.nrrd", field().replace("\n", "\r\n") + "\r\n", raw); record("crlf.nrrd", by_pynrrd)
put("lines.nrrd", field(line_skip=2) + "\n", b"one\n", b"two\n", raw); record("lines.nrrd", by_itk)
put("detached.raw", "", b"seven b", raw)
put("detached.nhdr", field(byte_skip=7, data_file="detached.raw")); record("detached.nhdr", by_itk)
put("end.nhdr", field(byte_skip=-1, data_file="detached.raw")); record("end.nhdr", by_itk)
import gzip
put("packed.raw.gz", "", gzip.compress(b"seven b" + raw, mtime=0))
put("packed_end.nhdr", field(encoding="gzip", byte_skip=-1, data_file="packed.raw.gz")); record("packed_end.nhdr", by_pynrrd)
for k in range(3): put(f"slice{k + 1:02d}.raw", "", values[k].tobytes())
put("list.nhdr", field() + "data file: LIST\nslice01.raw\nslice02.raw\nslice03.raw\n"); record("list.nhdr", by_itk)
put("pattern.nhdr", field(data_file="slice%02d.raw 1 3 1")); record("pattern.nhdr", by_itk)
put("float.nrrd", field("float") + "\n", (values / 4).astype("<f4").tobytes()); record("float.nrrd", by_itk)
put("float_text.nrrd", field("float", encoding="text") + "\n", " ".join(f"{v / 4}" for v in values.ravel()).encode()); record("float_text.nrrd", by_itk)
put("unsigned.nrrd", field("unsigned int") + "\n", (values.astype(np.int64) % 2**32).astype("<u4").tobytes()); record("unsigned.nrrd", by_itk)
# Colours side by side, and volumes one after the other.
colours = np.stack([values, values + 1, values + 2], -1).astype(np.uint8)
put("colours.nrrd", field("uchar").replace("dimension: 3", "dimension: 4").replace("sizes: 5", "sizes: 3 5").replace("directions: ", "directions: none ")
    .replace("kinds: ", "kinds: RGB-color ") + "\n", colours.tobytes())
record("colours.nrrd", by_itk)
put("four.nrrd", field().replace("dimension: 3", "dimension: 4").replace("4 3\n", "4 3 2\n").replace("0.5)\n", "0.5) none\n").replace("domain\n", "domain list\n") + "\n",
    raw, (values + 3).tobytes())
a, h = nrrd.read(at("four.nrrd"), index_order="C")
expected["four.nrrd"] = dict(shape=list(a.shape), values=[float(v) for v in a.ravel()], affine=expected["raw.nrrd"]["affine"])
put("spacings.nrrd", "NRRD0004\ntype: short\ndimension: 3\nsizes: 5 4 3\nspacings: 1.5 2 4\nendian: little\nencoding: raw\n\n", raw); record("spacings.nrrd", by_pynrrd)
put("flat.nrrd", "NRRD0004\ntype: uchar\ndimension: 2\nsizes: 5 4\nspacings: 0.5 0.25\nencoding: raw\n\n", colours[0, :, :, 0].tobytes()); record("flat.nrrd", by_pynrrd)

# MetaImage
image = sitk.GetImageFromArray(values)
lengths = np.linalg.norm(directions, axis=1)
image.SetSpacing(lengths.tolist()); image.SetDirection((np.array(directions) / lengths[:, None]).T.ravel().tolist()); image.SetOrigin(origin)
write = lambda image, name, packed=False: (sitk.WriteImage(image, at(name), packed), record(name, by_itk))
write(image, "plain.mha"); write(image, "packed.mha", True); write(image, "beside.mhd"); write(image, "beside_packed.mhd", True)
vectors = sitk.GetImageFromArray(colours.astype(np.int16), isVector=True); vectors.CopyInformation(image); write(vectors, "vectors.mha"); write(vectors, "vectors_packed.mha", True)
write(sitk.Cast(image, sitk.sitkFloat64) / 4, "double.mha"); write(image[:, :, 1], "flat.mha")
for type in (sitk.sitkUInt8, sitk.sitkInt8, sitk.sitkUInt16, sitk.sitkInt32, sitk.sitkUInt32, sitk.sitkInt64, sitk.sitkUInt64, sitk.sitkFloat32):
    write(sitk.Cast(image + 9, type), f"type_{sitk.GetPixelIDValueAsString(type).replace(' ', '_').replace('-', '_')}.mha")
four = sitk.JoinSeries([image, image + 3]); write(four, "four.mha")
head = lambda data, **k: "ObjectType = Image\nNDims = 3\nBinaryData = {b}\nBinaryDataByteOrderMSB = {m}\nTransformMatrix = 1 0 0 0 0 -1 0 1 0\nOffset = 1 2 3\nElementSpacing = 1.5 2 4\nDimSize = 5 4 3\n{x}ElementType = {t}\nElementDataFile = {d}\n".format(
    d=data, b=k.get("b", "True"), m=k.get("m", "False"), t=k.get("t", "MET_SHORT"), x=k.get("x", ""))
put("big.mha", head("LOCAL", m="True"), values.astype(">i2").tobytes()); record("big.mha", by_itk)
put("text.mha", head("LOCAL", b="False"), (" ".join(str(v) for v in values.ravel()) + "\n").encode()); record("text.mha", by_itk)
put("long.mha", head("LOCAL", t="MET_LONG"), values.astype("<i4").tobytes()); record("long.mha", by_itk)
put("end.mhd", head("detached.raw", x="HeaderSize = -1\n")); record("end.mhd", by_itk)
put("skip.mhd", head("detached.raw", x="HeaderSize = 7\n")); record("skip.mhd", by_itk)
put("list.mhd", head("LIST") + "slice01.raw\nslice02.raw\nslice03.raw\n"); record("list.mhd", by_itk)
put("pattern.mhd", head("slice%02d.raw 1 3 1")); record("pattern.mhd", by_itk)
json.dump(expected, open(at("expected.json"), "w"), separators=(",", ":"), sort_keys=True)
print(len(expected), "files")
