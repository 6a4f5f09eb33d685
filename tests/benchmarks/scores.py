"""Metrics and the logistic head, against scikit-learn; and the search for slices."""

import numpy as np

from tests.benchmarks.case import Case, Job
from tests.benchmarks.detectors import features

REPLICATES = 400


def _scores(quick: bool) -> tuple[np.ndarray, np.ndarray]:
    rng, n = np.random.default_rng(0), 3_000 if quick else 30_000
    return rng.normal(size=n), rng.normal(loc=1.5, size=n)


def _our_metrics(quick: bool) -> Job:
    from heat_core import metrics

    given = _scores(quick)

    def all_of_them():
        metrics.bootstrap_weights.cache_clear()  # the draws are part of the work
        return [metric(*given) for metric in metrics.METRICS.values()], metrics.bootstrap(*given, REPLICATES)

    return all_of_them


def _their_metrics(quick: bool) -> Job:
    from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

    known, unknown = _scores(quick)
    truth, scores = np.r_[np.zeros(len(known)), np.ones(len(unknown))], np.r_[known, unknown]

    def fpr95(truth, scores):
        false, true, _ = roc_curve(1 - truth, -scores, drop_intermediate=False)
        return false[np.searchsorted(true, 0.95)]

    def all_of_them():
        rng = np.random.default_rng(0)
        found = [
            fpr95(truth, scores),
            roc_auc_score(truth, scores),
            average_precision_score(1 - truth, -scores),
            average_precision_score(truth, scores),
        ]
        for _ in range(REPLICATES):
            rows = np.r_[
                rng.integers(0, len(known), len(known)), len(known) + rng.integers(0, len(unknown), len(unknown))
            ]
            found.append((fpr95(truth[rows], scores[rows]), roc_auc_score(truth[rows], scores[rows])))
        return found

    return all_of_them


def _head(quick: bool) -> tuple[np.ndarray, np.ndarray]:
    z, y, _ = features(*((5_000, 256) if quick else (50_000, 1280)), 10)
    return z, np.where(np.arange(len(y)) % 20 == 0, np.random.default_rng(1).permutation(y), y)


def _our_head(quick: bool) -> Job:
    from heat_core.features.heads import fit_head

    z, y = _head(quick)
    return lambda: fit_head(z, y)


def _their_head(quick: bool) -> Job:
    from sklearn.linear_model import LogisticRegression

    z, y = _head(quick)
    z = z.astype(np.float64)
    return lambda: LogisticRegression(C=0.1, max_iter=1000).fit(z, y)


def _slices(quick: bool) -> Job:
    """Values of 12 facets at random, from 3 to 200 each; 3 % are missed, and 20 % in one value."""
    from heat_core.analysis.facets import Facet
    from heat_core.findings.slice_search import search_slices

    n, rng = 6_000 if quick else 60_000, np.random.default_rng(0)
    counts = (5, 60, 100, 16, 12, 12, 3, 3, 3, 4, 3, 200)
    facets = [(f"facet {k}", Facet(tuple(map(str, range(c))), rng.integers(0, c, n))) for k, c in enumerate(counts)]
    missed = rng.random(n) < np.where(facets[2][1].codes == 7, 0.2, 0.03)
    return lambda: search_slices(missed, facets)


CASES = [
    Case(
        "metrics",
        f"four metrics of 60,000 scores, {REPLICATES} bootstrap replicates of two",
        _our_metrics,
        _their_metrics,
        "scikit-learn",
        3,
    ),
    Case(
        "head",
        "logistic head: 50,000 × 1,280, 10 classes, a twentieth mislabelled",
        _our_head,
        _their_head,
        "scikit-learn",
        3,
    ),
    Case("slices", "slices of 60,000 images × 12 facets, with all pairs", _slices, None, "–", 1),
]
