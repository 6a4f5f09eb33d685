"""What a run and its scored images leave on disk: `energies.npz` and `scored.npz`, both ways.

Nobody else spells a key of these files. Opening them needs numpy alone.
"""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from heat_core.composition import PLAIN, Lens, Scale
from heat_core.data.image_location import Place
from heat_core.energies.names import PRIOR_TITLES
from heat_core.errors import HeatError
from heat_core.runs.metadata_columns import Columns, are_sound, from_arrays, to_arrays
from heat_core.storage import printable, read_npz, write_npz

#: Of a run's folder. Raise it when a reader of this format would misread what is written.
FORMAT = 1
ENERGIES, SCORED = "energies.npz", "scored.npz"


def residual_path(folder: Path, prior: str) -> Path:
    """Where a run keeps the trained residual of a prior."""
    return folder / f"residual-{prior}.safetensors"


def require_format(found: Any, path: Path, version: str = "") -> None:
    """Refuse what another format wrote; runs from before the number was kept are of format 1."""
    if found != FORMAT:
        by = f" by heat_core {version}" if version else ""
        raise HeatError(
            f"{path} was written{by} in format {found}, and this heat_core reads format {FORMAT}: install the version "
            "that wrote it, or start the run again."
        )


@dataclass(frozen=True)
class SetRecord:
    """What a run knows of one scored set.

    Attributes:
        ids: (N,) stable ids of the samples.
        labels: (N,) classes in the run's numbering, or None where the set has none.
        predicted: (N,) the class that the classifier sees.
        confidence: (N,) the softmax probability of it.
        scores: detector → (N,), for detectors and uncorrected priors.
        prior: (N, K) E_q / T of the corrected priors.
        residual: (N, K) E_θ of the same.
        columns: name → (N,) what else the set's manifest says, see `further`.
    """

    ids: np.ndarray
    labels: np.ndarray | None
    predicted: np.ndarray
    confidence: np.ndarray
    scores: dict[str, np.ndarray]
    prior: np.ndarray
    residual: np.ndarray
    columns: Columns = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def checks(self, priors: int, classes: int) -> dict[str, bool]:
        """What must hold of the arrays → whether it does."""
        n, seen, sure = len(self), self.predicted, self.confidence
        labels = np.zeros(n, int) if self.labels is None else self.labels
        return {
            "ids": self.ids.shape == (n,) and self.ids.dtype.kind == "U" and n > 0,
            "labels": labels.shape == (n,) and labels.dtype.kind in "iu" and labels.min(initial=0) >= 0,
            "classes seen": seen.shape == (n,) and seen.dtype.kind == "i" and 0 <= seen.min() <= seen.max() < classes,
            "confidence": sure.shape == (n,) and sure.dtype.kind == "f" and bool(((sure >= 0) & (sure <= 1)).all()),
            "prior energies": _is_table(self.prior, n, priors),
            "residual energies": _is_table(self.residual, n, priors),
            "columns": are_sound(self.columns, n),
            **{f"scores of {name}": _is_scores(scores, n) for name, scores in self.scores.items()},
        }

    @property
    def hybrid(self) -> np.ndarray:
        """(N, K) E_q / T + E_θ (Eq. 2)."""
        return self.prior + self.residual


def _is_table(values: np.ndarray, n: int, k: int) -> bool:
    return values.shape == (n, k) and values.dtype.kind == "f" and bool(np.isfinite(values).all())


def _is_scores(values: np.ndarray, n: int) -> bool:
    """Infinite scores mean something, NaN does not."""
    return values.shape == (n,) and values.dtype.kind == "f" and not np.isnan(values).any()


@dataclass(frozen=True)
class RunRecord:
    """The numbers of a run: of its scored sets (the ID test set, then the OOD sets), and what all of them share.

    Attributes:
        sets: in the order of `Run.datasets`.
        training_ids: stable ids of the training samples.
        class_names: of the classifier.
        titles: detector or uncorrected prior → title, in the order of the tables.
        left_out: detectors and priors that could not run → why.
        features: set (`train`, `id`, OOD sets) → the folder of its features.
        accuracy: of the classifier on the ID test set, where its labels are known.
        notes: sentences about the sets and rows that one should know beside the numbers.
        scale: the corrected priors, and the scale of their hybrid energies.
        temperatures: T of each of them.
        evidence: detector → what it judges by (see `Detector.evidence`); runs of before kept none.
    """

    sets: list[SetRecord]
    training_ids: np.ndarray
    class_names: list[str]
    titles: dict[str, str]
    left_out: dict[str, str]
    features: dict[str, str]
    accuracy: float | None
    scale: Scale = field(default_factory=lambda: Scale((), np.empty(0), np.empty(0)))
    temperatures: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()
    evidence: dict[str, str] = field(default_factory=dict)

    def with_corrected(
        self,
        scale: Scale,
        temperatures: tuple[float, ...],
        prior: list[np.ndarray],
        residual: list[np.ndarray],
    ) -> "RunRecord":
        """The same run with other corrected priors; `prior` and `residual`: (N, K) of each set."""
        sets = [replace(s, prior=p, residual=r) for s, p, r in zip(self.sets, prior, residual, strict=True)]
        return replace(self, sets=sets, scale=scale, temperatures=temperatures)

    def with_row(self, detector: str, title: str, scores: list[np.ndarray], order: list[str]) -> "RunRecord":
        """The same run with one more detector; `scores`: (N,) of each set, `order`: of all rows there will be."""
        sets = [replace(s, scores=s.scores | {detector: new}) for s, new in zip(self.sets, scores, strict=True)]
        titles = self.titles | {detector: title}
        return replace(self, sets=sets, titles={row: titles[row] for row in order if row in titles})

    def only(self, priors: tuple[str, ...]) -> "RunRecord":
        """The same run with some of its corrected priors, as it was before the others were trained."""
        columns = self.scale.columns(priors)
        return self.with_corrected(
            self.scale.part(priors),
            tuple(self.temperatures[k] for k in columns),
            [s.prior[:, columns] for s in self.sets],
            [s.residual[:, columns] for s in self.sets],
        )

    def require_sound(self, path: Path) -> None:
        """HeatError where arrays or texts are not what they are declared to be, or do not fit one another."""
        k, scale = len(self.scale.priors), self.scale
        texts = (*self.class_names, *self.titles, *self.titles.values(), *self.left_out.values(), *self.notes)
        texts += (*self.evidence, *self.evidence.values())
        checks = {
            "texts": all(map(_is_text, texts)),
            "classes": len(self.class_names) > 0 and len(self.sets) > 1,
            "training ids": self.training_ids.ndim == 1 and self.training_ids.dtype.kind == "U",
            "mean": scale.mean.shape == (k,) and bool(np.isfinite(scale.mean).all()),
            "std": scale.std.shape == (k,) and bool(np.isfinite(scale.std).all() and (scale.std > 0).all()),
            "temperatures": len(self.temperatures) == k and all(0 < t < np.inf for t in self.temperatures),
            "priors": len(set(scale.priors)) == k and set(scale.priors) <= set(PRIOR_TITLES),
            "accuracy": self.accuracy is None or 0 <= self.accuracy <= 1,
        }
        for i, found in enumerate(self.sets):
            checks |= {f"{what} of set {i}": fine for what, fine in found.checks(k, len(self.class_names)).items()}
        if wrong := [what for what, fine in checks.items() if not fine]:
            raise HeatError(f"{path} is damaged ({wrong[0]}): delete it and resume the run.")

    def save(self, path: Path) -> None:
        """Write `energies.npz`, whole or not at all."""
        arrays: dict[str, np.ndarray] = {"train/ids": self.training_ids}
        for i, found in enumerate(self.sets):
            arrays |= {f"{i}/ids": found.ids, f"{i}/predicted": found.predicted, f"{i}/confidence": found.confidence}
            arrays[f"{i}/labels"] = np.empty(0, np.int64) if found.labels is None else found.labels
            arrays |= {f"{i}/score-{name}": scores for name, scores in found.scores.items()}
            arrays |= {f"{i}/prior": found.prior, f"{i}/residual": found.residual}
            arrays |= to_arrays(found.columns, f"{i}/")
        summary: dict[str, Any] = {
            "format": FORMAT,
            "sets": len(self.sets),
            "class_names": self.class_names,
            "baselines": list(self.titles),
            "titles": self.titles,
            "left_out": self.left_out,
            "train_size": len(self.training_ids),
            "features": self.features,
            "priors": list(self.scale.priors),
            "mean": list(map(float, self.scale.mean)),
            "std": list(map(float, self.scale.std)),
            "temperature": list(self.temperatures),
            "notes": list(self.notes),
            "evidence": self.evidence,
        }
        if self.accuracy is not None:
            summary["accuracy"] = self.accuracy
        write_npz(path, arrays | {"summary": np.array(json.dumps(summary))})

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote; HeatError where it is missing, damaged or of another format."""
        arrays = read_npz(path)
        try:
            summary = json.loads(str(arrays["summary"]))
            require_format(summary.get("format", 1), path)
            count = sum(name.endswith("/predicted") for name in arrays)
            found = cls(
                sets=[_set_record(arrays, i, summary["baselines"]) for i in range(count)],
                training_ids=_printable(arrays["train/ids"]),
                class_names=summary["class_names"],
                titles={row: summary.get("titles", {}).get(row, row) for row in summary["baselines"]},
                left_out=summary["left_out"],
                features=summary.get("features", {}),
                accuracy=summary.get("accuracy"),
                scale=Scale(tuple(summary["priors"]), np.array(summary["mean"]), np.array(summary["std"])),
                temperatures=tuple(summary["temperature"]),
                notes=tuple(summary.get("notes", ())),
                evidence=summary.get("evidence", {}),
            )
            found.require_sound(path)
            if len(found.training_ids) != summary.get("train_size", len(found.training_ids)):
                raise HeatError(f"{path} is damaged (training ids): delete it and resume the run.")
            return found
        except HeatError:
            raise
        except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
            raise HeatError(
                f"{path} is damaged ({error} is missing or misplaced): delete it and resume the run."
            ) from error


def _printable(ids: np.ndarray) -> np.ndarray:
    """Ids as they can be printed: runs of version 0.1 kept names that are not UTF-8 as they were."""
    try:
        "".join(ids.tolist()).encode()
        return ids
    except UnicodeEncodeError:
        return np.array([printable(text) for text in ids.tolist()])


def _is_text(value: Any) -> bool:
    """Whether a value is text that can be sent and kept as UTF-8."""
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False


def _set_record(arrays: dict[str, np.ndarray], i: int, detectors: list[str]) -> SetRecord:
    labels = arrays[f"{i}/labels"]
    return SetRecord(
        ids=_printable(arrays[f"{i}/ids"]),
        labels=labels if len(labels) else None,
        predicted=arrays[f"{i}/predicted"],
        confidence=arrays[f"{i}/confidence"],
        scores={name: arrays[f"{i}/score-{name}"] for name in detectors},
        prior=arrays[f"{i}/prior"],
        residual=arrays[f"{i}/residual"],
        columns=from_arrays(arrays, f"{i}/"),
    )


@dataclass(frozen=True)
class Scored:
    """New images as a run sees them.

    Attributes:
        ids: (N,) file names.
        prior: (N, K) E_q / T, in the order of `run.priors`.
        residual: (N, K) E_θ of the same.
        predicted: (N,) class indices.
        confidence: (N,) softmax of it.
        avg: (N, D) features.
        xy: (N, 2) on the run's map; (0, 2) where it has none.
        skipped: names of files that could not be read.
        files: (N,) where they lie; (0,) where the ids say it, as they did before images could be crops.
        boxes: (N, 4) x, y, w, h in pixels of crops, NaN of whole files; (0, 4) where all are whole.
        columns: name → (N,) what else a manifest says of them, see `further`.
        notes: sentences about what was left aside, or read in a way that one should know.
    """

    ids: np.ndarray
    prior: np.ndarray
    residual: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray
    avg: np.ndarray
    xy: np.ndarray
    skipped: np.ndarray
    files: np.ndarray = field(default_factory=lambda: np.empty(0, str))
    boxes: np.ndarray = field(default_factory=lambda: np.empty((0, 4)))
    columns: Columns = field(default_factory=dict)
    notes: np.ndarray = field(default_factory=lambda: np.empty(0, str))

    def __len__(self) -> int:
        return len(self.ids)

    def place(self, row: int) -> Place:
        """Where an image lies, or lay."""
        whole = not len(self.boxes) or bool(np.isnan(self.boxes[row]).any())
        file = Path(str((self.files if len(self.files) else self.ids)[row]))
        return Place(file, None if whole else tuple(self.boxes[row].tolist()))

    def _is_sound(self) -> bool:
        """Whether the arrays fit one another."""
        n, k = len(self.ids), self.prior.shape[1]
        of_set = SetRecord(self.ids, None, self.predicted, self.confidence, {}, self.prior, self.residual)
        classes = int(self.predicted.max(initial=0)) + 1
        tables = self.avg.ndim == 2 and len(self.avg) == n and self.xy.shape in ((n, 2), (0, 2))
        finite = bool(np.isfinite(self.avg).all() and np.isfinite(self.xy).all())
        places = self.files.shape in ((n,), (0,)) and self.boxes.shape in ((n, 4), (0, 4))
        kinds = self.files.dtype.kind == "U" and self.boxes.dtype.kind == "f" and are_sound(self.columns, n)
        return tables and finite and places and kinds and all(of_set.checks(k, classes).values())

    def scores(self, scale: Scale, lens: Lens = PLAIN) -> np.ndarray:
        """(N,) HEAT scores through a lens, on the scale of the run that scored them (`Run.scale`)."""
        return scale.scores(self.prior + self.residual, lens)

    def save(self, path: Path) -> None:
        """Write `scored.npz`, whole or not at all."""
        arrays = {name: values for name, values in self.__dict__.items() if name != "columns"}
        write_npz(path, arrays | to_arrays(self.columns) | {"format": np.array(FORMAT)})

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote; HeatError where it is missing, damaged or of another format."""
        arrays = read_npz(path, "score the images again")
        try:
            require_format(int(arrays.pop("format", np.array(1))), path)
            columns = from_arrays(arrays)
            found = cls(**arrays, columns=columns)
            sound = found._is_sound()
        except HeatError:
            raise
        except (TypeError, ValueError, LookupError) as error:  # numpy's own kinds are these
            raise HeatError(f"{path} does not hold scored images: score them again.") from error
        if not sound:
            raise HeatError(f"{path} is damaged, its arrays do not fit one another: score the images again.")
        return found
