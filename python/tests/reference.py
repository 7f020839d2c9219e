"""The recurrence as the papers write it, token by token, and how tests compare with it."""
import torch
import torch.nn.functional as F


def scan(u, delta, A, B, C, D=None, delta_bias=None, softplus=False):
    """y [B, D, L] and the states after the last token; B and C [B, groups, N, L]."""
    step = delta if delta_bias is None else delta + delta_bias.view(1, -1, 1)
    step = F.softplus(step) if softplus else step
    per_group = u.shape[1] // B.shape[1]
    state, outputs = torch.zeros(u.shape[0], u.shape[1], A.shape[1], dtype=u.dtype), []
    for token in range(u.shape[2]):
        Bt, Ct = (torch.cat([m[:, g:g + 1, :, token].expand(-1, per_group, -1) for g in range(m.shape[1])], 1) for m in (B, C))
        dt = step[:, :, token].unsqueeze(-1)
        state = torch.exp(dt * A) * state + dt * Bt * u[:, :, token].unsqueeze(-1)
        outputs.append(torch.einsum("bdn,bdn->bd", Ct, state))
    y = torch.stack(outputs, 2)
    return (y if D is None else y + D.view(1, -1, 1) * u), state


def scan_inputs(batch, channels, length, states, groups, skip=True, bias=True, growing=False):
    A = 0.02 * torch.rand(channels, states) if growing else -0.5 - 2 * torch.rand(channels, states)
    B, C = torch.randn(2, batch, groups, states, length)
    u, delta = torch.randn(batch, channels, length), torch.randn(batch, channels, length) - 1
    return [u, delta, A, B, C, torch.randn(channels) if skip else None, torch.randn(channels) if bias else None]


def map_inputs(batch, height, width, channels, states, rank):
    return [torch.randn(batch, height, width, channels), torch.randn(4, rank + 2 * states, channels) * 0.3,
            torch.randn(4, channels, rank) * 0.3, torch.randn(4, channels) - 2,
            torch.log(torch.rand(4 * channels, states) * 4 + 0.5), torch.randn(4 * channels)]


def with_gradients(function, inputs, dtype=torch.float32):
    """The result, and the gradient of each input."""
    leaves = [t if t is None else t.detach().to(dtype).clone().requires_grad_() for t in inputs]
    y = function(*leaves)
    (y * torch.linspace(-1, 1, y.numel()).view(y.shape).to(y.dtype)).sum().backward()
    return [y.detach()] + [t.grad for t in leaves if t is not None]


def distance(got, expected):
    """The largest difference as a part of the largest value."""
    got, expected = got.detach().double(), expected.detach().double()
    assert got.shape == expected.shape
    return ((got - expected).abs().max() / expected.abs().max().clamp(min=1e-30)).item()
