"""A few samples of many, chosen to differ from one another, so that a gallery does not repeat one mistake."""

import numpy as np

from heat_core.analysis.facets import by_folder, by_predicted_class
from heat_core.analysis.samples import Samples
from heat_core.errors import HeatError

_MAX_CANDIDATES = 2000  # of the samples, in their order


def choose_diverse(samples: Samples, numbers: np.ndarray, count: int) -> tuple[np.ndarray, str]:
    """At most `count` of the samples, in the order in which they came, and how they were chosen, as a sentence.

    The first is kept; each further one is the one whose features are farthest from those of all that were chosen
    before. Where the features are not on this machine, sets, folders and classes seen take turns.
    """
    if len(numbers) <= count:
        return numbers, "All of them are shown."
    candidates = numbers[:_MAX_CANDIDATES]
    try:
        chosen, how = _farthest_first(unit_features(samples, candidates), count), _BY_FEATURES
    except HeatError:
        chosen, how = _take_turns(samples, candidates, count), _BY_TURNS
    return candidates[np.sort(chosen)], how.format(count)


_BY_FEATURES = "The first, and those that differ most from it and from one another in the classifier's features: {}."
_BY_TURNS = "{} of them: sets, folders and the classes that they are taken for take turns."


def unit_features(samples: Samples, numbers: np.ndarray) -> np.ndarray:
    """(n, D) of length 1; HeatError where a set's features are gone, or no longer those of the run's samples."""
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
    """Rows of at most `count` unit vectors: the first, then always the one least like its nearest chosen one."""
    chosen, cosine = [0], np.full(len(features), -np.inf)
    while len(chosen) < count:
        cosine = np.maximum(cosine, features @ features[chosen[-1]])
        cosine[chosen[-1]] = np.inf
        chosen.append(int(cosine.argmin()))
    return np.array(chosen)


def _take_turns(samples: Samples, numbers: np.ndarray, count: int) -> np.ndarray:
    """Rows: the first of every (set, folder, class seen), then the second of each, and so on."""
    codes = (samples.dataset, by_folder(samples).codes, by_predicted_class(samples).codes)
    kinds = np.stack([code[numbers] for code in codes])
    count_of: dict[tuple[int, ...], int] = {}
    turn = np.empty(len(numbers), int)
    for i, kind in enumerate(map(tuple, kinds.T.tolist())):
        turn[i] = count_of.get(kind, 0)
        count_of[kind] = turn[i] + 1
    return np.argsort(turn, kind="stable")[:count]
