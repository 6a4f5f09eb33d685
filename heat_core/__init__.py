"""HEAT: hybrid energy-based out-of-distribution detection in the feature space (Lafon et al., ICML 2023).

Packages, each importing only those before it: `data` (images), `backbones` (networks), `features` (images → Features),
`training`; `energies` (the paper: priors, residuals, HEAT); `detectors` (what it is compared with); `guard` (a run
packed for new images); `runs`, `pipeline`, `jobs` (what is done); `analysis`, `reporting` (what is asked of finished
runs). `docs/architecture.md` draws them.
`Experiment`, `Lens`, `Run` and `compose` do not import torch; `run` does when it is called, `Guard` when it is named.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heat_core.composition import PLAIN, Lens, compose
from heat_core.errors import HeatError
from heat_core.memory import require_memory
from heat_core.runs.events import Event
from heat_core.runs.experiment import Experiment
from heat_core.runs.run import Run
from heat_core.version import __version__

if TYPE_CHECKING:
    from heat_core.backbones.registry import Backbone
    from heat_core.guard.guard import Guard


def __getattr__(name: str) -> Any:
    if name == "Guard":
        from heat_core.guard.guard import Guard

        return Guard
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def run(
    experiment: Experiment,
    folder: str | Path | None = None,
    on_event: Callable[[Event], None] = lambda _: None,
    backbone: "Backbone | None" = None,
) -> Run:
    """Do what the experiment says, in this process, and return the finished run (see `pipeline.pipeline.run`).

    Args:
        experiment: what to do.
        folder: of the run, to resume it; default: a new one.
        on_event: called with each event that `events.jsonl` gets.
        backbone: a module of `Backbone.wrap`, in place of the one that the experiment names. The run keeps its name;
            as long as it lives, this process resumes the run and scores images with it.
    """
    from heat_core.pipeline.umap_process import Projector
    from heat_core.runs.feature_map import MAP_FILE

    folder = Path(folder) if folder else None
    if backbone is not None:
        experiment = _with_wrapped_module(backbone, experiment, folder)
    with Projector(experiment.map and not (folder and (folder / MAP_FILE).exists())) as projector:
        require_memory()
        # imports torch, while the projector's child loads umap
        from heat_core.pipeline.pipeline import run as run_pipeline

        return run_pipeline(experiment, projector, folder, on_event)


def pack(run: Run, path: str | Path, lens: Lens = PLAIN, with_weights: bool = False) -> None:
    """Write what scoring images needs of a run into one file (see `heat_core.guard`).

    Args:
        run: a finished run.
        path: of the file; `Guard.load` reads it.
        lens: which priors are composed, and how; the others are left out.
        with_weights: whether the network's weights travel in the file.

    Raises:
        HeatError: where the run has no residual yet, or what it was made from is gone or has changed.
    """
    from heat_core.pipeline.build_guard import build_guard  # imports torch

    build_guard(run, lens, only_composed=True).save(path, with_weights)


def _with_wrapped_module(backbone: "Backbone", experiment: Experiment, folder: Path | None) -> Experiment:
    """The experiment with a wrapped module; HeatError where that is none, or not the one that the run began with."""
    if not backbone.is_wrapped:
        raise HeatError(f"{backbone.name} is no wrapped module: name it in the experiment, or give Backbone.wrap(…).")
    if folder and (began := Run.open(folder).experiment.backbone) != backbone.name:
        raise HeatError(
            f"Run {folder.name} began with the backbone {began}, not with {backbone.name}: wrap the module with the "
            "same weights, transform, head and pooling, or start a new run."
        )
    return replace(experiment, backbone=backbone.name, weights=None, image_size=None)


__all__ = ["Event", "Experiment", "Guard", "HeatError", "Lens", "Run", "__version__", "compose", "pack", "run"]
