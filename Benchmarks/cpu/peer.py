"""The PyTorch peer on this CPU: Tests/Oracle/oracle.py's VM-UNet (base) with a plain C++ scan, and AdamW. Prints one JSON object.
usage: peer.py fwd|train side batch runs"""
import json, os, resource, sys, time
here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "..", "..", "Tests", "Oracle"))
import torch, torch.nn.functional as F, oracle

mode, side, batch, runs = sys.argv[1], *map(int, sys.argv[2:5])
config = oracle.Config()
weights = oracle.weights(config, 1)
x, target = torch.randn(batch, 3, side, side), (torch.rand(batch, 1, side, side) > 0.5).float()
if mode == "train":
    weights = {k: v.requires_grad_() for k, v in weights.items()}
    optimizer = torch.optim.AdamW(weights.values(), lr=1e-3)


def step():
    if mode == "fwd":
        with torch.no_grad():
            return oracle.forward(weights, config, x, "cpp")
    optimizer.zero_grad()
    p, t = oracle.forward(weights, config, x, "cpp").sigmoid().flatten(1), target.flatten(1)
    (F.binary_cross_entropy(p, t) + 1 - ((2 * (p * t).sum(1) + 1) / (p.sum(1) + t.sum(1) + 1)).mean()).backward()
    optimizer.step()


times = []
for i in range(runs + 1):
    start = time.perf_counter()
    step()
    if i:
        times.append(time.perf_counter() - start)
print(json.dumps({"median_seconds": sorted(times)[len(times) // 2], "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
