"""Writes nsd.json: the surface Dice of random blobs, as MONAI 1.5 computes it (SurfaceDiceMetric, border voxels counting alike)."""
import json, pathlib
import numpy as np, torch
from scipy import ndimage
from monai.metrics import compute_surface_dice

rs = np.random.RandomState(5)
rows = []
for shape, spacing in [((9, 12, 14), (1.0, 1.0, 1.0)), ((7, 20, 11), (2.5, 0.8, 0.8)), ((12, 9, 10), (1.0, 3.0, 0.5))]:
    a, b = (ndimage.gaussian_filter(rs.rand(*shape), 1.5) for _ in "ab")
    a, b = a > np.quantile(a, 0.75), b > np.quantile(b, 0.6)
    one = lambda x: torch.from_numpy(np.stack([~x, x])[None].astype(np.float32))
    values = {}
    for tolerance in (0.0, 1.0, 2.0, 3.5):
        d = compute_surface_dice(one(a), one(b), [tolerance], include_background=False, spacing=spacing, use_subvoxels=False)
        values[str(tolerance)] = float(d[0, 0])
    rows.append({"shape": shape, "spacing": spacing, "a": "".join("01"[int(v)] for v in a.ravel()), "b": "".join("01"[int(v)] for v in b.ravel()), "surface_dice": values})
pathlib.Path(__file__).with_name("nsd.json").write_text(json.dumps(rows) + "\n")
print([r["surface_dice"] for r in rows])
