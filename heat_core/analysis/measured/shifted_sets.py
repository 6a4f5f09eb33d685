"""What a run does on its shifted sets: how many images are classified rightly, and how many are called unknown."""

from dataclasses import dataclass
from typing import Any

from heat_core.composition import HEAT, PLAIN, Lens
from heat_core.metrics import wilson_interval
from heat_core.names import printable
from heat_core.runs.run import Run


@dataclass(frozen=True)
class Share:
    """Number of images among others, as a share with its 95 % interval (Wilson)."""

    count: int
    total: int

    @property
    def value(self) -> float:
        """The share, in [0, 1]."""
        return self.count / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the share."""
        return wilson_interval(self.count, self.total)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{100 * self.value:.1f} % ({100 * low:.1f}–{100 * high:.1f})"

    def to_json(self) -> dict[str, Any]:
        """Return count, share and interval for JSON."""
        low, high = self.interval
        return {"count": self.count, "share": self.value, "low": low, "high": high}


@dataclass(frozen=True)
class ShiftedSet:
    """A set of the ID's classes under other conditions.

    Attributes:
        name: name of the set.
        images: number of its images.
        right: images that the classifier puts into their class; None where their classes are not known.
        flagged: images that a detector calls unknown, which are its false positives.
        detector: title of that detector.
    """

    name: str
    images: int
    right: Share | None
    flagged: Share
    detector: str

    def sentence(self) -> str:
        """Return the numbers as a sentence without the name of the set."""
        accuracy = "accuracy not known" if self.right is None else f"accuracy {self.right}"
        return f"{self.images:,} images, {accuracy}, {self.flagged} flagged as unknown by {self.detector}"

    def to_json(self) -> dict[str, Any]:
        """Return the numbers for JSON."""
        return {
            "images": self.images,
            "accuracy": self.right and self.right.to_json(),
            "flagged": self.flagged.to_json(),
            "detector": self.detector,
        }


def shifted_sets(run: Run, lens: Lens = PLAIN) -> list[ShiftedSet]:
    """Describe each shifted set of a run.

    Args:
        run: run with results; one without any row has no description.
        lens: composition of HEAT, and its threshold; before a residual is trained, the last row of the tables judges.
    """
    if not run.detectors:
        return []
    detector = HEAT if HEAT in run.detectors else run.detectors[-1]
    threshold = run.threshold(detector, lens)
    found = []
    for name in run.shifted_names:
        labels, scores = run.labels(name), run.detector_scores(name, detector, lens)
        is_judged = labels is not None and run.has_classes  # of clusters, no image has a true one
        right = Share(int((run.predicted(name) == labels).sum()), len(scores)) if is_judged else None
        flagged = Share(int((scores > threshold).sum()), len(scores))
        found.append(ShiftedSet(name, len(scores), right, flagged, printable(run.title(detector))))
    return found
