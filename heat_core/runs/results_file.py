"""Results of a run on disk, written and read: `energies.npz`, `head.npz` and `beta.json`.

The keys of these files are used in this module only. Reading them needs numpy alone.
"""

import json
import math
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from heat_core.composition import Scale
from heat_core.energies.names import imported_spec
from heat_core.errors import HeatError
from heat_core.runs.metadata_columns import from_arrays, to_arrays
from heat_core.runs.set_record import SetRecord, printable_ids
from heat_core.storage import from_stored_path, read_checked_json, read_npz, to_stored_path, write_npz
from heat_core.types import Head

#: Format of a run's folder. Increase it when a reader of this format would misread what is written.
FORMAT = 1
_PRIOR_NAME = re.compile(r"[a-z][a-z0-9-]*(@b)?")  # it becomes part of a file name
ENERGIES, BETA_FILE, HEAD_FILE = "energies.npz", "beta.json", "head.npz"


def residual_path(folder: Path, prior: str) -> Path:
    """Return the file of a prior's trained residual in a run's folder."""
    return folder / f"residual-{prior}.safetensors"


def require_format(number: Any, path: Path, version: str = "") -> None:
    """Refuse files of another format; those without a number, from older versions, have format 1.

    Args:
        number: format of the file.
        path: the file or folder, for the error.
        version: version of heat_core that wrote it, or "".

    Raises:
        HeatError: where the format is not `FORMAT`.
    """
    if number != FORMAT:
        by = f" by heat_core {version}" if version else ""
        raise HeatError(
            f"{path} was written{by} in format {number}, and this heat_core reads format {FORMAT}: install the version "
            "that wrote it, or start the run again."
        )


@dataclass(frozen=True)
class RunRecord:
    """Results of a run for its scored sets (ID test set, OOD sets, shifted sets), and the values that they share.

    Attributes:
        sets: records of the sets, in the order of `Run.datasets`.
        training_ids: stable ids of the training samples.
        class_names: names of the classifier's classes.
        titles: detector or uncorrected prior → title, in the order of the tables.
        left_out: detector or prior that could not run → reason.
        features: set (`train`, `id`, and the others) → folder of its features.
        second_features: the same of a second encoder; {} where there is none, and in runs of older versions.
        accuracy: accuracy of the classifier on the ID test set, where its labels are known.
        notes: sentences about the sets and rows that a reader of the numbers should know.
        scale: the corrected priors, and the standardisation scale of their hybrid energies.
        temperatures: temperature T of each corrected prior.
        evidence: detector, or prior of a plugin → evidence that its score reads (see `Detector.evidence`); {} in runs
            of older versions.
        plugins: detector or prior of a plugin → name and version of the plugin.
        origin: digest of the version and the settings with which its slow detectors are trained, see
            `energies.residual_cache.residual_origin`; "" in runs of older versions.
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
    plugins: dict[str, str] = field(default_factory=dict)
    second_features: dict[str, str] = field(default_factory=dict)
    origin: str = ""

    def with_corrected(
        self,
        scale: Scale,
        temperatures: tuple[float, ...],
        prior: list[np.ndarray],
        residual: list[np.ndarray],
    ) -> "RunRecord":
        """Return the record with other corrected priors; `prior` and `residual` are (N, K) for each set."""
        sets = [replace(s, prior=p, residual=r) for s, p, r in zip(self.sets, prior, residual, strict=True)]
        return replace(self, sets=sets, scale=scale, temperatures=temperatures)

    def with_detector(self, detector: str, title: str, scores: list[np.ndarray], order: list[str]) -> "RunRecord":
        """Return the record with one more detector.

        Args:
            detector: name of the detector.
            title: its title in the tables.
            scores: (N,) scores of each set.
            order: names of all rows that the tables will have, in their order.
        """
        sets = [replace(s, scores=s.scores | {detector: new}) for s, new in zip(self.sets, scores, strict=True)]
        titles = self.titles | {detector: title}
        return replace(self, sets=sets, titles={row: titles[row] for row in order if row in titles})

    def with_priors(self, priors: tuple[str, ...]) -> "RunRecord":
        """Return the record with some of its corrected priors, as it was before the others were trained."""
        columns = self.scale.columns(priors)
        return self.with_corrected(
            self.scale.select(priors),
            tuple(self.temperatures[k] for k in columns),
            [s.prior[:, columns] for s in self.sets],
            [s.residual[:, columns] for s in self.sets],
        )

    def require_sound(self, path: Path) -> None:
        """Refuse arrays or texts that do not have the declared form, or do not fit one another.

        Raises:
            HeatError: naming the file and the first requirement that is not met.
        """
        k, scale = len(self.scale.priors), self.scale
        texts = (*self.class_names, *self.titles, *self.titles.values(), *self.left_out.values(), *self.notes)
        texts += (*self.evidence, *self.evidence.values(), *self.plugins, *self.plugins.values(), self.origin)
        checks = {
            "texts": all(map(_is_text, texts)),
            "classes": len(self.class_names) > 0 and len(self.sets) > 1,
            "training ids": self.training_ids.ndim == 1 and self.training_ids.dtype.kind == "U",
            "mean": scale.mean.shape == (k,) and bool(np.isfinite(scale.mean).all()),
            "std": scale.std.shape == (k,) and bool(np.isfinite(scale.std).all() and (scale.std > 0).all()),
            "temperatures": len(self.temperatures) == k and all(0 < t < np.inf for t in self.temperatures),
            "priors": len(set(scale.priors)) == k and all(self._has_prior(prior) for prior in scale.priors),
            "accuracy": self.accuracy is None or 0 <= self.accuracy <= 1,
        }
        for i, scored in enumerate(self.sets):
            checks |= {f"{what} of set {i}": fine for what, fine in scored.checks(k, len(self.class_names)).items()}
        if wrong := [what for what, fine in checks.items() if not fine]:
            raise HeatError(f"{path} is damaged ({wrong[0]}): delete it and resume the run.")

    def _has_prior(self, prior: Any) -> bool:
        """Tell whether a prior is known, or is one of a plugin that need not be installed: then it has a row."""
        is_name = isinstance(prior, str) and _PRIOR_NAME.fullmatch(prior) is not None
        return is_name and (imported_spec(prior) is not None or prior in self.titles)

    def save(self, path: Path) -> None:
        """Write `energies.npz`, completely or not at all."""
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
            "features": {name: to_stored_path(folder) for name, folder in self.features.items()},
            "second_features": {name: to_stored_path(folder) for name, folder in self.second_features.items()},
            "priors": list(self.scale.priors),
            "mean": list(map(float, self.scale.mean)),
            "std": list(map(float, self.scale.std)),
            "temperature": list(self.temperatures),
            "notes": list(self.notes),
            "evidence": self.evidence,
            "plugins": self.plugins,
            "origin": self.origin,
        }
        if self.accuracy is not None:
            summary["accuracy"] = self.accuracy
        write_npz(path, arrays | {"summary": np.array(json.dumps(summary))})

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file that `save` wrote.

        Raises:
            HeatError: where it is missing, damaged or of another format.
        """
        arrays = read_npz(path)
        try:
            summary = json.loads(str(arrays["summary"]))
            require_format(summary.get("format", 1), path)
            count = sum(name.endswith("/predicted") for name in arrays)
            record = cls(
                sets=[_set_record(arrays, i, summary["baselines"]) for i in range(count)],
                training_ids=printable_ids(arrays["train/ids"]),
                class_names=summary["class_names"],
                titles={row: summary.get("titles", {}).get(row, row) for row in summary["baselines"]},
                left_out=summary["left_out"],
                features=_stored_folders(summary, "features", path),
                second_features=_stored_folders(summary, "second_features", path),
                accuracy=summary.get("accuracy"),
                scale=Scale(tuple(summary["priors"]), np.array(summary["mean"]), np.array(summary["std"])),
                temperatures=tuple(summary["temperature"]),
                notes=tuple(summary.get("notes", ())),
                evidence=summary.get("evidence", {}),
                plugins=summary.get("plugins", {}),
                origin=summary.get("origin", ""),
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


def _is_text(value: Any) -> bool:
    """Tell whether a value is text that can be encoded as UTF-8."""
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False


def _stored_folders(summary: dict[str, Any], key: str, path: Path) -> dict[str, str]:
    """Return set → folder of features, as the file of a run has them under a key; {} where it has none."""
    return {name: from_stored_path(folder, path.parent) for name, folder in summary.get(key, {}).items()}


def _set_record(arrays: dict[str, np.ndarray], i: int, detectors: list[str]) -> SetRecord:
    labels = arrays[f"{i}/labels"]
    return SetRecord(
        ids=printable_ids(arrays[f"{i}/ids"]),
        labels=labels if len(labels) else None,
        predicted=arrays[f"{i}/predicted"],
        confidence=arrays[f"{i}/confidence"],
        scores={name: arrays[f"{i}/score-{name}"] for name in detectors},
        prior=arrays[f"{i}/prior"],
        residual=arrays[f"{i}/residual"],
        columns=from_arrays(arrays, f"{i}/"),
    )


def read_head(path: Path, classes: int) -> Head:
    """Read (weight (C, D), bias (C,)) of `head.npz`.

    Raises:
        HeatError: where it is missing, damaged or has another number of classes.
    """
    arrays = read_npz(path)
    weight, bias = (arrays.get(name, np.empty(0)) for name in ("weight", "bias"))
    if weight.ndim != 2 or weight.shape[:1] != (classes,) or bias.shape != (classes,) or weight.dtype.kind != "f":
        raise HeatError(f"{path} is damaged, it is no head of {classes} classes: delete it and resume the run.")
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        raise HeatError(f"{path} is damaged, it holds NaN or infinity: delete it and resume the run.")
    return weight, bias


def read_beta(path: Path) -> float | None:
    """Read the suggested β of `beta.json`; None where there is none yet.

    Raises:
        HeatError: where the file is damaged.
    """
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
