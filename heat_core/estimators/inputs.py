"""Arrays as features: what a caller gives becomes `Features`, or one sentence that names the argument."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_array, column_or_1d, validate_data

from heat_core.arrays import require_head, to_array
from heat_core.errors import HeatError
from heat_core.features.chunks import non_finite_rows
from heat_core.features.features import Features
from heat_core.names import shortlist
from heat_core.types import Head

_DTYPES = [np.float32, np.float64, np.float16]  # these stay as they are; others become float32


def training_features(estimator: BaseEstimator, z: Any, y: Any, std: Any) -> tuple[Features, np.ndarray | None]:
    """Make features of the arguments of `fit`, and set `n_features_in_` and `feature_names_in_`.

    Args:
        estimator: the estimator.
        z: (N, D) features, as an array, a tensor of any device, a list or a data frame.
        y: (N,) labels of any type, or None.
        std: (N, D') std-pooled features, or None.

    Returns:
        The features with labels 0 … C - 1, and the (C,) sorted labels that these stand for; None without `y`.

    Raises:
        HeatError: where an argument cannot be used, with its name.
    """
    columns = {"z": _rows("z", z, estimator, reset=True), "std": None if std is None else _rows("std", std)}
    classes, labels = (None, None) if y is None else _encode(y)
    _require_equal_lengths(columns | {"y": labels})
    return _features(columns, labels, classes), classes


def scored_features(estimator: BaseEstimator, z: Any, std: Any) -> Features:
    """Make features of samples that a fitted estimator scores.

    Raises:
        HeatError: where an argument cannot be used, or has another dimension than in `fit`.
    """
    columns = {"z": _rows("z", z, estimator, reset=False), "std": None if std is None else _rows("std", std)}
    _require_equal_lengths(columns)
    return _features(columns)


def check_head(head: Any, train: Features, classes: np.ndarray | None) -> tuple[Head, list[str]]:
    """Check the head that a caller gives to `fit` against the training features.

    Args:
        head: the argument.
        train: the training features.
        classes: (C,) sorted labels of the training samples, or None where they have none.

    Returns:
        Weight and bias as arrays, and the names of the rows: the labels, or the numbers of the rows where the labels
        are numbers of some of them.

    Raises:
        HeatError: where it is no head of these features, or has no row for a class.
    """
    weight, bias = require_head(head)
    if weight.shape[1] != train.avg.shape[1]:
        raise HeatError(f"head reads {weight.shape[1]} features, and z has {train.avg.shape[1]}.")
    if classes is not None and len(classes) == len(bias):
        return (weight, bias), train.class_names
    are_rows = classes is None or (classes.dtype.kind in "iu" and classes[0] >= 0 and classes[-1] < len(bias))
    if not are_rows:
        raise HeatError(
            f"head has {len(bias)} rows, and y {len(train.class_names)} classes ({shortlist(train.class_names)}): give "
            "a row for each class, in the order of the sorted labels."
        )
    return (weight, bias), [str(row) for row in range(len(bias))]


def _features(columns: dict[str, Any], labels: Any = None, classes: np.ndarray | None = None) -> Features:
    names = [] if classes is None else [str(label) for label in classes]
    ids = [f"sample {i}" for i in range(len(columns["z"]))]
    return Features(
        columns["z"],
        columns["std"],
        labels,
        ids,
        class_names=names,
        class_indices=list(range(len(names))),
        all_class_names=names,
    )


def _rows(name: str, values: Any, estimator: BaseEstimator | None = None, reset: bool = False) -> np.ndarray:
    """Check one matrix by scikit-learn's own functions, whose errors become one sentence.

    Args:
        name: name of the argument.
        values: the argument.
        estimator: estimator whose number and names of features the matrix sets (`reset`) or must have.
        reset: whether this is the matrix of `fit`.
    """
    values = to_array(values) if hasattr(values, "detach") else values
    shape = np.shape(to_array(values)) if isinstance(values, np.ndarray | list | tuple) or values is None else (0, 0)
    if len(shape) != 2:
        raise HeatError(
            f"{name} must be an (N, D) array of numbers, not of shape {shape}. Reshape your data, as by "
            f"{name}.reshape(1, -1) for one sample."
        )
    try:
        array: np.ndarray = check_array(
            values,
            dtype=_DTYPES,
            ensure_all_finite=False,
            ensure_min_samples=2 if reset else 1,
            input_name=name,
            estimator=estimator,
        )
        if estimator is not None:
            validate_data(estimator, values, reset=reset, skip_check_array=True)
    except (ValueError, TypeError) as error:
        raise HeatError(f"{name}: {str(error).splitlines()[0].rstrip('.:')}.") from error
    if len(bad := non_finite_rows(array)):
        raise HeatError(f"{name} has NaN or infinity in {len(bad)} of {len(array)} rows, first in row {bad[0]}.")
    return array


def _encode(y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the (C,) sorted labels of any type, and the (N,) numbers from 0 that stand for them."""
    try:
        labels = column_or_1d(to_array(y))
        classes, index = np.unique(labels, return_inverse=True)
    except (ValueError, TypeError) as error:
        raise HeatError(f"y must be (N,) labels of one type: {str(error).splitlines()[0].rstrip('.')}.") from error
    if len(classes) and classes.dtype.kind == "f" and not np.isfinite(classes).all():
        raise HeatError("y has NaN or infinity among its labels: give the class of every row of z.")
    return classes, index


def _require_equal_lengths(columns: dict[str, Any]) -> None:
    lengths = {name: len(column) for name, column in columns.items() if column is not None}
    for name, length in lengths.items():
        if length != lengths["z"]:
            raise HeatError(f"{name} has {length} rows and z {lengths['z']}: give one for each sample in both.")
