"""Makes sliding_window.safetensors: MONAI's sliding window over pictures. Needs torch, monai and safetensors.

The predictor knows where in its tile a pixel lies, so that every tile's place and weight shows:
sigmoid(mean of channels / 64 - 2 + row / 8 - column / 16).
"""

import pathlib

import numpy as np
import safetensors.numpy
import torch
from monai.inferers import sliding_window_inference

CASES = [(64, 50, 32, 0.5), (70, 45, 32, 0.25), (40, 20, 32, 0.5), (33, 64, 32, 0.75), (20, 9, 32, 0.5), (33, 65, 32, 0.0)]


def predictor(tiles):
    rows = torch.arange(tiles.shape[2], dtype=torch.float32)[:, None]
    columns = torch.arange(tiles.shape[3], dtype=torch.float32)[None, :]
    return torch.sigmoid(tiles.mean(1, keepdim=True) / 64 - 2 + rows / 8 - columns / 16)


def main():
    random = np.random.default_rng(1)
    tensors = {}
    for index, (height, width, tile, overlap) in enumerate(CASES):
        picture = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        picture.flat[0], picture.flat[1] = 0, 255  # stretched to itself
        image = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
        found = sliding_window_inference(image, (tile, tile), 4, predictor, overlap=overlap, mode="gaussian")
        tensors[f"{index}.picture"] = picture
        tensors[f"{index}.found"] = np.ascontiguousarray(found[0, 0].numpy())
        tensors[f"{index}.case"] = np.array([height, width, tile, overlap], np.float32)
    safetensors.numpy.save_file(tensors, pathlib.Path(__file__).with_suffix(".safetensors"))


if __name__ == "__main__":
    main()
