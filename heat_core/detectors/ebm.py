"""EBM: the residual network trained alone, with no prior to lean on (Tab. 2, Figs. 4 and 7)."""

from dataclasses import replace
from typing import Self

import numpy as np
import torch

from heat_core.detectors.base import Context, Detector, Head, Tell
from heat_core.energies.fitted import Fitted
from heat_core.energies.priors import EnergyLogits
from heat_core.energies.residual import EpochRecord, ResidualMLP, train_residual
from heat_core.energies.settings import ResidualSettings, settings_for
from heat_core.energies.views import VIEWS
from heat_core.features.batches import auto_device
from heat_core.features.features import Features
from heat_core.progress import no_progress

_VIEW = VIEWS["gmm"]


class DataDrivenEnergy(Detector):
    """Score: E_θ(z), trained as HEAT-GMM's residual is (Eqs. 3, 5, 6) with E_q = 0; chains start from a Gaussian."""

    title, source = "EBM", "Lafon et al., ICML 2023 (the fully data-driven EBM)"
    place = 310
    evidence = "features"
    slow = True  # trains
    _network = Fitted[ResidualMLP]()

    def __init__(
        self, head: Head, settings: ResidualSettings | None = None, seed: int = 0, tell: Tell = no_progress
    ) -> None:
        super().__init__(head)
        self.settings, self.seed, self._tell = settings or settings_for("gmm", "quick"), seed, tell

    @classmethod
    def for_run(cls, head: Head, context: Context) -> Self:
        return cls(head, context.training, context.seed, context.tell)

    def fit(self, train: Features) -> Self:
        z = torch.tensor(_VIEW.of(train), device=auto_device())
        non_negative = bool((z >= 0).all())
        settings = replace(self.settings, temperature=1.0)
        flat = EnergyLogits(np.zeros((1, z.shape[1])), np.zeros(1)).fit(z.cpu().numpy())  # one logit, always 0: E_q = 0

        def epoch(record: EpochRecord) -> None:
            self._tell(f"epoch {record['epoch']} of {record['epochs']}", record["eta"])

        project = lambda points: _VIEW.project(points, non_negative)  # noqa: E731
        done = train_residual(flat, z, settings, 1.0, project, self.seed, epoch)
        self._network = done.residual.cpu()
        return self

    def score(self, features: Features) -> np.ndarray:
        return self._network.energies(_VIEW.of(features))
