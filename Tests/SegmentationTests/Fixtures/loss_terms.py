"""Writes loss_terms.safetensors: MONAI's focal, Tversky, boundary and centreline Dice losses in float64, with gradients; pixels that are ignored are 0 in
probability and truth, and left out of means. Made with monai==1.6.1. Run in this folder: python loss_terms.py"""
import torch
from monai.losses import BoundaryLoss, FocalLoss, SoftclDiceLoss, TverskyLoss
from monai.losses.focal_loss import sigmoid_focal_loss
from safetensors.torch import save_file

g = torch.Generator().manual_seed(11)
B, C, H, W = 3, 4, 9, 13
# Blobs, so that there are insides, outlines and skeletons.
smooth = torch.nn.functional.avg_pool2d(torch.randn(B, C, H + 4, W + 4, generator=g), 5, 1) * 5
x = torch.randn(B, 1, H, W, generator=g) * 2 + smooth[:, :1] * 2
soft = torch.sigmoid(smooth[:, :1] * 3)
soft = torch.where(soft > 0.8, 1.0, torch.where(soft < 0.2, 0.0, soft))
soft[2] = 0  # a picture without a lesion
ignored = torch.rand(B, H, W, generator=g) < 0.2
z = torch.randn(B, C, H, W, generator=g) * 2
labels = smooth.argmax(1)
labels[labels == 3] = 0  # a class that does not occur
out = {"binary.logits": x, "binary.target": soft, "binary.holes": torch.where(ignored[:, None], -1.0, soft), "labels.logits": z, "labels.target": labels.int(),
       "labels.holes": torch.where(ignored, 255, labels).int()}


def add(name, logits, loss):
    leaf = logits.double().requires_grad_()
    value = loss(leaf)
    value.backward()
    out[name + ".loss"], out[name + ".dlogits"] = value.detach()[None].double(), leaf.grad


def masked(values, counted):  # the mean over pixels that count
    return (values * counted).sum() / (counted.sum() * values.shape[1])


def boundary(p, t, counted):
    foreground = slice(0, 1) if p.shape[1] == 1 else slice(1, None)
    distances = BoundaryLoss().compute_distance_map((t >= 0.5).double()).double()
    return masked(p[:, foreground] * distances[:, foreground], counted)


t = soft.double()
one = torch.nn.functional.one_hot(labels, C).movedim(-1, 1).double()
counted = (~ignored)[:, None].double()
weights = torch.tensor([0.1, 1, 0, 2.5], dtype=torch.float64)
add("binary.focal", x, lambda y: FocalLoss(gamma=2)(y, t))
add("binary.focal_alpha", x, lambda y: sigmoid_focal_loss(y, t, 1.5, torch.tensor(0.25, dtype=torch.float64)).mean())
add("binary.tversky", x, lambda y: TverskyLoss(sigmoid=True, alpha=0.3, beta=0.7)(y, t))
add("binary.boundary", x, lambda y: boundary(y.sigmoid(), t, torch.ones_like(counted)))
add("binary.cldice", x, lambda y: SoftclDiceLoss(sigmoid=True, iter_=3)(y, t))
add("binary.cldice_5", x, lambda y: SoftclDiceLoss(sigmoid=True, iter_=5)(y, t))
add("binary.holes_focal", x, lambda y: masked(sigmoid_focal_loss(y, t * counted, 2), counted))
add("binary.holes_tversky", x, lambda y: TverskyLoss(alpha=0.3, beta=0.7)(y.sigmoid() * counted, t * counted))
add("binary.holes_boundary", x, lambda y: boundary(y.sigmoid(), t * counted, counted))
add("binary.holes_cldice", x, lambda y: SoftclDiceLoss(iter_=3)(y.sigmoid() * counted, t * counted))

# MONAI's mean is over classes too; ours is the cross-entropy's, over pixels.
add("labels.focal", z, lambda y: C * FocalLoss(gamma=2, use_softmax=True)(y, one))
add("labels.focal_weights", z, lambda y: (FocalLoss(gamma=1, use_softmax=True, reduction="none")(y, one).sum(1) * weights[labels]).sum() / weights[labels].sum())
add("labels.tversky", z, lambda y: TverskyLoss(softmax=True, alpha=0.3, beta=0.7, batch=True)(y, one))
add("labels.boundary", z, lambda y: BoundaryLoss(softmax=True, include_background=False)(y, one))
add("labels.cldice", z, lambda y: SoftclDiceLoss(softmax=True, include_background=False)(y, one))
add("labels.holes_focal", z, lambda y: (FocalLoss(gamma=2, use_softmax=True, reduction="none")(y, one * counted).sum() / counted.sum()))
add("labels.holes_tversky", z, lambda y: TverskyLoss(alpha=0.3, beta=0.7, batch=True)(y.softmax(1) * counted, one * counted))
add("labels.holes_boundary", z, lambda y: boundary(y.softmax(1), one * counted, counted))
add("labels.holes_cldice", z, lambda y: SoftclDiceLoss(include_background=False)(y.softmax(1) * counted, one * counted))
save_file({k: (v.float() if v.numel() > 1 and v.is_floating_point() else v).contiguous() for k, v in out.items()}, "loss_terms.safetensors")
print({k: float(v) for k, v in out.items() if k.endswith(".loss")})
