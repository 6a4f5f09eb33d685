"""Four clouds of features with their head, and test features that lie elsewhere: what detectors are tried on."""

import numpy as np
import torch

from heat_core.detectors import load
from heat_core.features.features import Features

CLASSES, DIM = 4, 24
RNG = np.random.default_rng(0)
CENTRES = RNG.normal(size=(CLASSES, DIM)) + 2
HEAD = CENTRES - CENTRES.mean(axis=0), -0.5 * (CENTRES**2).sum(axis=1) + 0.5 * (CENTRES**2).sum(axis=1).mean()


def features(n: int, centres=CENTRES, dim: int = DIM) -> Features:
    y = np.arange(n) % CLASSES
    z = np.maximum(centres[y, :dim] + RNG.normal(size=(n, dim)), 0).astype(np.float32)
    return Features(z, z, y, [str(i) for i in range(n)])


TRAIN, TEST = features(400), features(60, CENTRES + RNG.normal(size=CENTRES.shape))
Z, Y = torch.from_numpy(TRAIN.avg), torch.from_numpy(TRAIN.labels)
TEST_Z = torch.from_numpy(TEST.avg)
WEIGHT, BIAS = (torch.from_numpy(part).float() for part in HEAD)
LOGITS = TEST.avg.astype(np.float64) @ HEAD[0].T + HEAD[1]
TRAIN_LOGITS = TRAIN.avg.astype(np.float64) @ HEAD[0].T + HEAD[1]


def ours(name: str, **parameters) -> np.ndarray:
    return load(name)(**parameters).fit_with_head(TRAIN, HEAD).score_features(TEST)


def linear() -> torch.nn.Linear:
    layer = torch.nn.Linear(DIM, CLASSES)
    layer.load_state_dict({"weight": WEIGHT, "bias": BIAS})
    return layer.requires_grad_(False)


def with_labels(z, y) -> Features:
    z = np.asarray(z, np.float32)
    return Features(z, z, np.asarray(y), [str(i) for i in range(len(z))])
