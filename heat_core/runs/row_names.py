"""Rows of the tables: their names, titles, order and evidence.

A detector has its own `title`, `place` and `evidence`; those of the priors and of HEAT are defined here.
"""

from collections.abc import Iterable, Mapping, Sequence

from heat_core.composition import HEAT
from heat_core.detectors.base import Detector
from heat_core.energies.names import PRIOR_TITLES, prior_kind

# Prefix of the row of a corrected prior, and of a composition of several, whose names are joined by +.
CORRECTED = "heat-"
# Places of the priors among the detectors (see `Detector.place`): EL is with the logits, densities are last.
_PRIOR_PLACES = {"el": 30, "dice": 70, "knn": 110, "vim": 150, "scale": 86, "gmm": 400, "gmm-std": 410}
_PRIOR_EVIDENCE = dict.fromkeys(("gmm", "gmm-std", "knn"), "features")
_PRIOR_EVIDENCE |= {"el": "logits"} | dict.fromkeys(("dice", "scale", "vim"), "both")
RECTIFIED_PRIORS = ("dice", "scale")  # see `Detector.rectified`


def prior_row(prior: str) -> str:
    """Return a prior's row: its own name, except for soft-KNN, since KNN itself is another row."""
    return "soft-knn" if prior == "knn" else prior


def corrected_row(*priors: str) -> str:
    """Return the row of a corrected prior, or of the composition of several (Tab. 3)."""
    return CORRECTED + "+".join(priors)


def ordered_titles(detectors: Mapping[str, Detector | type[Detector]], priors: Iterable[str]) -> dict[str, str]:
    """Map rows to titles, for detectors and uncorrected priors in the order of the tables."""
    rows = {prior_row(p): (_PRIOR_PLACES[prior_kind(p)], "soft-KNN" if p == "knn" else PRIOR_TITLES[p]) for p in priors}
    rows |= {name: (detector.place, detector.title) for name, detector in detectors.items()}
    return {row: title for row, (_, title) in sorted(rows.items(), key=lambda item: (item[1][0], item[0]))}


def title_of(row: str, titles: Mapping[str, str]) -> str:
    """Return a row's title in the form of the paper's tables; `titles` are those of `ordered_titles`."""
    if row == HEAT:
        return "HEAT"
    if row.startswith(CORRECTED):
        return "HEAT-" + "+".join(PRIOR_TITLES.get(p, p) for p in row.removeprefix(CORRECTED).split("+"))
    return titles.get(row, row)


def evidence_of(row: str, known: Mapping[str, str], composed: Sequence[str] = ()) -> str:
    """Return the evidence that a row reads: logits, features, both or gradients; "" where it is unknown.

    Args:
        row: a detector, an uncorrected prior, a corrected one, or HEAT.
        known: detector → evidence that the run stored (see `Detector.evidence`); empty for runs of older versions.
        composed: the priors of which HEAT's row is composed.
    """
    corrected = row.removeprefix(CORRECTED).split("+") if row.startswith(CORRECTED) else ()
    if parts := composed if row == HEAT else corrected:
        kinds = {_PRIOR_EVIDENCE.get(prior_kind(prior), "") for prior in parts} | {"features"}  # of the residual
        return "" if "" in kinds else "features" if len(kinds) == 1 else "both"
    row = prior_kind(row)
    return known.get(row) or {prior_row(prior): kind for prior, kind in _PRIOR_EVIDENCE.items()}.get(row, "")
