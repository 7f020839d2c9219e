"""The common part of MALUNet and UltraLight VM-UNet, in PyTorch's own modules: the yardstick of SixStageUNet.swift."""
import torch
import torch.nn.functional as F
from torch import nn


class ChannelAttention(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.get_all_att = nn.Conv1d(1, 1, 3, padding=1, bias=False)
        for i, c in enumerate(channels, 1):
            setattr(self, f"att{i}", nn.Linear(sum(channels), c))

    def forward(self, maps):
        rows = self.get_all_att(torch.cat([m.mean((2, 3)) for m in maps], 1)[:, None])  # B, 1, sum
        return [torch.sigmoid(getattr(self, f"att{i}")(rows))[:, 0, :, None, None] for i in range(1, 6)]


class SpatialAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.shared_conv2d = nn.Sequential(nn.Conv2d(2, 1, 7, padding=9, dilation=3), nn.Sigmoid())

    def forward(self, maps):
        return [self.shared_conv2d(torch.cat([m.mean(1, True), m.max(1, True)[0]], 1)) for m in maps]


class Bridge(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.catt, self.satt = ChannelAttention(channels), SpatialAttention()

    def forward(self, maps):
        places = [a * m for a, m in zip(self.satt(maps), maps)]
        sums = [p + m for p, m in zip(places, maps)]
        return [a * s + p for a, s, p in zip(self.catt(sums), sums, places)]


class SixStages(nn.Module):
    """`down(inputs, outputs)` and `up(inputs, outputs)` make the modules of the stages that differ."""

    def __init__(self, classes, c, down, up):
        super().__init__()
        c = list(c)
        for i, (inputs, outputs) in enumerate(zip([3] + c, c), 1):
            setattr(self, f"encoder{i}", nn.Sequential(*([nn.Conv2d(inputs, outputs, 3, padding=1)] if i < 4 else down(inputs, outputs))))
        for i in range(1, 6):
            inputs, outputs = c[6 - i], c[5 - i]
            setattr(self, f"decoder{i}", nn.Sequential(*(up(inputs, outputs) if i < 4 else [nn.Conv2d(inputs, outputs, 3, padding=1)])))
            setattr(self, f"ebn{i}", nn.GroupNorm(4, c[i - 1]))
            setattr(self, f"dbn{i}", nn.GroupNorm(4, outputs))
        self.scab = Bridge(c[:5])
        self.final = nn.Conv2d(c[0], classes, 1)

    def forward(self, x):
        double = lambda x: F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
        maps = []
        for i in range(1, 6):
            x = F.gelu(F.max_pool2d(getattr(self, f"ebn{i}")(getattr(self, f"encoder{i}")(x)), 2))
            maps.append(x)
        maps = self.scab(maps)
        x = F.gelu(self.encoder6(x))
        for i in range(1, 6):
            x = getattr(self, f"dbn{i}")(getattr(self, f"decoder{i}")(x))
            x = F.gelu(double(x) if i > 1 else x) + maps[5 - i]
        return double(self.final(x))
