"""The runs of a study: which there are, how long they will take, and doing those that are not done."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from heat_core.errors import HeatError
from heat_core.jobs.estimate import estimate
from heat_core.pipeline.experiment_sets import inspect_sets
from heat_core.pipeline.residual_cache import ResidualCache
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
    """One run of a study.

    Attributes:
        setting: what it is of.
        experiment: with its seed.
        folder: where it lies, or will.
    """

    setting: StudySetting
    experiment: Experiment
    folder: Path

    @property
    def run(self) -> Run | None:
        """The run, where it is done."""
        return finished_run(self.folder)


def plan_runs(request: StudyRequest) -> list[PlannedRun]:
    """Every run that a study needs, seed by seed, so that all settings are there with the first.

    Raises:
        HeatError: where a set cannot be opened, or the study cannot be had of this base.
    """
    study = study_of(request.study)
    settings = study.vary(request.base, request.values or study.values)
    for setting in settings:
        setting.experiment.check()
    files = fingerprint_of(request.base)
    planned = []
    for i, seed in enumerate(request.seeds):
        for setting in settings:
            experiment = setting.with_seed(seed, first=i == 0)
            planned.append(PlannedRun(setting, experiment, run_folder(experiment, files)))
    return planned


def seconds_left(planned: list[PlannedRun]) -> float:
    """What the runs that are not done will take, at most: features are extracted once, and a residual that several of
    them need is trained once."""
    to_do = {item.folder: item.experiment for item in planned if item.run is None}
    if not to_do:
        return 0.0
    sizes = inspect_sets(planned[0].experiment).sizes  # the same sets in all of them
    costs = [estimate(experiment, sizes) for experiment in to_do.values()]
    extraction = 0.0 if len(to_do) < len({item.folder for item in planned}) else costs[0].extraction or 0.0
    return extraction + sum(cost.training for cost in costs)


def collect_finished(study: StudyFolder, planned: list[PlannedRun]) -> FinishedRuns:
    """What of a study is done."""
    runs: dict[str, tuple[StudySetting, list[Run]]] = {}
    for item in planned:
        if run := item.run:
            runs.setdefault(item.setting.label, (item.setting, []))[1].append(run)
    path = study.folder / MEASUREMENTS_FILE
    measurements = read_checked_json(path, "delete it and resume the study") if path.exists() else {}
    return FinishedRuns(tuple((setting, tuple(of_setting)) for setting, of_setting in runs.values()), measurements)


def current_results(study: StudyFolder) -> tuple[FinishedRuns, list[Result]]:
    """What of a study is done, and what it shows so far."""
    finished = collect_finished(study, plan_runs(study.request))
    return finished, study_of(study.request.study).show(finished)


def run_study(study: StudyFolder, on_event: Callable[[Event], None] = lambda _: None) -> None:
    """Do the runs of a study that are not done. One that fails is said, and the others go on.

    Raises:
        HeatError: with the sentence of the first run that failed; everything that was finished is kept.
    """
    with record_job(study.folder, on_event, {"heat_core": __version__}) as progress:
        planned = list({item.folder: item for item in plan_runs(study.request)}.values())
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
    """Do or resume a run; one that is done is left as it is."""
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
    """What a run of the study reports; its own end is not the study's."""
    if event["stage"] in ("features", "residual", "detectors"):
        progress("study", event["message"], done=done, total=total)


def _write_measurements(study: StudyFolder, planned: list[PlannedRun], progress: Progress) -> None:
    measure = study_of(study.request.study).measure
    run = planned[0].run
    if measure is None or run is None or (study.folder / MEASUREMENTS_FILE).exists():
        return
    progress("study", "Measuring times.")
    write_checked_json(study.folder / MEASUREMENTS_FILE, json.loads(json.dumps(measure(run, study.folder))))
