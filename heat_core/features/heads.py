"""Linear head that reads `avg`: the model's own, or a logistic regression where the model's classes differ."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from heat_core.errors import HeatError
from heat_core.features.chunks import as_tensor, blocks, compute_dtype
from heat_core.features.features import Features
from heat_core.names import match_names
from heat_core.progress import no_progress
from heat_core.types import FitHead, Head, OnStep, Rows

_MIN_RELATIVE_ACCURACY = 0.5  # 0 = chance, 1 = perfect; below it the model's classes are not those of the set


def logits_of(features: Features, head: Head) -> np.ndarray:
    """Compute (N, C) float64 logits of the linear head (weight (C, D), bias (C,)).

    Products have the features' precision (`compute_dtype`).
    """
    return logits_of_rows(features.avg, head)


def logits_of_rows(z: Rows, head: Head) -> np.ndarray:
    """Compute (N, C) float64 logits of (N, D) rows of `avg`, as `logits_of`."""
    import torch

    if len(z) and z.shape[1] != np.shape(head[0])[1]:
        raise HeatError(f"The head reads {np.shape(head[0])[1]} features, and these have {z.shape[1]}.")
    weight, bias = (
        as_tensor(np.asarray(head[0], dtype=compute_dtype(z.dtype))),
        as_tensor(np.asarray(head[1], dtype=np.float64)),
    )
    logits = torch.empty(len(z), len(bias), dtype=torch.float64)
    for rows, block in blocks(z):
        torch.add(as_tensor(block) @ weight.T, bias, out=logits[rows])
    return logits.numpy()


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Compute the logarithm of the softmax of each row: (N, C) → (N, C)."""
    import torch

    return torch.log_softmax(torch.from_numpy(logits), dim=1).numpy()


def fit_head(z: Rows, y: np.ndarray, on_step: OnStep = no_progress, start: Head | None = None) -> Head:
    """Fit a logistic-regression head on (N, D) features: weight (C, D), bias (C,), also for two classes.

    Args:
        z: (N, D) features.
        y: (N,) labels of at least two classes.
        on_step: receives the progress, see `fit_logistic`.
        start: a head near the result, which saves the steps on a sample, see `fit_logistic`.
    """
    from heat_core.features.head_fitting import fit_logistic

    # C = 0.1, since there are more features than images per class, and a weakly regularised head is overconfident.
    return fit_logistic(z, y, 0.1, on_step, start)


@dataclass(frozen=True)
class HeadChoice:
    """Linear head of a run.

    Attributes:
        head: weight (C, D) and bias (C,).
        refit: `fit_head` where it made this head, else None: held-out energies then need a head fitted without the
            held-out samples.
        reason: a sentence that names the head and the reason for the choice.
    """

    head: Head
    refit: FitHead | None
    reason: str


def choose_head(
    model_head: Head | None,
    train: Features,
    no_head_reason: str = "it has none",
    on_step: OnStep = no_progress,
    class_names: Sequence[str] = (),
) -> HeadChoice:
    """Choose the model's own head where its classes are those of the training set, else fit one.

    Args:
        model_head: the model's head, or None.
        train: features with labels.
        no_head_reason: why the model has no head, for the reason of the choice.
        on_step: receives the progress of fitting a head.
        class_names: names of the classes of the model's head, in its order; () where they are not known.

    Raises:
        HeatError: where the features have no labels.
    """
    head, reason = find_own_head(model_head, train, no_head_reason, class_names)
    if head is not None:
        return HeadChoice(head, None, reason)
    return HeadChoice(fit_head(train.avg, train.required_labels("A classifier's head"), on_step), fit_head, reason)


def find_own_head(
    model_head: Head | None, train: Features, no_head_reason: str = "it has none", class_names: Sequence[str] = ()
) -> tuple[Head | None, str]:
    """Return the rows of the model's head for the classes of the training set, or None where its classes are others.

    Where the model does not name its classes, their order is not known. Readers of folders sort classes naturally
    (timm) or as texts (torchvision). The order with the highest accuracy is used.

    Args:
        model_head: the model's head, or None.
        train: features with labels.
        no_head_reason: why the model has no head, for the reason.
        class_names: names of the classes of the model's head, in its order; () where they are not known.

    Returns:
        The head, and a sentence with the reason.

    Raises:
        HeatError: where the features have no labels.
    """
    classes, labels = len(train.class_names), train.required_labels("A classifier's head")
    fitting = "fitting a logistic-regression head."
    reason = f"The model's own head cannot be used, {no_head_reason}: {fitting}"
    orders = _candidate_orders(len(model_head[0]), train, class_names) if model_head is not None else []
    if model_head is not None and not orders:
        reason = f"The model has {len(model_head[0]):,} classes and this set {classes}: {fitting}"
    elif model_head is not None:
        accuracy, order = max((_accuracy(model_head, order, train, labels), order) for order in orders)
        if accuracy >= 1 / classes + _MIN_RELATIVE_ACCURACY * (1 - 1 / classes):
            reason = f"The model's own head is used ({accuracy:.1%} of the training images right)."
            return (model_head[0][order], model_head[1][order]), reason
        reason = (
            f"The model's own head gets {accuracy:.1%} of the training images right, so that its {classes} classes are "
            f"others than those of this set, or in another order: {fitting}"
        )
    return None, reason


def _candidate_orders(outputs: int, train: Features, class_names: Sequence[str]) -> list[list[int]]:
    """List the possible orders of a head's rows for the set's classes; empty where the numbers differ.

    The classes are in the order of this set, sorted as texts, or in that of the names that the model gives. Where the
    head has all classes of the whole set, those without samples here are left out.
    """
    for names, present in (
        (train.class_names, range(len(train.class_names))),
        (train.all_class_names, train.class_indices),
    ):
        if outputs == len(names):
            text_order = {name: i for i, name in enumerate(sorted(names))}
            orders = [list(present), [text_order[names[i]] for i in present]]
            by_name = match_names(class_names, names) if len(class_names) == outputs else None
            orders += [[by_name[i] for i in present]] if by_name else []
            return [order for i, order in enumerate(orders) if order not in orders[:i]]
    return []


def _accuracy(head: Head, order: list[int], train: Features, labels: np.ndarray) -> float:
    """Compute the share of the training samples that the head classifies correctly, its rows in the given order."""
    return float((logits_of(train, (head[0][order], head[1][order])).argmax(axis=1) == labels).mean())
