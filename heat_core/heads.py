"""The linear head that reads `avg`: the model's own, or a logistic regression where its classes are others."""

from collections.abc import Callable

import numpy as np

from heat_core.features import Features

Head = tuple[np.ndarray, np.ndarray]
_OWN_HEAD_ACCURACY = 0.5  # below it the model's classes are not the dataset's, whatever their number
_BLOCK = 1024  # rows converted at a time: they stay in the processor's cache


def logits_of(features: Features, head: Head) -> np.ndarray:
    """(N, C) float64 logits of the linear head (weight (C, D), bias (C,))."""
    weight, bias = np.ascontiguousarray(head[0].T, dtype=np.float64), head[1]
    logits = np.empty((len(features), len(bias)))
    for i in range(0, len(logits), _BLOCK):
        np.matmul(features.avg[i : i + _BLOCK].astype(np.float64), weight, out=logits[i : i + _BLOCK])
    logits += bias
    return logits


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """(N, C) → (N, C): log of the softmax of each row."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return shifted


def fit_head(z: np.ndarray, y: np.ndarray) -> Head:
    """A logistic-regression head on (N, D) features: weight (C, D), bias (C,), also for two classes."""
    from sklearn.linear_model import LogisticRegression

    # C = 0.1: features outnumber the images a class, and a weakly regularised head is too sure of itself
    model = LogisticRegression(C=0.1, max_iter=1000).fit(z, y)
    weight, bias = model.coef_, model.intercept_
    if len(weight) == 1:  # scikit-learn keeps one row for two classes; ± half of it gives the same softmax
        weight, bias = np.r_[-weight, weight] / 2, np.r_[-bias, bias] / 2
    return weight, bias


def choose_head(own: Head | None, train: Features, report: Callable[..., None]) -> tuple[Head, Callable | None]:
    """The model's own head where its classes are the training set's, else one fitted here.

    Returns:
        The head, and `fit_head` where it made it: held-out energies then need a head that has not seen them.
    """
    classes = len(train.class_names)
    if own is not None and len(own[0]) == train.classes > classes:  # some of its classes have no samples here
        own = own[0][train.numbers], own[1][train.numbers]
    if own is not None and len(own[0]) == classes:
        accuracy = float((logits_of(train, own).argmax(axis=1) == train.labels).mean())
        if accuracy >= _OWN_HEAD_ACCURACY:
            report("priors", f"The model's own head is used ({accuracy:.1%} of the training images right).")
            return own, None
    report("priors", f"The model's classes are not the {classes} of this set: fitting a logistic-regression head.")
    return fit_head(np.asarray(train.avg, dtype=np.float64), train.labels), fit_head
