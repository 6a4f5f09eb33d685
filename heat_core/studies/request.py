"""Requests for studies (name, Experiment to vary, seeds, values), and the folders of studies and of their runs.

A run of a study depends only on its Experiment and on the files that this names. The name of its folder contains a
digest of both, so that several studies, or a study that was stopped and started again, share every finished run.
"""

import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from heat_core.digests import digest_of_arrays, digest_of_file, digest_of_json
from heat_core.errors import HeatError
from heat_core.features.store import load_features
from heat_core.pipeline.experiment_sets import open_sets
from heat_core.runs.events import RUN_FILE
from heat_core.runs.experiment import FEATURES, Experiment
from heat_core.runs.results_file import FORMAT
from heat_core.runs.run import RUN_OF_STUDY, Run
from heat_core.storage import expand_home, heat_home, is_file, read_json, write_json, writing
from heat_core.version import NUMBERS_VERSION

MEASUREMENTS_FILE = "measured.json"  # in the folder of a study: its measurements, and the name of the run they are of


@dataclass(frozen=True)
class StudyRequest:
    """Request for a study.

    Attributes:
        study: name of the study.
        base: experiment that the study varies.
        seeds: seeds of the residuals.
        values: values of the varied setting; empty: the study's default values.
    """

    study: str
    base: Experiment
    seeds: tuple[int, ...] = (0,)
    values: tuple[float, ...] = field(default=())

    def __post_init__(self) -> None:
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise HeatError("A study needs at least one seed, and each seed only once.")
        if len(set(self.values)) < len(self.values):
            raise HeatError("A value was given twice: give each value once.")

    def to_dict(self) -> dict[str, Any]:
        """Convert the request to JSON values (see `from_dict`)."""
        return asdict(self) | {"base": self.base.to_dict()}

    @classmethod
    def from_dict(cls, content: dict[str, Any], folder: Path | None = None) -> Self:
        """Restore a request from `to_dict`.

        Args:
            content: the content.
            folder: folder of the study, see `storage.from_stored_path`.

        Raises:
            HeatError: where the content is damaged.
        """
        try:
            base = Experiment.from_dict(content["base"], folder)
            return cls(str(content["study"]), base, tuple(content["seeds"]), tuple(content["values"]))
        except (KeyError, TypeError, AttributeError) as error:
            raise HeatError(f"The description of this study is damaged ({error}): start the study again.") from error


class StudyFolder:
    """Study on disk: its request (in run.json, like a run's), the events of its job, its measurements.

    Opening one raises HeatError where run.json is damaged.

    Attributes:
        folder: folder of the study.
        info: content of run.json.
        request: description of the study.
    """

    def __init__(self, folder: Path) -> None:
        cure = "start the study again"
        self.folder = folder
        self.info = read_json(folder / RUN_FILE, cure)
        if not isinstance(self.info, dict) or not {"request", "status", "created"} <= set(self.info):
            raise HeatError(f"{folder} does not describe a study: {cure}.")
        self.request = StudyRequest.from_dict(self.info["request"], folder)

    @property
    def id(self) -> str:
        """Name of the folder."""
        return self.folder.name


def studies_home() -> Path:
    """Return the folder of all studies, which also holds the residuals that they share."""
    return heat_home() / "studies"


def new_study(request: StudyRequest) -> StudyFolder:
    """Create the folder of a study, or open it where the same study was requested before."""
    request = replace(request, base=_normalise(request.base))
    folder = studies_home() / f"{request.study}-{digest_of_json(request.to_dict(), size=6)}"
    if not is_file(folder / RUN_FILE):
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        info = {"format": FORMAT, "request": request.to_dict(), "status": "queued", "created": time.time()}
        write_json(folder / RUN_FILE, info)
    return StudyFolder(folder)


def list_studies() -> list[StudyFolder]:
    """List every readable study, newest first."""
    studies = []
    for folder in studies_home().glob("*/" + RUN_FILE):
        try:
            studies.append(StudyFolder(folder.parent))
        except HeatError:  # a damaged study must not hide the others
            continue
    return sorted(studies, key=lambda study: study.info["created"], reverse=True)


def run_folder(experiment: Experiment, files: str) -> Path:
    """Return the folder of an experiment's run in a study, which need not exist yet.

    Args:
        experiment: experiment of the run; its name and whether it has a map make no difference.
        files: `fingerprint_of` the experiment.
    """
    content = _normalise(experiment).to_dict() | {"name": "", "version": NUMBERS_VERSION, "files": files}
    return heat_home() / "runs" / f"{RUN_OF_STUDY}{digest_of_json(content, size=6)}"


def finished_run(folder: Path) -> Run | None:
    """Open the run of a folder; None where there is none that is done."""
    try:
        run = Run.open(folder) if is_file(folder / RUN_FILE) else None
    except HeatError:
        return None
    return run if run is not None and run.status == "done" else None


def fingerprint_of(experiment: Experiment) -> str:
    """Compute a digest of the content of an experiment's sets and of its weights files, which changes with any file.

    Raises:
        HeatError: where a set cannot be opened.
    """
    e = experiment
    stats = [path.stat() for path in e.network_files]
    stamp = [number for stat in stats for number in (stat.st_size, stat.st_mtime_ns)]
    if e.backbone == FEATURES:
        sources = [e.id, *([e.id_test] if e.id_test else []), *e.scored_sets.values()]
        return digest_of_json([stamp, [_digest_of_features(expand_home(source)) for source in sources]], size=6)
    return digest_of_json([stamp, {name: images.fingerprint for name, images in open_sets(e).items()}], size=6)


def _digest_of_features(folder: Path) -> list[Any]:
    """Digest everything in a folder of features that the numbers of a run depend on."""
    features, head = load_features(folder), folder / "head.npz"
    columns = {"avg": features.avg, "std": features.std, "labels": features.labels}
    given = {name: values for name, values in columns.items() if values is not None}
    return [digest_of_arrays(given), features.class_names, digest_of_file(head) if is_file(head) else ""]


def _normalise(experiment: Experiment) -> Experiment:
    """Remove what changes no result: relative paths, the name, the map."""
    return replace(experiment.with_absolute_paths(), name="", map=False)
