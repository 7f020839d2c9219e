"""Writes zoom.safetensors: flips, a rotation and a magnification at once, bilinear, zeros outside, by PyTorch's `grid_sample`."""
import math
import torch
import torch.nn.functional as F
from safetensors.torch import save_file


def placed(image, degrees, zoom, horizontal, vertical):  # (C, H, W); flipped, then turned counter-clockwise, then magnified
    _, h, w = image.shape
    image = image.flip([axis for axis, flips in ((2, horizontal), (1, vertical)) if flips])
    a = math.radians(degrees)
    rows, columns = torch.meshgrid(torch.arange(h, dtype=torch.float64) - (h - 1) / 2, torch.arange(w, dtype=torch.float64) - (w - 1) / 2, indexing="ij")
    x = (math.cos(a) * columns - math.sin(a) * rows) / zoom
    y = (math.sin(a) * columns + math.cos(a) * rows) / zoom
    grid = torch.stack([x * 2 / w, y * 2 / h], -1)[None]
    return F.grid_sample(image[None].double(), grid, mode="bilinear", padding_mode="zeros", align_corners=False)[0].float()


generator = torch.Generator().manual_seed(1)
case = {}
for h, w in ((32, 32), (17, 23), (1, 1)):
    image = torch.randint(1, 256, (2, h, w), generator=generator).float()
    case[f"{h}x{w}"] = image
    for degrees, zoom, horizontal, vertical in ((0, 1.25, 0, 0), (0, 0.8, 1, 0), (123.4, 1.1, 0, 1), (301.7, 0.75, 1, 1)):
        case[f"{h}x{w}.{degrees}.{zoom}.{horizontal}{vertical}"] = placed(image, degrees, zoom, horizontal, vertical).contiguous()
save_file(case, "zoom.safetensors")
