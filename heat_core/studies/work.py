"""The runs of a study: which there are, how long they will take, and doing those that are not done."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from heat_core.errors import HeatError
from heat_core.jobs.estimate import estimate
from heat_core.pipeline.residual_cache import Shelf
from heat_core.pipeline.validate_sets import overview
from heat_core.runs.creation import new_run_in
from heat_core.runs.events import RUN_FILE, Event, Progress, recorded
from heat_core.runs.experiment import Experiment
from heat_core.runs.run import Run
from heat_core.storage import is_file, read_sealed, write_sealed
from heat_core.studies.catalogue import study_of
from heat_core.studies.request import (
    MEASURED,
    Request,
    StudyFolder,
    fingerprint_of,
    finished_run,
    run_folder,
    studies_home,
)
from heat_core.studies.results import Result
from heat_core.studies.study import Finished, Setting
from heat_core.version import __version__


@dataclass(frozen=True)
class Planned:
    """One run of a study.

    Attributes:
        setting: what it is of.
        experiment: with its seed.
        folder: where it lies, or will.
    """

    setting: Setting
    experiment: Experiment
    folder: Path

    @property
    def run(self) -> Run | None:
        """The run, where it is done."""
        return finished_run(self.folder)


def plan(request: Request) -> list[Planned]:
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
            planned.append(Planned(setting, experiment, run_folder(experiment, files)))
    return planned


def seconds_left(planned: list[Planned]) -> float:
    """What the runs that are not done will take, at most: features are extracted once, and a residual that several of
    them need is trained once."""
    to_do = {one.folder: one.experiment for one in planned if one.run is None}
    if not to_do:
        return 0.0
    sizes = overview(planned[0].experiment).sizes  # the same sets in all of them
    costs = [estimate(experiment, sizes) for experiment in to_do.values()]
    extraction = 0.0 if len(to_do) < len({one.folder for one in planned}) else costs[0].extraction or 0.0
    return extraction + sum(cost.training for cost in costs)


def finished(study: StudyFolder, planned: list[Planned]) -> Finished:
    """What of a study is done."""
    runs: dict[str, tuple[Setting, list[Run]]] = {}
    for one in planned:
        if run := one.run:
            runs.setdefault(one.setting.label, (one.setting, []))[1].append(run)
    path = study.folder / MEASURED
    measured = read_sealed(path, "delete it and resume the study") if path.exists() else {}
    return Finished(tuple((setting, tuple(of)) for setting, of in runs.values()), measured)


def shown(study: StudyFolder) -> tuple[Finished, list[Result]]:
    """What of a study is done, and what it shows so far."""
    found = finished(study, plan(study.request))
    return found, study_of(study.request.study).show(found)


def work(study: StudyFolder, on_event: Callable[[Event], None] = lambda _: None) -> None:
    """Do the runs of a study that are not done. One that fails is said, and the others go on.

    Raises:
        HeatError: with the sentence of the first run that failed; everything that was finished is kept.
    """
    with recorded(study.folder, on_event, {"heat_core": __version__}) as progress:
        planned = list({one.folder: one for one in plan(study.request)}.values())
        failures: list[str] = []
        for i, one in enumerate(planned):
            name = f"{one.setting.label}, seed {one.experiment.seed}"
            progress("study", f"Run {i + 1} of {len(planned)}: {name}.", done=i, total=len(planned))
            try:
                _do(one, name, lambda event, i=i: _passed_on(progress, event, i, len(planned)))  # type: ignore[misc]
            except HeatError as error:
                failures.append(f"{name}: {error}")
                progress("study", failures[-1], done=i, total=len(planned))
        _measure(study, planned, progress)
        progress("study", "All runs are done.", done=len(planned), total=len(planned))
        if failures:
            raise HeatError(failures[0])


def _do(one: Planned, name: str, on_event: Callable[[Event], None]) -> None:
    """Do or resume a run; one that is done is left as it is."""
    if one.run:
        return
    from heat_core.pipeline.pipeline import run  # imports torch
    from heat_core.pipeline.umap_process import Projector

    if not is_file(one.folder / RUN_FILE):
        new_run_in(one.folder, replace(one.experiment, name=f"{Path(one.experiment.id).name}, {name}", map=False))
    found = Run.open(one.folder)
    with Projector(False) as projector:
        run(found.experiment, projector, one.folder, on_event, Shelf(studies_home() / "residuals"))


def _passed_on(progress: Progress, event: Event, done: int, total: int) -> None:
    """What a run of the study reports; its own end is not the study's."""
    if event["stage"] in ("features", "residual", "detectors"):
        progress("study", event["message"], done=done, total=total)


def _measure(study: StudyFolder, planned: list[Planned], progress: Progress) -> None:
    measure = study_of(study.request.study).measure
    run = planned[0].run
    if measure is None or run is None or (study.folder / MEASURED).exists():
        return
    progress("study", "Measuring times.")
    write_sealed(study.folder / MEASURED, json.loads(json.dumps(measure(run, study.folder))))
