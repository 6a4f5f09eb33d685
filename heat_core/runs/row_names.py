"""The rows of every table: what they are called, in which order they stand, and what they judge by.

A detector brings its own `title`, `place` and `evidence`; those of the priors and of HEAT are here.
"""

from collections.abc import Iterable, Mapping, Sequence

from heat_core.composition import HEAT
from heat_core.detectors.base import Detector
from heat_core.energies.names import PRIOR_TITLES, prior_kind

# Before a prior's name: the prior with its residual; before several, joined by +, their composition.
CORRECTED = "heat-"
# Where the priors stand among the detectors (see `Detector.place`): EL with the logits, densities last.
_PRIOR_PLACES = {"el": 30, "dice": 70, "knn": 110, "vim": 150, "scale": 86, "gmm": 400, "gmm-std": 410}
_PRIOR_EVIDENCE = dict.fromkeys(("gmm", "gmm-std", "knn"), "features")
_PRIOR_EVIDENCE |= {"el": "logits"} | dict.fromkeys(("dice", "scale", "vim"), "both")
RECTIFIED_PRIORS = ("dice", "scale")  # see `Detector.rectified`


def prior_row(prior: str) -> str:
    """A prior's row: its own name, but for soft-KNN, since KNN itself is another row."""
    return "soft-knn" if prior == "knn" else prior


def corrected_row(*priors: str) -> str:
    """The row of a corrected prior, or of the composition of several (Tab. 3)."""
    return CORRECTED + "+".join(priors)


def ordered_titles(detectors: Mapping[str, Detector | type[Detector]], priors: Iterable[str]) -> dict[str, str]:
    """Row → title of detectors and of uncorrected priors, in the order of the tables."""
    rows = {prior_row(p): (_PRIOR_PLACES[prior_kind(p)], "soft-KNN" if p == "knn" else PRIOR_TITLES[p]) for p in priors}
    rows |= {name: (detector.place, detector.title) for name, detector in detectors.items()}
    return {row: title for row, (_, title) in sorted(rows.items(), key=lambda item: (item[1][0], item[0]))}


def title_of(row: str, titles: Mapping[str, str]) -> str:
    """A row as the paper's tables print it; `titles` are those of `ordered_titles`."""
    if row == HEAT:
        return "HEAT"
    if row.startswith(CORRECTED):
        return "HEAT-" + "+".join(PRIOR_TITLES.get(p, p) for p in row.removeprefix(CORRECTED).split("+"))
    return titles.get(row, row)


def evidence_of(row: str, known: Mapping[str, str], composed: Sequence[str] = ()) -> str:
    """What a row judges by: logits, features, both or gradients (see `Detector.evidence`); "" where that is not known.

    Args:
        row: a detector, an uncorrected prior, a corrected one, or HEAT.
        known: detector → what the run kept of it; nothing, of runs from before.
        composed: the priors that HEAT's row is made of.
    """
    corrected = row.removeprefix(CORRECTED).split("+") if row.startswith(CORRECTED) else ()
    if parts := composed if row == HEAT else corrected:
        kinds = {_PRIOR_EVIDENCE.get(prior_kind(prior), "") for prior in parts} | {"features"}  # a residual reads those
        return "" if "" in kinds else "features" if len(kinds) == 1 else "both"
    row = prior_kind(row)
    return known.get(row) or {prior_row(prior): kind for prior, kind in _PRIOR_EVIDENCE.items()}.get(row, "")
