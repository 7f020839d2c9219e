"""A bound that no CPU run of VM-UNet on this machine can beat by much: the forward pass's matrix products alone, at oneDNN's speed on their real shapes
(rows in slices of 4096, so that nothing waits for memory), plus the scan's updates at scanlimit.c's rate on every core.
usage: limit.py [side=256] [batch=1]   prints seconds: gemm_fp32 gemm_bf16 scan limit_fp32 limit_bf16 limit_train_fp32 (three times the products, four times the updates)
"""
import math, os, subprocess, sys, tempfile, time
import torch
side, batch = int(sys.argv[1]) if len(sys.argv) > 1 else 256, int(sys.argv[2]) if len(sys.argv) > 2 else 1
dims, enc, dec, N = (96, 192, 384, 768), (2, 2, 2, 2), (2, 2, 2, 1), 16


def best(f, n=25):
    f(); f()
    ts = []
    for _ in range(n):
        s = time.perf_counter(); f(); ts.append(time.perf_counter() - s)
    return min(ts)


mm, exps = {}, 0
def add(m, k, n, times=1):
    mm[(m, k, n)] = mm.get((m, k, n), 0) + times
for i, d in enumerate(dims):
    L = batch * (side // 4 >> i) ** 2
    blocks = enc[i] + dec[3 - i]
    e, r = 2 * d, math.ceil(d / 16)
    add(L, d, 2 * e, blocks)                      # in_proj
    add(L, e, 4 * (r + 2 * N), blocks)            # x_proj, four directions
    add(L, r, 4 * e, blocks)                      # dt_proj (as one product of equal cost)
    add(L, e, d, blocks)                          # out_proj
    exps += blocks * 4 * e * N * L
    if i < 3:
        add(L // 4, 4 * d, 2 * d)                 # merging
        add(L // 4, 2 * d, 4 * d)                 # expanding
L = batch * (side // 4) ** 2
add(L, 48, 96); add(L, 96, 384); add(16 * L, 24, 1)
tot = [0.0, 0.0]
with torch.no_grad():
    for (m, k, n), c in mm.items():
        for j, dt in enumerate((torch.float32, torch.bfloat16)):
            rows = min(m, 4096)
            x, w = torch.randn(rows, k, dtype=dt), torch.randn(n, k, dtype=dt)
            try:
                tot[j] += c * m / rows * best(lambda: torch.ops.mkldnn._linear_pointwise(x, w, None, "none", [], ""))
            except RuntimeError:  # oneDNN multiplies bfloat16 only with AVX-512
                tot[j] = math.nan
here = os.path.dirname(os.path.abspath(__file__))
with tempfile.TemporaryDirectory() as tmp:
    exe = os.path.join(tmp, "scanlimit")
    subprocess.run([os.environ.get("CC", "clang"), "-O3", "-march=native", "-ffast-math", os.path.join(here, "scanlimit.c"), "-o", exe], check=True)
    te = exps / (float(subprocess.check_output([exe])) * os.cpu_count())
flops = sum(2 * m * k * n * c for (m, k, n), c in mm.items())
print(f"gflop {flops/1e9:.2f} updates {exps/1e6:.0f}M  gemm_fp32 {tot[0]:.4f} gemm_bf16 {tot[1]:.4f} scan {te:.4f} limit_fp32 {tot[0]+te:.4f} limit_bf16 {tot[1]+te:.4f} limit_train_fp32 {3*tot[0]+4*te:.4f}")
