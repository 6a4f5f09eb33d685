"""The linear head that reads `avg`: the model's own, or a logistic regression where its classes are others."""

from dataclasses import dataclass

import numpy as np

from heat_core.features.chunks import as_tensor, blocks, compute_dtype
from heat_core.features.features import Features
from heat_core.progress import no_progress
from heat_core.types import FitHead, Head, OnStep, Rows

_MIN_RELATIVE_ACCURACY = 0.5  # between chance and perfect: below it the model's classes are not those of the set


def logits_of(features: Features, head: Head) -> np.ndarray:
    """(N, C) float64 logits of the linear head (weight (C, D), bias (C,)), by products in the features' precision."""
    return logits_of_rows(features.avg, head)


def logits_of_rows(z: Rows, head: Head) -> np.ndarray:
    """The same of (N, D) features."""
    import torch

    weight, bias = (
        as_tensor(np.asarray(head[0], dtype=compute_dtype(z.dtype))),
        as_tensor(np.asarray(head[1], dtype=np.float64)),
    )
    logits = torch.empty(len(z), len(bias), dtype=torch.float64)
    for rows, block in blocks(z):
        torch.add(as_tensor(block) @ weight.T, bias, out=logits[rows])
    return logits.numpy()


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """(N, C) → (N, C): log of the softmax of each row."""
    import torch

    return torch.log_softmax(torch.from_numpy(logits), dim=1).numpy()


def fit_head(z: Rows, y: np.ndarray, on_step: OnStep = no_progress) -> Head:
    """A logistic-regression head on (N, D) features: weight (C, D), bias (C,), also for two classes."""
    from heat_core.features.head_fitting import fit_logistic

    # C = 0.1: features outnumber the images a class, and a weakly regularised head is too sure of itself
    return fit_logistic(z, y, 0.1, on_step)


@dataclass(frozen=True)
class HeadChoice:
    """The head that a run uses.

    Attributes:
        head: weight (C, D) and bias (C,).
        refit: `fit_head` where it made this head, else None: held-out energies then need a head that has not seen them.
        reason: a sentence that says which head it is, and why.
    """

    head: Head
    refit: FitHead | None
    reason: str


def choose_head(
    model_head: Head | None, train: Features, no_head_reason: str = "it has none", on_step: OnStep = no_progress
) -> HeadChoice:
    """The model's own head where its classes are the training set's, else one fitted here.

    The order of the model's classes is not written anywhere. Readers of folders sort them naturally (timm) or as texts
    (torchvision): the order is taken under which the head is right.

    Args:
        model_head: the model's head, or None.
        train: features with labels.
        no_head_reason: why there is none.
        on_step: told how far the fit of a head is.
    """
    classes, labels = len(train.class_names), train.required_labels("A classifier's head")
    fitting = "fitting a logistic-regression head."
    reason = f"The model's own head cannot be used, {no_head_reason}: {fitting}"
    orders = _candidate_orders(len(model_head[0]), train) if model_head is not None else []
    if model_head is not None and not orders:
        reason = f"The model has {len(model_head[0]):,} classes and this set {classes}: {fitting}"
    elif model_head is not None:
        accuracy, order = max((_accuracy(model_head, order, train, labels), order) for order in orders)
        if accuracy >= 1 / classes + _MIN_RELATIVE_ACCURACY * (1 - 1 / classes):
            reason = f"The model's own head is used ({accuracy:.1%} of the training images right)."
            return HeadChoice((model_head[0][order], model_head[1][order]), None, reason)
        reason = (
            f"The model's own head gets {accuracy:.1%} of the training images right, so that its {classes} classes are "
            f"others than those of this set, or in another order: {fitting}"
        )
    return HeadChoice(fit_head(train.avg, labels, on_step), fit_head, reason)


def _candidate_orders(outputs: int, train: Features) -> list[list[int]]:
    """Which rows of a head of that many outputs the set's classes may be: with the classes as they are sorted here, or
    sorted as texts; none where the numbers differ. Of the whole set's classes, some may have no samples here."""
    for names, present in (
        (train.class_names, range(len(train.class_names))),
        (train.all_class_names, train.class_indices),
    ):
        if outputs == len(names):
            text_order = {name: i for i, name in enumerate(sorted(names))}
            orders = [list(present), [text_order[names[i]] for i in present]]
            return orders if orders[0] != orders[1] else orders[:1]
    return []


def _accuracy(head: Head, order: list[int], train: Features, labels: np.ndarray) -> float:
    """Share of the training samples that the head gets right, its rows in that order."""
    return float((logits_of(train, (head[0][order], head[1][order])).argmax(axis=1) == labels).mean())
