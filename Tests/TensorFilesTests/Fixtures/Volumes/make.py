"""Writes the HDF5 and NIfTI files beside it, sound and hostile, with h5py and nibabel. usage: make.py"""
import json, os, zlib
import h5py, nibabel as nib, numpy as np

os.chdir(os.path.dirname(os.path.abspath(__file__)))
rs = np.random.RandomState(1)
base = np.arange(24).reshape(2, 3, 4)

with h5py.File("kinds.h5", "w") as f:
    for t in ("f4", "f8", "f2", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", ">f4", ">f8", ">i2", ">u4"):
        f[t.replace(">", "big_")] = (base * (1.5 if "f" in t else 1) - (0 if "u" in t else 5)).astype(t)
    f["number"] = np.float32(7)
    f["empty"] = np.zeros((0, 3), np.float32)
    f["rank5"] = np.zeros((1, 1, 1, 1, 2), np.float32)
    f["text"] = "text"
    f["truth"] = base > 3
    f["record"] = np.zeros(3, [("a", "f4"), ("b", "i4")])
    f["compact"] = 0
    p = h5py.h5p.create(h5py.h5p.DATASET_CREATE); p.set_layout(h5py.h5d.COMPACT)
    h5py.h5d.create(f.id, b"packed_in", h5py.h5t.NATIVE_INT16, h5py.h5s.create_simple((4,)), p).write(h5py.h5s.ALL, h5py.h5s.ALL, np.arange(4, dtype="i2"))
    f.create_group("group")

noise = rs.randint(0, 9, (5, 7, 11))
with h5py.File("chunked.h5", "w") as f:
    for name, kw in {"plain": {}, "gzip": dict(compression="gzip"), "shuffled": dict(compression="gzip", shuffle=True),
                     "checked": dict(compression="gzip", shuffle=True, fletcher32=True), "checked_alone": dict(fletcher32=True),
                     "lzf": dict(compression="lzf"), "scaled": dict(scaleoffset=3)}.items():
        f.create_dataset(name, data=noise.astype("i2" if name == "scaled" else "f4"), chunks=(2, 3, 4), **kw)
    f.create_dataset("big_end", data=noise.astype(">f8"), chunks=(5, 2, 11), compression="gzip", shuffle=True)
    f.create_dataset("halves", data=(noise / 2).astype("f2"), chunks=(5, 2, 11), compression="gzip")
    f.create_dataset("half_written", (8, 8), "f4", chunks=(4, 4))[:4] = 1
    f.create_dataset("never_written", (8, 8), "f4", chunks=(4, 4))
    f.create_dataset("never_written_plain", (8, 8), "f4")
    f.create_dataset("growing", data=noise.astype("u1"), chunks=(8, 8, 16), maxshape=(None, None, None), compression="gzip")
with h5py.File("latest.h5", "w", libver=("v110", "v110")) as f:
    f["whole"] = noise.astype("i2")
    f.create_dataset("single", data=noise.astype("f4"), chunks=noise.shape, compression="gzip", shuffle=True)
    f.create_dataset("single_plain", data=noise.astype("f4"), chunks=noise.shape)
    f.create_dataset("many", data=noise.astype("f4"), chunks=(2, 3, 4))
with h5py.File("many_names.h5", "w", userblock_size=1024) as f:
    for i in range(60): f[f"array{i:02}"] = np.full((2, 2), i, "i4")
    f["array07"].attrs.update({f"note{i}": "text" * 20 for i in range(30)})
np.save("chunked.npy", noise.astype("f4"))

with h5py.File("hostile.h5", "w") as f:
    d = f.create_dataset("bomb", (1000,), "u1", chunks=(1000,), compression="gzip")
    d.id.write_direct_chunk((0,), zlib.compress(bytes(500_000)))
    d = f.create_dataset("short", (1000,), "u1", chunks=(1000,), compression="gzip")
    d.id.write_direct_chunk((0,), zlib.compress(bytes(500)))
    d = f.create_dataset("garbage", (1000,), "u1", chunks=(1000,), compression="gzip")
    d.id.write_direct_chunk((0,), bytes(range(200)))
    f.create_dataset("lies", (30000, 1000, 100), "u1", chunks=(100, 100, 100), compression="gzip")[:100, :100, :100] = 1
    f.create_dataset("enormous", (1 << 40, 1 << 20, 4), "f8", chunks=(1, 100, 4))
    f["soft"] = h5py.SoftLink("/bomb")
    v = h5py.VirtualLayout((2, 3, 4), "f4"); v[:] = h5py.VirtualSource("kinds.h5", "f4", (2, 3, 4))
    f.create_virtual_dataset("virtual", v)
    f.create_dataset("outside", (4,), "u1", external=[("kinds.h5", 0, 4)])

with h5py.File("links.h5", "w") as f:
    f["elsewhere"] = h5py.ExternalLink("kinds.h5", "/f4")
    f["soft"] = h5py.SoftLink("/hard")
    f["hard"] = base.astype("u1")

expected = {}
def nifti(name, image, slope=None, q=None, s=None, units="mm"):
    image.header.set_xyzt_units(units)
    if q is not None: image.set_qform(*q)
    if s is not None: image.set_sform(*s)
    if slope: image.header.set_slope_inter(*slope)
    nib.save(image, name)
    back = nib.load(name)
    data = np.asarray(back.dataobj, dtype=np.float64)
    expected[name] = {"affine": back.affine[:3].tolist(), "axes": "".join(nib.aff2axcodes(back.affine)), "shape": list(back.shape),
                      "values": data.ravel(order="F").tolist()}

turned = np.array([[0, -.8, .1, 30], [-.7, 0, .05, -20.5], [.02, .1, 3, 7], [0, 0, 0, 1]])
flip = np.diag([-1.5, -1.5, 4, 1.]); flip[:3, 3] = 100, 90, -40
vol = np.arange(60).reshape(3, 4, 5)
nifti("labels.nii.gz", nib.Nifti1Image((vol % 7).astype("u1"), turned), s=(turned, 1), q=(None, 0))
nifti("turned_by_quaternion.nii", nib.Nifti1Image(vol.astype("i2"), flip), q=(flip, 1), s=(None, 0))
a, b, c = .3, -.5, 1.1
rx = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]]); rz = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
general = np.eye(4); general[:3, :3] = rx @ rz @ np.diag([.9, 1.1, -2.5]); general[:3, 3] = -5, 6, 7
nifti("left_handed.nii.gz", nib.Nifti1Image(vol.astype("f8"), general), q=(general, 2), s=(None, 0))
nifti("scaled_big_endian.nii", nib.Nifti1Image(vol.astype("i2"), flip, header=nib.Nifti1Header(endianness=">")), s=(flip, 2))
with open("scaled_big_endian.nii", "r+b") as f:
    f.seek(112); f.write(np.array([2.5, -1024], ">f4").tobytes())
back = nib.load("scaled_big_endian.nii"); expected["scaled_big_endian.nii"]["values"] = np.asarray(back.dataobj, dtype=np.float64).ravel(order="F").tolist()
nifti("version2.nii.gz", nib.Nifti2Image(vol.astype("f4") / 3, turned), s=(turned, 1))
nifti("flat.nii", nib.Nifti1Image(vol[0].astype("u2"), flip), s=(flip, 1))
nifti("one_time.nii", nib.Nifti1Image(vol[..., None].astype("i4"), flip), s=(flip, 1))
nib.save(nib.Nifti1Image(np.zeros((2, 2, 2, 3), "u1"), np.eye(4)), "four.nii")
nib.save(nib.Nifti1Image(np.zeros((2, 2, 2), "c8"), np.eye(4)), "complex.nii")
nib.save(nib.Nifti1Pair(np.zeros((2, 2, 2), "u1"), np.eye(4)), "pair.hdr"); os.remove("pair.img")
json.dump(expected, open("expected.json", "w"))
