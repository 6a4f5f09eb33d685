"""Results of a run for one scored set: its samples, predictions, scores and energies."""

from dataclasses import dataclass, field

import numpy as np

from heat_core.names import printable
from heat_core.runs.metadata_columns import Columns, are_valid


@dataclass(frozen=True)
class SetRecord:
    """Results of a run for one scored set.

    Attributes:
        ids: (N,) stable ids of the samples.
        labels: (N,) classes in the run's numbering, or None where the set has none.
        predicted: (N,) predicted class.
        confidence: (N,) softmax probability of the predicted class; all NaN where it was not given.
        scores: detector → (N,) OOD scores, for detectors and uncorrected priors.
        prior: (N, K) E_q / T of the corrected priors.
        residual: (N, K) E_θ of the corrected priors.
        columns: name → (N,) further columns of the set's manifest, see `metadata_columns`.
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
        """Check the arrays: name of each requirement → whether it is met."""
        n, predicted, confidence = len(self), self.predicted, self.confidence
        labels = np.zeros(n, int) if self.labels is None else self.labels
        return {
            "ids": self.ids.shape == (n,) and self.ids.dtype.kind == "U" and n > 0,
            "labels": labels.shape == (n,) and labels.dtype.kind in "iu" and labels.min(initial=0) >= 0,
            "predicted classes": predicted.shape == (n,)
            and predicted.dtype.kind == "i"
            and 0 <= predicted.min() <= predicted.max() < classes,
            "confidence": confidence.shape == (n,)
            and confidence.dtype.kind == "f"
            and bool(((confidence >= 0) & (confidence <= 1)).all() or np.isnan(confidence).all()),
            "prior energies": _is_table(self.prior, n, priors),
            "residual energies": _is_table(self.residual, n, priors),
            "columns": are_valid(self.columns, n),
            **{f"scores of {name}": _is_scores(scores, n) for name, scores in self.scores.items()},
        }

    @property
    def hybrid(self) -> np.ndarray:
        """(N, K) hybrid energies E_q / T + E_θ (Eq. 2)."""
        return self.prior + self.residual


def _is_table(values: np.ndarray, n: int, k: int) -> bool:
    return values.shape == (n, k) and values.dtype.kind == "f" and bool(np.isfinite(values).all())


def _is_scores(values: np.ndarray, n: int) -> bool:
    """Tell whether values are scores of N samples; infinite ones are valid, NaN is not."""
    return values.shape == (n,) and values.dtype.kind == "f" and not np.isnan(values).any()


def printable_ids(ids: np.ndarray) -> np.ndarray:
    """Make ids printable, since runs of version 0.1 stored names that are not UTF-8 unchanged."""
    try:
        "".join(ids.tolist()).encode()
        return ids
    except UnicodeEncodeError:
        return np.array([printable(text) for text in ids.tolist()])


def classes_by_folder(ids: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
    """Return the (N,) classes of a set of which the run keeps numbers without names, "" where they are not known.

    They are known where the ids begin with folders, and each number stands for one folder.
    """
    unknown = np.full(len(ids), "")
    if labels is None:
        return unknown
    folders = np.array([sample.partition("/")[0] if "/" in sample else "" for sample in ids.tolist()])
    pairs = len(set(zip(labels.tolist(), folders.tolist(), strict=True)))
    is_class = "" not in folders and pairs == len(np.unique(labels)) == len(np.unique(folders))
    return folders if is_class else unknown
