"""OpenMax (Bendale & Boult, 2016): logits revised by how extreme their distance to the class's mean is."""

from typing import Self

import numpy as np
from scipy.special import softmax
from scipy.stats import gumbel_l

from heat_core.detectors.base import Detector, Head, logits_of, require_every_class
from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.errors import HeatError
from heat_core.features.features import Features

_SHIFT = 10_000.0  # added to the tail before the fit, as in libMR: it makes the two-parameter fit well conditioned


class OpenMax(Detector):
    """Score: the probability of the class "unknown".

    Per class, a Weibull distribution is fitted to the `tail` largest distances between the logits of its training
    images and their mean. The logits of the `alpha` likeliest classes are lowered by their share of extremeness, and
    what they lose is the logit of "unknown".

    Args:
        tail: 20 in the source.
        alpha: 10 in the source; at most the number of classes.
    """

    title, source = "OpenMax", "Bendale & Boult, CVPR 2016, arXiv:1511.06233"
    place = 60
    evidence = "logits"
    _means = FittedAttribute[np.ndarray]()
    _fits = FittedAttribute[list["_Tail"]]()

    def __init__(self, head: Head, tail: int = 20, alpha: int = 10) -> None:
        if tail < 2 or alpha < 1:
            raise HeatError(f"OpenMax needs a tail of at least 2 and alpha of at least 1, not {tail} and {alpha}.")
        super().__init__(head)
        self.tail, self.alpha = tail, alpha

    def fit(self, train: Features) -> Self:
        logits, labels = logits_of(train, self.head), train.required_labels(self.title)
        require_every_class(labels, logits.shape[1], self.title)
        means, fits = np.zeros((logits.shape[1], logits.shape[1])), []
        for c in range(logits.shape[1]):
            of_class = logits[labels == c]
            means[c] = of_class.mean(axis=0)
            tail = np.sort(np.linalg.norm(of_class - means[c], axis=1))[-self.tail :]
            fits.append(_Tail(tail))
        self._means, self._fits = means, fits
        return self

    def score(self, features: Features) -> np.ndarray:
        logits = logits_of(features, self.head)
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
    """A Weibull distribution of the largest distances of a class; a step where they do not differ.

    The logarithm of a Weibull variable is a Gumbel one, whose maximum likelihood has one root: no search stops early.
    """

    def __init__(self, tail: np.ndarray) -> None:
        self._low, self.parameters = tail[0], None
        if len(tail) >= 2 and np.ptp(tail) > 1e-9 * max(tail[-1], 1e-12):
            self.parameters = gumbel_l.fit(self._log(tail))

    def _log(self, distance: np.ndarray) -> np.ndarray:
        return np.log1p(np.maximum((distance - self._low) / _SHIFT, -0.999))

    def cdf(self, distance: np.ndarray) -> np.ndarray:
        if self.parameters is None:
            return (distance > self._low).astype(np.float64)
        return gumbel_l.cdf(self._log(distance), *self.parameters)
