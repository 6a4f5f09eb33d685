"""Which samples answer a question, in which order, and why each of them does."""

from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from heat_core.analysis.notes import read_notes
from heat_core.analysis.samples import Samples
from heat_core.composition import HEAT, PLAIN, Lens
from heat_core.errors import HeatError


def rules(detectors: Sequence[str], baselines: Sequence[str]) -> list[str]:
    """The questions that `answer` knows, for these detectors: A and B are two of them, HEAT is the last."""
    return [
        "all",
        *(f"missed by {b.upper()}" for b in baselines),
        "recovered by HEAT",
        "caught only by HEAT",
        "lost by HEAT",
        "missed by all",
        *(["missed by A, caught by B"] if len(detectors) > 1 else []),
    ]


def answer(
    samples: Samples,
    rule: str,
    detectors: Sequence[str],
    baselines: Sequence[str],
    lens: Lens = PLAIN,
    a: str | None = None,
    b: str | None = None,
) -> np.ndarray:
    """(N,) which samples fit the rule. `caught` and `missed` mean right and wrong: of an ID sample, kept and flagged.

    Args:
        samples: of the run.
        rule: one of `rules`.
        detectors: those that are looked at, `heat` among them or not.
        baselines: the priors alone that HEAT is held against.
        lens: how HEAT is composed.
        a: of "missed by A, caught by B", the one that misses.
        b: the one that catches.
    """
    asked = dict.fromkeys([*detectors, *baselines, HEAT, *filter(None, (a, b))])
    right = {m: samples.right(m, lens) for m in asked if m in samples.run.detectors}
    nobody = np.zeros(len(samples), bool)
    heat = right.get(HEAT, nobody)
    before = [right[m] for m in baselines if m in right]
    others = [right[m] for m in detectors if m in right and m != HEAT]
    if rule == "all":
        return ~nobody
    if rule == "recovered by HEAT":
        return ~np.logical_and.reduce([~nobody, *before]) & heat
    if rule == "caught only by HEAT":
        return heat & ~np.logical_or.reduce([nobody, *others])
    if rule == "lost by HEAT":
        return np.logical_or.reduce([nobody, *before]) & ~heat
    if rule == "missed by all":
        return ~np.logical_or.reduce([nobody, *(right[m] for m in detectors)])
    if rule == "missed by A, caught by B" and a in right and b in right:
        return ~right[a] & right[b]
    for m in baselines:
        if rule == f"missed by {m.upper()}":
            return ~right[m]
    raise HeatError(f"There is no filter {rule!r}: choose among {', '.join(rules(detectors, baselines))}.")


def tagged(samples: Samples) -> np.ndarray:
    """(N,) which samples have a note or tag."""
    noted = np.zeros(len(samples), bool)
    for key in read_notes(samples.run.folder):
        with suppress(HeatError):  # of a sample that is gone
            noted[samples.find(key)] = True
    return noted


ORDERS = ("closest to the threshold", "highest disagreement", "most out-of-distribution", "most typical")


def arrange(
    samples: Samples, numbers: np.ndarray, order: str, detectors: Sequence[str], by: str, lens: Lens = PLAIN
) -> np.ndarray:
    """The same numbers in an order: by the score of `by`, or by how far the detectors' percentiles part."""
    scores = samples.scores(by, lens)[numbers]
    if order == "closest to the threshold":
        key = np.abs(scores - samples.threshold(by, lens))
    elif order == "highest disagreement":
        percentiles = np.stack([samples.percentile(m, lens)[numbers] for m in detectors])
        key = -np.ptp(percentiles, axis=0)
    elif order in ORDERS:
        key = scores if order == "most typical" else -scores
    else:
        raise HeatError(f"There is no order {order!r}: choose among {', '.join(ORDERS)}.")
    return numbers[np.argsort(key, kind="stable")]


def why(samples: Samples, number: int, detectors: Sequence[str], lens: Lens = PLAIN) -> str:
    """One line: what the classifier sees, which detector finds the sample most and least unusual, and the verdict."""
    run = samples.run
    seen = taken_for(run.class_names[samples.predicted[number]], samples.confidence[number])
    shares = {m: samples.percentile(m, lens)[number] for m in detectors}
    high, low = max(shares, key=shares.__getitem__), min(shares, key=shares.__getitem__)
    unusual = f"{run.title(high)} finds it more unusual than {_percent(shares[high])} of known images"
    if high != low and shares[high] - shares[low] > 0.005:
        unusual += f", {run.title(low)} than {_percent(shares[low])}"
    return f"{seen}. {unusual}."


def taken_for(class_name: str, confidence: float) -> str:
    """What the classifier sees, in words."""
    return f"Taken for {class_name} ({confidence:.0%} sure)"


def _percent(share: float) -> str:
    return "all" if share == 1 else f"{100 * share:.1f} %" if share > 0.99 else f"{100 * share:.0f} %"
