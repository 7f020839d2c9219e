"""Writes rotation.safetensors: torchvision's `rotate` of tensors (nearest, zeros outside, same size), stated with PyTorch alone."""
import math
import torch
import torch.nn.functional as F
from safetensors.torch import save_file


def rotate(image, degrees):  # (C, H, W), counter-clockwise
    _, h, w = image.shape
    a = math.radians(-degrees)
    theta = torch.tensor([[math.cos(a), math.sin(a), 0.0], [-math.sin(a), math.cos(a), 0.0]])
    base = torch.ones(h, w, 3)
    base[..., 0] = torch.linspace(-w * 0.5 + 0.5, w * 0.5 - 0.5, w)
    base[..., 1] = torch.linspace(-h * 0.5 + 0.5, h * 0.5 - 0.5, h).unsqueeze(-1)
    grid = (base.view(-1, 3) @ (theta.T / torch.tensor([0.5 * w, 0.5 * h]))).view(1, h, w, 2)
    return F.grid_sample(image[None], grid, mode="nearest", padding_mode="zeros", align_corners=False)[0]


generator = torch.Generator().manual_seed(1)
case = {}
# Both sides odd or both even: quarter turns of others put every source between two pixels, where rounding noise decides.
for h, w in ((32, 32), (17, 23), (1, 1)):
    image = torch.randint(1, 256, (3, h, w), generator=generator).float()
    case[f"{h}x{w}"] = image.byte()
    for degrees in (0, 17, 90, 123.4, 180, 270, 301.7):
        case[f"{h}x{w}.{degrees}"] = rotate(image, degrees).byte()
save_file(case, "rotation.safetensors")
