"""OOD scores that another program computed, stored as a small run that the workbench shows."""

import csv
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from heat_core.composition import Scale
from heat_core.data.datasets import open_dataset
from heat_core.data.folder_scan import unique_names
from heat_core.data.image_table import HEAT_ID
from heat_core.digests import digest_of_json
from heat_core.errors import HeatError
from heat_core.names import file_name, printable
from heat_core.runs.events import RUN_FILE
from heat_core.runs.experiment import FEATURES, Experiment
from heat_core.runs.results_file import ENERGIES, FORMAT, RunRecord
from heat_core.runs.run import Run
from heat_core.runs.set_record import SetRecord
from heat_core.storage import heat_home, replacing, write_json, writing
from heat_core.version import __version__

_SCORE = "score"  # name of the one energy of such a run
_OWN_FILES = ("images-", "features-", ENERGIES)  # beginnings of the names of what is written before run.json


@dataclass(frozen=True)
class GivenScores:
    """Scores and what is known of their samples; each list holds one entry for each set, the known test set first.

    Attributes:
        sets: names of the sets.
        scores: (N,) scores, larger = more out-of-distribution.
        images: absolute paths of the N images of each set; None where there are none.
        predicted: (N,) numbers of the predicted classes.
        confidence: (N,) probabilities of these; all NaN where they are not known.
        labels: (N,) numbers of the true classes of the known test set; None where they are not known.
        classes: names of the classes.
        features: (N, D) float32 features; None where there are none.
    """

    sets: list[str]
    scores: list[np.ndarray]
    images: list[list[Path]] | None
    predicted: list[np.ndarray]
    confidence: list[np.ndarray]
    labels: np.ndarray | None
    classes: list[str]
    features: list[np.ndarray] | None

    @property
    def ids(self) -> list[np.ndarray]:
        """(N,) ids of the samples: paths of the images below the folder that holds them all, else their positions."""
        if self.images is None:
            return [np.array([str(row) for row in range(len(scores))]) for scores in self.scores]
        return [np.array(unique_names(_names_below_common_folder(paths))) for paths in self.images]


def _names_below_common_folder(paths: list[Path]) -> list[str]:
    common = os.path.commonpath([path.parent for path in paths])
    return [printable(path.relative_to(common).as_posix()) for path in paths]


def default_folder(given: GivenScores, title: str) -> Path:
    """Return a folder that is the same whenever the samples are, so that their tags are found again, and no others."""
    samples: Sequence[Iterable[object]] = given.scores if given.images is None else given.images
    content = [[name, [str(value) for value in of]] for name, of in zip(given.sets, samples, strict=True)]
    return heat_home() / "explored" / f"{file_name(title)}-{digest_of_json(content, 6)}"


def write_run(folder: Path, given: GivenScores, title: str) -> Run:
    """Write the scores as a finished run, over an earlier one of such scores in the same folder.

    Args:
        folder: absolute path of the folder.
        given: the scores.
        title: name of the score.

    Raises:
        HeatError: where the folder holds something else, or cannot be written.
    """
    if folder.exists() and not _is_free(folder):
        raise HeatError(f"folder {printable(folder)} holds something else than explored scores: give another one.")
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    ids = given.ids
    sources = _write_lists(folder, given, ids)
    for i, values in enumerate(given.features or []):
        _write_features(_features_folder(folder, i), values, ids[i])
    experiment = Experiment(
        id=sources[0],
        id_test=sources[0],
        ood=dict(zip(given.sets[1:], sources[1:], strict=True)),
        backbone=FEATURES if given.images is None else "scores",
        priors=[_SCORE],
        name=title,
    )
    _record(folder, given, ids, title).save(folder / ENERGIES)
    versions = {"heat_core": __version__}
    info = {"format": FORMAT, "experiment": experiment.to_dict(), "status": "done", "created": time.time()}
    write_json(folder / RUN_FILE, info | {"versions": versions, "score_title": title})
    return Run.open(folder)


def _is_free(folder: Path) -> bool:
    """Tell whether scores can be written there: it is empty, or holds earlier ones, perhaps not all of their files."""
    if (folder / RUN_FILE).exists():
        return Run.open(folder).score_title is not None
    return folder.is_dir() and all(path.name.startswith(_OWN_FILES) for path in folder.iterdir())


def _record(folder: Path, given: GivenScores, ids: list[np.ndarray], title: str) -> RunRecord:
    sets = [
        SetRecord(
            ids=ids[i],
            labels=given.labels if i == 0 else None,
            predicted=given.predicted[i],
            confidence=given.confidence[i],
            scores={_SCORE: scores},
            prior=scores[:, None],
            residual=np.zeros((len(scores), 1)),
        )
        for i, scores in enumerate(given.scores)
    ]
    return RunRecord(
        sets=sets,
        training_ids=np.empty(0, str),
        class_names=given.classes,
        titles={_SCORE: title},
        left_out={},
        features={
            name: str(_features_folder(folder, i)) for i, name in enumerate(given.sets if given.features else [])
        },
        accuracy=None if given.labels is None else float((given.labels == given.predicted[0]).mean()),
        scale=Scale((_SCORE,), np.zeros(1), np.ones(1)),
        temperatures=(1.0,),
    )


def _write_lists(folder: Path, given: GivenScores, ids: list[np.ndarray]) -> list[str]:
    """Write a list of the images of each set, and return the sources of the sets.

    Raises:
        HeatError: where an image would not be read as it was given.
    """
    if given.images is None:
        return list(given.sets)
    sources = []
    for i, (name, paths) in enumerate(zip(given.sets, given.images, strict=True)):
        source = folder / f"images-{i}.csv"
        with replacing(source) as unfinished, open(unfinished, "w", newline="", errors="surrogateescape") as file:
            csv.writer(file).writerows([("path", HEAT_ID), *zip(map(str, paths), ids[i].tolist(), strict=True)])
        listed = open_dataset(str(source))
        if listed.ids != ids[i].tolist():
            raise HeatError(f"The images of {name!r} cannot be listed by their paths: {' '.join(listed.notes)}")
        sources.append(str(source))
    return sources


def _features_folder(folder: Path, position: int) -> Path:
    """Return the folder of the features of the set at a position."""
    return folder / f"features-{position}"


def _write_features(folder: Path, values: np.ndarray, ids: np.ndarray) -> None:
    """Write a folder of features (see `features.store`)."""
    with writing(folder):
        folder.mkdir(exist_ok=True)
        with replacing(folder / "avg.npy") as unfinished, open(unfinished, "wb") as file:
            np.save(file, values)
    write_json(folder / "meta.json", {"ids": ids.tolist()})
