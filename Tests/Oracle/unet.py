"""U-Net in PyTorch's own modules: the yardstick of Sources/Networks/Kinds/UNet.swift."""
import torch
from torch import nn


class DoubleConv(nn.Module):
    def __init__(self, inputs, outputs, middle=None):
        super().__init__()
        middle = middle or outputs
        self.double_conv = nn.Sequential(
            nn.Conv2d(inputs, middle, 3, padding=1, bias=False), nn.BatchNorm2d(middle), nn.ReLU(),
            nn.Conv2d(middle, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())

    def forward(self, x):
        return self.double_conv(x)


class Down(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.maxpool_conv = nn.Sequential(nn.MaxPool2d(2), DoubleConv(inputs, outputs))

    def forward(self, x):
        return self.maxpool_conv(x)


class Up(nn.Module):
    def __init__(self, inputs, outputs, bilinear):
        super().__init__()
        if bilinear:
            self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
            self.conv = DoubleConv(inputs, outputs, inputs // 2)
        else:
            self.up = nn.ConvTranspose2d(inputs, inputs // 2, 2, stride=2)
            self.conv = DoubleConv(inputs, outputs)

    def forward(self, x, skip):
        return self.conv(torch.cat([skip, self.up(x)], dim=1))


class Out(nn.Module):
    def __init__(self, inputs, classes):
        super().__init__()
        self.conv = nn.Conv2d(inputs, classes, 1)

    def forward(self, x):
        return self.conv(x)


class UNet(nn.Module):
    def __init__(self, channels, bilinear, classes):
        super().__init__()
        c, f = channels, 2 if bilinear else 1
        self.inc = DoubleConv(3, c)
        self.down1, self.down2, self.down3, self.down4 = Down(c, 2 * c), Down(2 * c, 4 * c), Down(4 * c, 8 * c), Down(8 * c, 16 * c // f)
        self.up1, self.up2 = Up(16 * c, 8 * c // f, bilinear), Up(8 * c, 4 * c // f, bilinear)
        self.up3, self.up4 = Up(4 * c, 2 * c // f, bilinear), Up(2 * c, c, bilinear)
        self.outc = Out(c, classes)

    def forward(self, x):
        a = self.inc(x)
        b = self.down1(a)
        c = self.down2(b)
        d = self.down3(c)
        y = self.up1(self.down4(d), d)
        y = self.up3(self.up2(y, c), b)
        return self.outc(self.up4(y, a))


def make(classes, size, channels=64, upsampling="transposed"):
    return UNet(channels, upsampling == "bilinear", classes)
