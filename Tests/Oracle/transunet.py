"""TransUNet in PyTorch's own modules: the yardstick of Sources/Networks/Kinds/TransUNet.swift."""
import torch
import torch.nn.functional as F
from torch import nn


class StdConv(nn.Conv2d):
    def forward(self, x):
        w = self.weight
        w = (w - w.mean((1, 2, 3), keepdim=True)) / (w.var((1, 2, 3), unbiased=False, keepdim=True) + 1e-5).sqrt()
        return F.conv2d(x, w, None, self.stride, self.padding)


class Unit(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        middle = outputs // 4
        self.conv1, self.conv3 = StdConv(inputs, middle, 1, bias=False), StdConv(middle, outputs, 1, bias=False)
        self.conv2 = StdConv(middle, middle, 3, stride, 1, bias=False)
        self.gn1, self.gn2, self.gn3 = (nn.GroupNorm(32, c, eps=1e-6) for c in (middle, middle, outputs))
        self.projects = stride != 1 or inputs != outputs
        if self.projects:
            self.downsample, self.gn_proj = StdConv(inputs, outputs, 1, stride, bias=False), nn.GroupNorm(outputs, outputs)

    def forward(self, x):
        y = torch.relu(self.gn1(self.conv1(x)))
        y = self.gn3(self.conv3(torch.relu(self.gn2(self.conv2(y)))))
        return torch.relu(y + (self.gn_proj(self.downsample(x)) if self.projects else x))


def named(**parts):
    result = nn.Sequential()
    for name, part in parts.items():
        result.add_module(name, part)
    return result


class ResNet(nn.Module):
    def __init__(self, width, units):
        super().__init__()
        self.root = named(conv=StdConv(3, width, 7, 2, 3, bias=False), gn=nn.GroupNorm(32, width, eps=1e-6), relu=nn.ReLU())
        block = lambda i, n: named(**{f"unit{j + 1}": Unit(width * (4 << i) if j else width * (4 << i) // 2 if i else width, width * (4 << i),
                                                           2 if i and not j else 1) for j in range(n)})
        self.body = named(**{f"block{i + 1}": block(i, n) for i, n in enumerate(units)})

    def forward(self, x):
        h, w = x.shape[2:]
        x = self.root(x)
        maps = [x]
        x = F.max_pool2d(x, 3, 2)
        for i, part in enumerate(self.body):
            x = part(x)
            if i < 2:
                maps.append(F.pad(x, (0, w // (4 << i) - x.shape[3], 0, h // (4 << i) - x.shape[2])))
        return x, maps


class Embeddings(nn.Module):
    def __init__(self, size, width, units, hidden):
        super().__init__()
        self.hybrid_model, self.patch_embeddings = ResNet(width, units), nn.Conv2d(16 * width, hidden, 1)
        self.position_embeddings = nn.Parameter(torch.randn(1, (size // 16) ** 2, hidden) * 0.1)

    def forward(self, x):
        x, maps = self.hybrid_model(x)
        x = self.patch_embeddings(x)
        side = int(self.position_embeddings.shape[1] ** 0.5)
        places = self.position_embeddings.transpose(1, 2).unflatten(2, (side, side))
        if x.shape[2:] != places.shape[2:]:
            places = F.interpolate(places, size=x.shape[2:], mode="bilinear", align_corners=True)
        return (x + places).flatten(2).transpose(1, 2), maps


class Attention(nn.Module):
    def __init__(self, c, heads):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(c, c) for _ in range(4))

    def forward(self, x):
        q, k, v = (f(x).unflatten(2, (self.heads, -1)).transpose(1, 2) for f in (self.query, self.key, self.value))
        scores = q @ k.transpose(2, 3) / q.shape[3] ** 0.5
        return self.out((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))


class MLP(nn.Module):
    def __init__(self, c, inner):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(c, inner), nn.Linear(inner, c)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    def __init__(self, c, heads, inner):
        super().__init__()
        self.attention_norm, self.ffn_norm = nn.LayerNorm(c, eps=1e-6), nn.LayerNorm(c, eps=1e-6)
        self.attn, self.ffn = Attention(c, heads), MLP(c, inner)

    def forward(self, x):
        x = x + self.attn(self.attention_norm(x))
        return x + self.ffn(self.ffn_norm(x))


class Encoder(nn.Module):
    def __init__(self, c, heads, inner, layers):
        super().__init__()
        self.layer, self.encoder_norm = nn.ModuleList([Block(c, heads, inner) for _ in range(layers)]), nn.LayerNorm(c, eps=1e-6)

    def forward(self, x):
        for block in self.layer:
            x = block(x)
        return self.encoder_norm(x)


def convolution(inputs, outputs):
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


class Up(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv1, self.conv2 = convolution(inputs, outputs), convolution(outputs, outputs)

    def forward(self, x, skip):
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
        return self.conv2(self.conv1(x if skip is None else torch.cat([x, skip], 1)))


class Decoder(nn.Module):
    def __init__(self, hidden, width, channels):
        super().__init__()
        self.conv_more = convolution(hidden, 512)
        inputs = [512, *channels]
        self.blocks = nn.ModuleList([Up(inputs[i] + s * width, inputs[i + 1]) for i, s in enumerate([8, 4, 1, 0])])

    def forward(self, x, maps):
        x = self.conv_more(x)
        for block, skip in zip(self.blocks, [*maps[::-1], None]):
            x = block(x, skip)
        return x


class Transformer(nn.Module):
    def __init__(self, embeddings, encoder):
        super().__init__()
        self.embeddings, self.encoder = embeddings, encoder


class TransUNet(nn.Module):
    def __init__(self, classes, size, width, units, hidden, layers, heads, mlp, decoder_channels):
        super().__init__()
        self.transformer = Transformer(Embeddings(size, width, units, hidden), Encoder(hidden, heads, mlp, layers))
        self.decoder = Decoder(hidden, width, decoder_channels)
        self.segmentation_head = nn.Sequential(nn.Conv2d(decoder_channels[-1], classes, 3, padding=1))

    def forward(self, x):
        tokens, maps = self.transformer.embeddings(x)
        tokens = self.transformer.encoder(tokens)
        return self.segmentation_head(self.decoder(tokens.transpose(1, 2).unflatten(2, (x.shape[2] // 16, x.shape[3] // 16)), maps))


def make(classes, size, width=64, units=(3, 4, 9), hidden=768, layers=12, heads=12, mlp=3072, decoder_channels=(256, 128, 64, 16), dropout=0):
    return TransUNet(classes, size, width, units, hidden, layers, heads, mlp, decoder_channels)
