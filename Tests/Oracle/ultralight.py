"""UltraLight VM-UNet in PyTorch's own modules: the yardstick of Sources/Networks/Kinds/UltraLightVMUNet.swift."""
import math
import torch
import torch.nn.functional as F
from oracle import scan_loop
from six_stages import SixStages
from torch import nn


class Mamba(nn.Module):
    def __init__(self, c, state=16):
        super().__init__()
        d, self.state, self.rank = 2 * c, state, math.ceil(c / 16)
        self.A_log = nn.Parameter(torch.log(torch.arange(1, state + 1).float()).repeat(d, 1) + 0.1 * torch.randn(d, state))
        self.D = nn.Parameter(1 + 0.2 * torch.randn(d))
        self.in_proj, self.out_proj = nn.Linear(c, 2 * d, bias=False), nn.Linear(d, c, bias=False)
        self.conv1d = nn.Conv1d(d, d, 4, groups=d, padding=3)
        self.x_proj, self.dt_proj = nn.Linear(d, self.rank + 2 * state, bias=False), nn.Linear(self.rank, d)

    def forward(self, x):
        x, z = self.in_proj(x).transpose(1, 2).chunk(2, 1)
        x = F.silu(self.conv1d(x)[..., :x.shape[-1]])
        dt, B, C = self.x_proj(x.transpose(1, 2)).split([self.rank, self.state, self.state], -1)
        dt = F.linear(dt, self.dt_proj.weight).transpose(1, 2)
        y = scan_loop(x, dt, -torch.exp(self.A_log), B.transpose(1, 2)[:, None], C.transpose(1, 2)[:, None], self.D, self.dt_proj.bias)
        return self.out_proj((y * F.silu(z)).transpose(1, 2))


class ParallelMamba(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.norm, self.proj = nn.LayerNorm(inputs), nn.Linear(inputs, outputs)
        self.mamba = Mamba(inputs // 4)
        self.skip_scale = nn.Parameter(torch.ones(1))

    def forward(self, x):
        tokens = self.norm(x.flatten(2).transpose(1, 2))
        parts = [self.mamba(p) + self.skip_scale * p for p in tokens.chunk(4, 2)]
        return self.proj(self.norm(torch.cat(parts, 2))).transpose(1, 2).unflatten(2, x.shape[2:])


def make(classes, size, channels=(8, 16, 24, 32, 48, 64)):
    return SixStages(classes, channels, lambda i, o: [ParallelMamba(i, o)], lambda i, o: [ParallelMamba(i, o)])
