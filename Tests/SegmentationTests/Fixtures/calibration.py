"""Makes calibration.safetensors: torchmetrics' and scikit-learn's numbers. Needs torch, torchmetrics, scikit-learn, safetensors."""

import pathlib

import numpy as np
import safetensors.numpy
import torch
from sklearn.metrics import brier_score_loss, roc_auc_score
from torchmetrics.functional.classification import binary_calibration_error, multiclass_calibration_error


def main():
    random = np.random.default_rng(3)
    logits = random.normal(0, 2.5, 400).astype(np.float32)
    truth = (random.random(400) < 1 / (1 + np.exp(-logits / 2))).astype(np.float32)
    many = random.normal(0, 2, (3, 400)).astype(np.float32)
    labels = np.array([random.choice(3, p=np.exp(z / 2) / np.exp(z / 2).sum()) for z in many.T.astype(np.float64)], np.uint8)
    p, q = torch.sigmoid(torch.from_numpy(logits)), torch.softmax(torch.from_numpy(many), 0)
    hot = np.eye(3)[labels].T
    scores = random.integers(0, 12, 90).astype(np.float32)  # with ties
    positive = (random.random(90) < 0.1 + scores / 20).astype(np.float32)
    numbers = [
        binary_calibration_error(p, torch.from_numpy(truth).long(), n_bins=15, norm="l1").item(),
        brier_score_loss(truth, p.numpy()),
        multiclass_calibration_error(q.T, torch.from_numpy(labels).long(), num_classes=3, n_bins=15, norm="l1").item(),
        ((q.numpy() - hot) ** 2).sum(0).mean(),
        roc_auc_score(positive, scores),
    ]
    tensors = {
        "logits": logits, "truth": truth, "many": many, "labels": labels, "scores": scores, "positive": positive,
        "numbers": np.array(numbers, np.float32),
    }
    safetensors.numpy.save_file(tensors, pathlib.Path(__file__).with_suffix(".safetensors"))


if __name__ == "__main__":
    main()
