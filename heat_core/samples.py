"""Every scored sample of a run under one number, what the methods say of it, and which samples answer a question.

The numbers run through the sets in the order of `Run.datasets`. They mean the same sample as long as the run lives, in
every filter, sort, selection and picture; `key` and `find` translate them to and from names that a person can keep.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from heat_core.errors import HeatError
from heat_core.metrics import threshold95
from heat_core.results import ID, Run


@dataclass(frozen=True)
class Lens:
    """How HEAT is composed and where the line is drawn.

    Attributes:
        beta, priors, weights: see `Run.scores`. threshold: of HEAT's score; None = 95 % of ID test stay below.
    """

    beta: float = 0.0
    priors: tuple[str, ...] | None = None
    weights: tuple[float, ...] | None = None
    threshold: float | None = None

    def draws_line(self, method: str) -> bool:
        """Whether the threshold of this method was set by hand."""
        return method == "heat" and self.threshold is not None


PLAIN = Lens()  # the paper's: β = 0 over all priors


class Samples:
    """The samples of a run, and what each method says of them through a lens. Arrays are (N,) over all sets."""

    def __init__(self, run: Run) -> None:
        self.run = run
        sizes = [len(run.ids(name)) for name in run.datasets]
        self._starts = np.cumsum([0, *sizes])
        self.dataset = np.repeat(np.arange(len(sizes)), sizes)
        self.row = np.arange(len(self.dataset)) - self._starts[self.dataset]
        self.is_ood = self.dataset > 0
        self.ids = np.concatenate([run.ids(name) for name in run.datasets])
        self.predicted = np.concatenate([run.predicted(name) for name in run.datasets])
        self.confidence = np.concatenate([run.confidence(name) for name in run.datasets])
        self.scores = lru_cache(maxsize=64)(self._scores)
        self.percentile = lru_cache(maxsize=64)(self._percentile)

    def __len__(self) -> int:
        return len(self.dataset)

    def number(self, dataset: str, row: int) -> int:
        return int(self._starts[self.run.datasets.index(dataset)] + row)

    def locate(self, number: int) -> tuple[str, int]:
        """(set, row in it)."""
        if not 0 <= number < len(self):
            raise HeatError(f"This run has no sample {number}: it has {len(self)}.")
        return self.run.datasets[self.dataset[number]], int(self.row[number])

    def key(self, number: int) -> str:
        """`set/id`, which stays the same whatever is filtered, sorted or run again."""
        return f"{self.locate(number)[0]}/{self.ids[number]}"

    def find(self, key: str) -> int:
        """The number of a key; HeatError where this run has no such sample."""
        for i, name in enumerate(self.run.datasets):
            if key.startswith(f"{name}/"):
                rows = np.flatnonzero(self.ids[self._starts[i] : self._starts[i + 1]] == key[len(name) + 1 :])
                if len(rows):
                    return int(self._starts[i] + rows[0])
        raise HeatError(f"This run has no sample {key!r}.")

    def _scores(self, method: str, lens: Lens = PLAIN) -> np.ndarray:
        """A method's scores; the lens composes `heat` and changes no other."""
        if method == "heat":
            parts = [self.run.scores(n, lens.beta, _listed(lens.priors), lens.weights) for n in self.run.datasets]
        else:
            parts = [self.run.detector_scores(n, method) for n in self.run.datasets]
        return np.concatenate(parts)

    def by_set(self, method: str, lens: Lens = PLAIN) -> dict[str, np.ndarray]:
        """The method's scores of each set, under its name."""
        scores = self.scores(method, lens)
        return {name: scores[self.dataset == i] for i, name in enumerate(self.run.datasets)}

    def threshold(self, method: str, lens: Lens = PLAIN) -> float:
        """Above it a sample is called OOD."""
        if lens.draws_line(method):
            return lens.threshold
        return threshold95(self.scores(method, lens)[~self.is_ood])

    def flagged(self, method: str, lens: Lens = PLAIN) -> np.ndarray:
        """Whether the method calls each sample OOD."""
        return self.scores(method, lens) > self.threshold(method, lens)

    def right(self, method: str, lens: Lens = PLAIN) -> np.ndarray:
        """Whether that is right: OOD samples flagged, ID samples kept."""
        return self.flagged(method, lens) == self.is_ood

    def _percentile(self, method: str, lens: Lens = PLAIN) -> np.ndarray:
        """Share of ID test samples that score lower: 0 = most typical, 1 = beyond all of them."""
        scores = self.scores(method, lens)
        return np.searchsorted(np.sort(scores[~self.is_ood]), scores) / (~self.is_ood).sum()


def _listed(priors: tuple[str, ...] | None) -> list[str] | None:
    return None if priors is None else list(priors)


def rules(methods: list[str], baselines: list[str]) -> list[str]:
    """The questions that `answer` knows, for these methods: A and B are two of them, HEAT is the last."""
    return [
        "all",
        *(f"missed by {b.upper()}" for b in baselines),
        "recovered by HEAT",
        "caught only by HEAT",
        "lost by HEAT",
        "missed by all",
        *(["missed by A, caught by B"] if len(methods) > 1 else []),
    ]


def answer(
    samples: Samples, rule: str, methods: list[str], baselines: list[str], lens: Lens = PLAIN,
    a: str | None = None, b: str | None = None,
) -> np.ndarray:  # fmt: skip
    """(N,) which samples fit the rule. `caught` and `missed` mean right and wrong: of an ID sample, kept and flagged.

    Args:
        methods: those that are looked at, `heat` among them or not. baselines: the priors alone that HEAT is held
            against. a, b: the two methods of "missed by A, caught by B".
    """
    right = {m: samples.right(m, lens) for m in dict.fromkeys([*methods, *baselines, "heat", *filter(None, (a, b))])
             if m in samples.run.detectors}  # fmt: skip
    nobody = np.zeros(len(samples), bool)
    heat = right.get("heat", nobody)
    before = [right[m] for m in baselines if m in right]
    others = [right[m] for m in methods if m in right and m != "heat"]
    if rule == "all":
        return ~nobody
    if rule == "recovered by HEAT":
        return ~np.logical_and.reduce([~nobody, *before]) & heat
    if rule == "caught only by HEAT":
        return heat & ~np.logical_or.reduce([nobody, *others])
    if rule == "lost by HEAT":
        return np.logical_or.reduce([nobody, *before]) & ~heat
    if rule == "missed by all":
        return ~np.logical_or.reduce([nobody, *(right[m] for m in methods)])
    if rule == "missed by A, caught by B" and a in right and b in right:
        return ~right[a] & right[b]
    for m in baselines:
        if rule == f"missed by {m.upper()}":
            return ~right[m]
    raise HeatError(f"There is no filter {rule!r}: choose among {', '.join(rules(methods, baselines))}.")


ORDERS = ("closest to the threshold", "highest disagreement", "most out-of-distribution", "most typical")


def arrange(samples: Samples, numbers: np.ndarray, order: str, methods: list[str], by: str, lens: Lens = PLAIN):
    """The same numbers in an order: by the score of the method `by`, or by how far the methods' percentiles part."""
    scores = samples.scores(by, lens)[numbers]
    if order == "closest to the threshold":
        key = np.abs(scores - samples.threshold(by, lens))
    elif order == "highest disagreement":
        percentiles = np.stack([samples.percentile(m, lens)[numbers] for m in methods])
        key = -np.ptp(percentiles, axis=0)
    elif order in ORDERS:
        key = scores if order == "most typical" else -scores
    else:
        raise HeatError(f"There is no order {order!r}: choose among {', '.join(ORDERS)}.")
    return numbers[np.argsort(key, kind="stable")]


def why(samples: Samples, number: int, methods: list[str], lens: Lens = PLAIN) -> str:
    """One line: what the classifier sees, which method finds the sample most and least unusual, and the verdict."""
    run = samples.run
    seen = f"Taken for {run.class_names[samples.predicted[number]]} ({samples.confidence[number]:.0%} sure)"
    shares = {m: samples.percentile(m, lens)[number] for m in methods}
    high, low = max(shares, key=shares.get), min(shares, key=shares.get)
    unusual = f"{run.title(high)} finds it more unusual than {_percent(shares[high])} of known images"
    if high != low and shares[high] - shares[low] > 0.005:
        unusual += f", {run.title(low)} than {_percent(shares[low])}"
    return f"{seen}. {unusual}."


def _percent(share: float) -> str:
    return "all" if share == 1 else f"{100 * share:.1f} %" if share > 0.99 else f"{100 * share:.0f} %"


def stratified(samples: Samples, at_most: int, seed: int = 0) -> np.ndarray:
    """Sorted numbers of at most `at_most` samples, every set with its share of them and none left out."""
    if len(samples) <= at_most:
        return np.arange(len(samples))
    rng = np.random.default_rng(seed)
    chosen = []
    for i in range(len(samples.run.datasets)):
        members = np.flatnonzero(samples.dataset == i)
        count = max(int(len(members) * at_most / len(samples)), 1)
        chosen.append(rng.choice(members, count, replace=False))
    return np.sort(np.concatenate(chosen))


__all__ = ["ID", "ORDERS", "PLAIN", "Lens", "Samples", "answer", "arrange", "rules", "stratified", "why"]
