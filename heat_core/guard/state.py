"""What a guard holds: the corrected priors of a run, how they are composed, and the calibration of their scores."""

from dataclasses import dataclass
from functools import cached_property

from heat_core.backbones.registry import Backbone
from heat_core.composition import HEAT, Lens, Scale
from heat_core.energies.heat import CorrectedPrior
from heat_core.errors import HeatError
from heat_core.guard.conformal import Calibration
from heat_core.guard.network import Network
from heat_core.types import Head


@dataclass(eq=False)
class GuardState:
    """What a guard holds, without what it does.

    Attributes:
        name: of the run.
        network: which network its features come from; None where they were given.
        head: (weight, bias) over the classes.
        parts: the corrected priors, in the order of `scale.priors`.
        scale: of their hybrid energies.
        lens: how they are composed.
        class_names: of the classifier.
        calibration: scores of known images that nothing was fitted on.
        calibration_note: what one should know of the calibration.
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

    def __post_init__(self) -> None:
        self.lens.select_priors(self.scale.priors)  # refuses priors that it has not

    @cached_property
    def backbone(self) -> Backbone:
        """The network; HeatError where there is none, or it cannot be had, or is another than the guard's."""
        if self.network is None:
            raise HeatError(f"{self.name} was made from features: it knows no network. Give it features (of_features).")
        return self.network.load()

    @property
    def threshold(self) -> float:
        """What a score must exceed to be called unknown where no rate is given: the lens's line."""
        return self.lens.threshold_for(HEAT, self.calibration.scores)
