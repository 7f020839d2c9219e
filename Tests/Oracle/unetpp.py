"""UNet++ in PyTorch's own modules: the yardstick of Sources/Networks/Kinds/UNetPlusPlus.swift."""
import torch
from torch import nn


class Node(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = nn.Conv2d(outputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs)

    def forward(self, x):
        return torch.relu(self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x))))))


class UNetPlusPlus(nn.Module):
    """Column by column: X[i][j] sees the whole row before it and X[i + 1][j - 1]."""

    def __init__(self, classes, channels):
        super().__init__()
        widths = [channels * 2**i for i in range(5)]
        for j in range(5):
            for i in range(5 - j):
                inputs = j * widths[i] + widths[i + 1] if j else (widths[i - 1] if i else 3)
                setattr(self, f"conv{i}_{j}", Node(inputs, widths[i]))
        self.final = nn.Conv2d(channels, classes, 1)
        self.pool, self.up = nn.MaxPool2d(2), nn.UpsamplingBilinear2d(scale_factor=2)

    def forward(self, x):
        columns = [[]]
        for i in range(5):
            columns[0].append(getattr(self, f"conv{i}_0")(self.pool(columns[0][-1]) if i else x))
        for j in range(1, 5):
            columns.append([])
            for i in range(5 - j):
                row = [column[i] for column in columns[:j]]
                columns[j].append(getattr(self, f"conv{i}_{j}")(torch.cat(row + [self.up(columns[j - 1][i + 1])], 1)))
        return self.final(columns[4][0])


def make(classes, size, channels=32):
    return UNetPlusPlus(classes, channels)
