"""Selective scans as differentiable functions of PyTorch: the public ones that are installed, and scan.cu, compiled by torch's own NVRTC, which needs
neither nvcc nor a C++ compiler. All take oracle.scan_loop's arguments."""
import functools, os, time
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


def mamba_scan():
    import mamba_ssm
    from mamba_ssm.ops.selective_scan_interface import selective_scan_fn
    return (f"mamba_ssm {mamba_ssm.__version__}'s selective_scan_cuda",
            lambda u, dt, A, B, C, D, bias: selective_scan_fn(u, dt.to(u.dtype), A, B.to(u.dtype), C.to(u.dtype), D, None, bias, True))


def vmamba_scan():
    import selective_scan_cuda_oflex as library

    class Scan(torch.autograd.Function):
        @staticmethod
        def forward(ctx, u, delta, A, B, C, skip, bias):
            u, delta, B, C = (t.contiguous() for t in (u, delta.to(u.dtype), B.to(u.dtype), C.to(u.dtype)))
            y, states, *_ = library.fwd(u, delta, A.contiguous(), B, C, skip, bias, True, 1, True)
            ctx.save_for_backward(u, delta, A, B, C, skip, bias, states)
            return y

        @staticmethod
        def backward(ctx, dy):
            u, delta, A, B, C, skip, bias, states = ctx.saved_tensors
            return tuple(library.bwd(u, delta, A, B, C, skip, bias, dy.contiguous(), states, True, 1)[:7])

    return "VMamba's selective_scan_cuda_oflex", Scan.apply


def plain_scan():
    return "a plain CUDA scan (Benchmarks/gpu/scan.cu, block-parallel along the tokens, compiled by torch's NVRTC)", selective_scan


def seconds(scan, type):
    """Forward and backward at the size of the base network's first stage, eight pictures; infinite if the scan fails."""
    random = lambda *shape: torch.randn(*shape, device="cuda")
    u, delta, B, C = random(8, 768, 4096).to(type), random(8, 768, 4096).to(type), random(8, 4, 16, 4096).to(type), random(8, 4, 16, 4096).to(type)
    inputs = [u, delta, -torch.rand(768, 16, device="cuda"), B, C, random(768), random(768)]
    inputs = [x.requires_grad_() for x in inputs]
    best = float("inf")
    for _ in range(4):
        torch.cuda.synchronize()
        start = time.perf_counter()
        y = scan(*inputs)
        torch.autograd.grad(y, inputs, torch.ones_like(y))
        torch.cuda.synchronize()
        best = min(best, time.perf_counter() - start)
    return best


def fastest(type=torch.bfloat16):
    """The fastest scan of those that work here, its name, and every one's time or failure."""
    found, said = [], []
    for make in (mamba_scan, vmamba_scan, plain_scan):
        try:
            name, scan = make()
            took = seconds(scan, type)
            found.append((took, name, scan))
            said.append(f"{name} {took * 1e3:.2f} ms")
        except Exception as error:  # not installed, or not for this GPU
            said.append(f"{make.__name__}: {(str(error).splitlines() or [type(error).__name__])[0]}")
    if not found:
        raise RuntimeError("; ".join(said))
    took, name, scan = min(found, key=lambda each: each[0])
    return scan, name, "; ".join(said)
