"""MALUNet in PyTorch's own modules: the yardstick of Sources/Networks/Kinds/MALUNet.swift."""
import torch
import torch.nn.functional as F
from six_stages import SixStages
from torch import nn


class Separable(nn.Module):
    def __init__(self, inputs, outputs, kernel):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, inputs, kernel, padding=kernel // 2, groups=inputs)
        self.norm_layer = nn.GroupNorm(4, inputs)
        self.conv2 = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x):
        return self.conv2(self.norm_layer(self.conv1(x)))


class Gated(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.w1 = nn.Sequential(Separable(inputs, inputs, 3), nn.Sigmoid())
        self.w2 = nn.Sequential(Separable(inputs, inputs, 5), nn.GELU())
        self.wo = nn.Sequential(Separable(inputs, outputs, 3), nn.GELU())
        self.cw = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x):
        return self.wo(self.w1(x) * self.w2(x)) + self.cw(x)


class DilatedGated(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        quarter = inputs // 4
        for i, d in enumerate([7, 5, 2, 1]):
            setattr(self, f"mda{i}", nn.Conv2d(quarter, quarter, 3, padding=d, dilation=d, groups=quarter))
        self.norm_layer, self.conv = nn.GroupNorm(4, inputs), nn.Conv2d(inputs, inputs, 1)
        self.gau = Gated(inputs, outputs)

    def forward(self, x):
        parts = [getattr(self, f"mda{i}")(p) for i, p in enumerate(x.chunk(4, 1))]
        return self.gau(F.gelu(self.conv(self.norm_layer(torch.cat(parts, 1)))))


class External(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(c, c, 1), nn.Conv2d(c, c, 1, bias=False)
        self.linear_0, self.linear_1 = nn.Conv1d(c, 4 * c, 1, bias=False), nn.Conv1d(4 * c, c, 1, bias=False)
        self.norm_layer = nn.GroupNorm(4, c)

    def forward(self, x):
        a = self.linear_0(self.conv1(x).flatten(2)).softmax(-1)
        a = a / (1e-9 + a.sum(1, keepdim=True))
        return F.gelu(self.norm_layer(self.conv2(self.linear_1(a).view_as(x))) + x)


def make(classes, size, channels=(8, 16, 24, 32, 48, 64)):
    return SixStages(classes, channels, lambda i, o: [External(i), DilatedGated(i, o)], lambda i, o: [DilatedGated(i, o), External(o)])
