"""Clusters of features in place of classes, for ID sets without any, as in SSD (Sehwag et al., ICLR 2021).

They are computed once and stored with the run, so that priors that are fitted again use the same ones.
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
_MAX_CLUSTERS, _IMAGES_PER_CLUSTER = 10, 20  # number of clusters, and images of each on average
_STARTS = 3  # starts of k-means, of which the best is used
_STRENGTH = 0.1  # C of the head as in `heads.fit_head`, for features whose mean square is 1


def default_cluster_count(images: int) -> int:
    """Return ten clusters, or fewer with 20 images for each on average, but at least two."""
    return max(2, min(_MAX_CLUSTERS, images // _IMAGES_PER_CLUSTER))


def attach_clusters(folder: Path, train: Features) -> Features:
    """Label the training features of a run by its stored clusters; without any, return them unchanged.

    Raises:
        HeatError: where the clusters are damaged, or belong to other images.
    """
    path = folder / CLUSTERS_FILE
    if train.labels is not None or not path.exists():
        return train
    cure = f"delete {folder} and start a new run"
    arrays = read_npz(path, cure)
    ids, labels = arrays.get("ids", np.empty(0)), arrays.get("labels", np.empty(0))
    if labels.dtype.kind != "i" or labels.shape != (len(train),) or ids.tolist() != list(train.ids):
        raise HeatError(f"{path} does not hold the clusters of these training images: {cure}.")
    return _with_clusters(train, labels)


def _with_clusters(train: Features, labels: np.ndarray) -> Features:
    names = [f"cluster {i + 1}" for i in range(int(labels.max()) + 1)]
    return replace(
        train, labels=labels, class_names=names, all_class_names=names, class_indices=list(range(len(names)))
    )


def find_clusters(folder: Path, train: Features, count: int | None, seed: int, max_fitted: int = 20_000) -> Features:
    """Label the training features of a run by clusters: the stored ones, or else those of `label_by_clusters`.

    Args:
        folder: folder of the run.
        train: features without labels.
        count: number of clusters; None = `default_cluster_count`.
        seed: seed of k-means.
        max_fitted: largest number of images that k-means is fitted to.
    """
    if not (folder / CLUSTERS_FILE).exists():
        labels = label_by_clusters(train, count, seed, max_fitted).labels
        write_npz(folder / CLUSTERS_FILE, {"ids": np.array(train.ids), "labels": np.asarray(labels)})
    return attach_clusters(folder, train)


def label_by_clusters(train: Features, count: int | None, seed: int, max_fitted: int = 20_000) -> Features:
    """Label features by clusters of k-means on the normalised `avg`.

    Args:
        train: features without labels.
        count: number of clusters; None = `default_cluster_count`.
        seed: seed of k-means.
        max_fitted: largest number of samples that k-means is fitted to; others are assigned to the nearest centre.

    Raises:
        HeatError: where there are fewer samples than clusters, or all samples have the same features.
    """
    count = count or default_cluster_count(len(train))
    if count > len(train):
        raise HeatError(f"{len(train)} training images cannot make {count} clusters: choose fewer, or give more.")
    return _with_clusters(train, _k_means(train, count, seed, max_fitted))


def fit_cluster_head(train: Features, on_step: OnStep = no_progress) -> HeadChoice:
    """Fit a linear head that predicts the cluster, which gives every image a predicted class and its confidence.

    The penalty is scaled by the size of the features: with small ones, a fixed penalty would make all predictions
    alike, although k-means on normalised features is not affected by their size.
    """
    from heat_core.energies.priors.base import column_moments
    from heat_core.features.head_fitting import fit_logistic

    mean, std = column_moments(train.avg)
    size = float((mean**2 + std**2).mean())
    head = fit_logistic(train.avg, train.required_labels("A head"), _STRENGTH / max(size, 1e-30), on_step)
    return HeadChoice(head, None, f"A logistic regression tells the {len(train.class_names)} clusters apart.")


def _k_means(train: Features, count: int, seed: int, max_fitted: int) -> np.ndarray:
    """Return the (N,) cluster of each image, numbered from the largest cluster."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    from heat_core.energies.views import VIEWS
    from heat_core.features.chunks import map_blocks

    rows = VIEWS["gmm"].rows(train)
    sampled = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), max_fitted)).round().astype(int))
    with threadpool_limits(1), warnings.catch_warnings():  # sums must not depend on the number of cores
        warnings.simplefilter("ignore", ConvergenceWarning)  # raised where images are alike
        k_means = KMeans(count, random_state=seed, n_init=_STARTS).fit(rows[sampled])
        labels = map_blocks(k_means.predict, rows)
    present, labels, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    if len(present) < 2:
        raise HeatError("The training images have all the same features, so that they make no clusters: give others.")
    new_label = np.empty(len(present), np.int64)
    new_label[np.argsort(-sizes, kind="stable")] = np.arange(len(present))
    return new_label[labels]
