"""HEAT: hybrid energy-based out-of-distribution detection in the feature space (Lafon et al., ICML 2023).

`HEAT` works on features in memory, with the conventions of scikit-learn, as the methods of `heat_core.detectors` do;
`extract` computes the features of any module for a loader; `run(Experiment(…))` makes a run on disk, of images; `Guard`
scores new images by one file; `explore` shows scores of any method in a notebook. `docs/architecture.md` describes the
packages.

`Experiment`, `Lens`, `Run` and `compose` do not import torch; `run` imports it when it is called, `HEAT`, `Guard` and
`extract` when the attribute is accessed.
"""

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
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
    from heat_core.estimators.heat import HEAT
    from heat_core.estimators.loader_features import extract
    from heat_core.guard.guard import Guard
    from heat_core.workbench.explore import explore

# Names that are imported when they are accessed, since their modules import torch or anywidget: name → module.
_LAZY = {
    "HEAT": "heat_core.estimators.heat",
    "extract": "heat_core.estimators.loader_features",
    "Guard": "heat_core.guard.guard",
    "explore": "heat_core.workbench.explore",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def run(
    experiment: Experiment,
    folder: str | Path | None = None,
    on_event: Callable[[Event], None] = lambda _: None,
    backbone: "Backbone | None" = None,
) -> Run:
    """Run the experiment in this process and return the finished run (see `pipeline.pipeline.run`).

    Args:
        experiment: images, network, priors, detectors and settings of the run.
        folder: folder of the run that is resumed; default: a new run.
        on_event: called with each event that is written to `events.jsonl`.
        backbone: module made by `Backbone.wrap`, used in place of the network that the experiment names. The run
            stores only the module's name: while the module exists, this process can resume the run and score images
            with it.

    Raises:
        HeatError: if `backbone` is not a wrapped module, or not the one that the run was started with.
    """
    from heat_core.pipeline.umap_process import Projector
    from heat_core.runs.feature_map import MAP_FILE

    folder = Path(folder) if folder else None
    if backbone is not None:
        experiment = _with_wrapped_module(backbone, experiment, folder)
    with Projector(experiment.map and not (folder and (folder / MAP_FILE).exists())) as projector:
        require_memory()
        # This imports torch while the projector's child process loads umap.
        from heat_core.pipeline.pipeline import run as run_pipeline

        return run_pipeline(experiment, projector, folder, on_event)


def pack(run: Run, path: str | Path, lens: Lens = PLAIN, with_weights: bool = False) -> None:
    """Write a guard: one file that scores images without the run (see `heat_core.guard`).

    Args:
        run: finished run.
        path: path of the file that is written; `Guard.load` reads it.
        lens: selects the priors and how they are composed; the other priors are not stored.
        with_weights: whether the network's weights are stored in the file.

    Raises:
        HeatError: if the run has no residual yet, or if the files that it was made from are missing or have changed.
    """
    from heat_core.pipeline.build_guard import build_guard  # imports torch

    build_guard(run, lens, only_composed=True).save(path, with_weights)


def _with_wrapped_module(backbone: "Backbone", experiment: Experiment, folder: Path | None) -> Experiment:
    """Name the wrapped module in the experiment.

    Raises:
        HeatError: if the backbone is not a wrapped module, or not the one that the run was started with.
    """
    if not getattr(backbone, "is_wrapped", False):
        name = getattr(backbone, "name", type(backbone).__name__)
        raise HeatError(f"{name} is no wrapped module: name it in the experiment, or give Backbone.wrap(…).")
    if folder and (began := Run.open(folder).experiment.backbone) != backbone.name:
        raise HeatError(
            f"Run {folder.name} began with the backbone {began}, not with {backbone.name}: wrap the module with the "
            "same weights, transform, head and pooling, or start a new run."
        )
    return replace(experiment, backbone=backbone.name, weights=None, image_size=None)


__all__ = [
    "HEAT",
    "Event",
    "Experiment",
    "Guard",
    "HeatError",
    "Lens",
    "Run",
    "__version__",
    "compose",
    "explore",
    "extract",
    "pack",
    "run",
]
