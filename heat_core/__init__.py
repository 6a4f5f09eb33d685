"""HEAT: hybrid energy-based out-of-distribution detection in the feature space (Lafon et al., ICML 2023).

Read in this order: datasets, backbones, extraction, features, heads, sources (what an experiment works on); priors,
residual, heat, composition (the method); detectors, metrics; experiment, pipeline, projection, results, jobs (a run);
samples, explanation, comparison, beta, scoring (what can be asked of it); export, report.
`Experiment`, `Run` and `compose` do not import torch; `run` does when it is called.
"""

from heat_core.composition import compose
from heat_core.errors import HeatError
from heat_core.experiment import Experiment
from heat_core.results import Run


def run(experiment: Experiment, folder=None, on_event=lambda event: None) -> Run:
    """Do what the experiment says, in this process, and return the finished run (see `heat_core.pipeline.run`)."""
    from pathlib import Path

    from heat_core.projection import OUTPUT, Projector

    folder = Path(folder) if folder else None
    with Projector(experiment.map and not (folder and (folder / OUTPUT).exists())) as projector:
        from heat_core.pipeline import run as run_pipeline  # imports torch, while the projector's child loads umap

        return run_pipeline(experiment, projector, folder, on_event)


__all__ = ["Experiment", "HeatError", "Run", "compose", "run"]
