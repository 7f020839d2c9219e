"""Attention U-Net in PyTorch's own modules: the yardstick of Sources/Networks/Kinds/AttentionUNet.swift."""
import torch
from torch import nn


def layers(*sizes, kernel=3, last=nn.ReLU):
    parts = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        parts += [nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2), nn.BatchNorm2d(outputs), last()]
    return parts


class Named(nn.Module):
    """One sequence under a name."""

    def __init__(self, name, *parts):
        super().__init__()
        self.name = name
        setattr(self, name, nn.Sequential(*parts))

    def forward(self, x):
        return getattr(self, self.name)(x)


class Gate(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.W_g = nn.Sequential(*layers(channels, channels // 2, kernel=1, last=nn.Identity))
        self.W_x = nn.Sequential(*layers(channels, channels // 2, kernel=1, last=nn.Identity))
        self.psi = nn.Sequential(*layers(channels // 2, 1, kernel=1, last=nn.Sigmoid))

    def forward(self, g, x):
        return x * self.psi(torch.relu(self.W_g(g) + self.W_x(x)))


class AttentionUNet(nn.Module):
    def __init__(self, classes, c):
        super().__init__()
        for i, (inputs, outputs) in enumerate([(3, c), (c, 2 * c), (2 * c, 4 * c), (4 * c, 8 * c), (8 * c, 16 * c)], 1):
            setattr(self, f"Conv{i}", Named("conv", *layers(inputs, outputs, outputs)))
        for i in range(5, 1, -1):
            n = c * 2 ** (i - 2)
            setattr(self, f"Up{i}", Named("up", nn.Upsample(scale_factor=2), *layers(2 * n, n)))
            setattr(self, f"Att{i}", Gate(n))
            setattr(self, f"Up_conv{i}", Named("conv", *layers(2 * n, n, n)))
        self.Conv_1x1 = nn.Conv2d(c, classes, 1)
        self.pool = nn.MaxPool2d(2)

    def forward(self, x):
        maps = []
        for i in range(1, 6):
            x = getattr(self, f"Conv{i}")(self.pool(x) if maps else x)
            maps.append(x)
        for i in range(5, 1, -1):
            g = getattr(self, f"Up{i}")(x)
            x = getattr(self, f"Up_conv{i}")(torch.cat([getattr(self, f"Att{i}")(g, maps[i - 2]), g], 1))
        return self.Conv_1x1(x)


def make(classes, size, channels=64):
    return AttentionUNet(classes, channels)
