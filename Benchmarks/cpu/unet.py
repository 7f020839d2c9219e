"""The usual U-Net (Ronneberger et al. 2015; 64 to 1024 channels, batch norm, transposed convolutions: 31 million parameters) in onnxruntime on this CPU. Prints one JSON object.
usage: unet.py side batch runs
Needs torch, onnx and onnxruntime."""
import io, json, resource, sys, time
import onnxruntime, torch
from torch import nn

side, batch, runs = map(int, sys.argv[1:4])


def double(inputs, outputs):
    layers = []
    for channels in (inputs, outputs):
        layers += [nn.Conv2d(channels, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]
    return nn.Sequential(*layers)


class UNet(nn.Module):
    def __init__(self, widths=(64, 128, 256, 512, 1024)):
        super().__init__()
        self.down = nn.ModuleList(double(a, b) for a, b in zip((3,) + widths, widths))
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, 2) for a, b in zip(widths, widths[1:]))
        self.join = nn.ModuleList(double(2 * a, a) for a in widths[:-1])
        self.head = nn.Conv2d(widths[0], 1, 1)

    def forward(self, x):
        kept = []
        for i, block in enumerate(self.down):
            x = block(nn.functional.max_pool2d(x, 2) if i else x)
            kept.append(x)
        for i in reversed(range(len(self.up))):
            x = self.join[i](torch.cat([kept[i], self.up[i](x)], 1))
        return self.head(x)


network = UNet().eval()
parameters = sum(p.numel() for p in network.parameters())
x = torch.randn(batch, 3, side, side)
file = io.BytesIO()
torch.onnx.export(network, (x,), file, input_names=["x"], dynamo=False)
session = onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
times = []
for i in range(runs + 1):
    start = time.perf_counter()
    session.run(None, {"x": x.numpy()})
    if i:
        times.append(time.perf_counter() - start)
print(json.dumps({"median_seconds": sorted(times)[len(times) // 2], "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, "parameters": parameters}))
