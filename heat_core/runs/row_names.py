"""Rows of the tables: their names, titles, order and evidence.

A detector has its own `title`, `place` and `evidence`; those of the priors and of HEAT are defined here.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from heat_core.composition import HEAT
from heat_core.energies.names import BUILT_IN, imported_spec, prior_kind, prior_title, spec_of

if TYPE_CHECKING:
    from heat_core.detectors.base import Detector

# Prefix of the row of a corrected prior, and of a composition of several, whose names are joined by +.
CORRECTED = "heat-"
# Rows that are computed from a run's corrected priors when they are asked for: method of `combine_p_values` → title.
COMBINED = {"fisher": "Fisher's method", "harmonic": "Harmonic mean p"}


def prior_row(prior: str) -> str:
    """Return a prior's row: its own name, except for soft-KNN, since KNN itself is another row."""
    spec = imported_spec(prior)
    return spec.row if spec and spec.row and prior == prior_kind(prior) else prior


def corrected_row(*priors: str) -> str:
    """Return the row of a corrected prior, or of the composition of several (Tab. 3)."""
    return CORRECTED + "+".join(priors)


def ordered_titles(detectors: "Mapping[str, Detector | type[Detector]]", priors: Iterable[str]) -> dict[str, str]:
    """Map rows to titles, for detectors and uncorrected priors in the order of the tables."""
    specs = {p: spec_of(p) for p in priors}
    rows = {
        prior_row(p): (spec.place, spec.row_title if prior_row(p) != p else prior_title(p)) for p, spec in specs.items()
    }
    rows |= {name: (detector.place, detector.title) for name, detector in detectors.items()}
    return {row: title for row, (_, title) in sorted(rows.items(), key=lambda item: (item[1][0], item[0]))}


def title_of(row: str, titles: Mapping[str, str]) -> str:
    """Return a row's title in the form of the paper's tables; `titles` are those of `ordered_titles`."""
    if row == HEAT:
        return "HEAT"
    if row.startswith(CORRECTED):
        return "HEAT-" + "+".join(title_in_run(p, titles) for p in row.removeprefix(CORRECTED).split("+"))
    return titles.get(row) or COMBINED.get(row, row)


def title_in_run(prior: str, titles: Mapping[str, str]) -> str:
    """Return a prior's title in a run with these titles of rows, also where the prior's plugin is not imported."""
    return prior_title(prior) if imported_spec(prior) else titles.get(prior, prior)


def evidence_of(row: str, known: Mapping[str, str], composed: Sequence[str] = ()) -> str:
    """Return the evidence that a row reads: logits, features, both or gradients; "" where it is unknown.

    Args:
        row: a detector, an uncorrected prior, a corrected one, HEAT, or one of `COMBINED`.
        known: detector, or prior of a plugin → evidence that the run stored (see `Detector.evidence`); empty for runs
            of older versions.
        composed: the priors of which the row is composed; () where it is a detector or a prior.
    """
    corrected = row.removeprefix(CORRECTED).split("+") if row.startswith(CORRECTED) else ()
    if parts := composed or corrected:
        kinds = {_prior_evidence(prior, known) for prior in parts} | {"features"}  # of the residual
        return "" if "" in kinds else "features" if len(kinds) == 1 else "both"
    of_priors = {prior_row(prior): spec.evidence for prior, spec in BUILT_IN.items()}
    return known.get(row) or of_priors.get(prior_kind(row), "")


def _prior_evidence(prior: str, known: Mapping[str, str]) -> str:
    spec = imported_spec(prior)
    return spec.evidence if spec else known.get(prior, "")
