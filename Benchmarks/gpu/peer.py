"""The PyTorch peer: VM-UNet from Tests/Oracle/oracle.py with the fastest scan available, and AdamW. Prints one JSON object, whose "scan" names
that scan.

usage: peer.py --mode train|inference --precision fp32|bf16 --image-size N --batch-size N --runs N --device cuda|cpu --preset base|small|tiny"""
import argparse, contextlib, json, os, resource, sys, time
here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [here, os.path.join(here, "..", "..", "Tests", "Oracle")]
import torch, torch.nn.functional as F, oracle

parser = argparse.ArgumentParser()
parser.add_argument("--mode", choices=["train", "inference"], default="inference")
parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
parser.add_argument("--image-size", type=int, default=256)
parser.add_argument("--batch-size", type=int, default=1)
parser.add_argument("--runs", type=int, default=20)
parser.add_argument("--device", default="cuda")
parser.add_argument("--preset", choices=["base", "small", "tiny"], default="base")
options = parser.parse_args()
cuda = options.device == "cuda"


def fastest_scan():
    """A function with oracle.scan_loop's arguments, and its description."""
    if not cuda:
        return oracle.scan_loop, "the literal recurrence of oracle.py (on a CPU, for a dry run)"
    try:
        from mamba_ssm.ops.selective_scan_interface import selective_scan_fn
        import mamba_ssm
        return (lambda u, dt, A, B, C, D, bias: selective_scan_fn(u, dt.to(u.dtype), A, B.to(u.dtype), C.to(u.dtype), D, None, bias, True),
                f"mamba_ssm {mamba_ssm.__version__}'s selective_scan_cuda")
    except ImportError as error:
        import scan
        return scan.selective_scan, f"a plain CUDA scan (Benchmarks/gpu/scan.cu, block-parallel along the tokens, compiled by torch's NVRTC); mamba_ssm cannot be imported ({error})"


torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
oracle.scan_loop, name = fastest_scan()
dims = tuple(d // {"base": 1, "small": 2, "tiny": 4}[options.preset] for d in (96, 192, 384, 768))
config = oracle.Config(dims=dims)
weights = {key: value.to(options.device) for key, value in oracle.weights(config, 1).items()}
size = (options.batch_size, 3, options.image_size, options.image_size)
x, target = torch.randn(size, device=options.device), (torch.rand(size[0], 1, *size[2:], device=options.device) > 0.5).float()
autocast = (lambda: torch.autocast(options.device, torch.bfloat16)) if options.precision == "bf16" else contextlib.nullcontext
if options.mode == "train":
    weights = {key: value.requires_grad_() for key, value in weights.items()}
    optimizer = torch.optim.AdamW(weights.values(), lr=1e-3, fused=cuda)


def step():
    if options.mode == "inference":
        with torch.no_grad(), autocast():
            return oracle.forward(weights, config, x)
    optimizer.zero_grad()
    with autocast():
        logits = oracle.forward(weights, config, x)
    logits = logits.float()
    p, t = logits.sigmoid().flatten(1), target.flatten(1)
    loss = F.binary_cross_entropy_with_logits(logits, target) + 1 - ((2 * (p * t).sum(1) + 1) / (p.sum(1) + t.sum(1) + 1)).mean()
    loss.backward()
    optimizer.step()
    return loss


def wait():
    if cuda:
        torch.cuda.synchronize()


times = []
for i in range(options.runs + (5 if cuda else 1)):
    wait()
    start = time.perf_counter()
    step()
    wait()
    times.append(time.perf_counter() - start)
median = sorted(times[-options.runs:])[options.runs // 2]
memory = torch.cuda.max_memory_reserved() if cuda else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps({"median_seconds": median, "images_per_second": options.batch_size / median, "peak_memory_bytes": memory, "scan": name}))
