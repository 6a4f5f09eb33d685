"""Runs of a study: planning them, estimating their time, and carrying out those that are not done."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from heat_core.energies.residual_cache import ResidualCache
from heat_core.errors import HeatError
from heat_core.jobs.estimate import estimate
from heat_core.pipeline.experiment_sets import inspect_sets
from heat_core.runs.creation import new_run_in
from heat_core.runs.events import RUN_FILE, Event, Progress, record_job
from heat_core.runs.experiment import Experiment
from heat_core.runs.run import Run
from heat_core.storage import is_file, read_checked_json, write_checked_json
from heat_core.studies.catalogue import study_of
from heat_core.studies.request import (
    MEASUREMENTS_FILE,
    StudyFolder,
    StudyRequest,
    fingerprint_of,
    finished_run,
    run_folder,
    studies_home,
)
from heat_core.studies.results import Result
from heat_core.studies.study import FinishedRuns, StudySetting
from heat_core.version import __version__


@dataclass(frozen=True)
class PlannedRun:
    """One run of a study, done or not.

    Attributes:
        setting: setting that the run belongs to.
        experiment: experiment of the run, with its seed.
        folder: folder of the run, which need not exist yet.
    """

    setting: StudySetting
    experiment: Experiment
    folder: Path

    @property
    def run(self) -> Run | None:
        """The finished run; None where it is not done."""
        return finished_run(self.folder)


def plan_runs(request: StudyRequest) -> list[PlannedRun]:
    """List every run that a study needs, seed by seed, so that all settings have a run after the first seed.

    Raises:
        HeatError: where a set cannot be opened, or a setting of the study is not possible with this base.
    """
    request.base.check()
    study = study_of(request.study)
    settings = study.vary(request.base, request.values or study.values)
    for setting in settings:
        setting.experiment.check()
    files = fingerprint_of(request.base)
    planned = []
    for i, seed in enumerate(study.seeds_of(request.seeds)):
        for setting in settings:
            experiment = setting.with_seed(seed, first=i == 0)
            planned.append(PlannedRun(setting, experiment, run_folder(experiment, files)))
    return planned


def seconds_left(planned: list[PlannedRun]) -> float:
    """Estimate the seconds that the remaining runs take at most.

    Features are extracted once for all runs. A residual that several runs need is counted for each, although it is
    trained once. What the study measures after its runs is not counted (see `Study.more_work`).
    """
    to_do = {item.folder: item.experiment for item in planned if item.run is None}
    if not to_do:
        return 0.0
    sizes = inspect_sets(planned[0].experiment).sizes  # all runs have the same sets
    costs = [estimate(experiment, sizes) for experiment in to_do.values()]
    extraction = 0.0 if len(to_do) < len({item.folder for item in planned}) else costs[0].extraction or 0.0
    return extraction + sum(cost.training for cost in costs)


def collect_finished(study: StudyFolder, planned: list[PlannedRun]) -> FinishedRuns:
    """Open the finished runs of a study, and its measurements if they are of the run that is planned now."""
    runs: dict[str, tuple[StudySetting, list[Run]]] = {}
    for item in planned:
        if run := item.run:
            runs.setdefault(item.setting.label, (item.setting, []))[1].append(run)
    measurements = _read_measurements(study, planned[0])
    return FinishedRuns(tuple((setting, tuple(of_setting)) for setting, of_setting in runs.values()), measurements)


def current_results(study: StudyFolder) -> tuple[FinishedRuns, list[Result]]:
    """Return the finished runs of a study and its results so far."""
    finished = collect_finished(study, plan_runs(study.request))
    return finished, study_of(study.request.study).show(finished)


def run_study(study: StudyFolder, on_event: Callable[[Event], None] = lambda _: None) -> None:
    """Carry out the runs of a study that are not done; a run that fails is reported, and the others continue.

    Args:
        study: folder of the study.
        on_event: called with each event of the study.

    Raises:
        HeatError: after all runs, with the message of the first run that failed; finished runs are kept.
    """
    with record_job(study.folder, on_event, {"heat_core": __version__}) as progress:
        planned = list({item.folder: item for item in plan_runs(study.request)}.values())
        if require := study_of(study.request.study).require:
            require(study.request.base)
        failures: list[str] = []
        for i, item in enumerate(planned):
            name = f"{item.setting.label}, seed {item.experiment.seed}"
            progress("study", f"Run {i + 1} of {len(planned)}: {name}.", done=i, total=len(planned))
            try:
                _do_run(item, name, lambda event, i=i: _forward_event(progress, event, i, len(planned)))  # type: ignore[misc]
            except HeatError as error:
                failures.append(f"{name}: {error}")
                progress("study", failures[-1], done=i, total=len(planned))
        _write_measurements(study, planned, progress)
        progress("study", "All runs are done.", done=len(planned), total=len(planned))
        if failures:
            raise HeatError(failures[0])


def _do_run(item: PlannedRun, name: str, on_event: Callable[[Event], None]) -> None:
    """Start or resume a run that is not done."""
    if item.run:
        return
    from heat_core.pipeline.pipeline import run  # imports torch
    from heat_core.pipeline.umap_process import Projector

    if not is_file(item.folder / RUN_FILE):
        new_run_in(item.folder, replace(item.experiment, name=f"{Path(item.experiment.id).name}, {name}", map=False))
    opened = Run.open(item.folder)
    with Projector(False) as projector:
        run(opened.experiment, projector, item.folder, on_event, ResidualCache(studies_home() / "residuals"))


def _forward_event(progress: Progress, event: Event, done: int, total: int) -> None:
    """Report an event of a run as one of the study, except the run's own end, which does not end the study."""
    if event["stage"] in ("features", "residual", "detectors"):
        progress("study", event["message"], done=done, total=total)


def _read_measurements(study: StudyFolder, first: PlannedRun) -> dict[str, Any]:
    """Read the measurements of the study's first run; {} where there are none, or they are of other files."""
    path = study.folder / MEASUREMENTS_FILE
    content = read_checked_json(path, "delete it and resume the study") if path.exists() else {}
    return dict(content["measured"]) if content.get("run") == first.folder.name else {}


def _write_measurements(study: StudyFolder, planned: list[PlannedRun], progress: Progress) -> None:
    measure = study_of(study.request.study).measure
    run = planned[0].run
    if measure is None or run is None or _read_measurements(study, planned[0]):
        return
    content = {"run": run.folder.name, "measured": measure(run, lambda sentence: progress("study", sentence))}
    write_checked_json(study.folder / MEASUREMENTS_FILE, json.loads(json.dumps(content)))
