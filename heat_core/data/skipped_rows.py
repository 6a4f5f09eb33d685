"""Rows of manifests that are left out: their number, and the first of them with reasons."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from heat_core.names import printable

_MOST_EXAMPLES = 5  # rows that are named in messages


@dataclass
class SkippedRows:
    """Rows that are left out.

    Attributes:
        count: number of the rows.
        examples: sentences about the first of them: file, row and reason.
    """

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, manifest: Path, row: int, why: str) -> None:
        """Add a row.

        Args:
            manifest: path of the manifest.
            row: number of the row, where the header is row 1 as in a spreadsheet.
            why: reason, as a phrase.
        """
        self.count += 1
        if len(self.examples) < _MOST_EXAMPLES:
            self.examples.append(f"{printable(manifest.name)}, row {row}: {why}")

    def add_all(self, manifest: Path, rows: np.ndarray, why: Sequence[str]) -> None:
        """Add (n,) row numbers of a manifest, with a reason for each."""
        for row, reason in zip(rows[:_MOST_EXAMPLES].tolist(), why[:_MOST_EXAMPLES], strict=True):
            self.add(manifest, row, reason)
        self.count += max(len(rows) - _MOST_EXAMPLES, 0)

    def join(self, others: "SkippedRows") -> None:
        """Add the rows of another list."""
        self.count += others.count
        self.examples += others.examples[: _MOST_EXAMPLES - len(self.examples)]

    def sentences(self) -> list[str]:
        """Return the examples, and a phrase with the number of further rows if there are more."""
        more = self.count - len(self.examples)
        return [*self.examples, *([f"{more:,} further rows"] if more else [])]
