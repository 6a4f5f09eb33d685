"""What is asked of a study: its name, an Experiment to vary, the seeds and the values; and where it is kept.

A run of a study is a function of its Experiment and of the files that it names. Its folder carries a digest of both, so
that two studies, or one that was killed and started again, share every finished run without having to know each other.
"""

import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from heat_core.digests import digest_of_array, digest_of_json
from heat_core.errors import HeatError
from heat_core.features.store import load_features
from heat_core.pipeline.experiment_sets import open_sets
from heat_core.runs.events import RUN_FILE
from heat_core.runs.experiment import FEATURES, Experiment
from heat_core.runs.record import FORMAT
from heat_core.runs.run import RUN_OF_STUDY, Run
from heat_core.storage import expand_home, heat_home, is_file, read_json, write_json, writing
from heat_core.version import __version__

MEASUREMENTS_FILE = "measured.json"  # in the folder of a study: what it measured beside its runs


@dataclass(frozen=True)
class StudyRequest:
    """A study that somebody wants.

    Attributes:
        study: its name.
        base: what is varied.
        seeds: of the residuals.
        values: of what is varied; empty = the study's own.
    """

    study: str
    base: Experiment
    seeds: tuple[int, ...] = (0,)
    values: tuple[float, ...] = field(default=())

    def __post_init__(self) -> None:
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise HeatError("A study needs at least one seed, and each once.")
        if len(set(self.values)) < len(self.values):
            raise HeatError("A value was given twice: give each once.")

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"base": self.base.to_dict()}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        try:
            base = Experiment.from_dict(content["base"])
            return cls(str(content["study"]), base, tuple(content["seeds"]), tuple(content["values"]))
        except (KeyError, TypeError, AttributeError) as error:
            raise HeatError(f"The description of this study is damaged ({error}): start the study again.") from error


class StudyFolder:
    """A study on disk: what was asked (run.json, as a run's), what its job reported, what it measured.

    Attributes:
        folder: where it lives.
        info: the content of run.json.
        request: what was asked.
    """

    def __init__(self, folder: Path) -> None:
        cure = "start the study again"
        self.folder = folder
        self.info = read_json(folder / RUN_FILE, cure)
        if not isinstance(self.info, dict) or not {"request", "status", "created"} <= set(self.info):
            raise HeatError(f"{folder} does not describe a study: {cure}.")
        self.request = StudyRequest.from_dict(self.info["request"])

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.folder.name


def studies_home() -> Path:
    """Where studies lie, and the residuals that they share."""
    return heat_home() / "studies"


def new_study(request: StudyRequest) -> StudyFolder:
    """The folder of a study; one that was asked before is found again, with everything that it finished."""
    request = replace(request, base=_normalise(request.base))
    folder = studies_home() / f"{request.study}-{digest_of_json(request.to_dict(), size=6)}"
    if not is_file(folder / RUN_FILE):
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        info = {"format": FORMAT, "request": request.to_dict(), "status": "queued", "created": time.time()}
        write_json(folder / RUN_FILE, info)
    return StudyFolder(folder)


def list_studies() -> list[StudyFolder]:
    """Every readable study, the newest first."""
    studies = []
    for folder in studies_home().glob("*/" + RUN_FILE):
        try:
            studies.append(StudyFolder(folder.parent))
        except HeatError:  # a damaged one must not hide the others
            continue
    return sorted(studies, key=lambda study: study.info["created"], reverse=True)


def run_folder(experiment: Experiment, files: str) -> Path:
    """Where the run of an experiment lies, or would.

    Args:
        experiment: as `_normalise` returns it.
        files: `fingerprint_of` it.
    """
    content = _normalise(experiment).to_dict() | {"name": "", "version": __version__, "files": files}
    return heat_home() / "runs" / f"{RUN_OF_STUDY}{digest_of_json(content, size=6)}"


def finished_run(folder: Path) -> Run | None:
    """The run of a folder, where it is done."""
    try:
        run = Run.open(folder) if is_file(folder / RUN_FILE) else None
    except HeatError:
        return None
    return run if run is not None and run.status == "done" else None


def fingerprint_of(experiment: Experiment) -> str:
    """Of the content of the sets and the weights: another one when a file changes.

    Raises:
        HeatError: where a set cannot be opened.
    """
    e = experiment
    stats = [path.stat() for path in e.network_files]
    stamp = [number for stat in stats for number in (stat.st_size, stat.st_mtime_ns)]
    if e.backbone == FEATURES:
        sources = [e.id, *([e.id_test] if e.id_test else []), *e.ood.values()]
        feature_sets = [load_features(expand_home(source)) for source in sources]
        return digest_of_json([stamp, [digest_of_array(f.avg) for f in feature_sets]], size=6)
    return digest_of_json([stamp, {name: images.fingerprint for name, images in open_sets(e).items()}], size=6)


def _normalise(experiment: Experiment) -> Experiment:
    """Without what changes no number."""
    return replace(experiment.with_absolute_paths(), name="", map=False)
