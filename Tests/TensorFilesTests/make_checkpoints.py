"""Writes Fixtures/Checkpoints/: the weights of Fixtures/weights.safetensors as trainers and wrappers save them. usage: make_checkpoints.py"""
import collections, copy, os
import numpy as np, torch
from safetensors.torch import load_file, save_file

here = os.path.dirname(os.path.abspath(__file__))
out = os.path.join(here, "Fixtures", "Checkpoints")
os.makedirs(out, exist_ok=True)
W = collections.OrderedDict(load_file(os.path.join(here, "Fixtures", "weights.safetensors")))
average = {k: v + 0.5 for k, v in W.items()}
save = lambda name, obj, **options: torch.save(obj, os.path.join(out, name), **options)

# thop leaves two numbers in every module; other profilers leave them without an axis.
modules = {""} | {".".join(k.split(".")[:i]) + "." for k in W for i in range(1, len(k.split(".")))}
counters = {m + n: torch.zeros(1, dtype=torch.float64) for m in sorted(modules) for n in ("total_ops", "total_params")}
save("thop.pth", {**W, **counters})
save("thop_parallel_legacy.pth", {"model_state_dict": {"module." + k: v for k, v in {**W, **counters}.items()}}, _use_new_zipfile_serialization=False)
save("thop_around.pth", {**counters, **{"module." + k: v for k, v in {**W, **counters}.items()}})  # of the wrapped network
save("counter_names.pth", {**W, "vmunet.total_ops": torch.ones(3)})  # a tensor with a counter's name that is not one

# Wrappers inside and outside the names.
inner = lambda name: {k.replace("vmunet.", f"vmunet.{name}.", 1): v for k, v in W.items()}
save("compile_inner.pth", inner("_orig_mod"))
save("fsdp.pth", {"model": inner("_fsdp_wrapped_module._checkpoint_wrapped_module")})
save("swa.pth", {"n_averaged": torch.tensor(7), **{"module." + k: v for k, v in W.items()}})

# The places that trainers put them in.
save("nnunet.pth", {"network_weights": W, "optimizer_state": {}, "grad_scaler_state": None, "logging": {"a": [1.0]}, "_best_ema": np.float32(.3),
                    "current_epoch": 4, "init_args": {"fold": 0}, "trainer_name": "x", "inference_allowed_mirroring_axes": (0, 1)})
for name in ("net", "generator", "Weights of the network"): save(f"{name.split()[0]}.pth", {name: W, "epoch": 3})
save("list.pth", [W])
save("tuple.pth", (W, 3))
save("deep.pth", {"experiment": {"run": [{"payload": {"W": W}}]}, "step": 9})
save("stray.pth", {"loss": torch.tensor(0.5), "net": W, "optimizer": {"exp_avg": {k: v for k, v in W.items()}, "exp_avg_sq": average}})
self_containing = {"net": W}; self_containing["self"] = self_containing
save("circular.pth", self_containing)

# Both the model and its average.
save("model_and_ema.pth", {"model_ema": average, "model": W, "max_accuracy": 82.6, "epoch": 3})
save("params_ema.pth", {"params_ema": average, "params": W})
save("ema_first.pth", {"ema": {"shadow": average}, "state_dict": W})
save("ema_only.pth", {"state_dict_ema": {"module." + k: v for k, v in W.items()}, "epoch": 1})
save("student_teacher.pth", {"teacher": average, "student": W})
save("two_nets.pth", {"netA": W, "netB": average})

# A name whose letters hold those of an average, but not its word.
save("semantic.pth", {"semantic": W, "schema": {"version": 2}})

# Tensors of kinds that are not read, alone or among others.
one = torch.ones(2)
for name, odd in {
    "complex": one.to(torch.complex64), "float8": one.to(torch.float8_e4m3fn), "sparse": one.to_sparse(),
    "quantized": torch.quantize_per_tensor(one, 0.1, 0, torch.qint8), "odd_parameter": torch.nn.Parameter(one.to(torch.complex64)),
}.items():
    save(f"{name}.pth", {**W, "odd": odd})
save("all_complex.pth", {"model": {k: v.to(torch.complex64) for k, v in W.items()}})
