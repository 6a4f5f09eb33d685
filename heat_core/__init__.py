"""HEAT: hybrid energy-based out-of-distribution detection in the feature space (Lafon et al., ICML 2023).

Rooms, each importing only those before it: `errors`, `storage`, `metrics`, `composition`; `features` (images →
Features); `energies` (the paper: priors, residuals, HEAT); `detectors` (what it is compared with); `runs` (what is
done); `analysis` (what is asked of finished runs); `guard` (a run that left the lab). `docs/architecture.md` draws
them.
`Experiment`, `Lens`, `Run` and `compose` do not import torch; `run` does when it is called, `Guard` when it is named.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heat_core import _moved
from heat_core.composition import Lens, compose
from heat_core.errors import HeatError, require_room
from heat_core.runs.events import Event
from heat_core.runs.experiment import Experiment
from heat_core.runs.run import Run
from heat_core.version import __version__

if TYPE_CHECKING:
    from heat_core.guard.guard import Guard

_moved.install()


def __getattr__(name: str) -> Any:
    if name == "Guard":
        from heat_core.guard.guard import Guard

        return Guard
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def run(
    experiment: Experiment, folder: str | Path | None = None, on_event: Callable[[Event], None] = lambda _: None
) -> Run:
    """Do what the experiment says, in this process, and return the finished run (see `heat_core.runs.pipeline.run`)."""
    from heat_core.runs.map import MAP_FILE
    from heat_core.runs.projection import Projector

    folder = Path(folder) if folder else None
    with Projector(experiment.map and not (folder and (folder / MAP_FILE).exists())) as projector:
        require_room()
        from heat_core.runs.pipeline import run as run_pipeline  # imports torch, while the projector's child loads umap

        return run_pipeline(experiment, projector, folder, on_event)


__all__ = ["Event", "Experiment", "Guard", "HeatError", "Lens", "Run", "__version__", "compose", "run"]
