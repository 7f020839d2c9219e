"""The PyTorch peer: VM-UNet from Tests/Oracle/oracle.py with the fastest scan available, and AdamW. Reads one JSON object a line, {"train": true,
"precision": "bf16", "batch": 32}, and answers each with one: seconds, images a second, memory, and "scan", which names that scan.

usage: peer.py --image-size N --runs N --device cuda|cpu --preset base|small|tiny"""
import argparse, contextlib, gc, json, os, resource, sys, time
here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [here, os.path.join(here, "..", "..", "Tests", "Oracle")]
import torch, torch.nn.functional as F, oracle

parser = argparse.ArgumentParser()
parser.add_argument("--image-size", type=int, default=256)
parser.add_argument("--runs", type=int, default=20)
parser.add_argument("--device", default="cuda")
parser.add_argument("--preset", choices=["base", "small", "tiny"], default="base")
options = parser.parse_args()
cuda = options.device == "cuda"


def fastest_scan():
    """A function with oracle.scan_loop's arguments, and its description."""
    if not cuda:
        return oracle.scan_loop, "the literal recurrence of oracle.py (on a CPU, for a dry run)"
    import scan
    function, name, others = scan.fastest()
    return function, f"{name}, the fastest of those that work here (forward and backward of the first stage, bf16, eight pictures: {others})"


torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
oracle.scan_loop, name = fastest_scan()
dims = tuple(d // {"base": 1, "small": 2, "tiny": 4}[options.preset] for d in (96, 192, 384, 768))
config = oracle.Config(dims=dims)


def measure(train, precision, batch):
    """The median of several runs, each of which waits for the device, and the memory of all of them."""
    weights = {key: value.to(options.device) for key, value in oracle.weights(config, 1).items()}
    size = (batch, 3, options.image_size, options.image_size)
    x, target = torch.randn(size, device=options.device), (torch.rand(batch, 1, *size[2:], device=options.device) > 0.5).float()
    autocast = (lambda: torch.autocast(options.device, torch.bfloat16)) if precision == "bf16" else contextlib.nullcontext
    if train:
        weights = {key: value.requires_grad_() for key, value in weights.items()}
        optimizer = torch.optim.AdamW(weights.values(), lr=1e-3, fused=cuda)

    def step():
        if not train:
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

    if cuda:
        torch.cuda.reset_peak_memory_stats()
    times = []
    for _ in range(options.runs + (5 if cuda else 1)):
        wait()
        start = time.perf_counter()
        step()
        wait()
        times.append(time.perf_counter() - start)
    median = sorted(times[-options.runs:])[options.runs // 2]
    memory = torch.cuda.max_memory_reserved() if cuda else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"median_seconds": median, "images_per_second": batch / median, "peak_memory_bytes": memory, "scan": name}


for line in sys.stdin:
    try:
        answer = measure(**json.loads(line))
    except Exception as error:  # such as too little memory: the next row may fit
        answer = {"error": (str(error).splitlines() or [type(error).__name__])[0]}
    gc.collect()
    if cuda:
        torch.cuda.empty_cache()
    print(json.dumps(answer), flush=True)
