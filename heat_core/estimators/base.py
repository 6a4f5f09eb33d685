"""The face that HEAT and every detector share: methods of scikit-learn's outlier detectors, on features in memory."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin

from heat_core.arrays import to_array
from heat_core.energies.fitted_attribute import FittedAttribute, NotFittedError
from heat_core.errors import HeatError
from heat_core.estimators.inputs import scored_features, training_features
from heat_core.features.features import Features
from heat_core.guard.conformal import Calibration
from heat_core.metrics import Estimate, estimate
from heat_core.thresholds import DEFAULT_ALPHA, require_alpha

_MAX_PROVISIONAL = 5_000  # training samples whose scores set the threshold before `calibrate`


@dataclass(frozen=True)
class _Reference:
    """What is kept of known samples: (n, …) energies or scores, (n,) predicted classes, and if they were not in fit."""

    energies: np.ndarray
    predicted: np.ndarray
    is_held_out: bool


class OODEstimator(OutlierMixin, BaseEstimator, ABC):  # type: ignore[misc]  # scikit-learn has no types
    """Estimator that gives every sample an OOD score.

    z is (N, D): the features that a classifier's head reads. `std`, (N, D'), is the standard deviation of its last
    feature volume over positions, for methods that read it. Both may be arrays, tensors of any device, lists or data
    frames.

    Attributes:
        classes_: (C,) sorted labels of the training samples, or None where they have none.
    """

    classes_ = FittedAttribute[np.ndarray | None]()
    _reference = FittedAttribute["_Reference"]()

    @property
    def false_alarm_rate(self) -> float:
        """Share of known samples that `predict` may call OOD."""
        return DEFAULT_ALPHA

    @abstractmethod
    def _fit_arrays(self, train: Features, head: Any) -> None:
        """Fit on training features with labels, or without any, and with the `head` of the caller, or None."""

    @abstractmethod
    def _score_arrays(self, features: Features) -> np.ndarray:
        """Compute the (N,) OOD scores of checked features, or the (N, K) energies of which `_compose` makes them."""

    def _compose(self, energies: np.ndarray) -> np.ndarray:
        """Compute the (N,) OOD scores of what `_score_arrays` gives, by parameters that may change after the fit."""
        return energies

    @property
    def calibration_(self) -> Calibration:
        """Scores of the known samples of `calibrate`; HeatError before it."""
        reference = self._reference
        if not reference.is_held_out:
            raise HeatError(
                f"{type(self).__name__} is not calibrated yet: call calibrate with known samples that were not in fit."
            )
        return Calibration(self._compose(reference.energies), reference.predicted)

    @property
    def offset_(self) -> float:
        """Minus the threshold of the OOD score, which the decision function subtracts from `score_samples`.

        After `calibrate`, `predict` calls a known sample OOD with probability at most `false_alarm_rate`. Before it,
        that share of the training samples is called OOD; unseen known samples have higher scores, so that more of them
        are.
        """
        if self._reference.is_held_out:
            return -self.calibration_.threshold(self.false_alarm_rate)
        scores = np.sort(self._compose(self._reference.energies))
        above = max(int(require_alpha(self.false_alarm_rate) * len(scores)), 1)
        return -float(scores[-above - 1 : len(scores) - above + 1].mean())  # between two training samples

    def fit(self, z: Any, y: Any = None, *, std: Any = None, head: Any = None) -> Self:
        """Fit on the features of known samples.

        Args:
            z: (N, D) features.
            y: (N,) labels of any type, or None.
            std: (N, D') std-pooled features, or None.
            head: linear head (weight (C, D), bias (C,)) of the classifier, with rows in the order of the sorted labels;
                None = a logistic regression on z and y, where the method reads logits.

        Raises:
            HeatError: where an argument cannot be used, with its name, or the method needs one that is missing.
        """
        train, self.classes_ = training_features(self, z, y, std)
        self._fit_arrays(train, head)
        rows = np.unique(np.linspace(0, len(train) - 1, min(len(train), _MAX_PROVISIONAL)).astype(int))
        some = train.subset(rows)
        self._reference = _Reference(self._score_arrays(some), self._predicted_class(some), is_held_out=False)
        return self

    def ood_score(self, z: Any, *, std: Any = None) -> np.ndarray:
        """Compute the OOD score of each sample, (N,) float64; larger is more out-of-distribution."""
        features = self._features(z, std)
        return checked_scores(self._compose(self._score_arrays(features)), len(features), type(self).__name__)

    def score_samples(self, z: Any, *, std: Any = None) -> np.ndarray:
        """Compute the score with scikit-learn's sign, (N,) float64: minus `ood_score`, smaller is more abnormal."""
        return -self.ood_score(z, std=std)

    def decision_function(self, z: Any, *, std: Any = None) -> np.ndarray:
        """Compute `score_samples` minus `offset_`, (N,) float64: negative for samples that are called OOD."""
        return self.score_samples(z, std=std) - self.offset_

    def predict(self, z: Any, *, std: Any = None) -> np.ndarray:
        """Return -1 for samples that are called OOD and 1 for the others, (N,) int."""
        return np.where(self.decision_function(z, std=std) < 0, -1, 1)

    def calibrate(self, z: Any, *, std: Any = None) -> Self:
        """Keep the scores of known samples that were not in the fit, for p-values and for the threshold of `predict`.

        Raises:
            HeatError: where an argument cannot be used.
        """
        features = self._features(z, std)
        energies, predicted = self._score_arrays(features), self._predicted_class(features)
        self._reference = _Reference(energies, predicted, is_held_out=True)
        return self

    def p_value(self, z: Any, *, std: Any = None) -> np.ndarray:
        """Compute the conformal p-value of each sample, (N,): the share of known ones that look at least as unusual.

        Raises:
            HeatError: before `calibrate`.
        """
        return self.calibration_.p_values(self.ood_score(z, std=std))

    def evaluate(
        self, id_test: Any, ood_tests: Mapping[str, Any], replicates: int = 400
    ) -> dict[str, dict[str, Estimate]]:
        """Compute FPR95, AUROC, AUPR-In and AUPR-Out with 95 % bootstrap intervals (see `metrics.estimate`).

        Args:
            id_test: features of known test samples: z, or a pair (z, std).
            ood_tests: name → features of an OOD set: z, or a pair (z, std).
            replicates: number of resamples.

        Returns:
            Set, or `average` → metric → its `Estimate`, shares in [0, 1].
        """
        scores = {name: self._score_pair(samples) for name, samples in ood_tests.items()}
        return estimate(self._score_pair(id_test), scores, replicates)

    def _score_pair(self, samples: Any) -> np.ndarray:
        z, std = samples if isinstance(samples, tuple) and len(samples) == 2 else (samples, None)
        return self.ood_score(z, std=std)

    def _features(self, z: Any, std: Any) -> Features:
        if "classes_" not in vars(self):
            raise NotFittedError(f"{type(self).__name__} is not fitted yet: call fit first.")
        return scored_features(self, z, std)

    def _predicted_class(self, features: Features) -> np.ndarray:
        """Return the number of each sample's predicted class, (N,) int; zeros for methods without a classifier."""
        return np.zeros(len(features), int)


def checked_scores(scores: Any, n: int, who: str) -> np.ndarray:
    """Return the OOD scores of n samples as (n,) float64; infinite ones are valid.

    Args:
        scores: what a method computed.
        n: number of samples.
        who: name of the method, for the error.

    Raises:
        HeatError: where these are no numbers, of another shape, or NaN.
    """
    values = to_array(scores)
    if values.dtype.kind not in "fiub" or values.shape != (n,):
        raise HeatError(
            f"the scores of {who} are {values.dtype} {values.shape}: it must give one number a sample, ({n},)."
        )
    if missing := int(np.isnan(values).sum()):
        raise HeatError(f"{missing:,} of the {n:,} scores of {who} are NaN.")
    return values.astype(np.float64, copy=False)
