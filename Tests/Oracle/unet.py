"""U-Net in PyTorch's own modules, in float64: the yardstick of Sources/Networks/Kinds/UNet.swift.

    unet.py FOLDER CHANNELS UPSAMPLING CLASSES BATCH HEIGHT WIDTH

writes FOLDER/weights.safetensors, as the network begins, and FOLDER/case.safetensors: pictures, labels, the logits of the
first training step, its gradients, the losses of three steps of SGD, the weights and running statistics after them, and
the logits in evaluation then.
"""
import sys
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
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


def main():
    folder, channels, upsampling, classes, batch, height, width = sys.argv[1], int(sys.argv[2]), sys.argv[3], *map(int, sys.argv[4:8])
    torch.manual_seed(7)
    model = UNet(channels, upsampling == "bilinear", classes).double()
    with torch.no_grad():  # nothing is zero or one, so that a wrong use shows
        for key, value in model.state_dict().items():
            if ".double_conv.1." in key or ".double_conv.4." in key:
                if key.endswith(("weight", "running_var")):
                    value.uniform_(0.5, 1.5)
                elif key.endswith(("bias", "running_mean")):
                    value.normal_(0, 0.2)
    model.load_state_dict({k: v.float().double() if v.is_floating_point() else v for k, v in model.state_dict().items()})
    float32 = lambda items: {k: (v.float() if v.is_floating_point() else v).contiguous().clone() for k, v in items}
    save_file(float32(model.state_dict().items()), folder + "/weights.safetensors")
    x = torch.randn(batch, 3, height, width).double()
    x = x.float().double()
    if classes == 1:
        target = (torch.rand(batch, 1, height, width) > 0.6).double()
        loss_of = lambda y: F.binary_cross_entropy_with_logits(y, target)
    else:
        target = torch.randint(0, classes, (batch, height, width))
        loss_of = lambda y: F.cross_entropy(y, target)
    case = {"x": x, "target": target}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    losses = []
    for step in range(3):
        optimizer.zero_grad()
        logits = model(x)
        loss = loss_of(logits)
        loss.backward()
        losses.append(loss.detach())
        if step == 0:
            case["logits"] = logits.detach()
            case.update({"grad." + k: p.grad.clone() for k, p in model.named_parameters()})
        optimizer.step()
    case["losses"] = torch.stack(losses)
    case.update({"after." + k: v.clone() for k, v in model.state_dict().items()})
    model.eval()
    with torch.no_grad():
        case["evaluated"] = model(x)
    save_file(float32(case.items()), folder + "/case.safetensors")


main()
