"""ID sets without classes: clusters of their features stand for classes, as in SSD (Sehwag et al., ICLR 2021).

They are found once and kept with the run: whoever fits its priors again reads them.
"""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np

from heat_core.errors import HeatError
from heat_core.features.features import Features
from heat_core.features.heads import HeadChoice
from heat_core.progress import no_progress
from heat_core.storage import read_npz, write_npz
from heat_core.types import OnStep

CLUSTERS_FILE = "clusters.npz"
_MAX_CLUSTERS, _IMAGES_PER_CLUSTER = 10, 20  # clusters, and images of each on average
_MAX_FITTED = 20_000  # images that k-means sees; the others go to the nearest centre
_STARTS = 3  # of k-means, of which the best is taken
_STRENGTH = 0.1  # of the head, as `heads.fit_head` has it, for features whose squares are 1 on average


def default_cluster_count(images: int) -> int:
    """Ten; fewer where there were fewer than 20 images for each, and two at least."""
    return max(2, min(_MAX_CLUSTERS, images // _IMAGES_PER_CLUSTER))


def attach_clusters(folder: Path, train: Features) -> Features:
    """The training features of a run with the clusters that it keeps, where it has some.

    Raises:
        HeatError: where they are damaged, or those of other images.
    """
    path = folder / CLUSTERS_FILE
    if train.labels is not None or not path.exists():
        return train
    cure = f"delete {folder} and start a new run"
    arrays = read_npz(path, cure)
    ids, labels = arrays.get("ids", np.empty(0)), arrays.get("labels", np.empty(0))
    if labels.dtype.kind != "i" or labels.shape != (len(train),) or ids.tolist() != list(train.ids):
        raise HeatError(f"{path} does not hold the clusters of these training images: {cure}.")
    names = [f"cluster {i + 1}" for i in range(int(labels.max()) + 1)]
    return replace(
        train, labels=labels, class_names=names, all_class_names=names, class_indices=list(range(len(names)))
    )


def find_clusters(folder: Path, train: Features, count: int | None, seed: int) -> Features:
    """The same, found by k-means on the normalised `avg` where the run keeps none yet.

    Args:
        folder: of the run.
        train: without labels.
        count: how many; None = `default_cluster_count`.
        seed: of k-means.

    Raises:
        HeatError: where there are fewer images than that, or all are alike.
    """
    if not (folder / CLUSTERS_FILE).exists():
        count = count or default_cluster_count(len(train))
        if count > len(train):
            raise HeatError(f"{len(train)} training images cannot make {count} clusters: choose fewer, or give more.")
        write_npz(folder / CLUSTERS_FILE, {"ids": np.array(train.ids), "labels": _k_means(train, count, seed)})
    return attach_clusters(folder, train)


def fit_cluster_head(train: Features, on_step: OnStep = no_progress) -> HeadChoice:
    """A linear head that tells the clusters apart: an image is taken for the one that it says, and is as sure of it.

    Its strength follows the size of the features, which k-means does not see: of small ones it would tell nothing.
    """
    from heat_core.energies.priors.base import column_moments
    from heat_core.features.head_fitting import fit_logistic

    mean, std = column_moments(train.avg)
    size = float((mean**2 + std**2).mean())
    head = fit_logistic(train.avg, train.required_labels("A head"), _STRENGTH / max(size, 1e-30), on_step)
    return HeadChoice(head, None, f"A logistic regression tells the {len(train.class_names)} clusters apart.")


def _k_means(train: Features, count: int, seed: int) -> np.ndarray:
    """(N,) the cluster of each image, the largest first."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    from heat_core.energies.views import VIEWS
    from heat_core.features.chunks import map_blocks

    rows = VIEWS["gmm"].rows(train)
    sampled = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), _MAX_FITTED)).round().astype(int))
    with threadpool_limits(1), warnings.catch_warnings():  # sums in one order, on any number of cores
        warnings.simplefilter("ignore", ConvergenceWarning)  # of images that are alike
        k_means = KMeans(count, random_state=seed, n_init=_STARTS).fit(rows[sampled])
        labels = map_blocks(k_means.predict, rows)
    present, labels, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    if len(present) < 2:
        raise HeatError("The training images have all the same features, so that they make no clusters: give others.")
    new_label = np.empty(len(present), np.int64)
    new_label[np.argsort(-sizes, kind="stable")] = np.arange(len(present))
    return new_label[labels]
