"""Writes optimizers.json: what PyTorch's optimizers make of two parameters in six steps, and what its schedules, clipping and averaging give.

Run as `python make_optimizers.py` with PyTorch 2.13. The gradients are part of the file, so that a test needs no generator of its own. Step 4 on trains
with a third of the rate; in the cases named "… sparse" parameter 1 has no gradient in the first and the third step.
"""
import json
import pathlib

import torch

torch.manual_seed(7)
SHAPES = [(3, 4), (5,)]
STEPS = 6
START = [torch.randn(s) for s in SHAPES]
GRADIENTS = [[torch.randn(s) * 0.7 for s in SHAPES] for _ in range(STEPS)]
GRADIENTS[2][0][0, 0] = 0  # what has no gradient of its own must stay finite
O = torch.optim

CASES = {
    "adadelta": [{}, dict(learning_rate=0.5, rho=0.8, epsilon=1e-4, weight_decay=0.05)],
    "adagrad": [{}, dict(learning_rate=0.05, learning_rate_decay=0.1, weight_decay=0.05, initial_accumulator=0.3, epsilon=1e-6)],
    "adam": [{}, dict(learning_rate=0.02, betas=[0.8, 0.95], epsilon=1e-5, weight_decay=0.1), dict(amsgrad=True, learning_rate=0.01)],
    "adamw": [{}, dict(learning_rate=0.02, betas=[0.8, 0.95], epsilon=1e-5, weight_decay=0.1), dict(amsgrad=True, learning_rate=0.01)],
    "adamax": [{}, dict(learning_rate=0.02, betas=[0.8, 0.95], epsilon=1e-5, weight_decay=0.1)],
    "asgd": [{}, {"learning_rate": 0.05, "lambda": 0.01, "alpha": 0.6, "t0": 2, "weight_decay": 0.1}],
    "rmsprop": [{}, dict(learning_rate=0.02, alpha=0.9, epsilon=1e-4, weight_decay=0.1, momentum=0.9, centered=True), dict(momentum=0.5), dict(centered=True)],
    "rprop": [{}, dict(learning_rate=0.03, etas=[0.4, 1.4], step_sizes=[0.01, 0.06])],
    "sgd": [{}, dict(learning_rate=0.1, momentum=0.9, dampening=0.2, weight_decay=0.05), dict(learning_rate=0.1, momentum=0.9, nesterov=True)],
}
CLASSES = dict(adadelta=O.Adadelta, adagrad=O.Adagrad, adam=O.Adam, adamw=O.AdamW, adamax=O.Adamax, asgd=O.ASGD, rmsprop=O.RMSprop, rprop=O.Rprop, sgd=O.SGD)
KEYS = {"learning_rate": "lr", "epsilon": "eps", "learning_rate_decay": "lr_decay", "initial_accumulator": "initial_accumulator_value", "lambda": "lambd"}


def run(name, options, sparse):
    # Plain loops in float64, rounded once: the true sequence, independent of PyTorch's rounding.
    parameters = [torch.nn.Parameter(p.double()) for p in START]
    optimizer = CLASSES[name](parameters, foreach=False, **{KEYS.get(k, k): v for k, v in options.items()})
    rows = []
    for step, gradients in enumerate(GRADIENTS):
        if step == 4:
            optimizer.param_groups[0]["lr"] /= 3
        for i, (p, g) in enumerate(zip(parameters, gradients)):
            p.grad = None if sparse and i == 1 and step in (0, 2) else g.double()
        optimizer.step()
        rows.append([p.detach().flatten().tolist() for p in parameters])
    return {"name": name, "options": options, "sparse": sparse, "parameters": rows}


def clipping(limit):
    parameters = [torch.nn.Parameter(p.clone()) for p in START]
    for p, g in zip(parameters, GRADIENTS[0]):
        p.grad = g.clone()
    norm = torch.nn.utils.clip_grad_norm_(parameters, limit).item()
    return {"limit": limit, "norm": norm, "gradients": [p.grad.flatten().tolist() for p in parameters]}


def averaging(decay):
    model = torch.nn.ParameterList([torch.nn.Parameter(p.clone()) for p in START])
    average = O.swa_utils.AveragedModel(model, multi_avg_fn=O.swa_utils.get_ema_multi_avg_fn(decay))
    rows = []
    for gradients in GRADIENTS:
        with torch.no_grad():
            for p, g in zip(model, gradients):
                p -= g
        average.update_parameters(model)
        rows.append([p.detach().flatten().tolist() for p in average.module])
    return {"decay": decay, "averages": rows}


def plateaus():
    generator = torch.Generator().manual_seed(3)
    losses = [1 / (1 + 0.1 * e) + 0.05 * torch.rand(1, generator=generator).item() for e in range(80)]
    losses[17] = float("inf")
    cases = []
    for options in [
        dict(factor=0.5, patience=2, threshold=0.01, cooldown=3, min_lr=1e-4),
        dict(factor=0.2, patience=1, threshold=0.02, threshold_mode="abs"),
        dict(factor=0.1, patience=0, eps=1e-6),
    ]:
        optimizer = O.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1e-2)
        schedule = O.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
        rates = []
        for loss in losses:
            rates.append(optimizer.param_groups[0]["lr"])
            schedule.step(loss)
        cases.append({"options": options, "rates": rates})
    return {"losses": [str(x) for x in losses], "cases": cases}


result = {
    "shapes": SHAPES,
    "start": [p.flatten().tolist() for p in START],
    "gradients": [[g.flatten().tolist() for g in step] for step in GRADIENTS],
    "cases": [run(name, options, sparse) for name, cases in CASES.items() for options in cases for sparse in (False, True)],
    "clipping": [clipping(0.5), clipping(1000.0)],
    "averaging": averaging(0.9),
    "plateaus": plateaus(),
}
pathlib.Path(__file__).with_name("optimizers.json").write_text(json.dumps(result) + "\n")
