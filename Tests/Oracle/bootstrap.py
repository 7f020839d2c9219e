"""A paired bootstrap over pictures by SciPy:  bootstrap.py FOLDER

writes FOLDER/bootstrap.safetensors: counts of two methods' pixels on 40 pictures [2, 40, 3] (TP, FP, FN), the observed difference
of their pooled DSC, its 95 % percentile interval, the share of draws at or below zero; and quantiles of a row of numbers by NumPy.
"""
import sys
import numpy as np
from safetensors.numpy import save_file
from scipy import stats

random = np.random.default_rng(5)
size = random.integers(200, 4000, 40)
counts = np.empty((2, 40, 3), np.int64)
for method, quality in enumerate([0.86, 0.84]):
    found = np.clip(quality + 0.08 * random.standard_normal(40), 0.1, 0.99)
    counts[method] = np.stack([size * found, size * (1 - found) * random.uniform(0.3, 1.5, 40), size * (1 - found)], 1)


def difference(index, axis=-1):
    dice = []
    for method in counts:
        tp, fp, fn = (method[:, i][index.astype(int)].sum(axis) for i in range(3))
        dice.append(2 * tp / (2 * tp + fp + fn))
    return dice[0] - dice[1]


result = stats.bootstrap((np.arange(40),), difference, n_resamples=40_000, method="percentile", rng=random, vectorized=True)
numbers = np.sort(random.standard_normal(37))
shares = np.array([0, 0.025, 0.31, 0.5, 0.975, 1])
save_file({
    "counts": counts, "difference": np.array([difference(np.arange(40))]),
    "interval": np.array([result.confidence_interval.low, result.confidence_interval.high]),
    "below": np.array([(result.bootstrap_distribution <= 0).mean()]), "numbers": numbers, "shares": shares,
    "quantiles": np.quantile(numbers, shares)}, sys.argv[1] + "/bootstrap.safetensors")
