"""scan.cu as a differentiable function of PyTorch, compiled by torch's own NVRTC. Needs neither nvcc nor a C++ compiler."""
import functools, os
import torch

THREADS, CHUNK = 128, 512  # scan.cu's


@functools.cache
def kernels(type):
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "scan.cu")) as file:
        source = file.read()
    compile = getattr(torch.cuda, "compile_kernel", None) or torch.cuda._compile_kernel
    source = ("#define BFLOAT16\n" if type == torch.bfloat16 else "") + source
    return compile(source, "scan_forward"), compile(source, "scan_backward")


class SelectiveScan(torch.autograd.Function):
    @staticmethod
    def forward(ctx, u, delta, A, B, C, skip, bias):
        type = torch.bfloat16 if u.dtype == torch.bfloat16 else torch.float32
        u, delta, B, C = (t.to(type).contiguous() for t in (u, delta, B, C))
        A, skip, bias = (t.float().contiguous() for t in (A, skip, bias))
        b, channels, L = u.shape
        G, N = B.shape[1:3]
        y, borders = torch.empty_like(u), torch.empty(b, channels, -(-L // CHUNK), N, device=u.device)
        kernels(type)[0](grid=(channels, b, 1), block=(THREADS, 1, 1), args=[u, delta, A, B, C, skip, bias, y, borders, G, channels // G, L, N])
        ctx.save_for_backward(u, delta, A, B, C, skip, bias, borders)
        return y

    @staticmethod
    def backward(ctx, dy):
        u, delta, A, B, C, skip, bias, borders = ctx.saved_tensors
        b, channels, L = u.shape
        G, N = B.shape[1:3]
        du, ddelta, float_like = torch.empty_like(u), torch.empty_like(u), lambda *shape: torch.empty(*shape, device=u.device)
        dA, dskip, dbias = float_like(b, channels, N), float_like(b, channels), float_like(b, channels)
        dB, dC = torch.zeros_like(B, dtype=torch.float32), torch.zeros_like(C, dtype=torch.float32)
        kernels(u.dtype)[1](grid=(channels, b, 1), block=(THREADS, 1, 1),
                            args=[dy.to(u.dtype).contiguous(), u, delta, A, B, C, skip, bias, borders, du, ddelta, dA, dB, dC, dskip, dbias, G, channels // G, L, N])
        return du, ddelta, dA.sum(0), dB.to(B.dtype), dC.to(C.dtype), dskip.sum(0), dbias.sum(0)


def selective_scan(u, delta, A, B, C, skip, bias):
    """As oracle.scan_loop: u, delta (b, G D, L), A (G D, N), B, C (b, G, N, L), skip, bias (G D)."""
    return SelectiveScan.apply(u, delta, A, B, C, skip, bias)
