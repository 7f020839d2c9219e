"""Writes the odd NIfTI, Analyze and HDF5 files of this folder, and odd.json with what nibabel reads. usage: make_odd.py"""
import gzip, json, os, struct
import h5py, nibabel as nib, numpy as np

here = os.path.dirname(os.path.abspath(__file__))
at = lambda name: os.path.join(here, "odd_" + name)
values = (np.arange(60).reshape(5, 4, 3) * 7 % 50).astype(np.int16)
affine = np.array([[-1.5, 0.2, 0, 7], [-0.2, -1.5, 0, 6], [0, 0, 4, -4], [0, 0, 0, 1.0]])
expected = {}


def save(name, data, q=0, s=1, edit=None, cls=nib.Nifti1Image):
    image = cls(data, affine)
    image.header.set_xyzt_units("mm")
    image.set_qform(affine if q else None, q)
    image.set_sform(affine if s else None, s)
    nib.save(image, at(name))
    if edit:
        raw = bytearray(open(at(name), "rb").read())
        edit(raw)
        open(at(name), "wb").write(bytes(raw))


pack = lambda form, offset, *numbers: (lambda raw: struct.pack_into(form, raw, offset, *numbers))
zeros = pack("<12f", 280, *([0.0] * 12))
save("sform_zeros.nii", values, edit=zeros)
save("sform_zeros_qform.nii", values, q=1, edit=zeros)
save("sform_flat.nii", values, edit=pack("<4f", 312, 0, 0, 0, 0))
save("quaternion_too_long.nii", values, q=1, s=0, edit=pack("<3f", 256, 0.9, 0.9, 0.9))
save("quaternion_too_long_sform.nii", values, q=1, edit=pack("<3f", 256, 0.9, 0.9, 0.9))
save("spacing_zero.nii", values, q=0, s=0, edit=pack("<3f", 80, 0, 0, 0))
save("two_axes.nii", values[:, :, 1])
save("fourth_axis_zero.nii", values, edit=pack("<8h", 40, 4, 5, 4, 3, 0, 0, 0, 0))
save("four_volumes.nii", np.stack([values, values + 1, values + 2, values + 3], -1))
nib.save(nib.Nifti1Pair(values, affine), at("pair.img"))
nib.save(nib.AnalyzeImage(values, np.diag([1.5, 1.5, 8, 1])), at("analyze.img"))
raw = bytearray(open(at("two_axes.nii"), "rb").read())
packed = bytearray(gzip.compress(bytes(raw), mtime=0)); packed[-6] ^= 1  # a bit of the checksum
open(at("bad_checksum.nii.gz"), "wb").write(packed)
half = len(raw) // 2
open(at("members.nii.gz"), "wb").write(gzip.compress(bytes(raw[:half]), mtime=0) + gzip.compress(bytes(raw[half:]), mtime=0) + bytes(100))
for name in ("sform_zeros_qform", "quaternion_too_long_sform", "two_axes"):
    image = nib.load(at(name + ".nii"))
    expected[name] = {"affine": (image.get_qform() if name == "sform_zeros_qform" else image.affine).tolist(), "axes": image.ndim}
for kind in ("uint8", "int8", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"):
    image = nib.Nifti1Image((values.astype(kind) if kind != "int8" else values.astype(kind)), affine, dtype=kind)
    image.header.set_slope_inter(0.5, -3)
    nib.save(image, at(f"scaled_{kind}.nii"))
    raw = bytearray(open(at(f"scaled_{kind}.nii"), "rb").read()); struct.pack_into("<ff", raw, 112, 0.5, -3); open(at(f"scaled_{kind}.nii"), "wb").write(bytes(raw))
expected["scaled"] = (values.transpose(2, 1, 0).ravel() * 0.5 - 3).tolist()
expected["plain"] = values.transpose(2, 1, 0).ravel().tolist()
json.dump(expected, open(at("expected.json"), "w"))

# An array of 64 bytes in a chunk of 256 MB, and one whose chunks overlap.
with h5py.File(at("chunks.h5"), "w", libver="earliest") as f:
    d = f.create_dataset("huge", shape=(1, 8, 8), maxshape=(None, None, None), chunks=(256, 1024, 1024), dtype="u1", compression="gzip")
    d.id.write_direct_chunk((0, 0, 0), b"x" * 300, 0)
    d = f.create_dataset("fine", shape=(3, 5), maxshape=(None, None), chunks=(64, 64), dtype="f4", compression="gzip", shuffle=True)
    d[...] = np.arange(15).reshape(3, 5)
