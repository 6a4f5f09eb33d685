"""A few samples of many, chosen to differ from one another: twelve pictures of one mistake would say it once."""

import numpy as np

from heat_core.analysis.facets import classes_seen, folders
from heat_core.analysis.samples import Samples
from heat_core.errors import HeatError

_MOST_LOOKED_AT = 2000  # of the samples, in their order


def differing(samples: Samples, numbers: np.ndarray, count: int) -> tuple[np.ndarray, str]:
    """At most `count` of the samples, in the order in which they came, and how they were chosen, as a sentence.

    The first is kept; each further one is the one whose features are farthest from those of all that were chosen
    before. Where the features are not on this machine, sets, folders and classes seen take turns.
    """
    if len(numbers) <= count:
        return numbers, "All of them are shown."
    looked_at = numbers[:_MOST_LOOKED_AT]
    try:
        chosen, how = _farthest_first(_features(samples, looked_at), count), _BY_FEATURES
    except HeatError:
        chosen, how = _taking_turns(samples, looked_at, count), _BY_TURNS
    return looked_at[np.sort(chosen)], how.format(count)


_BY_FEATURES = "The first, and those that differ most from it and from one another in the classifier's features: {}."
_BY_TURNS = "{} of them: sets, folders and the classes that they are taken for take turns."


def _features(samples: Samples, numbers: np.ndarray) -> np.ndarray:
    """(n, D) of length 1; HeatError where a set's features are gone, or no longer those of the run's samples."""
    found: list[np.ndarray] = [np.empty(0)] * len(numbers)
    for i in np.unique(samples.dataset[numbers]):
        features = samples.run.features(samples.run.datasets[i])
        row_of = {sample: row for row, sample in enumerate(features.ids)}
        for at in np.flatnonzero(samples.dataset[numbers] == i):
            if (row := row_of.get(str(samples.ids[numbers[at]]))) is None:
                raise HeatError(f"The features of {samples.key(int(numbers[at]))} are no longer on this machine.")
            found[at] = np.asarray(features.avg[row], dtype=np.float64)
    if len({len(of) for of in found}) > 1:
        raise HeatError("The sets' features differ in length.")
    stacked = np.stack(found)
    return stacked / np.maximum(np.linalg.norm(stacked, axis=1, keepdims=True), 1e-12)


def _farthest_first(features: np.ndarray, count: int) -> np.ndarray:
    """Rows of at most `count` unit vectors: the first, then always the one least like its nearest chosen one."""
    chosen, likeness = [0], np.full(len(features), -np.inf)
    while len(chosen) < count:
        likeness = np.maximum(likeness, features @ features[chosen[-1]])
        likeness[chosen[-1]] = np.inf
        chosen.append(int(likeness.argmin()))
    return np.array(chosen)


def _taking_turns(samples: Samples, numbers: np.ndarray, count: int) -> np.ndarray:
    """Rows: the first of every (set, folder, class seen), then the second of each, and so on."""
    kinds = np.stack([of[numbers] for of in (samples.dataset, folders(samples).codes, classes_seen(samples).codes)])
    seen: dict[tuple[int, ...], int] = {}
    turn = np.empty(len(numbers), int)
    for i, kind in enumerate(map(tuple, kinds.T.tolist())):
        turn[i] = seen.get(kind, 0)
        seen[kind] = turn[i] + 1
    return np.argsort(turn, kind="stable")[:count]
