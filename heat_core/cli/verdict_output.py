"""Output of scored images: a line for each, the drift of groups, one line of JSON."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from heat_core.cli.output import print_json, print_table

if TYPE_CHECKING:
    from heat_core.guard.drift import GroupDrift
    from heat_core.guard.guard import Guard
    from heat_core.guard.verdicts import Verdicts


@dataclass(frozen=True)
class ScoredImages:
    """Images that a guard scored.

    Attributes:
        guard: guard that scored the images.
        verdicts: verdicts of the guard on N images.
        unknown: (N,) bool, True for unknown images.
        alpha: false-alarm rate.
    """

    guard: "Guard"
    verdicts: "Verdicts"
    unknown: np.ndarray
    alpha: float

    @property
    def scored_count(self) -> int:
        """Number of images that have a score."""
        return int((~np.isnan(self.verdicts.score)).sum())

    @property
    def unknown_share(self) -> float:
        """Share of unknown images among those that have a score, in [0, 1]."""
        return float(self.unknown.sum()) / self.scored_count

    @property
    def discovery_count(self) -> int:
        """Number of discoveries at a false discovery rate of `alpha`."""
        return int(self.verdicts.discoveries(self.alpha).sum())


def print_verdicts(verdicts: "Verdicts", unknown: np.ndarray) -> None:
    """Print a line for each image that has a score, the most unusual first."""
    classes = verdicts.predicted_class
    rows = [
        [
            "unknown" if unknown[i] else "known",
            f"{verdicts.score[i]:8.3f}",
            f"p {verdicts.p_value[i]:.4f}",
            f"{classes[i]} {verdicts.confidence[i]:.0%}",
            verdicts.ids[i],
        ]
        for i in _most_unusual_first(verdicts)
    ]
    print_table(rows, align="<")


def print_drift(groups: "list[GroupDrift]", alpha: float) -> None:
    """Print a line with the drift of each group."""
    rows = [["group", "images", f"p ≤ {alpha:g}", "95 % interval", "KS", "p (Holm)", ""]]
    for g in groups:
        images = f"{g.images:,} of {g.images + g.unreadable:,}" if g.unreadable else f"{g.images:,}"
        numbers = [f"{g.share:.1%}", f"{g.low:.1%} to {g.high:6.1%}", f"{g.distance:.3f}", f"{g.p_value:.2g}"]
        rows.append([g.name, images, *(numbers if g.images else "––––"), g.verdict])
    print_table(rows if groups else [], align="<>>>>><")


def print_result_json(scored: ScoredImages, groups: "list[GroupDrift]") -> None:
    """Print the scores and the drift as one line of JSON."""
    guard, verdicts = scored.guard, scored.verdicts
    result = {
        "run": guard.name,
        "threshold": guard.threshold,
        "alpha": scored.alpha,
        "smallest_p": guard.calibration.smallest_p,
        "share": scored.unknown_share,
        "discoveries": scored.discovery_count,
        "images": [_image_json(scored, i) for i in _most_unusual_first(verdicts)],
        "skipped": [name for name, error in zip(verdicts.ids, verdicts.error, strict=True) if error],
        "groups": [vars(group) for group in groups],
    }
    print_json(result)


def _image_json(scored: ScoredImages, index: int) -> dict[str, Any]:
    verdicts = scored.verdicts
    return {
        "image": verdicts.ids[index],
        "score": float(verdicts.score[index]),
        "p_value": float(verdicts.p_value[index]),
        "unknown": bool(scored.unknown[index]),
        "taken_for": verdicts.predicted_class[index],
        "confidence": float(verdicts.confidence[index]),
    }


def _most_unusual_first(verdicts: "Verdicts") -> list[int]:
    """Return the indices of the images that have a score, by descending score."""
    return [int(i) for i in np.argsort(-verdicts.score, kind="stable") if not verdicts.error[i]]
