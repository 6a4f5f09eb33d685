"""Verdicts of a guard on images."""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from heat_core.errors import HeatError
from heat_core.guard.conformal import benjamini_hochberg
from heat_core.thresholds import DEFAULT_ALPHA, require_alpha

if TYPE_CHECKING:
    import pandas as pd

NO_CLASS = -1  # predicted class of an image without a score


@dataclass(frozen=True)
class Verdicts:
    """Results of a guard for N images, in the order in which they were given.

    Attributes:
        ids: N paths, or `image 0`, `image 1` and so on for images without one.
        score: (N,) OOD scores of HEAT, larger is more out-of-distribution; NaN for an image without a score.
        p_value: (N,) conformal p-values, the share of known images that look at least as unusual; NaN without a score.
        predicted: (N,) number of the predicted class; -1 without a score.
        confidence: (N,) softmax probability of the predicted class; NaN without a score.
        prior: (N, K) energy E_q / T of each prior; NaN without a score.
        residual: (N, K) energy E_θ of each residual; NaN without a score.
        priors: names of the K priors.
        class_names: names of the classifier's classes.
        error: N texts, why an image has no score; empty for the others.
    """

    ids: list[str]
    score: np.ndarray
    p_value: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray
    prior: np.ndarray
    residual: np.ndarray
    priors: tuple[str, ...]
    class_names: list[str]
    error: list[str]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def energies(self) -> dict[str, np.ndarray]:
        """Hybrid energies E_q / T + E_θ (Eq. 2) of the corrected priors: name of the prior → (N,)."""
        return dict(zip(self.priors, (self.prior + self.residual).T, strict=True))

    @property
    def predicted_class(self) -> list[str]:
        """Names of the predicted classes; empty for images without a score."""
        return ["" if c == NO_CLASS else self.class_names[c] for c in self.predicted]

    def unknown(self, alpha: float = DEFAULT_ALPHA) -> np.ndarray:
        """Return (N,) bool, whether p ≤ α; a known image is called unknown with probability at most α."""
        with np.errstate(invalid="ignore"):
            return self.p_value <= require_alpha(alpha)

    def discoveries(self, rate: float = DEFAULT_ALPHA) -> np.ndarray:
        """Return (N,) bool, the discoveries: a share of at most `rate` of them is expected to be known.

        See `benjamini_hochberg`.
        """
        return benjamini_hochberg(self.p_value, rate)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Convert the verdicts to one dictionary per image, of values that JSON has: None in place of NaN.

        Its keys are `id`, `score`, `p_value`, `predicted_class`, `confidence`, `energies` (name of the prior → hybrid
        energy) and `error`.
        """
        energies, classes = self.energies, self.predicted_class
        return [
            {
                "id": self.ids[i],
                "score": _number(self.score[i]),
                "p_value": _number(self.p_value[i]),
                "predicted_class": classes[i] or None,
                "confidence": _number(self.confidence[i]),
                "energies": {prior: _number(values[i]) for prior, values in energies.items()},
                "error": self.error[i] or None,
            }
            for i in range(len(self))
        ]

    def to_pandas(self) -> "pd.DataFrame":
        """Convert the verdicts to a data frame with the columns of `to_dicts`, and `energy_PRIOR` for each prior.

        Raises:
            HeatError: where pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise HeatError("to_pandas needs pandas, which is not installed: pip install pandas.") from error
        energies = {f"energy_{prior}": values for prior, values in self.energies.items()}
        return pd.DataFrame(
            {
                "id": self.ids,
                "score": self.score,
                "p_value": self.p_value,
                "predicted_class": [name or None for name in self.predicted_class],
                "confidence": self.confidence,
                **energies,
                "error": [error or None for error in self.error],
            }
        )


def _number(value: np.floating[Any]) -> float | None:
    return float(value) if math.isfinite(value) else None


def insert_unscored(verdicts: Verdicts, ids: list[str], is_scored: np.ndarray, reason: str) -> Verdicts:
    """Expand the verdicts of the scored images to all images; the others get NaN and `reason` as their error."""
    rows = np.flatnonzero(is_scored)

    def expand(values: np.ndarray, missing: float) -> np.ndarray:
        whole = np.full((len(ids), *values.shape[1:]), missing, values.dtype)
        whole[rows] = values
        return whole

    errors = [reason] * len(ids)
    for row, error in zip(rows, verdicts.error, strict=True):
        errors[row] = error
    return replace(
        verdicts,
        ids=list(ids),
        score=expand(verdicts.score, np.nan),
        p_value=expand(verdicts.p_value, np.nan),
        predicted=expand(verdicts.predicted, NO_CLASS),
        confidence=expand(verdicts.confidence, np.nan),
        prior=expand(verdicts.prior, np.nan),
        residual=expand(verdicts.residual, np.nan),
        error=errors,
    )
