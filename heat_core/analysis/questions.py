"""Queries for subsets of samples: a question, filters and an order.

A `Query` describes one subset of samples. The browser's `subset.js` computes the same subset on every frame, and
tests/app/workbench/test_subset_core.py compares the two.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from heat_core.analysis.facets import Facet, Tags
from heat_core.analysis.measured.traits import DUPLICATE, LOOKS_KNOWN, MISCLASSIFIED, MISLABELLED, traits
from heat_core.analysis.metadata_facets import COLUMN_PREFIX, column_facets
from heat_core.analysis.samples import Samples
from heat_core.composition import HEAT, PLAIN, Lens
from heat_core.errors import HeatError
from heat_core.metrics import fpr95
from heat_core.names import printable
from heat_core.runs.experiment import ID
from heat_core.runs.row_names import prior_row
from heat_core.thresholds import threshold_at

#: Question → its title; `{}` stands for the baseline's title.
QUESTIONS = {
    "missed": "Missed by HEAT",
    "flagged": "ID flagged by HEAT",
    "gained": "Caught by HEAT, missed by {}",
    "lost": "Missed by HEAT, caught by {}",
    "missed-by-all": "Missed by all",
    "missed-by-baseline": "Missed by {}",
    "misclassified": "Known but misclassified",
    "mislabelled": "Likely mislabelled",
    "looks-known": "Unknown that looks known",
    "duplicates": "Near-duplicates",
    "tagged": "Tagged",
    "all": "All",
}
_COMPARED = {"gained", "lost", "missed-by-all", "missed-by-baseline"}  # they need a second detector
_BITS = {
    "misclassified": MISCLASSIFIED,
    "mislabelled": MISLABELLED,
    "looks-known": LOOKS_KNOWN,
    "duplicates": DUPLICATE,
}
TYPICAL_P = 0.1  # p-value above which an image that looks known is not unusual; subset.js uses the same
_MEASURED = {"mislabelled": "is_mislabelled", "looks-known": "has_one_class_nearby", "duplicates": "is_duplicate"}
#: Questions about new images, for which the truth is not known, and about training images; the first stands in for any
#: other question of a query.
NEW_QUESTIONS = {
    "unknown": "Called unknown",
    "known": "Called known",
    "misclassified": "Misclassified",
    "mislabelled": QUESTIONS["mislabelled"],
    "duplicates": QUESTIONS["duplicates"],
    "all": "All",
}
#: Order → its title.
ORDERS = {
    "confident": "most confident first",
    "close": "closest to the threshold",
    "unusual": "most out-of-distribution",
    "typical": "most in-distribution",
    "disagree": "methods disagree most",
}
#: Columns that the table can be sorted by, besides the energy of each corrected prior and the columns of manifests.
COLUMNS = ("id", "set", "seen", "true", "confidence", "score")


@dataclass(frozen=True)
class Query:
    """Description of a subset of samples and of its order.

    Attributes:
        question: key of `QUESTIONS`.
        baseline: detector that HEAT is compared with; None: `best_prior`.
        methods: detectors that "missed by all" and the badges refer to; empty: the baseline and HEAT.
        values: pairs of a facet (see `facets`, `metadata_facets`) and the values of it that are kept; a sample must
            satisfy every facet.
        excluded: pairs of a facet and the values of it that are left out.
        brush: lowest and highest HEAT score that are kept, or None.
        find: text that a sample's id must contain, in upper or lower case.
        like: key of a sample; only the samples most similar to it are kept, most similar first. None: all.
        order: key of `ORDERS`, or a column of the table with a direction, e.g. `score:desc` (see `_sort_column`).
    """

    question: str = "missed"
    baseline: str | None = None
    methods: tuple[str, ...] = ()
    values: tuple[tuple[str, tuple[str, ...]], ...] = ()
    brush: tuple[float, float] | None = None
    find: str = ""
    like: str | None = None
    order: str = "confident"
    excluded: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def values_of(self, facet: str) -> tuple[str, ...]:
        """Return the values of a facet that are kept; empty: all of them."""
        return dict(self.values).get(facet, ())

    def excluded_of(self, facet: str) -> tuple[str, ...]:
        """Return the values of a facet that are left out."""
        return dict(self.excluded).get(facet, ())

    def facets(self) -> list[str]:
        """Return the facets by which the query filters."""
        return list(dict.fromkeys(name for name, _ in (*self.values, *self.excluded)))


@lru_cache(maxsize=8)
def best_prior(samples: Samples) -> str:
    """Return the uncorrected prior with the lowest mean FPR95 over the run's OOD sets.

    Where no prior is among the detectors, it is the last detector of the table.
    """
    run = samples.run
    rows = [r for r in dict.fromkeys(map(prior_row, [*run.priors, "gmm", "gmm-std", "el"])) if r in samples.detectors]
    scores = {row: samples.scores_by_set(row) for row in rows}
    means = {row: np.mean([fpr95(s[ID], s[name]) for name in samples.ood_datasets]) for row, s in scores.items()}
    return min(means, key=means.__getitem__) if means else samples.detectors[-1]


def baseline_of(samples: Samples, query: Query) -> str:
    """Return the detector that HEAT is compared with: the query's baseline if there is one, else `best_prior`."""
    return query.baseline if query.baseline in samples.detectors else best_prior(samples)


def methods_of(samples: Samples, query: Query) -> list[str]:
    """Return the detectors whose verdicts are shown: the query's methods, or the baseline and HEAT."""
    chosen = [m for m in query.methods if m in samples.detectors]
    return chosen or list(dict.fromkeys([baseline_of(samples, query), _heat_row(samples)]))


def question_mask(samples: Samples, query: Query, lens: Lens = PLAIN, tagged: np.ndarray | None = None) -> np.ndarray:
    """Return the (N,) mask of the samples that answer a query's question, before any filter.

    Args:
        samples: samples of the run.
        query: query of which the question, the baseline and the methods are used.
        lens: composition of HEAT.
        tagged: (N,) mask of the samples with a note or tag, for the question "tagged".

    Raises:
        HeatError: for an unknown question.
    """
    ood, heat, bits = samples.is_ood, samples.flagged(_heat_row(samples), lens), traits(samples)
    everything = np.ones(len(samples), bool)
    masks = {name: (bits & bit) > 0 for name, bit in _BITS.items()} | {"all": everything}
    if not samples.has_truth:  # the truth about new images is not known
        return ood & (masks | {"known": ~heat}).get(query.question, heat)
    base = samples.flagged(baseline_of(samples, query), lens)
    if query.question == "missed-by-all":
        flagged = [samples.flagged(m, lens) for m in methods_of(samples, query)]
        return ood & ~np.logical_or.reduce(flagged)
    masks |= {
        "missed": ood & ~heat,
        "flagged": ~ood & heat,
        "gained": ood & heat & ~base,
        "lost": ood & ~heat & base,
        "missed-by-baseline": ood & ~base,
        "looks-known": ood & ~heat & masks["looks-known"] & _is_typical(samples, lens),
        "tagged": ~everything if tagged is None else tagged,
    }
    if query.question not in masks:
        raise HeatError(f"There is no question {query.question!r}: choose among {', '.join(QUESTIONS)}.")
    return masks[query.question]


def _is_typical(samples: Samples, lens: Lens) -> np.ndarray:
    """Return the (N,) mask of the samples whose conformal p-value is above `TYPICAL_P`."""
    scores = samples.scores(_heat_row(samples), lens)
    return scores <= threshold_at(scores[samples.is_id], TYPICAL_P)


def questions_of(samples: Samples) -> dict[str, str]:
    """Return the questions that can be answered, with their titles; what was not measured is left out."""
    judged_sets = samples.measurements if samples.has_truth else samples.measurements[1:]
    without = {question for question, name in _MEASURED.items() if all(getattr(s, name) is None for s in judged_sets)}
    if len(samples.detectors) == 1:
        without |= _COMPARED
    judged = samples.is_ood | samples.has_truth  # of new images, not the known test images beside them
    if samples.run.accuracy is None or not (samples.true_class[judged] != "").any():
        without.add("misclassified")
    questions = QUESTIONS if samples.has_truth else NEW_QUESTIONS
    named = {question: title.replace("HEAT", samples.run.title(HEAT)) for question, title in questions.items()}
    return {question: title for question, title in named.items() if question not in without}


def filter_mask(
    samples: Samples,
    query: Query,
    facets: Mapping[str, Facet | Tags],
    lens: Lens = PLAIN,
    selection: np.ndarray | None = None,
    similar: np.ndarray | None = None,
    without: str | None = None,
) -> np.ndarray:
    """Return the (N,) mask of the samples that pass all filters: facets, brush, search, lasso, similarity.

    Args:
        samples: samples of the run.
        query: query of which everything but the question is used.
        facets: facets by name; a facet of the query that is not among them is ignored.
        lens: composition of HEAT, to whose score the brush applies.
        selection: sample numbers within the lasso, or None.
        similar: sample numbers most similar to `query.like`, or None.
        without: facet that is left out, so that its own bars count the samples that each value would add.
    """
    keep = np.ones(len(samples), bool)
    for name, facet in facets.items():
        if name == without:
            continue
        if wanted := query.values_of(name):
            keep &= facet.mask_of(wanted)
        if unwanted := query.excluded_of(name):
            keep &= ~facet.mask_of(unwanted)
    if query.brush is not None:
        scores = samples.scores(_heat_row(samples), lens)
        keep &= (scores >= query.brush[0]) & (scores <= query.brush[1])
    if query.find:
        wanted_text = query.find.lower()
        keep &= np.array([wanted_text in printable(str(sample)).lower() for sample in samples.display_ids])
    for numbers in (selection, similar):
        if numbers is not None:
            inside = np.zeros(len(samples), bool)
            inside[numbers[numbers < len(samples)]] = True
            keep &= inside
    return keep


def sort_samples(samples: Samples, numbers: np.ndarray, query: Query, lens: Lens = PLAIN) -> np.ndarray:
    """Sort sample numbers by the query's order.

    Raises:
        HeatError: for an unknown order.
    """
    scores = samples.scores(_heat_row(samples), lens)[numbers]
    if query.order == "confident":
        key = -samples.confidence[numbers]
    elif query.order == "close":
        key = np.abs(scores - samples.threshold(_heat_row(samples), lens))
    elif query.order == "disagree":
        methods = methods_of(samples, query)
        key = -np.ptp(np.stack([samples.percentile(m, lens)[numbers] for m in methods]), axis=0)
    elif query.order in ORDERS:
        key = scores if query.order == "typical" else -scores
    else:
        column, direction = parse_order(query.order)
        # Ranks instead of values, so that texts can be sorted in descending order too.
        key = np.unique(_sort_column(samples, column, lens)[numbers], return_inverse=True)[1]
        key = -key if direction == "desc" else key
    return numbers[np.argsort(key, kind="stable")]


def parse_order(order: str) -> tuple[str, str]:
    """Split an order into a column of the table, whose name may contain colons, and a direction (asc or desc)."""
    column, colon, direction = order.rpartition(":")
    return (column, direction) if colon else (order, "")


def _sort_column(samples: Samples, name: str, lens: Lens) -> np.ndarray:
    """Return the (N,) values that a column of the table sorts by.

    Columns are those of `COLUMNS`, the energy of each corrected prior, and the columns of manifests.
    """
    run = samples.run
    if name.startswith(COLUMN_PREFIX):
        facet = column_facets(samples).get(name)
        return np.full(len(samples), -1) if facet is None else facet.codes
    if name in run.priors:
        return samples.energies()[:, run.priors.index(name)]
    columns: dict[str, Callable[[], np.ndarray]] = {
        "id": lambda: np.array([printable(str(sample)) for sample in samples.display_ids]),
        "set": lambda: samples.dataset,
        "seen": lambda: np.array(run.class_names)[samples.predicted],
        "true": lambda: samples.true_class,
        "confidence": lambda: samples.confidence,
        "score": lambda: samples.scores(_heat_row(samples), lens),
    }
    if name not in columns:
        raise HeatError(f"There is no order {name!r}: choose among {', '.join(ORDERS)}.")
    return columns[name]()


def count_gains(samples: Samples, query: Query, lens: Lens = PLAIN) -> tuple[int, int]:
    """Count the OOD samples that HEAT detects and the baseline misses, and the reverse (`+31 −18 against GMM`)."""
    heat, base = samples.flagged(_heat_row(samples), lens), samples.flagged(baseline_of(samples, query), lens)
    return int((samples.is_ood & heat & ~base).sum()), int((samples.is_ood & ~heat & base).sum())


def question_title(question: str, baseline: str) -> str:
    """Return the title of a question, a key of `QUESTIONS`, with the baseline's title in its place."""
    return QUESTIONS[question].format(baseline)


def _heat_row(samples: Samples) -> str:
    """Return HEAT, or, before the first residual is trained, the last detector of the table."""
    return HEAT if HEAT in samples.detectors else samples.detectors[-1]
