"""Writes Fixtures/: small files as PyTorch, safetensors and NumPy write them. usage: make_fixtures.py [OUTDIR]"""
import argparse, collections, io, os, sys, zipfile
import numpy as np, torch
from safetensors.torch import save_file

out = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "Fixtures")
os.makedirs(out, exist_ok=True)
path = lambda name: os.path.join(out, name)
g = torch.Generator().manual_seed(11)

W = collections.OrderedDict(
    (k, torch.randn(s, generator=g))
    for k, s in {"vmunet.patch_embed.proj.weight": (4, 3, 2, 2), "vmunet.patch_embed.proj.bias": (4,), "vmunet.layers.0.reduction.weight": (6, 5),
                 "vmunet.layers.0.A_logs": (8, 2), "vmunet.scale": (), "vmunet.empty": (0, 3)}.items())
save_file(W, path("weights.safetensors"), {"epoch": "3", "note": "naïve \"quotes\"\n"})
od = collections.OrderedDict(W)
od._metadata = collections.OrderedDict({"": {"version": 1}})
save = torch.save

# The places that trainers keep their weights in.
save(od, path("plain.pth"))
save(od, path("legacy.pth"), _use_new_zipfile_serialization=False)
save(dict(od), path("protocol4.pth"), pickle_protocol=4)
save(dict(od), path("protocol5_legacy.pth"), pickle_protocol=5, _use_new_zipfile_serialization=False)
opt = torch.optim.AdamW([torch.nn.Parameter(v.clone()) for v in W.values()], lr=1e-3)
for p in opt.param_groups[0]["params"]: p.grad = torch.ones_like(p)
opt.step()
save({"epoch": 12, "min_loss": 0.31, "name": "run", "amp": True, "model_state_dict": od, "optimizer_state_dict": opt.state_dict(), "history": [0.5, 0.4]}, path("training.pth"))
save({"model": {"state_dict": od, "step": 7}, "epoch": 2, "big": 1 << 100}, path("nested.pth"))
save({"state_dict": {"module._orig_mod." + k: v for k, v in od.items()}}, path("wrapped.pth"))
save({"module." + k: v.half() for k, v in od.items()}, path("half.pth"))
save({k: torch.nn.Parameter(v) for k, v in od.items()}, path("parameters.pth"))

# Views: one storage for all, transposed, every second element, expanded.
flat = torch.cat([v.flatten() for v in W.values()]); views, at = {}, 0
for k, v in W.items():
    views[k] = flat[at:at + v.numel()].view(v.shape); at += v.numel()
views["vmunet.layers.0.reduction.weight"] = W["vmunet.layers.0.reduction.weight"].t().contiguous().t()
wide = torch.zeros(16, 2); wide[::2] = W["vmunet.layers.0.A_logs"]
views["vmunet.layers.0.A_logs"] = wide[::2]
views["vmunet.tied"] = views["vmunet.patch_embed.proj.bias"]
views["vmunet.expanded"] = W["vmunet.scale"].reshape(1, 1).expand(3, 4)
save(views, path("views.pth"))
save(views, path("views_legacy.pth"), _use_new_zipfile_serialization=False)

# Every element type.
names = ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool", "uint16", "uint32", "uint64"]
kinds = {n: torch.tensor([0, 1, 2, 100], dtype=getattr(torch, n)) for n in names}
kinds["float16.special"] = torch.tensor([float("inf"), float("-inf"), 65504, 6e-8, -0.0, 1 / 3], dtype=torch.float16)
kinds["bfloat16.special"] = torch.tensor([float("inf"), 3e38, 1e-40, -0.0, 1 / 3], dtype=torch.bfloat16)
save_file(kinds, path("types.safetensors"))
save(kinds, path("types.pth"))
save(kinds, path("types_legacy.pth"), _use_new_zipfile_serialization=False)

# Things that are not data.
save({"model": od, "args": argparse.Namespace(lr=1e-3), "device": torch.device("cpu"), "size": torch.Size([1, 2]), "lr": np.float64(0.1), "tags": {"a"}}, path("foreign.pth"))
class Evil:
    def __init__(self, *command): self.command = command
    def __reduce__(self): return self.command
mark = "/tmp/vmunet_tensorfiles_pwned"
save({"model": od, "x": Evil(os.system, (f"touch {mark}",)), "y": Evil(eval, (f"open({mark!r}, 'w')",)), Evil(exec, ("1/0",)): 3}, path("malicious.pth"))
class Whole(torch.nn.Module):
    def __init__(self): super().__init__(); self.weight = torch.nn.Parameter(torch.ones(2))
save(Whole(), path("whole_module.pth"))
torch.jit.trace(torch.nn.Linear(2, 2), torch.ones(1, 2)).save(path("torchscript.pt"))
save({"epoch": 3, "loss": [1.0]}, path("no_weights.pth"))


def rezip(source, target, change=lambda name, data: data):
    """The same records, deflated."""
    with zipfile.ZipFile(path(source)) as a, zipfile.ZipFile(path(target), "w", zipfile.ZIP_DEFLATED, compresslevel=9) as b:
        for n in a.namelist():
            b.writestr(zipfile.ZipInfo(n), change(n, a.read(n)), zipfile.ZIP_DEFLATED)
rezip("plain.pth", "deflated.pth")
rezip("plain.pth", "big_endian.pth", lambda n, d: b"big" if n.endswith("byteorder") else np.frombuffer(d, "<f4").astype(">f4").tobytes() if "/data/" in n and "/.data/" not in n else d)
# Small files that unpack to a lot: a record that fits its tensor, a record of that size where four
# bytes belong, a pickle.
save({"model": {"a": torch.zeros(25_000_000)}}, path("bomb.pth")); rezip("bomb.pth", "bomb.pth.tmp"); os.replace(path("bomb.pth.tmp"), path("bomb.pth"))
save({"a": torch.zeros(1)}, path("one.pth"))
rezip("one.pth", "bomb_pickle.pth", lambda n, d: bytes(100_000_000) if n.endswith("data.pkl") else d)
os.remove(path("one.pth"))

# NumPy.
a = np.arange(24).reshape(2, 3, 4)
np.save(path("f4.npy"), a.astype("<f4")); np.save(path("big_endian_fortran.npy"), np.asfortranarray(a.astype(">i2")))
np.save(path("scalar.npy"), np.float16(3.5)); np.save(path("empty.npy"), np.zeros((0, 5)))
np.save(path("bool.npy"), a % 2 == 0); np.save(path("objects.npy"), np.array([{}, None], dtype=object), allow_pickle=True)
np.save(path("records.npy"), np.zeros(3, dtype=[("x", "f4"), ("y", "i4")])); np.save(path("complex.npy"), np.zeros(3, "c8"))
for v in ((1, 0), (2, 0), (3, 0)):
    with open(path(f"version{v[0]}.npy"), "wb") as f: np.lib.format.write_array(f, a.astype("<i4"), version=v)
np.savez(path("stored.npz"), image=a.astype("f4"), label=a.astype("u1"))
np.savez_compressed(path("deflated.npz"), image=a.astype("f4"), label=np.zeros((600, 600), "u1"))
