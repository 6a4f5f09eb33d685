"""Choice of a few samples that differ from one another, so that a gallery does not repeat one mistake."""

import numpy as np

from heat_core.analysis.facets import by_folder, by_predicted_class
from heat_core.analysis.samples import Samples
from heat_core.errors import HeatError

_MAX_CANDIDATES = 2000  # only the first samples are considered


def choose_diverse(samples: Samples, numbers: np.ndarray, count: int) -> tuple[np.ndarray, str]:
    """Choose at most `count` samples that differ from one another.

    The first sample is kept; each further one is the sample whose features are farthest from those of all samples
    chosen before. Where the features are not on this machine, samples are taken in turn from each combination of set,
    folder and predicted class.

    Args:
        samples: samples of a run.
        numbers: sample numbers, the most important first.
        count: largest number of samples to choose.

    Returns:
        The chosen numbers in their given order, and a sentence that says how they were chosen.
    """
    if len(numbers) <= count:
        return numbers, "All of them are shown."
    candidates = numbers[:_MAX_CANDIDATES]
    try:
        chosen, how = _farthest_first(unit_features(samples, candidates), count), _BY_FEATURES
    except HeatError:
        chosen, how = _take_turns(samples, candidates, count), _BY_TURNS
    return candidates[np.sort(chosen)], how.format(count)


_BY_FEATURES = "{} are shown: the first, and those whose features differ most from it and from one another."
_BY_TURNS = "{} are shown, taken in turn from each combination of set, folder and predicted class."


def unit_features(samples: Samples, numbers: np.ndarray) -> np.ndarray:
    """Return the (n, D) `avg` features of samples, each scaled to length 1.

    Raises:
        HeatError: where a set's features are gone, no longer contain a sample, or differ in dimension between sets.
    """
    rows: list[np.ndarray] = [np.empty(0)] * len(numbers)
    for i in np.unique(samples.dataset[numbers]):
        features = samples.run.features(samples.run.datasets[i])
        row_of = {sample: row for row, sample in enumerate(features.ids)}
        for position in np.flatnonzero(samples.dataset[numbers] == i):
            if (row := row_of.get(str(samples.ids[numbers[position]]))) is None:
                raise HeatError(f"The features of {samples.key(int(numbers[position]))} are no longer on this machine.")
            rows[position] = np.asarray(features.avg[row], dtype=np.float64)
    if len({len(row) for row in rows}) > 1:
        raise HeatError("The sets' features differ in length.")
    stacked = np.stack(rows)
    return stacked / np.maximum(np.linalg.norm(stacked, axis=1, keepdims=True), 1e-12)


def _farthest_first(features: np.ndarray, count: int) -> np.ndarray:
    """Choose rows of unit vectors: the first, then always the row least similar to its nearest chosen row."""
    chosen, cosine = [0], np.full(len(features), -np.inf)
    while len(chosen) < count:
        cosine = np.maximum(cosine, features @ features[chosen[-1]])
        cosine[chosen[-1]] = np.inf
        chosen.append(int(cosine.argmin()))
    return np.array(chosen)


def _take_turns(samples: Samples, numbers: np.ndarray, count: int) -> np.ndarray:
    """Choose rows: the first of every (set, folder, predicted class), then the second of each, and so on."""
    codes = (samples.dataset, by_folder(samples).codes, by_predicted_class(samples).codes)
    kinds = np.stack([code[numbers] for code in codes])
    count_of: dict[tuple[int, ...], int] = {}
    turn = np.empty(len(numbers), int)
    for i, kind in enumerate(map(tuple, kinds.T.tolist())):
        turn[i] = count_of.get(kind, 0)
        count_of[kind] = turn[i] + 1
    return np.argsort(turn, kind="stable")[:count]
