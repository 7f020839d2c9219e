"""Networks in PyTorch's own modules, in float64: the yardstick of Sources/Networks/Kinds.

    parity.py NETWORK FOLDER OPTIONS CLASSES BATCH HEIGHT WIDTH

writes FOLDER/weights.safetensors, as the network begins, and FOLDER/case.safetensors: pictures, labels, the logits of the
first training step, its gradients, the losses of three steps of SGD, the weights and running statistics after them, the
logits in evaluation then, and the multiply-adds that torch.utils.flop_counter finds for one picture.

NETWORK is the module beside this one with a function make(classes, height, **options); OPTIONS are JSON.
"""
import copy, importlib, json, sys
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def randomize(model):
    """Nothing is zero, one or alike, so that a wrong use shows."""
    norms = (nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm)
    for module in model.modules():
        if isinstance(module, norms):
            module.weight.uniform_(0.5, 1.5)
            module.bias.normal_(0, 0.2)
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 1.5)
    for value in model.parameters():
        if value.numel() < 2 or value.std() == 0:
            value.add_(torch.randn_like(value) * 0.1)


def float32(items):
    return {k: (v.float() if v.is_floating_point() else v).contiguous().clone() for k, v in items}


def draw(seed, network, options, classes, batch, height, width):
    """A network, pictures, labels and the loss, in float64."""
    torch.manual_seed(seed)
    model = importlib.import_module(network).make(classes, height, **options).double()
    with torch.no_grad():
        randomize(model)
    model.load_state_dict({k: v.float().double() if v.is_floating_point() else v for k, v in model.state_dict().items()})
    x = torch.randn(batch, 3, height, width).double()
    x = x.float().double()
    if classes == 1:
        return model, x, (torch.rand(batch, 1, height, width) > 0.6).double(), F.binary_cross_entropy_with_logits
    return model, x, torch.randint(0, classes, (batch, height, width)), F.cross_entropy


def steps(model, x, target, loss):
    """Takes three steps of SGD; yields the logits and the loss of each before its update."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    for _ in range(3):
        optimizer.zero_grad()
        logits = model(x)
        value = loss(logits, target)
        value.backward()
        yield logits.detach(), value.detach()
        optimizer.step()


def rounding(model, x, target, loss):
    """The greatest error of PyTorch's own updates in float32, relative to each parameter's."""
    found = []
    for kind in (torch.float64, torch.float32):
        copied = copy.deepcopy(model).to(kind)
        for _ in steps(copied, x.to(kind), target if target.dtype == torch.int64 else target.to(kind), loss):
            pass
        found.append([b.double() - a for a, b in zip(model.parameters(), copied.parameters())])
    exact, rounded = found
    greatest = max(update.abs().max() for update in exact)
    return max((a - b).abs().max() / max(a.abs().max(), greatest / 100) for a, b in zip(exact, rounded))


def main():
    network, folder, options, classes, batch, height, width = *sys.argv[1:3], json.loads(sys.argv[3]), *map(int, sys.argv[4:8])
    # Near a corner of ReLU or of a maximum, rounding turns a gradient into another one. Which draws
    # meet one depends on the processor, so another is taken then: the best of five at most.
    tried = []
    while len(tried) < 5 and all(error > 2e-4 for error, _ in tried):
        drawn = draw(7 + len(tried), network, options, classes, batch, height, width)
        tried.append((rounding(*drawn), drawn))
    model, x, target, loss = min(tried, key=lambda one: one[0])[1]
    save_file(float32(model.state_dict().items()), folder + "/weights.safetensors")
    case, losses = {"x": x, "target": target}, []
    for logits, value in steps(model, x, target, loss):
        if not losses:
            case["logits"] = logits
            case.update({"grad." + k: p.grad.clone() for k, p in model.named_parameters() if p.grad is not None})
        losses.append(value)
    case["losses"] = torch.stack(losses)
    case.update({"after." + k: v.clone() for k, v in model.state_dict().items()})
    model.eval()
    with torch.no_grad():
        case["evaluated"] = model(x)
        with FlopCounterMode(display=False) as counter:
            model(x[:1])
    case["multiply_adds"] = torch.tensor(counter.get_total_flops() // 2)
    save_file(float32(case.items()), folder + "/case.safetensors")


if __name__ == "__main__":
    main()
