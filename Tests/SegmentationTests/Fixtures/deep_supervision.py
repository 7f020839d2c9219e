"""Writes deep_supervision.safetensors: the sum of MONAI's DeepSupervisionLoss over logits of four sizes in float64, with gradients, for the paper's two losses
(whose definitions MONAI has not). Made with monai==1.6.1. Run in this folder: python deep_supervision.py"""
import torch
from monai.losses import DeepSupervisionLoss
from safetensors.torch import save_file

g = torch.Generator().manual_seed(12)
B, C, H, W = 2, 3, 32, 64
steps = [1, 4, 8, 16]
F = torch.nn.functional
smooth = F.avg_pool2d(torch.randn(B, C, H + 8, W + 8, generator=g), 9, 1) * 9
soft = torch.sigmoid(smooth[:, :1] * 2)
labels = smooth.argmax(1)


class BCEDice(torch.nn.Module):  # equation 5, smoothed by 1
    def forward(self, x, t):
        p = x.sigmoid()
        overlap = 2 * (p * t).sum((1, 2, 3)) + 1
        return F.binary_cross_entropy_with_logits(x, t) + 1 - (overlap / (p.sum((1, 2, 3)) + t.sum((1, 2, 3)) + 1)).mean()


class CEDice(torch.nn.Module):  # equation 6, smoothed by 1e-5, with squares
    def forward(self, x, t):
        p, one = x.softmax(1), F.one_hot(t[:, 0].long(), C).movedim(-1, 1).double()
        axes = (0, 2, 3)
        dice = 1 - (2 * (p * one).sum(axes) + 1e-5) / ((p * p).sum(axes) + one.sum(axes) + 1e-5)
        return F.cross_entropy(x, t[:, 0].long()) + dice.mean()


out = {"binary.target": soft, "labels.target": labels.int()}
for name, classes, loss, target in [("binary", 1, BCEDice(), soft), ("labels", C, CEDice(), labels[:, None].float())]:
    logits = [torch.randn(B, classes, H // s, W // s, generator=g) * 2 for s in steps]
    leaves = [x.double().requires_grad_() for x in logits]
    # Weights 1, 1/2, 1/4, 1/8; the target at the pixel in the middle of each square.
    value = DeepSupervisionLoss(loss, weight_mode="exp")(leaves, target.double())
    value.backward()
    out[f"{name}.loss"] = value.detach()[None]
    for i, (x, leaf) in enumerate(zip(logits, leaves)):
        out[f"{name}.logits.{i}"], out[f"{name}.dlogits.{i}"] = x, leaf.grad.float()
save_file({key: value.contiguous() for key, value in out.items()}, "deep_supervision.safetensors")
