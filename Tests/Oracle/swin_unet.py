"""Swin-Unet in PyTorch's own modules: the yardstick of Sources/Networks/Kinds/SwinUNet.swift."""
import torch
import torch.nn.functional as F
from torch import nn


def windows(x, w):
    """B, H, W, C -> B, H / w, W / w, w * w, C"""
    b, h, width, c = x.shape
    return x.view(b, h // w, w, width // w, w, c).transpose(2, 3).reshape(b, h // w, width // w, w * w, c)


class Attention(nn.Module):
    def __init__(self, c, heads, w):
        super().__init__()
        self.heads, self.w = heads, w
        self.relative_position_bias_table = nn.Parameter(torch.randn((2 * w - 1) ** 2, heads) * 0.2)
        row, column = torch.arange(w * w) // w, torch.arange(w * w) % w
        offset = lambda a: a[:, None] - a[None, :] + w - 1
        self.register_buffer("relative_position_index", offset(row) * (2 * w - 1) + offset(column))
        self.qkv, self.proj = nn.Linear(c, 3 * c), nn.Linear(c, c)

    def forward(self, x, mask):  # B, h, w, N, C; mask h, w, N, N
        c = x.shape[-1]
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, c // self.heads)).movedim(-3, 0).transpose(-3, -2).unbind(0)
        scores = q @ k.transpose(-2, -1) * (c // self.heads) ** -0.5
        scores = scores + self.relative_position_bias_table[self.relative_position_index].permute(2, 0, 1)
        if mask is not None:
            scores = scores + mask[:, :, None]
        return self.proj((scores.softmax(-1) @ v).transpose(-3, -2).flatten(-2))


class MLP(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(c, 4 * c), nn.Linear(4 * c, c)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    def __init__(self, c, heads, side, window, shifted):
        super().__init__()
        self.w = min(window, side)
        self.shift = window // 2 if shifted and side > window else 0
        self.norm1, self.norm2, self.attn, self.mlp = nn.LayerNorm(c), nn.LayerNorm(c), Attention(c, heads, self.w), MLP(c)
        self.side = side
        if self.shift:
            self.register_buffer("attn_mask", self.mask(side, side).flatten(0, 1))

    def mask(self, height, width):
        """-100 where two places of a window come from different sides of the seam; h, w, N, N."""
        part = lambda n: (torch.arange(n) >= n - self.w).long() + (torch.arange(n) >= n - self.shift).long()
        parts = windows((3 * part(height)[:, None] + part(width)[None, :])[None, :, :, None], self.w)[0, ..., 0]
        return (parts[..., :, None] != parts[..., None, :]).float() * -100.0

    def forward(self, x):
        b, h, width, c = x.shape
        y = self.norm1(x)
        mask = None
        if self.shift:
            y = y.roll((-self.shift, -self.shift), (1, 2))
            mask = self.mask(h, width).to(y)
        y = self.attn(windows(y, self.w), mask).unflatten(3, (self.w, self.w)).transpose(2, 3).reshape(b, h, width, c)
        if self.shift:
            y = y.roll((self.shift, self.shift), (1, 2))
        x = x + y
        return x + self.mlp(self.norm2(x))


class Layer(nn.Module):
    def __init__(self, blocks):
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return x


class Merging(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.reduction, self.norm = nn.Linear(4 * c, 2 * c, bias=False), nn.LayerNorm(4 * c)

    def forward(self, x):
        return self.reduction(self.norm(torch.cat([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], -1)))


class Expanding(nn.Module):
    def __init__(self, c, outputs, scale):
        super().__init__()
        self.scale = scale
        self.expand, self.norm = nn.Linear(c, outputs * scale * scale, bias=False), nn.LayerNorm(outputs)

    def forward(self, x):
        b, h, w, _ = x.shape
        y = self.expand(x).view(b, h, w, self.scale, self.scale, -1).transpose(2, 3)
        return self.norm(y.reshape(b, h * self.scale, w * self.scale, -1))


class Patches(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.proj, self.norm = nn.Conv2d(3, c, 4, stride=4), nn.LayerNorm(c)

    def forward(self, x):
        return self.norm(self.proj(x).permute(0, 2, 3, 1))


class Swin(nn.Module):
    def __init__(self, classes, size, c, depths, heads, window):
        super().__init__()
        blocks = lambda i: [Block(c << i, heads[i], size // 4 >> i, window, j % 2 == 1) for j in range(depths[i])]
        self.patch_embed = Patches(c)
        self.layers = nn.ModuleList([Layer(blocks(i)) for i in range(4)])
        for i in range(3):
            self.layers[i].downsample = Merging(c << i)
        self.layers_up = nn.ModuleList([Expanding(8 * c, 4 * c, 2)] + [Layer(blocks(3 - i)) for i in range(1, 4)])
        for i in (1, 2):
            self.layers_up[i].upsample = Expanding(c << (3 - i), c << (2 - i), 2)
        self.concat_back_dim = nn.ModuleList([nn.Identity()] + [nn.Linear(2 * c << (3 - i), c << (3 - i)) for i in range(1, 4)])
        self.norm, self.norm_up = nn.LayerNorm(8 * c), nn.LayerNorm(c)
        self.up, self.output = Expanding(c, c, 4), nn.Conv2d(c, classes, 1, bias=False)

    def forward(self, x):
        x = self.patch_embed(x)
        maps = []
        for i, layer in enumerate(self.layers):
            maps.append(x)
            x = layer(x)
            if i < 3:
                x = layer.downsample(x)
        x = self.layers_up[0](self.norm(x))
        for i in range(1, 4):
            x = self.layers_up[i](self.concat_back_dim[i](torch.cat([x, maps[3 - i]], -1)))
            if i < 3:
                x = self.layers_up[i].upsample(x)
        return self.output(self.up(self.norm_up(x)).permute(0, 3, 1, 2))


class SwinUNet(nn.Module):
    def __init__(self, *sizes):
        super().__init__()
        self.swin_unet = Swin(*sizes)

    def forward(self, x):
        return self.swin_unet(x)


def make(classes, size, channels=96, depths=(2, 2, 2, 2), heads=(3, 6, 12, 24), window=7, drop_path=0):
    return SwinUNet(classes, size, channels, depths, heads, window)
