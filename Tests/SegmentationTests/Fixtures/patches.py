"""Writes patches.safetensors: the patches that training takes out of whole pictures, stated with NumPy's Philox and slices.
Run in this folder: python patches.py"""
import numpy as np
from safetensors.numpy import save_file

SHARE, CLASSES, IGNORED, SIDE = 2 / 3, 4, 2, 32


def numbers(seed, epoch, index, count):
    """Uniform numbers of an epoch's sample; NumPy counts a block before it makes it."""
    stream = (0xDA7A0002 << 32) | epoch
    bits = np.random.Philox(key=seed | stream << 64, counter=((index << 64) - 1) % 2**256).random_raw(count)
    return [float(n >> np.uint64(11)) * 2.0**-53 for n in bits]


def start(extent, center):
    if extent <= SIDE:
        return -((SIDE - extent) // 2)
    return int(np.clip(np.floor(center - (SIDE - 1) / 2 + 0.5), 0, extent - SIDE))


def cut(planes, row, column):
    padded = np.pad(planes, [(0, 0), (SIDE, SIDE), (SIDE, SIDE)])
    return padded[:, SIDE + row : 2 * SIDE + row, SIDE + column : 2 * SIDE + column]


random, out = np.random.default_rng(5), {}
for height, width in ((70, 91), (20, 64), (9, 13), (33, 32)):
    image = random.integers(0, 256, (2, height, width)).astype(np.uint8)
    labels = np.zeros((1, height, width), np.uint8)
    labels[0, height // 2 :, width // 3 :] = 1
    labels[0, :5, :7] = IGNORED
    labels[0, -2, 3] = 3  # a class of one pixel
    name = f"{height}x{width}"
    out[name], out[f"{name}/labels"] = image, labels
    images, masks = [], []
    for seed, epoch, index in ((42, 0, 0), (42, 0, 1), (42, 3, 1), (7, 3, 1), (1, 2, 3), (1, 2, 4), (1, 2, 5), (1, 2, 6)):
        chance, pick, first, second = numbers(seed, epoch, index, 4)
        present = [c for c in range(1, CLASSES) if c != IGNORED and (labels == c).any()]
        if chance < SHARE:
            rows, columns = np.nonzero(labels[0] == present[int(pick * len(present))])
            pixel = int(first * len(rows))
            center = rows[pixel], columns[pixel]
        else:
            center = first * (height - 1), second * (width - 1)
        row, column = start(height, center[0]), start(width, center[1])
        images.append(cut(image, row, column))
        masks.append(cut(labels, row, column)[0])
    out[f"{name}/patches"], out[f"{name}/masks"] = np.stack(images), np.stack(masks)
save_file({k: np.ascontiguousarray(v) for k, v in out.items()}, "patches.safetensors")
