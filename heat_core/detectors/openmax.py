"""OpenMax (Bendale & Boult, 2016): the probability of an added class "unknown", from logits' distances to means."""

from typing import Self

import numpy as np
from scipy.special import softmax
from scipy.stats import gumbel_l

from heat_core.detectors.base import Detector, logits_of, require_every_class
from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.errors import HeatError
from heat_core.features.features import Features

_SHIFT = 10_000.0  # shift of the tail before the fit, as in libMR: the two-parameter fit is then well conditioned


class OpenMax(Detector):
    """Score: the probability of the class "unknown".

    For each class, a Weibull distribution is fitted to the `tail` largest distances between the logits of its training
    images and their mean. Its distribution function at the distance of an image says how extreme that distance is. The
    logits of the `alpha` likeliest classes are lowered in proportion to it, with weights that fall linearly with the
    rank; the sum of what is subtracted is the logit of "unknown".

    Args:
        tail: number of largest distances per class, at least 2; 20 in the source.
        alpha: number of classes whose logits are lowered, at least 1; 10 in the source. It is bounded by the number of
            classes.
    """

    title, source = "OpenMax", "Bendale & Boult, CVPR 2016, arXiv:1511.06233"
    place = 60
    evidence = "logits"
    _means = FittedAttribute[np.ndarray]()
    _fits = FittedAttribute[list["_Tail"]]()

    def __init__(self, tail: int = 20, alpha: int = 10) -> None:
        if tail < 2 or alpha < 1:
            raise HeatError(f"OpenMax needs a tail of at least 2 and alpha of at least 1, not {tail} and {alpha}.")
        self.tail, self.alpha = tail, alpha

    def fit_features(self, train: Features) -> Self:
        """Compute the mean logits of each class and fit its Weibull distribution."""
        logits, labels = logits_of(train, self.head_), train.required_labels(self.title)
        require_every_class(labels, logits.shape[1], self.title)
        means, fits = np.zeros((logits.shape[1], logits.shape[1])), []
        for c in range(logits.shape[1]):
            class_logits = logits[labels == c]
            means[c] = class_logits.mean(axis=0)
            tail = np.sort(np.linalg.norm(class_logits - means[c], axis=1))[-self.tail :]
            fits.append(_Tail(tail))
        self._means, self._fits = means, fits
        return self

    def score_features(self, features: Features) -> np.ndarray:
        """Return the OOD score of each image, (N,) float64."""
        logits = logits_of(features, self.head_)
        alpha = min(self.alpha, logits.shape[1])
        likeliest = np.argsort(-logits, axis=1, kind="stable")[:, :alpha]
        shares = np.zeros_like(logits)
        np.put_along_axis(shares, likeliest, (alpha - np.arange(alpha)) / alpha, axis=1)
        extremeness = np.stack(
            [fit.cdf(np.linalg.norm(logits - m, axis=1)) for fit, m in zip(self._fits, self._means, strict=True)],
            axis=1,
        )
        lost = logits * shares * extremeness
        return softmax(np.column_stack([lost.sum(axis=1), logits - lost]), axis=1)[:, 0]


class _Tail:
    """Weibull distribution of the largest distances of a class, or a step function if they do not differ.

    The logarithm of a Weibull variable has a Gumbel distribution, whose maximum-likelihood equation has a single root:
    the fit cannot stop at a wrong one.
    """

    def __init__(self, tail: np.ndarray) -> None:
        self._low, self.parameters = tail[0], None
        if len(tail) >= 2 and np.ptp(tail) > 1e-9 * max(tail[-1], 1e-12):
            self.parameters = gumbel_l.fit(self._log(tail))

    def _log(self, distance: np.ndarray) -> np.ndarray:
        return np.log1p(np.maximum((distance - self._low) / _SHIFT, -0.999))

    def cdf(self, distance: np.ndarray) -> np.ndarray:
        """Compute the distribution function at (N,) distances."""
        if self.parameters is None:
            return (distance > self._low).astype(np.float64)
        return gumbel_l.cdf(self._log(distance), *self.parameters)
