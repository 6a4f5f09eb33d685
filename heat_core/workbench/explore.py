"""The workbench in a notebook over OOD scores that any method computed: `heat_core.explore`."""

import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from heat_core.errors import HeatError
from heat_core.exchange.given_scores import GivenScores, default_folder, write_run
from heat_core.names import printable
from heat_core.runs.experiment import AVERAGE, ID, TRAIN
from heat_core.storage import expand_home
from heat_core.workbench.widget import Explorer

_NO_CLASS = "no class given"  # name of the one class where no predictions are given
_RESERVED = (TRAIN, AVERAGE, "ID test", "ID train")

_BySet = Mapping[str, ArrayLike] | None


def explore(
    scores: Mapping[str, ArrayLike],
    images: Mapping[str, Sequence[str | os.PathLike[str]]] | None = None,
    *,
    predicted: _BySet = None,
    confidence: _BySet = None,
    class_names: Sequence[str] | None = None,
    labels: ArrayLike | None = None,
    features: _BySet = None,
    title: str = "score",
    threshold: float | None = None,
    folder: str | os.PathLike[str] | None = None,
) -> Explorer:
    """Show the workbench in a notebook over the OOD scores of any method; needs the extra `notebook`.

    The scores are stored as a small run, beside which tags, notes and decisions are kept. They are kept as float32.
    What is not given is not shown: without images there are no pictures, without features no similar images. There is
    no map, which needs training images.

    Args:
        scores: set → (N,) finite scores, larger = more out-of-distribution; the set `id`, or else the first one, is the
            known test set, the others are OOD sets.
        images: set → the N paths of its images.
        predicted: set → (N,) predicted classes: names, or numbers from 0.
        confidence: set → (N,) probabilities of the predicted classes, in [0, 1]; needs `predicted`.
        class_names: names of the classes that `predicted` and `labels` number.
        labels: (N,) true classes of the known test set, as `predicted`, which they need.
        features: set → (N, D) features, by which similar images are found.
        title: name of the score.
        threshold: score above which a sample is called OOD; None = the 95th percentile of the known test set.
        folder: folder in which all this is kept; default: one of HEAT_HOME/explored, which is the same for the same
            title and images (or the same title, sets and scores, where there are no images).

    Raises:
        HeatError: naming the argument that is not as described; without anywidget; where the folder holds something
            else, or cannot be written.
    """
    title = printable(str(title).strip())
    if not title:
        raise HeatError("title is empty: name the score.")
    if threshold is not None and not (isinstance(threshold, Real) and math.isfinite(threshold)):
        raise HeatError(f"threshold is {threshold!r}: give a finite score, or None.")
    given = _check(scores, images, predicted, confidence, class_names, labels, features)
    into = Path(expand_home(folder)) if folder is not None else default_folder(given, title)
    run = write_run(into.absolute(), given, title)
    # The scores are float32, so that one equal to the threshold must stay equal to it.
    return Explorer(run, threshold=None if threshold is None else float(np.float32(threshold)))


# ---- checks ----------------------------------------------------------------------------------------------------------


def _check(
    scores: Any, images: Any, predicted: Any, confidence: Any, class_names: Any, labels: Any, features: Any
) -> GivenScores:
    if not isinstance(scores, Mapping) or len(scores) < 2:
        raise HeatError("scores must map the name of the known test set, and of at least one OOD set, to an array.")
    keys = _ordered_keys(list(scores))
    arrays = [_numbers("scores", key, scores[key]).astype(np.float32).astype(np.float64) for key in keys]
    sizes = dict(zip(keys, map(len, arrays), strict=True))
    if (confidence is not None or labels is not None) and predicted is None:
        raise HeatError(f"{'labels' if confidence is None else 'confidence'} needs predicted, the predicted classes.")
    classes, found, true = _classes(sizes, predicted, class_names, labels)
    return GivenScores(
        sets=[ID, *keys[1:]],
        scores=arrays,
        images=None if images is None else [_paths(key, of) for key, of in _by_set("images", images, sizes)],
        predicted=found,
        confidence=[np.full(n, np.nan) for n in sizes.values()]
        if confidence is None
        else [_shares(key, of) for key, of in _by_set("confidence", confidence, sizes)],
        labels=true,
        classes=classes,
        features=None if features is None else _features(_by_set("features", features, sizes)),
    )


def _ordered_keys(keys: list[Any]) -> list[str]:
    """Return the names of the sets, that of the known test set first."""
    if ID in keys:
        keys = [ID, *(key for key in keys if key != ID)]
    for key in keys:
        if not isinstance(key, str) or not key.strip() or key in _RESERVED or printable(key) != key:
            raise HeatError(f"scores has a set named {key!r}, which is no name for a set: choose another.")
    return keys


def _by_set(argument: str, given: Any, sizes: dict[str, int]) -> list[tuple[str, Any]]:
    """Return what an argument gives for each set.

    Raises:
        HeatError: where a set is missing or unknown, or has another number of values than it has scores.
    """
    if not isinstance(given, Mapping) or set(given) != set(sizes):
        names = ", ".join(map(repr, sizes))
        raise HeatError(f"{argument} must map each of the sets of scores, which are {names}, to its values.")
    for key, size in sizes.items():
        if not hasattr(given[key], "__len__") or isinstance(given[key], str) or len(given[key]) != size:
            count = len(given[key]) if hasattr(given[key], "__len__") else "no"
            raise HeatError(f"{argument}[{key!r}] has {count} values where there are {size} scores.")
    return [(key, given[key]) for key in sizes]


def _numbers(argument: str, key: str, given: Any, dimensions: int = 1) -> np.ndarray:
    """Return finite numbers of an argument.

    Raises:
        HeatError: where they are none, or there are not as many dimensions.
    """
    try:
        values = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise HeatError(f"{argument}[{key!r}] is no array of numbers.") from error
    if values.ndim != dimensions or not values.size:
        raise HeatError(
            f"{argument}[{key!r}] has the shape {values.shape}: give {'(N,)' if dimensions == 1 else '(N, D)'}."
        )
    if bad := int((~(np.abs(values) < np.finfo(np.float32).max)).sum()):
        raise HeatError(f"{argument}[{key!r}] has {bad:,} values that are NaN, infinite or too large for float32.")
    return values


def _shares(key: str, given: Any) -> np.ndarray:
    values = _numbers("confidence", key, given)
    if ((values < 0) | (values > 1)).any():
        raise HeatError(f"confidence[{key!r}] has values outside of [0, 1].")
    return values


def _features(given: list[tuple[str, Any]]) -> list[np.ndarray]:
    arrays = [_numbers("features", key, of, dimensions=2).astype(np.float32) for key, of in given]
    if len(widths := {values.shape[1] for values in arrays}) > 1:
        raise HeatError(
            f"features have {' and '.join(map(str, sorted(widths)))} dimensions: give the same for each set."
        )
    return arrays


def _paths(key: str, given: Any) -> list[Path]:
    """Return absolute paths of images.

    Raises:
        HeatError: where one is no file, or is named twice.
    """
    try:
        paths = [Path(os.path.abspath(expand_home(path))) for path in given]
    except TypeError as error:
        raise HeatError(f"images[{key!r}] is no list of paths.") from error
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise HeatError(
            f"images[{key!r}] names {len(missing):,} files that are not there, first {printable(missing[0])}."
        )
    if again := next((path for path, count in Counter(paths).items() if count > 1), None):
        raise HeatError(f"images[{key!r}] names {printable(again)} twice.")
    return paths


def _classes(
    sizes: dict[str, int], predicted: Any, class_names: Any, labels: Any
) -> tuple[list[str], list[np.ndarray], np.ndarray | None]:
    """Return the names of the classes, the (N,) predicted classes of each set, and the true ones of the first set."""
    if predicted is None:
        return [_NO_CLASS], [np.zeros(n, np.int64) for n in sizes.values()], None
    given = [(f"predicted[{key!r}]", np.asarray(of)) for key, of in _by_set("predicted", predicted, sizes)]
    if labels is not None:
        (first, _), *_ = sizes.items()
        ((_, of),) = _by_set("labels", {first: labels}, {first: sizes[first]})
        given.append(("labels", np.asarray(of)))
    for name, values in given:
        if values.ndim != 1 or values.dtype.kind not in "iuUO":
            raise HeatError(f"{name} must be (N,) names of classes, or their numbers from 0.")
    are_numbers = all(values.dtype.kind in "iu" for _, values in given)
    if class_names is not None:
        names = [printable(str(name)) for name in class_names]
    elif are_numbers:
        names = [str(number) for number in range(1 + max(int(values.max()) for _, values in given))]
    else:
        names = sorted({printable(str(name)) for _, values in given for name in values.tolist()})
    if len(set(names)) < len(names) or not 0 < len(names) < 2**16:
        raise HeatError(f"class_names has {len(names):,} names: give up to 65,535 that differ.")
    found = [_encode(name, values, names, are_numbers) for name, values in given]
    return (names, found, None) if labels is None else (names, found[:-1], found[-1])


def _encode(argument: str, values: np.ndarray, names: list[str], are_numbers: bool) -> np.ndarray:
    """Return the numbers of classes."""
    if are_numbers:
        if values.min() < 0 or values.max() >= len(names):
            raise HeatError(
                f"{argument} has numbers outside of 0 to {len(names) - 1}, of the {len(names)} class_names."
            )
        return values.astype(np.int64)
    number_of = {name: i for i, name in enumerate(names)}
    texts = [printable(str(value)) for value in values.tolist()]
    if unknown := next((text for text in texts if text not in number_of), None):
        raise HeatError(f"{argument} has {unknown!r}, which is not among class_names.")
    return np.array([number_of[text] for text in texts], np.int64)
