"""Golden values of the dense kernels, by PyTorch in float64. Writes Fixtures/dense.safetensors.

A case OP/I holds `shape`, its inputs (`in.NAME`, all of them exact in bfloat16, so that the same values serve both types) and what must come out (`out.NAME`).
"""
import pathlib
import torch, torch.nn.functional as F
from safetensors.torch import save_file

generator = torch.Generator().manual_seed(1)
tensors = {}
epsilon = 1e-5


def space(x, s):
    b, h, w, c = x.shape
    return x.view(b, h, w, s, s, c // (s * s)).permute(0, 1, 3, 2, 4, 5).reshape(b, h * s, w * s, c // (s * s))


def normal(*shape, scale=1.0, mean=0.0):
    return (mean + scale * torch.randn(shape, generator=generator)).bfloat16().double().requires_grad_()


def case(operation, shape, inputs, outputs):
    index = sum(key.startswith(operation + "/") and key.endswith("/shape") for key in tensors)
    name = f"{operation}/{index}/"
    tensors[name + "shape"] = torch.tensor(shape, dtype=torch.float32)
    for kind, values in (("in.", inputs), ("out.", outputs)):
        for key, value in values.items():
            tensors[name + kind + key] = value.detach().float().contiguous()


def norm(x, weight, bias):
    return F.layer_norm(x, x.shape[-1:], weight, bias, epsilon)


for rows, c in ((1, 3), (7, 6), (33, 96), (6, 37), (2, 515)):
    x, weight, bias = normal(rows, c, mean=2), normal(c, scale=0.1, mean=1), normal(c)
    y = norm(x, weight, bias)
    dy = normal(rows, c)
    y.backward(dy)
    case("layer_norm", (rows, c), dict(x=x, weight=weight, bias=bias, dy=dy),
         dict(y=y, dx=x.grad, dweight=weight.grad, dbias=bias.grad))

for rows, c in ((1, 4), (9, 6), (18, 48), (5, 37)):
    y, z, weight, bias = normal(rows, c, mean=1), normal(rows, c, scale=3), normal(c, scale=0.1, mean=1), normal(c)
    out = norm(y, weight, bias) * F.silu(z)
    dout = normal(rows, c)
    out.backward(dout)
    case("norm_gate", (rows, c), dict(y=y, z=z, weight=weight, bias=bias, dout=dout),
         dict(out=out, dy=y.grad, dz=z.grad, dweight=weight.grad, dbias=bias.grad))

for b, h, w, c in ((1, 1, 1, 3), (1, 1, 6, 16), (2, 5, 1, 7), (2, 4, 3, 37), (1, 34, 2, 5), (1, 3, 4, 70)):
    x, weight, bias = normal(b, h, w, c), normal(c, 3, 3), normal(c)
    y = F.silu(F.conv2d(x.permute(0, 3, 1, 2), weight[:, None], bias, padding=1, groups=c)).permute(0, 2, 3, 1)
    dy = normal(b, h, w, c)
    y.backward(dy)
    case("depthwise_silu", (b, h, w, c), dict(x=x, weight=weight, bias=bias, dy=dy), dict(y=y, dx=x.grad, dweight=weight.grad, dbias=bias.grad))

for b, h, w, c in ((1, 2, 2, 3), (2, 4, 6, 5), (1, 2, 4, 33)):
    x, weight, bias = normal(b, h, w, c, mean=1), normal(4 * c, scale=0.1, mean=1), normal(4 * c)
    y = norm(torch.cat([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], -1), weight, bias)
    dy = normal(*y.shape)
    y.backward(dy)
    case("merge_norm", (b, h, w, c), dict(x=x, weight=weight, bias=bias, dy=dy), dict(y=y, dx=x.grad, dweight=weight.grad, dbias=bias.grad))

for b, h, w, c, s in ((1, 1, 1, 5, 2), (2, 3, 2, 6, 2), (1, 2, 3, 33, 2), (1, 2, 1, 7, 3)):
    e, weight, bias = normal(b, h, w, s * s * c), normal(c, scale=0.1, mean=1), normal(c)
    y = norm(space(e, s), weight, bias)
    dy = normal(*y.shape)
    y.backward(dy)
    case("expand_norm", (b, h, w, c, s), dict(e=e, weight=weight, bias=bias, dy=dy), dict(y=y, de=e.grad, dweight=weight.grad, dbias=bias.grad))

for b, h, w, c, k in ((1, 1, 1, 6, 1), (2, 2, 3, 24, 1), (1, 2, 1, 12, 9), (1, 1, 2, 17, 3)):
    e, weight, bias, conv, conv_bias = normal(b, h, w, 16 * c), normal(c, scale=0.1, mean=1), normal(c), normal(k, c), normal(k)
    logits = F.conv2d(norm(space(e, 4), weight, bias).permute(0, 3, 1, 2), conv[:, :, None, None], conv_bias)
    dlogits = normal(*logits.shape)
    logits.backward(dlogits)
    case("head", (b, h, w, c, k), dict(e=e, weight=weight, bias=bias, conv=conv, conv_bias=conv_bias, dlogits=dlogits),
         dict(logits=logits, de=e.grad, dweight=weight.grad, dbias=bias.grad, dconv=conv.grad, dconv_bias=conv_bias.grad))

for b, channels, h, w in ((1, 3, 4, 4), (2, 1, 8, 12), (1, 3, 8, 4)):
    image = normal(b, channels, h, w)
    patches = F.unfold(image.expand(b, 3, h, w), 4, stride=4).transpose(1, 2).reshape(b, h // 4, w // 4, 48)
    case("patchify", (b, channels, h, w), dict(image=image), dict(patches=patches))

for b, n in ((1, 1), (3, 37)):
    x, branch, scale, dout = normal(b, n), normal(b, n), normal(b), normal(b, n)
    case("residual", (b, n), dict(x=x, branch=branch, scale=scale, dout=dout),
         dict(out=x + scale[:, None] * branch, plain=x + branch, dbranch=scale[:, None] * dout, dplain=dout))

for m, n, k in ((1, 1, 1), (5, 7, 9), (130, 8, 48), (3, 8, 96), (129, 9, 50), (40, 6, 17), (64, 33, 6), (3, 200, 5)):
    dy, x = normal(m, n), normal(m, k)
    case("weight_gradient", (m, n, k), dict(dy=dy, x=x), dict(dweight=dy.T @ x))

for m, out, k in ((1, 1, 1), (5, 7, 9), (70, 50, 17), (9, 100, 16), (8, 48, 33)):
    x, weight, residual, bias, dy = normal(m, k), normal(out, k), normal(m, out), normal(out), normal(m, out)
    case("linear", (m, out, k), dict(x=x, weight=weight, residual=residual, bias=bias, dy=dy),
         dict(y=x @ weight.T, sum=residual + x @ weight.T, biased=x @ weight.T + bias + residual, dx=dy @ weight))

path = pathlib.Path(__file__).parent / "Fixtures" / "dense.safetensors"
save_file(tensors, path)
print(path, path.stat().st_size)
