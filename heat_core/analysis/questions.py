"""Which samples answer a question, narrowed by what, in which order, and why each of them does.

The unit of the work is a subset of samples. A `Query` names one; the browser's `subset.js` answers the same on every
frame, and tests/app/workbench/test_subset_core.py compares the two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from heat_core.analysis.facets import Facet, Tags
from heat_core.analysis.metadata_facets import COLUMN_PREFIX, column_facets
from heat_core.analysis.samples import Samples
from heat_core.composition import HEAT, PLAIN, Lens
from heat_core.errors import HeatError
from heat_core.metrics import fpr95
from heat_core.names import printable
from heat_core.runs.experiment import ID
from heat_core.runs.row_names import prior_row

#: Question → how it is asked; `{}` stands for the baseline's title.
QUESTIONS = {
    "missed": "Missed by HEAT",
    "flagged": "ID flagged by HEAT",
    "gained": "Caught by HEAT, missed by {}",
    "lost": "Lost by HEAT, caught by {}",
    "missed-by-all": "Missed by all",
    "missed-by-baseline": "Missed by {}",
    "tagged": "Tagged",
    "all": "All",
}
#: The same of new images, of which nobody knows what they are; the first is asked where the query asks another one.
NEW_QUESTIONS = {"unknown": "Called unknown", "known": "Taken for known", "all": "All"}
#: Order → its name.
ORDERS = {
    "confident": "most confident first",
    "close": "closest to the threshold",
    "unusual": "most out-of-distribution",
    "typical": "most typical",
    "disagree": "methods disagree most",
}
#: Columns of the table that it can be sorted by, beside each corrected prior's energy and those of manifests.
COLUMNS = ("id", "set", "seen", "confidence", "score")


@dataclass(frozen=True)
class Query:
    """A subset of samples, in an order.

    Attributes:
        question: one of `QUESTIONS`.
        baseline: the detector that HEAT is held against; None = `best_prior`.
        methods: what "missed by all" and the badges are about; none = the baseline and HEAT.
        values: facet (see `facets`, `columns`) → the values that are kept, each facet narrowing the others.
        brush: lowest and highest HEAT score that are kept, or None.
        find: what must stand in a sample's id, whatever the case.
        like: key of a sample; only those most like it are kept, the most alike first. None = all.
        order: one of `ORDERS`, or a column of the table and a direction, as `score:desc` (see `_sort_column`).
    """

    question: str = "missed"
    baseline: str | None = None
    methods: tuple[str, ...] = ()
    values: tuple[tuple[str, tuple[str, ...]], ...] = ()
    brush: tuple[float, float] | None = None
    find: str = ""
    like: str | None = None
    order: str = "confident"

    def values_of(self, facet: str) -> tuple[str, ...]:
        """The values of a facet that are kept; none = all of them."""
        return dict(self.values).get(facet, ())


def best_prior(samples: Samples) -> str:
    """The uncorrected prior with the lowest FPR95 over the run's OOD sets: the hardest one to gain on.

    The last detector of the table where there is none.
    """
    run = samples.run
    rows = [r for r in dict.fromkeys(map(prior_row, [*run.priors, "gmm", "gmm-std", "el"])) if r in samples.detectors]

    def average(row: str) -> float:
        scores = samples.scores_by_set(row)
        return float(np.mean([fpr95(scores[ID], scores[name]) for name in samples.datasets[1:]]))

    return min(rows, key=average) if rows else samples.detectors[-1]


def baseline_of(samples: Samples, query: Query) -> str:
    """The detector that HEAT is held against."""
    return query.baseline if query.baseline in samples.detectors else best_prior(samples)


def methods_of(samples: Samples, query: Query) -> list[str]:
    """The detectors whose verdicts are shown."""
    chosen = [m for m in query.methods if m in samples.detectors]
    return chosen or list(dict.fromkeys([baseline_of(samples, query), _heat_row(samples)]))


def question_mask(samples: Samples, query: Query, lens: Lens = PLAIN, tagged: np.ndarray | None = None) -> np.ndarray:
    """(N,) which samples answer the question, whatever narrows it.

    Args:
        samples: of the run.
        query: whose question, baseline and methods count.
        lens: how HEAT is composed.
        tagged: (N,) which samples have a note or tag; for "tagged".

    Raises:
        HeatError: for an unknown question.
    """
    ood, heat = samples.is_ood, samples.flagged(_heat_row(samples), lens)
    if not samples.has_truth:  # of new images, nobody knows which verdict is right
        return ood & {"known": ~heat, "all": ood}.get(query.question, heat)
    base = samples.flagged(baseline_of(samples, query), lens)
    if query.question == "missed-by-all":
        flagged = [samples.flagged(m, lens) for m in methods_of(samples, query)]
        return ood & ~np.logical_or.reduce(flagged)
    masks = {
        "missed": ood & ~heat,
        "flagged": ~ood & heat,
        "gained": ood & heat & ~base,
        "lost": ood & ~heat & base,
        "missed-by-baseline": ood & ~base,
        "tagged": np.zeros(len(samples), bool) if tagged is None else tagged,
        "all": np.ones(len(samples), bool),
    }
    if query.question not in masks:
        raise HeatError(f"There is no question {query.question!r}: choose among {', '.join(QUESTIONS)}.")
    return masks[query.question]


def filter_mask(
    samples: Samples,
    query: Query,
    facets: Mapping[str, Facet | Tags],
    lens: Lens = PLAIN,
    selection: np.ndarray | None = None,
    similar: np.ndarray | None = None,
    without: str | None = None,
) -> np.ndarray:
    """(N,) which samples everything but the question keeps: facets, brush, search, lasso, similarity.

    Args:
        samples: of the run.
        query: what narrows.
        facets: by name; one that the run has not got keeps everything.
        lens: how HEAT is composed; the brush is over its score.
        selection: sample numbers within the lasso, or None.
        similar: sample numbers most like `query.like`, or None.
        without: a facet that is left out: its own bars count what they would add.
    """
    keep = np.ones(len(samples), bool)
    for name, facet in facets.items():
        if name != without and (wanted := query.values_of(name)):
            keep &= facet.mask_of(wanted)
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
    """The same numbers in the query's order; HeatError for an unknown one."""
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
        key = np.unique(_sort_column(samples, column, lens)[numbers], return_inverse=True)[1]  # ranks, of texts too
        key = -key if direction == "desc" else key
    return numbers[np.argsort(key, kind="stable")]


def parse_order(order: str) -> tuple[str, str]:
    """(column, asc or desc) of an order by a column of the table, whose name may hold anything."""
    column, colon, direction = order.rpartition(":")
    return (column, direction) if colon else (order, "")


def _sort_column(samples: Samples, name: str, lens: Lens) -> np.ndarray:
    """(N,) what a column of the table sorts by: id, set, seen, confidence, score, a corrected prior's energy, or what a
    manifest says."""
    run = samples.run
    if name.startswith(COLUMN_PREFIX):
        facet = column_facets(samples).get(name)
        return np.full(len(samples), -1) if facet is None else facet.codes
    if name in run.priors:
        return samples.energies()[:, run.priors.index(name)]
    columns = {
        "id": lambda: np.array([printable(str(sample)) for sample in samples.display_ids]),
        "set": lambda: samples.dataset,
        "seen": lambda: np.array(run.class_names)[samples.predicted],
        "confidence": lambda: samples.confidence,
        "score": lambda: samples.scores(_heat_row(samples), lens),
    }
    if name not in columns:
        raise HeatError(f"There is no order {name!r}: choose among {', '.join(ORDERS)}.")
    return columns[name]()


def count_gains(samples: Samples, query: Query, lens: Lens = PLAIN) -> tuple[int, int]:
    """How many OOD samples HEAT catches that the baseline misses, and how many it loses: `+31 −18 against GMM`."""
    heat, base = samples.flagged(_heat_row(samples), lens), samples.flagged(baseline_of(samples, query), lens)
    return int((samples.is_ood & heat & ~base).sum()), int((samples.is_ood & ~heat & base).sum())


def question_title(question: str, baseline: str) -> str:
    """A question as it is asked; `baseline` is that detector's title."""
    return QUESTIONS[question].format(baseline)


def describe_sample(samples: Samples, number: int, detectors: Sequence[str], lens: Lens = PLAIN) -> str:
    """One line: what the classifier sees, which detector finds the sample most and least unusual, and the verdict."""
    prediction = describe_prediction(samples.run.class_names[samples.predicted[number]], samples.confidence[number])
    return f"{prediction}. {describe_percentiles(samples, number, detectors, lens)}"


def describe_percentiles(samples: Samples, number: int, detectors: Sequence[str], lens: Lens = PLAIN) -> str:
    """Which detector finds the sample most unusual, and which least."""
    run, shares = samples.run, {m: samples.percentile(m, lens)[number] for m in detectors}
    high, low = max(shares, key=shares.__getitem__), min(shares, key=shares.__getitem__)
    text = f"{run.title(high)} finds it more unusual than {_format_percent(shares[high])} of known images"
    if high != low and shares[high] - shares[low] > 0.005:
        text += f", {run.title(low)} than {_format_percent(shares[low])}"
    return f"{text}."


def describe_prediction(class_name: str, confidence: float) -> str:
    """What the classifier sees, in words."""
    return f"Taken for {class_name} ({confidence:.0%} sure)"


def _heat_row(samples: Samples) -> str:
    """HEAT; before the first residual is trained, the last detector of the table."""
    return HEAT if HEAT in samples.detectors else samples.detectors[-1]


def _format_percent(share: float) -> str:
    return "all" if share == 1 else f"{100 * share:.1f} %" if share > 0.99 else f"{100 * share:.0f} %"
