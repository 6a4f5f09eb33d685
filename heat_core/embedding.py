"""UMAP maps: fitted in a process of their own beside the residuals' training, and stored with the run.

Importing umap compiles for seconds in a fresh environment, and its fit leaves a core idle: a child process hides both
behind the training (`heat_core.projection` is that child).
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from heat_core.errors import HeatError
from heat_core.features import Features
from heat_core.priors import VIEWS
from heat_core.projection import INPUT, NEIGHBOURS, OUTPUT
from heat_core.storage import write_npz

TRAIN = -1
MAX_TRAIN = 2000
_COMPONENTS = 50
_VIEW = VIEWS["gmm"]


@contextmanager
def mapping(folder: Path, train: Features, scored: list[Features], seed: int = 0) -> Iterator[None]:
    """Fit the map of every scored sample and of a sample of the training set (at most 2,000) while the block runs.

    `folder/map.npz` appears when it is whole. It holds `xy` (M, 2) float32, `dataset` (M,) and `row` (M,): the set
    (index into `scored`, or -1 for training) and the row in it; and, for `place`, the points' principal components
    `reduced` (M, 50) with the `mean` (D,) and `axes` (50, D) that make them.

    Raises:
        HeatError: where the child fails; a block that raises ends the child.
    """
    if (folder / OUTPUT).exists():
        yield
        return
    write_npz(folder / INPUT, _reduced(train, scored, seed))
    with open(folder / "job.log", "ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "heat_core.projection", str(folder), str(seed)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=os.environ | {"NUMBA_NUM_THREADS": "1"},
        )  # fmt: skip
        try:
            yield
            if child.wait():
                raise HeatError(
                    f"The map could not be fitted: {folder / 'job.log'} says why; resume the run to try again."
                )
        finally:
            child.kill()
            child.wait()
    (folder / INPUT).unlink(missing_ok=True)


def _reduced(train: Features, scored: list[Features], seed: int) -> dict[str, np.ndarray]:
    """What the child reads: the points as principal components, and where each comes from."""
    from sklearn.decomposition import PCA

    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(len(train), min(MAX_TRAIN, len(train)), replace=False))
    z = np.concatenate([_VIEW.of(train)[chosen], *(_VIEW.of(f) for f in scored)])
    dataset = np.concatenate([np.full(len(chosen), TRAIN), *(np.full(len(f), i) for i, f in enumerate(scored))])
    row = np.concatenate([chosen, *(np.arange(len(f)) for f in scored)])
    components = PCA(min(_COMPONENTS, *z.shape), random_state=seed).fit(z)
    return {
        "dataset": dataset.astype(np.int16), "row": row.astype(np.int32), "reduced": components.transform(z),
        "mean": components.mean_, "axes": components.components_,
    }  # fmt: skip


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
