"""Likely wrong labels by confident learning (Northcutt et al., JAIR 2021), as cleanlab implements it.

It needs probabilities from a classifier that has not seen the label. Those of training images come from logistic heads
on the kept features, each fitted without the fifth of every class that it judges; those of test images from the run's
own head.
"""

from importlib.util import find_spec

import numpy as np
from scipy.special import softmax

from heat_core.data.splits import rank_in_class
from heat_core.errors import HeatError
from heat_core.features.heads import fit_head, logits_of_rows
from heat_core.types import Rows

FOLDS = 5
MOST_PRODUCTS = 2e11  # rows × dimensions × classes, above which no heads are fitted


def require_cleanlab() -> None:
    """Refuse to look for wrong labels without cleanlab.

    Raises:
        HeatError: where it is not installed.
    """
    if find_spec("cleanlab") is None:
        raise HeatError(
            "Likely wrong labels are found with cleanlab, which is not installed: "
            '`pip install "heat-explorer[labels]"`.'
        )


def held_out_probabilities(z: Rows, labels: np.ndarray) -> np.ndarray:
    """Compute class probabilities of training images by heads that were fitted without them.

    Args:
        z: (N, D) features.
        labels: (N,) class numbers, all classes from 0 on.

    Returns:
        (N, C) probabilities; that of a class is 0 where all of its images are held out.

    Raises:
        HeatError: where the set is too large.
    """
    classes = int(labels.max()) + 1
    if len(z) * z.shape[1] * classes > MOST_PRODUCTS:
        raise HeatError(
            f"Likely wrong labels are not looked for: {len(z):,} images of {classes:,} classes are too many to fit "
            f"{FOLDS} heads."
        )
    fold = rank_in_class(labels, len(labels)) % FOLDS
    probabilities = np.zeros((len(z), classes), np.float32)
    for i in np.unique(fold):
        inside = fold == i
        seen = np.unique(labels[~inside])
        if len(seen) < 2:
            raise HeatError("Likely wrong labels are not looked for: the classes have too few images.")
        head = fit_head(np.asarray(z[~inside]), labels[~inside])
        probabilities[np.ix_(inside, seen)] = softmax(logits_of_rows(np.asarray(z[inside]), head), axis=1)
    return probabilities


def find_label_issues(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find labels that are likely wrong.

    Args:
        labels: (N,) class numbers.
        probabilities: (N, C) held-out class probabilities.

    Returns:
        (N,) whether a label is likely wrong, that is, another class is more probable than it is on average for the
        images with its label (the off-diagonal of the confident joint); and (N,) float32 probability of the label.

    Raises:
        HeatError: where cleanlab is not installed.
    """
    require_cleanlab()
    from cleanlab.filter import find_label_issues as find_issues

    own = probabilities[np.arange(len(labels)), labels].astype(np.float32)
    present, codes = np.unique(labels, return_inverse=True)
    if len(present) < 2:
        return np.zeros(len(labels), bool), own
    of_present = probabilities[:, present].astype(np.float64) + 1e-12  # cleanlab expects every class among the labels
    of_present /= of_present.sum(axis=1, keepdims=True)
    return np.asarray(find_issues(codes, of_present, filter_by="confident_learning", n_jobs=1), bool), own
