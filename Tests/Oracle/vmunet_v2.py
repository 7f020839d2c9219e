"""VM-UNetV2 in PyTorch's own modules: the yardstick of Sources/Networks/Kinds/VMUNetV2.swift."""
import torch
import torch.nn.functional as F
import oracle
from torch import nn


class Encoder(nn.Module):
    """VM-UNet's encoder of oracle.py. Its last stage has weights and is not computed."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        for key, value in oracle.weights(config).items():
            names = key.removeprefix("vmunet.").split(".")
            if names[0] not in ("patch_embed", "layers"):
                continue
            module = self
            for name in names[:-1]:
                if not hasattr(module, name):
                    module.add_module(name, nn.Module())
                module = getattr(module, name)
            module.register_parameter(names[-1], nn.Parameter(value))

    def forward(self, x):
        w = dict(self.named_parameters())
        ln = lambda x, p: F.layer_norm(x, x.shape[-1:], w[p + ".weight"], w[p + ".bias"], 1e-5)
        x = F.conv2d(x, w["patch_embed.proj.weight"], w["patch_embed.proj.bias"], stride=4).permute(0, 2, 3, 1)
        maps = [ln(x, "patch_embed.norm")]
        for i in range(3):
            x = maps[-1]
            for j in range(self.config.enc[i]):
                x = oracle.vss_block(w, f"layers.{i}.blocks.{j}.", x, "loop")
            x = torch.cat([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], -1)
            maps.append(F.linear(ln(x, f"layers.{i}.downsample.norm"), w[f"layers.{i}.downsample.reduction.weight"]))
        return [m.permute(0, 3, 1, 2) for m in maps]


class Channels(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(c, c // 16, 1, bias=False), nn.Conv2d(c // 16, c, 1, bias=False)

    def forward(self, x):
        of = lambda pooled: self.fc2(torch.relu(self.fc1(pooled)))
        return torch.sigmoid(of(F.adaptive_avg_pool2d(x, 1)) + of(F.adaptive_max_pool2d(x, 1))) * x


class Places(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(2, 1, 7, padding=3, bias=False)

    def forward(self, x):
        return torch.sigmoid(self.conv1(torch.cat([x.mean(1, True), x.max(1, True)[0]], 1))) * x


class Projection(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs)

    def forward(self, x):
        return self.bn(self.conv(x))


class Infusion(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv2d(c, c, 3, padding=1) for _ in range(4)])

    def forward(self, maps, size):
        result = 1
        for conv, m in zip(self.convs, maps):
            if m.shape[-1] > size[-1]:
                m = F.adaptive_avg_pool2d(m, size)
            elif m.shape[-1] < size[-1]:
                m = F.interpolate(m, size=size, mode="bilinear", align_corners=True)
            result = result * conv(m)
        return result


class VMUNetV2(nn.Module):
    def __init__(self, classes, config, c):
        super().__init__()
        self.classes, self.vmunet = classes, Encoder(config)
        for i, d in enumerate(config.dims, 1):
            setattr(self, f"ca_{i}", Channels(d))
            setattr(self, f"sa_{i}", Places())
            setattr(self, f"Translayer_{i}", Projection(d, c))
            setattr(self, f"sdi_{i}", Infusion(c))
        self.seg_outs = nn.ModuleList([nn.Conv2d(c, classes, 1) for _ in range(4)])
        for i in range(2, 6):
            setattr(self, f"deconv{i}", nn.ConvTranspose2d(c, c, 4, stride=2, padding=1, bias=False))
        self.deconv6 = nn.ConvTranspose2d(1, 1, 3, stride=2, padding=1, output_padding=1)

    def forward(self, x):
        maps = [getattr(self, f"Translayer_{i}")(getattr(self, f"sa_{i}")(getattr(self, f"ca_{i}")(m))) for i, m in enumerate(self.vmunet(x), 1)]
        infused = [getattr(self, f"sdi_{i}")(maps, m.shape[-2:]) for i, m in enumerate(maps, 1)]
        y = infused[3]
        outputs = []
        for i in range(3):
            y = getattr(self, f"deconv{i + 2}")(y) + infused[2 - i]
            outputs.append(y)
        answer = lambda i: F.interpolate(self.seg_outs[i](outputs[i - 1]), scale_factor=4, mode="bilinear")
        return answer(3) + self.deconv6(answer(2)) if self.classes == 1 else answer(3)


def make(classes, size, dims, depths, skip_channels, state_size=16, drop_path=0):
    return VMUNetV2(classes, oracle.Config(dims=dims, enc=depths, state=state_size), skip_channels)
