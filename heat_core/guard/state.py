"""State of a guard: the corrected priors of a run, their composition, and the calibration of its scores."""

from dataclasses import dataclass
from functools import cached_property

from heat_core.backbones.registry import Backbone
from heat_core.composition import HEAT, Lens, Scale
from heat_core.energies.corrected_prior import CorrectedPrior
from heat_core.errors import HeatError
from heat_core.features.features import SECOND_ENCODER
from heat_core.guard.conformal import Calibration
from heat_core.guard.network import Network
from heat_core.types import Head


@dataclass(eq=False)
class GuardState:
    """Data of a guard, without the methods that score images.

    Attributes:
        name: name of the run.
        network: network that computes the features; None when the run was made from features.
        head: linear head (weight (C, D), bias (C,)) of the classifier.
        parts: corrected priors, in the order of `scale.priors`.
        scale: standardisation scale of their hybrid energies.
        lens: β, priors, weights and threshold of the composition.
        class_names: names of the classifier's classes.
        calibration: scores of known images on which nothing was fitted.
        calibration_note: sentence on which images the calibration has, and whether β was chosen with them.
        second_network: network of a second encoder, which priors such as gmm@b read; None where there is none.
    """

    name: str
    network: Network | None
    head: Head
    parts: list[CorrectedPrior]
    scale: Scale
    lens: Lens
    class_names: list[str]
    calibration: Calibration
    calibration_note: str
    second_network: Network | None = None

    def __post_init__(self) -> None:
        self.lens.select_priors(self.scale.priors)  # raises a HeatError for priors that the guard does not have

    @cached_property
    def backbone(self) -> Backbone:
        """Backbone of the guard; HeatError if it has none, if it cannot be loaded, or if its fingerprint differs."""
        if self.network is None:
            raise HeatError(f"{self.name} was made from features and has no network: score features with of_features.")
        return self.network.load()

    @cached_property
    def backbones(self) -> tuple[Backbone, ...]:
        """The backbone, and the second encoder if there is one; HeatError as of `backbone`."""
        return (self.backbone, *([self.second_network.load()] if self.second_network else []))

    @property
    def composed_backbones(self) -> tuple[Backbone, ...]:
        """The backbones without a second encoder that no composed prior reads."""
        composed = self.lens.select_priors(self.scale.priors)
        return self.backbones if any(p.endswith(SECOND_ENCODER) for p in composed) else (self.backbone,)

    @property
    def threshold(self) -> float:
        """Threshold above which an image is called unknown when no false-alarm rate is given, as the lens sets it."""
        return self.lens.threshold_for(HEAT, self.calibration.scores)
