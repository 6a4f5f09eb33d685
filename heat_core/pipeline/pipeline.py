"""Pipeline from an Experiment to a finished run folder.

The stages are features → priors and fast detectors → residuals and map → slow detectors → findings. Every
stage writes its results, so that an interrupted run resumes where it stopped, and the app shows them as soon as a stage
is done.
"""

import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from heat_core.energies.residual_cache import ResidualCache
from heat_core.errors import HeatError
from heat_core.pipeline.fit import fit
from heat_core.pipeline.measurements.measure import measure_at_end
from heat_core.pipeline.run_detectors import DetectorInputs, score_slow_detectors
from heat_core.pipeline.run_state import RunState
from heat_core.pipeline.score_fast import score_fast
from heat_core.pipeline.sources import open_source
from heat_core.pipeline.train import suggest_beta, train
from heat_core.pipeline.umap_process import Projector
from heat_core.runs.creation import new_run
from heat_core.runs.events import Event, Progress, record_job
from heat_core.runs.experiment import Experiment
from heat_core.runs.feature_map import write_points
from heat_core.runs.results_file import ENERGIES
from heat_core.runs.run import Run
from heat_core.version import __version__


def run(
    experiment: Experiment,
    projector: Projector,
    folder: Path | None = None,
    on_event: Callable[[Event], None] = lambda _: None,
    residual_cache: ResidualCache | None = None,
) -> Run:
    """Run the experiment (or resume it in its folder) and return the finished run; `heat_core.run` calls this.

    Args:
        experiment: the experiment.
        projector: process that fits the map, or is disabled.
        folder: folder of the run; default: a new one.
        on_event: called with each event that `events.jsonl` gets.
        residual_cache: residuals that need not be trained again.

    Raises:
        HeatError: where the run fails; the folder keeps the sentence, and everything that was finished.
    """
    experiment = experiment.with_absolute_paths()  # the spelling of a path must have no influence
    folder = folder or new_run(experiment)
    with record_job(folder, on_event, _versions()) as progress:
        state = RunState(folder, experiment, open_source(experiment, progress), progress)
        fit(state)
        score_fast(state)
        map_is_due = projector.is_enabled and _request_map(state, projector)
        with _core_reserved_for_map(projector):
            train(state, residual_cache)
        if state.model.trained:
            suggest_beta(state)
        if map_is_due:  # before the slow detectors, which need the core of the map
            progress("map", "Waiting for the UMAP map.")
            continue_without_map(projector.wait, progress)
        score_slow(state)
        if experiment.map and state.model.trained:
            measure_at_end(Run.open(state.folder), progress, state.model.trained)
        if not state.model.trained:
            raise HeatError(" ".join(state.reasons[name] for name in experiment.priors))
    return Run.open(folder)


def score_slow(state: RunState) -> None:
    """Run the last stage of a run: fit and score the slow detectors one by one, and save the record after each."""
    inputs = DetectorInputs(state.source, state.train, state.scored, state.model.head.head, state.context)
    state.record = score_slow_detectors(
        state.record, state.folder / ENERGIES, state.detectors.slow, state.row_order, inputs, state.progress
    )


def _request_map(state: RunState, projector: Projector) -> bool:
    """Start fitting the map while the residuals train; return whether it was started."""

    def request() -> None:
        seed = state.experiment.seed
        write_points(state.folder / projector.input, state.train, list(state.scored.values()), seed)
        projector.fit(state.folder, seed)

    return continue_without_map(request, state.progress)


def continue_without_map(map_step: Callable[[], None], progress: Progress) -> bool:
    """Run a step of the map, on which no number depends; report a failure, and return whether it succeeded."""
    try:
        map_step()
    except HeatError as error:
        progress("map", f"The run goes on without its map: {error}")
        return False
    return True


@contextmanager
def _core_reserved_for_map(projector: Projector) -> Iterator[None]:
    """Train on one core fewer where the map is fitted meanwhile, since threads that share a core wait for one another.

    Whether the map is still being fitted does not matter, so that the same run computes its sums in the same order.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(max(threads - 1, 1) if projector.is_enabled else threads)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _versions() -> dict[str, str]:
    import sklearn
    import timm

    packages = {m.__name__: m.__version__ for m in (torch, timm, np, sklearn)}
    return {"heat_core": __version__, "python": platform.python_version(), **packages}
