"""New images beside the known ones: scores, verdicts and reasons for what a run has scored (`runs.record`)."""

from functools import cached_property

import numpy as np

from heat_core.analysis.questions import taken_for
from heat_core.analysis.samples import share_below
from heat_core.composition import HEAT, PLAIN, Lens
from heat_core.errors import HeatError
from heat_core.runs.experiment import ID
from heat_core.runs.record import Scored
from heat_core.runs.rows import corrected_row, prior_row
from heat_core.runs.run import Run


class Newcomers:
    """Images that a run has scored, seen through a lens. Arrays are (N,), in the order of `scored.ids`.

    Attributes:
        run: that scored them.
        scored: what it found.
        scores: HEAT's.
        threshold: above it an image is called unknown.
        unknown: whether it is.
        percentile: share of known test images that score lower.
    """

    def __init__(self, run: Run, scored: Scored, lens: Lens = PLAIN) -> None:
        if scored.prior.shape[1] != len(run.priors):
            raise HeatError("These images were scored before a further residual was trained: score them again.")
        self.run, self.scored = run, scored
        self.scores = scored.scores(run.scale, lens)
        self._known = run.scores(ID, lens)
        self.threshold = run.threshold(HEAT, lens)
        self.unknown = self.scores > self.threshold
        self.percentile = share_below(self._known, self.scores)

    def __len__(self) -> int:
        return len(self.scored)

    @cached_property
    def order(self) -> np.ndarray:
        """(N,) the most out-of-distribution first."""
        return np.argsort(-self.scores, kind="stable")

    def class_seen(self, i: int) -> str:
        """The class that the classifier sees."""
        return self.run.class_names[self.scored.predicted[i]]

    def why(self, i: int) -> str:
        """One line: what the classifier sees, and how unusual HEAT finds it."""
        seen = taken_for(self.class_seen(i), self.scored.confidence[i])
        return f"{seen}. HEAT finds it more unusual than {self.percentile[i]:.0%} of known images."

    def shares(self, i: int) -> dict[str, float]:
        """Detector's title → share of known test images that score lower: HEAT, and each prior with and without it."""
        run, scored = self.run, self.scored
        shares = {run.title(HEAT): float(self.percentile[i])}
        priors, residuals = run.prior_energies(ID), run.residual_energies(ID)
        for k, prior in enumerate(run.priors):
            alone, corrected = priors[:, k], priors[:, k] + residuals[:, k]
            hybrid = scored.prior[i, k] + scored.residual[i, k]
            shares[run.title(corrected_row(prior))] = float(share_below(corrected, hybrid))
            shares[run.title(prior_row(prior))] = float(share_below(alone, scored.prior[i, k]))
        return shares
