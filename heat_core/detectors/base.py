"""Base class of the detectors: fit on ID training features, then give other features OOD scores (larger = more OOD)."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from heat_core.arrays import require_head
from heat_core.digests import digest_of_bytes
from heat_core.energies.clusters import fit_cluster_head, label_by_clusters
from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.energies.settings import ResidualSettings
from heat_core.errors import HeatError
from heat_core.estimators.base import OODEstimator
from heat_core.estimators.inputs import check_head
from heat_core.features.features import Features
from heat_core.features.heads import choose_head, log_softmax, logits_of
from heat_core.progress import no_progress
from heat_core.types import Head

if TYPE_CHECKING:
    from heat_core.backbones.registry import Backbone
    from heat_core.features.columns import Column

__all__ = [
    "Context",
    "Detector",
    "Head",
    "digest_with_head",
    "log_softmax",
    "logits_of",
    "require_every_class",
]

#: The values of `Detector.evidence`: what a detector reads.
EVIDENCE = ("logits", "features", "both", "gradients")
ReportProgress = Callable[[str, float], None]


@dataclass(frozen=True)
class Context:
    """Facts about a run that a detector may need.

    Attributes:
        id_set: cifar10, cifar100 or imagenet, the ID set whose published hyper-parameters apply; "" for any other.
        training: the settings with which HEAT-GMM's residual is trained.
        seed: seed of all random numbers.
        backbone: the network, or None when the run has only features.
        on_progress: callback by which a slow fit reports its progress: a text and the seconds that remain.
    """

    id_set: str
    training: ResidualSettings
    seed: int
    backbone: "Backbone | None"
    on_progress: ReportProgress = no_progress

    def network(self, detector: str) -> "Backbone":
        """Return the backbone for `detector` (its title); HeatError when the run has only features."""
        if self.backbone is None:
            raise HeatError(f"{detector} reads the images, and this run has only their features.")
        return self.backbone


class Detector(OODEstimator):
    """A method that gives every image an OOD score.

    A subclass has `score_features`, and `fit_features` if it learns something; `fit`, `ood_score` and the other methods
    for arrays call these. In the formulas of the subclasses z (D,) is the feature `avg` of an image, w_c and b_c are
    the row and bias of class c in the head, f_c(z) = w_c·z + b_c its logit, C the number of classes, and ŷ the
    predicted class. A constructor keeps each argument in an attribute of the same name.

    Attributes:
        title: name in tables and figures.
        source: publication: authors, venue and arXiv number.
        place: sort key of the tables: below 100 for methods that read logits, from 100 for those that read features,
            from 200 for those that read images, from 300 for those that are trained.
        evidence: what the method reads: "logits" alone; "features" alone; "both", features together with the head;
            "gradients", whenever it uses gradients; "" if it is not stated.
        rectified: whether the method assumes activations after a ReLU and is known to fail on other features.
        reads_labels: whether it learns from the classes of the training features, or from clusters in place of them.
        reads_images: whether it needs more of an image than `avg`, `std` and the label.
        slow: whether it takes minutes because it reads the images again, needs extra columns of all sets, or trains. A
            run computes such methods after the residuals are trained.
        published: ID set (cifar10, cifar100, imagenet) → the constructor's arguments for which the source gives other
            values than the defaults.
        head_: linear head (weight (C, D), bias (C,)) that reads `features.avg`, which `fit` sets if there is one.
    """

    title: ClassVar[str]
    source: ClassVar[str]
    place: ClassVar[int] = 199
    evidence: ClassVar[str] = ""
    rectified: ClassVar[bool] = False
    reads_labels: ClassVar[bool] = True
    reads_images: ClassVar[bool] = False
    slow: ClassVar[bool] = False
    published: ClassVar[dict[str, dict[str, Any]]] = {}
    head_ = FittedAttribute[Head]()

    @classmethod
    def for_run(cls, context: Context) -> Self:
        """Make the detector for a run, with the hyper-parameters that its source publishes for the run's ID set."""
        return cls(**cls.published.get(context.id_set, {}))

    @classmethod
    def is_classifier_free(cls) -> bool:
        """Return whether the method needs no classifier, so that clusters of the features can replace the classes."""
        return cls.evidence == "features"

    @classmethod
    def reads_head(cls) -> bool:
        """Return whether the method reads the linear head."""
        return cls.evidence != "features"

    @classmethod
    def train_columns(cls, backbone: "Backbone | None") -> tuple["Column", ...]:  # noqa: ARG003
        """List the extra feature columns that `fit_features` reads; HeatError if this backbone cannot compute them."""
        return ()

    def fit_columns(self, backbone: "Backbone | None") -> tuple["Column", ...]:
        """List the extra feature columns that `fit_features` reads, once `head_` is set.

        Columns that depend on the head are for slow detectors alone, since the others read `train_columns`.
        """
        return self.train_columns(backbone)

    def test_columns(self, backbone: "Backbone | None") -> tuple["Column", ...]:
        """List the extra feature columns that `score_features` reads, once the detector is fitted."""
        return self.train_columns(backbone)

    def fit_features(self, train: Features) -> Self:  # noqa: ARG002
        """Learn from the training features what `score_features` needs; by default there is nothing."""
        return self

    @abstractmethod
    def score_features(self, features: Features) -> np.ndarray:
        """Return the OOD score of each image, (N,) float64; a larger score is more out-of-distribution."""

    def fit_with_head(self, train: Features, head: Head | None) -> Self:
        """Fit on the features of a run, with its head.

        Raises:
            HeatError: where the head is no pair of weight (C, D) and bias (C,), or the detector cannot be fitted.
        """
        return self.with_head(head).fit_features(train)

    def with_head(self, head: Head | None) -> Self:
        """Set the linear head that the detector reads; HeatError where it is no pair of weight (C, D), bias (C,)."""
        self.__dict__.pop("head_", None)  # of an earlier fit
        if head is not None:
            self.head_ = require_head(head)
        return self

    def _fit_arrays(self, train: Features, head: Any) -> None:
        if self.reads_images:
            raise HeatError(f"{self.title} reads the images: it works in a run, and not on features alone.")
        if train.labels is None and head is None and not self.is_classifier_free():
            raise HeatError(f"y is missing: {self.title} reads the logits of a classifier. Give y, or head.")
        if train.labels is None and self.is_classifier_free() and self.reads_labels:
            train = label_by_clusters(train, None, seed=0)
        self.fit_with_head(train, self._head_for(train, head))

    def _head_for(self, train: Features, head: Any) -> Head | None:
        """Return the given head, or one that is fitted as in a run; None for methods that read none."""
        if head is not None:
            return check_head(head, train, self.classes_)[0]
        if not self.reads_head():
            return None
        return (fit_cluster_head(train) if self.classes_ is None else choose_head(None, train)).head

    def _score_arrays(self, features: Features) -> np.ndarray:
        return self.score_features(features)


def digest_with_head(head: Head, parameters: tuple[object, ...]) -> str:
    """Digest a linear head and parameters into 12 digits, for the name of a column that depends on both."""
    arrays = (np.ascontiguousarray(part).tobytes() for part in head)
    return digest_of_bytes(*arrays, repr(parameters).encode(), length=12)


def require_every_class(labels: np.ndarray, classes: int, who: str) -> None:
    """Raise a HeatError that names the detector `who` if one of the head's classes has no training image."""
    missing = np.setdiff1d(np.arange(classes), labels)
    if len(missing):
        raise HeatError(f"Class {missing[0]} has no training image: {who} needs some of every class.")
