"""FPR95 and AUROC of a run as functions of β (Fig. 3b)."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from heat_core.composition import PLAIN, Lens
from heat_core.metrics import auroc, fpr95
from heat_core.runs.experiment import ID
from heat_core.runs.run import Run

_STEPS = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0)
#: The values of β at which a curve over β (Fig. 3b) is computed.
BETAS = (-np.inf, *(-b for b in reversed(_STEPS)), 0.0, *_STEPS, np.inf)


def sweep_beta(run: Run, lens: Lens = PLAIN, betas: Sequence[float] = BETAS) -> tuple[list[float], list[float]]:
    """Compute FPR95 and AUROC at each β, averaged over a run's OOD sets.

    Args:
        run: a finished run.
        lens: priors and weights that are composed; its own β is ignored.
        betas: values of β.

    Returns:
        The FPR95 and the AUROC, each in [0, 1], one number for each β.
    """
    curves: tuple[list[float], list[float]] = ([], [])
    for beta in betas:
        scores = {name: run.scores(name, replace(lens, beta=beta)) for name in run.datasets}
        for curve, metric in zip(curves, (fpr95, auroc), strict=True):
            curve.append(float(np.mean([metric(scores[ID], scores[name]) for name in run.ood_names])))
    return curves
