"""What a run leaves on disk: `energies.npz`, `head.npz` and `beta.json`, both ways.

Nobody else spells a key of these files. Opening them needs numpy alone.
"""

import json
import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from heat_core.composition import Scale
from heat_core.energies.names import PRIOR_TITLES
from heat_core.errors import HeatError
from heat_core.names import printable
from heat_core.runs.metadata_columns import Columns, are_valid, from_arrays, to_arrays
from heat_core.storage import read_checked_json, read_npz, write_npz
from heat_core.types import Head

#: Of a run's folder. Raise it when a reader of this format would misread what is written.
FORMAT = 1
ENERGIES, BETA_FILE, HEAD_FILE = "energies.npz", "beta.json", "head.npz"


def residual_path(folder: Path, prior: str) -> Path:
    """Where a run keeps the trained residual of a prior."""
    return folder / f"residual-{prior}.safetensors"


def require_format(number: Any, path: Path, version: str = "") -> None:
    """Refuse what another format wrote; runs from before the number was kept are of format 1."""
    if number != FORMAT:
        by = f" by heat_core {version}" if version else ""
        raise HeatError(
            f"{path} was written{by} in format {number}, and this heat_core reads format {FORMAT}: install the version "
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
        n, predicted, confidence = len(self), self.predicted, self.confidence
        labels = np.zeros(n, int) if self.labels is None else self.labels
        return {
            "ids": self.ids.shape == (n,) and self.ids.dtype.kind == "U" and n > 0,
            "labels": labels.shape == (n,) and labels.dtype.kind in "iu" and labels.min(initial=0) >= 0,
            "classes seen": predicted.shape == (n,)
            and predicted.dtype.kind == "i"
            and 0 <= predicted.min() <= predicted.max() < classes,
            "confidence": confidence.shape == (n,)
            and confidence.dtype.kind == "f"
            and bool(((confidence >= 0) & (confidence <= 1)).all()),
            "prior energies": _is_table(self.prior, n, priors),
            "residual energies": _is_table(self.residual, n, priors),
            "columns": are_valid(self.columns, n),
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

    def with_detector(self, detector: str, title: str, scores: list[np.ndarray], order: list[str]) -> "RunRecord":
        """The same run with one more detector; `scores`: (N,) of each set, `order`: of all rows there will be."""
        sets = [replace(s, scores=s.scores | {detector: new}) for s, new in zip(self.sets, scores, strict=True)]
        titles = self.titles | {detector: title}
        return replace(self, sets=sets, titles={row: titles[row] for row in order if row in titles})

    def with_priors(self, priors: tuple[str, ...]) -> "RunRecord":
        """The same run with some of its corrected priors, as it was before the others were trained."""
        columns = self.scale.columns(priors)
        return self.with_corrected(
            self.scale.select(priors),
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
        for i, scored in enumerate(self.sets):
            checks |= {f"{what} of set {i}": fine for what, fine in scored.checks(k, len(self.class_names)).items()}
        if wrong := [what for what, fine in checks.items() if not fine]:
            raise HeatError(f"{path} is damaged ({wrong[0]}): delete it and resume the run.")

    def save(self, path: Path) -> None:
        """Write `energies.npz`, whole or not at all."""
        arrays: dict[str, np.ndarray] = {"train/ids": self.training_ids}
        for i, scored in enumerate(self.sets):
            arrays |= {f"{i}/ids": scored.ids, f"{i}/predicted": scored.predicted, f"{i}/confidence": scored.confidence}
            arrays[f"{i}/labels"] = np.empty(0, np.int64) if scored.labels is None else scored.labels
            arrays |= {f"{i}/score-{name}": scores for name, scores in scored.scores.items()}
            arrays |= {f"{i}/prior": scored.prior, f"{i}/residual": scored.residual}
            arrays |= to_arrays(scored.columns, f"{i}/")
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
            record = cls(
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
            record.require_sound(path)
            if len(record.training_ids) != summary.get("train_size", len(record.training_ids)):
                raise HeatError(f"{path} is damaged (training ids): delete it and resume the run.")
            return record
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


def read_head(path: Path, classes: int) -> Head:
    """Read (weight (C, D), bias (C,)) of `head.npz`; HeatError where it is missing, damaged or has other classes."""
    arrays = read_npz(path)
    weight, bias = (arrays.get(name, np.empty(0)) for name in ("weight", "bias"))
    if weight.ndim != 2 or weight.shape[:1] != (classes,) or bias.shape != (classes,) or weight.dtype.kind != "f":
        raise HeatError(f"{path} is damaged, it is no head of {classes} classes: delete it and resume the run.")
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        raise HeatError(f"{path} is damaged, it holds NaN or infinity: delete it and resume the run.")
    return weight, bias


def read_beta(path: Path) -> float | None:
    """Read the suggested β of `beta.json`; None where there is none yet, HeatError where it is damaged."""
    remedy = "delete it and resume the run"
    if not path.exists():
        return None
    try:
        beta = float(read_checked_json(path, remedy)["beta"])
    except (KeyError, TypeError, ValueError) as error:
        raise HeatError(str(error) if isinstance(error, HeatError) else f"{path} is damaged: {remedy}.") from error
    if math.isnan(beta):
        raise HeatError(f"{path} is damaged, its β is no number: {remedy}.")
    return beta
