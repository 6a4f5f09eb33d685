"""UMAP maps, fitted once in the job and stored with the run. umap itself is imported when it is needed."""

from pathlib import Path

import numpy as np

from heat_core.features import Features
from heat_core.priors import VIEWS
from heat_core.storage import write_npz

TRAIN = -1
MAX_TRAIN = 2000
_COMPONENTS = 50
_VIEW = VIEWS["gmm"]


def embed(path: Path, train: Features, scored: list[Features], seed: int = 0) -> None:
    """Write the map of every scored sample and of a sample of the training set (at most 2,000) to `path`.

    The file holds `xy` (M, 2) float32, `dataset` (M,) and `row` (M,): the set (index into `scored`, or -1 for
    training) and the row in it.
    """
    if path.exists():
        return
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(len(train), min(MAX_TRAIN, len(train)), replace=False))
    z = np.concatenate([_VIEW.of(train)[chosen], *(_VIEW.of(f) for f in scored)])
    dataset = np.concatenate([np.full(len(chosen), TRAIN), *(np.full(len(f), i) for i, f in enumerate(scored))])
    row = np.concatenate([chosen, *(np.arange(len(f)) for f in scored)])
    write_npz(path, {"xy": project(z, seed), "dataset": dataset.astype(np.int16), "row": row.astype(np.int32)})


def project(z: np.ndarray, seed: int = 0) -> np.ndarray:
    """(N, D) → (N, 2) float32 by UMAP, from the first 50 principal components; by those alone below 5 points."""
    from sklearn.decomposition import PCA

    reduced = PCA(min(_COMPONENTS, *z.shape), random_state=seed).fit_transform(z)
    if len(z) < 5:
        return np.pad(reduced, ((0, 0), (0, 2)))[:, :2].astype(np.float32)
    try:
        import umap
    except ImportError:  # a bare GPU server: the plane of the first two components is still a map
        return np.pad(reduced, ((0, 0), (0, 2)))[:, :2].astype(np.float32)
    neighbours = min(15, len(z) - 1)
    return umap.UMAP(n_neighbors=neighbours, init="pca", random_state=seed, n_jobs=1).fit_transform(reduced)
