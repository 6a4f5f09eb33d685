"""UMAP maps: what they are made of, and where new samples lie on them. `heat_core.projection` fits them."""

from pathlib import Path

import numpy as np

from heat_core.features import Features
from heat_core.priors import VIEWS
from heat_core.projection import NEIGHBOURS
from heat_core.storage import write_npz

TRAIN = -1
MAX_TRAIN = 2000
_COMPONENTS = 50
_VIEW = VIEWS["gmm"]


def write_points(path: Path, train: Features, scored: list[Features], seed: int = 0) -> None:
    """Write what a map of every scored sample and of a sample of the training set (at most 2,000) is fitted to.

    The map will hold `xy` (M, 2) float32, `dataset` (M,) and `row` (M,): the set (index into `scored`, or -1 for
    training) and the row in it; and, for `place`, the points' principal components `reduced` (M, 50) with the `mean`
    (D,) and `axes` (50, D) that make them.
    """
    from sklearn.decomposition import PCA

    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(len(train), min(MAX_TRAIN, len(train)), replace=False))
    z = np.concatenate([_VIEW.of(train)[chosen], *(_VIEW.of(f) for f in scored)])
    dataset = np.concatenate([np.full(len(chosen), TRAIN), *(np.full(len(f), i) for i, f in enumerate(scored))])
    row = np.concatenate([chosen, *(np.arange(len(f)) for f in scored)])
    components = PCA(min(_COMPONENTS, *z.shape), random_state=seed).fit(z)
    points = {
        "dataset": dataset.astype(np.int16), "row": row.astype(np.int32), "reduced": components.transform(z),
        "mean": components.mean_, "axes": components.components_,
    }  # fmt: skip
    write_npz(path, points)


def place(fitted: dict[str, np.ndarray], features: Features) -> np.ndarray:
    """Where new samples lie on a fitted map: (N, 2) float32.

    As UMAP's `transform` starts: the mean of the 15 nearest mapped points, weighted by exp(-(d - d₁) / σ) with d₁ the
    distance to the nearest and σ the mean of d - d₁. (Its further optimisation needs the fitted object, which could
    only be stored as a pickle.)
    """
    known = fitted["reduced"].astype(np.float32)
    reduced = (_VIEW.of(features) - fitted["mean"].astype(np.float32)) @ fitted["axes"].astype(np.float32).T
    k = min(NEIGHBOURS, len(known))
    placed = np.empty((len(reduced), 2), np.float32)
    for i, point in enumerate(reduced):
        squared = ((known - point) ** 2).sum(axis=1)
        nearest = np.argpartition(squared, k - 1)[:k]
        distance = np.sqrt(squared[nearest])
        beyond = distance - distance.min()
        weight = np.exp(-beyond / max(beyond.mean(), 1e-12))
        placed[i] = weight @ fitted["xy"][nearest] / weight.sum()
    return placed
