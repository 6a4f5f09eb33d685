"""What studies show: tables (beside the paper's own), curves with bands, and sentences with intervals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from heat_core.analysis.comparison import Comparison, Difference, Entry, Measured, compare, difference
from heat_core.metrics import METRICS, bootstrap
from heat_core.storage import digest_of_array

TITLES = {"fpr95": "FPR95 ↓, %", "auroc": "AUROC ↑, %"}
_UNITS = {"fpr95": "points of FPR95", "auroc": "points of AUROC"}


@dataclass(frozen=True)
class Band:
    """A curve with its 95 % interval: arrays of one length."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class Curves:
    """A figure.

    Attributes:
        title: of it.
        x: where the points stand, as they are written.
        x_title: of the axis.
        metric: on the other.
        bands: name → curve.
        levels: name → a value that does not hang on x.
    """

    title: str
    x: tuple[str, ...]
    x_title: str
    metric: str
    bands: dict[str, Band]
    levels: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """A part of what a study shows.

    Attributes:
        title: of it, with the table or figure that it repeats.
        tables: one a metric.
        curves: figures.
        answers: sentences, with intervals.
    """

    title: str
    tables: list[Comparison] = field(default_factory=list)
    curves: list[Curves] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)

    @property
    def stem(self) -> str:
        """Of the files that it is written to: the table or figure in the brackets of its title."""
        what = self.title.rpartition("(")[2].rstrip(")")
        return what.lower().replace(". ", "-").replace(", ", "-")


class Bench:
    """Measures with one bootstrap for both metrics, however many tables ask for the same row."""

    def __init__(self, replicates: int = 400) -> None:
        self.replicates = replicates
        self._drawn: dict[tuple[str, str], dict[str, np.ndarray]] = {}

    def measure(self, known: np.ndarray, ood: np.ndarray, metric: str, replicates: int) -> Measured:
        """As `comparison.measured`."""
        key = digest_of_array(known), digest_of_array(ood)
        if metric in TITLES and key not in self._drawn:
            self._drawn[key] = bootstrap(known, ood, replicates)
        drawn = 100 * self._drawn[key][metric] if metric in TITLES else np.empty(0)
        return 100 * METRICS[metric](known, ood), drawn

    def tables(self, entries: Sequence[Entry], metrics: Sequence[str] = tuple(TITLES)) -> list[Comparison]:
        """One table a metric; none without rows."""
        return [compare(entries, m, self.replicates, self.measure) for m in metrics] if entries else []

    def difference(self, entry: Entry, other: Entry, metric: str) -> Difference:
        """`comparison.difference`."""
        return difference(entry, other, metric, self.replicates, self.measure)

    def band(self, entries: Sequence[Entry], metric: str) -> Band:
        """The averages of rows, one a point of a curve."""
        cells = [self.tables([entry], [metric])[0].cells[0][-1] for entry in entries]
        values = np.array([(c.value, c.low, c.high) if c else (np.nan,) * 3 for c in cells])
        return Band(*values.reshape(-1, 3).T)

    def answer(self, entry: Entry, other: Entry, names: tuple[str, str]) -> str:
        """By how much a row differs from another, in both metrics; says which differences are told from zero."""
        told = []
        for metric in ("auroc", "fpr95"):
            found = self.difference(entry, other, metric)
            sure = "" if found.low > 0 or found.high < 0 else ", not told from zero"
            told.append(f"{found.value:+.2f} [{found.low:+.2f}, {found.high:+.2f}] {_UNITS[metric]}{sure}")
        return f"{names[0]} against {names[1]}: " + "; ".join(told) + "."


@cache
def bench() -> Bench:
    """The one of this process: what was measured for one study is there for the next."""
    return Bench()


Tables = Callable[[Sequence[Entry]], list[Comparison]]
