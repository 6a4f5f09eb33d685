"""EBM: the residual network trained without a prior, the fully data-driven EBM of the paper (Tab. 2, Figs. 4 and 7)."""

from dataclasses import replace
from functools import partial
from typing import Self

import numpy as np
import torch

from heat_core.detectors.base import Context, Detector, ReportProgress
from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.energies.priors import EnergyLogits
from heat_core.energies.residual import ResidualMLP
from heat_core.energies.residual_trainer import EpochRecord, train_residual
from heat_core.energies.settings import ResidualSettings, settings_for
from heat_core.energies.views import VIEWS
from heat_core.features.batches import auto_device
from heat_core.features.features import Features
from heat_core.progress import no_progress

_VIEW = VIEWS["gmm"]


class EBM(Detector):
    """Score: E_θ(z), trained like HEAT-GMM's residual (Eqs. 3, 5, 6) with E_q = 0, on L2-normalised features.

    With `start="prior"` the Langevin chains start from a Gaussian with the mean and spread of the features.

    Args:
        settings: settings of the training; default: those of HEAT-GMM in the preset "quick". Their temperature is
            not used.
        seed: seed of the network's first weights and of every draw.
        on_progress: callback that receives a text and the remaining seconds after each epoch, and why training stopped
            early.
    """

    title, source = "EBM", "Lafon et al., ICML 2023 (the fully data-driven EBM)"
    place = 310
    evidence = "features"
    reads_labels = False
    slow = True  # It trains a network.
    _network = FittedAttribute[ResidualMLP]()

    def __init__(
        self,
        settings: ResidualSettings | None = None,
        seed: int = 0,
        on_progress: ReportProgress = no_progress,
    ) -> None:
        self.settings, self.seed, self.on_progress = settings, seed, on_progress

    @classmethod
    def for_run(cls, context: Context) -> Self:
        """Make the detector with the settings and the seed of the run's training."""
        return cls(context.training, context.seed, context.on_progress)

    def fit_features(self, train: Features) -> Self:
        """Train the network on the training features, on the GPU if there is one."""
        z = torch.tensor(_VIEW.array(train), device=auto_device())
        non_negative = bool((z >= 0).all())
        settings = replace(self.settings or settings_for("gmm", "quick"), temperature=1.0)
        flat = EnergyLogits(np.zeros((1, z.shape[1])), np.zeros(1)).fit(z.cpu().numpy())  # one logit, always 0: E_q = 0

        def report_epoch(record: EpochRecord) -> None:
            self.on_progress(f"epoch {record['epoch']} of {record['epochs']}", record["eta"])

        project = partial(_VIEW.project, non_negative=non_negative)
        trained = train_residual(flat, z, settings, 1.0, project, self.seed, report_epoch)
        if trained.stopped:
            self.on_progress(trained.stopped, 0.0)
        self._network = trained.residual.cpu()
        return self

    def score_features(self, features: Features) -> np.ndarray:
        """Return the OOD score of each image, (N,) float64."""
        return self._network.energies(_VIEW.array(features))
