"""Writes weighted_losses.safetensors: PyTorch's cross-entropy with class weights and an ignored label, plus the Dice term over the pixels that count, in float64,
with gradients. Run in this folder: python weighted_losses.py"""
import torch, torch.nn.functional as F
from safetensors.torch import save_file

g = torch.Generator().manual_seed(5)
logits = torch.randn(2, 4, 5, 7, generator=g) * 3
labels = torch.randint(0, 4, (2, 5, 7), generator=g)
holes = labels.clone()
holes[torch.rand(2, 5, 7, generator=g) < 0.3] = 255


def loss(z, t, ce, dice, weights, ignored):
    weights = None if weights is None else torch.tensor(weights, dtype=torch.float64)
    first = F.cross_entropy(z, t, weight=weights, ignore_index=-100 if ignored is None else ignored)
    counts = torch.ones_like(t, dtype=torch.bool) if ignored is None else t != ignored
    p = z.softmax(1).movedim(1, -1)[counts]  # pixels that count, classes
    one = F.one_hot(t[counts], 4).double()
    return ce * first + dice * (1 - (2 * (p * one).sum(0) + 1e-5) / ((p * p).sum(0) + one.sum(0) + 1e-5)).mean()


out = {"logits": logits, "labels": labels.int(), "holes": holes.int()}
for name, t, ce, dice, weights, ignored in (
        ("lambdas", labels, 0.3, 2, None, None), ("weights", labels, 1, 1, [0.1, 1, 0, 2.5], None), ("ignored", holes, 1, 1, None, 255),
        ("both", holes, 1, 0.5, [0.1, 1, 0, 2.5], 255), ("class_ignored", labels, 1, 1, None, 2)):
    z = logits.double().requires_grad_()
    l = loss(z, t, ce, dice, weights, ignored)
    l.backward()
    out[name + ".loss"], out[name + ".dlogits"] = l.detach()[None], z.grad
save_file(out, "weighted_losses.safetensors")
