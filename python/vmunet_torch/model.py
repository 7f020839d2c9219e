"""VM-UNet as a module, under the keys of published checkpoints."""
import math

import torch
import torch.nn.functional as F
from torch import nn

from . import _checks
from .scan import ss2d


class _SS2D(nn.Module):
    def __init__(self, channels, states):
        super().__init__()
        inner, rank = 2 * channels, math.ceil(channels / 16)
        self.in_proj = nn.Linear(channels, 2 * inner, bias=False)
        self.conv2d = nn.Conv2d(inner, inner, 3, padding=1, groups=inner)
        uniform = lambda *shape, fan: nn.Parameter(torch.empty(shape).uniform_(-(fan**-0.5), fan**-0.5))
        self.x_proj_weight = uniform(4, rank + 2 * states, inner, fan=inner)
        self.dt_projs_weight = uniform(4, inner, rank, fan=rank)
        step = torch.exp(torch.empty(4, inner).uniform_(math.log(0.001), math.log(0.1))).clamp(min=1e-4)
        self.dt_projs_bias = nn.Parameter(step + torch.log(-torch.expm1(-step)))  # softplus makes the step of it
        self.A_logs = nn.Parameter(torch.log(torch.arange(1, states + 1).float()).repeat(4 * inner, 1))
        self.Ds = nn.Parameter(torch.ones(4 * inner))
        self.out_norm = nn.LayerNorm(inner)
        self.out_proj = nn.Linear(inner, channels, bias=False)

    def forward(self, x):  # [B, H, W, C]
        x, z = self.in_proj(x).chunk(2, -1)
        x = F.silu(self.conv2d(x.permute(0, 3, 1, 2))).permute(0, 2, 3, 1)
        y = ss2d(x, self.x_proj_weight, self.dt_projs_weight, self.dt_projs_bias, self.A_logs, self.Ds)
        return self.out_proj(self.out_norm(y) * F.silu(z))


class _Block(nn.Module):
    def __init__(self, channels, states, drop):
        super().__init__()
        self.ln_1, self.self_attention, self.drop = nn.LayerNorm(channels), _SS2D(channels, states), drop

    def forward(self, x):
        y = self.self_attention(self.ln_1(x))
        if self.training and self.drop > 0:
            y = y * (torch.rand(len(x), 1, 1, 1, device=x.device) >= self.drop) / (1 - self.drop)
        return x + y


class _Merging(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.reduction, self.norm = nn.Linear(4 * channels, 2 * channels, bias=False), nn.LayerNorm(4 * channels)

    def forward(self, x):
        x = torch.cat([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], -1)
        return self.reduction(self.norm(x))


class _Expanding(nn.Module):
    def __init__(self, channels, scale):
        super().__init__()
        self.scale = scale
        outputs = channels // 2 if scale == 2 else channels // 4
        self.expand, self.norm = nn.Linear(channels, outputs * scale * scale, bias=False), nn.LayerNorm(outputs)

    def forward(self, x):
        b, h, w, _ = x.shape
        y, outputs = self.expand(x), self.norm.weight.shape[0]  # not -1, which an empty batch leaves open
        y = y.view(b, h, w, self.scale, self.scale, outputs).transpose(2, 3)
        return self.norm(y.reshape(b, h * self.scale, w * self.scale, outputs))


class _Stage(nn.Module):
    def __init__(self, channels, states, drops, upsample=None, downsample=None):
        super().__init__()
        if upsample is not None:
            self.upsample = upsample
        self.blocks = nn.ModuleList([_Block(channels, states, drop) for drop in drops])
        if downsample is not None:
            self.downsample = downsample

    def forward(self, x):
        if hasattr(self, "upsample"):
            x = self.upsample(x)
        for block in self.blocks:
            x = block(x)
        return self.downsample(x) if hasattr(self, "downsample") else x


class _Patches(nn.Module):
    def __init__(self, inputs, channels):
        super().__init__()
        self.proj, self.norm = nn.Conv2d(inputs, channels, 4, stride=4), nn.LayerNorm(channels)

    def forward(self, x):
        return self.norm(self.proj(x).permute(0, 2, 3, 1))


class _VSSM(nn.Module):
    def __init__(self, inputs, classes, depths, depths_decoder, dims, states, drop):
        super().__init__()
        rates = lambda depths, values: [values[sum(depths[:i]):sum(depths[:i + 1])] for i in range(4)]
        down = rates(depths, torch.linspace(0, drop, sum(depths)).tolist())
        up = rates(depths_decoder, torch.linspace(drop, 0, sum(depths_decoder)).tolist())
        self.patch_embed = _Patches(inputs, dims[0])
        self.layers = nn.ModuleList(
            [_Stage(d, states, down[i], downsample=_Merging(d) if i < 3 else None) for i, d in enumerate(dims)])
        self.layers_up = nn.ModuleList(
            [_Stage(d, states, up[i], upsample=_Expanding(2 * d, 2) if i > 0 else None) for i, d in enumerate(reversed(dims))])
        self.final_up = _Expanding(dims[0], 4)
        self.final_conv = nn.Conv2d(dims[0] // 4, classes, 1)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)

    def forward(self, x):
        x = self.patch_embed(x)
        skips = []
        for layer in self.layers:
            skips.append(x)
            x = layer(x)
        for i, layer in enumerate(self.layers_up):
            x = layer(x + skips[-i] if i > 0 else x)
        return self.final_conv(self.final_up(x).permute(0, 3, 1, 2))


class VMUNet(nn.Module):
    """VM-UNet (Ruan, Li and Xiang, 2024) with the published code's parameters and keys.

    Pictures [B, input_channels or 1, H, W], H and W multiples of 32 -> [B, num_classes, H, W]: probabilities for one class, as
    the published code gives them, otherwise logits; always logits with logits=True. The defaults are those of the paper's
    tables; `dims` and `d_state` make smaller networks, such as (48, 96, 192, 384) for this package's `small`.
    """

    def __init__(self, input_channels=3, num_classes=1, depths=(2, 2, 2, 2), depths_decoder=(2, 2, 2, 1), drop_path_rate=0.2,
                 dims=(96, 192, 384, 768), d_state=16, logits=False):
        super().__init__()
        self.num_classes, self.logits = num_classes, logits
        self.vmunet = _VSSM(input_channels, num_classes, tuple(depths), tuple(depths_decoder), tuple(dims), d_state, drop_path_rate)

    def forward(self, x):
        projection = self.vmunet.patch_embed.proj
        _checks.pictures(x, projection.weight)
        channels = projection.in_channels
        if x.shape[1] == 1 and channels > 1:
            x = x.repeat(1, channels, 1, 1)
        y = self.vmunet(x)
        return y if self.logits or self.num_classes > 1 else torch.sigmoid(y)
