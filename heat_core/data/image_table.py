"""Lists of images: what every reader of a list gives, whatever the format of the file or folder is.

`table_formats` opens a list by its format.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from heat_core.data.manifest_cells import parse_numbers
from heat_core.data.skipped_rows import SkippedRows

#: Columns of texts that this package interprets; columns of other names are kept as metadata.
LABEL, SPLIT, SET, GROUP, TIME = "label", "split", "set", "group", "time"
#: Column with the id of each image, in lists that follow from decisions: images keep the ids that they had in the run.
HEAT_ID = "heat_id"
#: Columns of names, which are never numbers.
NAMES = (LABEL, SPLIT, SET, GROUP, HEAT_ID)


@dataclass(frozen=True)
class TableBlock:
    """Valid rows of a list of images.

    Attributes:
        rows: (n,) number of each row in the file, as a spreadsheet counts.
        paths: path of each row as the list gives it, in bytes.
        boxes: (n, 4) x, y, w, h in pixels, or None if the list has no boxes.
        texts: name of a column → (n,) texts, "" for missing values.
    """

    rows: np.ndarray
    paths: list[bytes]
    boxes: np.ndarray | None
    texts: dict[str, np.ndarray]


class ImageTable(Protocol):
    """List of images whose columns are known, and whose rows are read block by block.

    Attributes:
        path: path of the file or folder.
        names: names of the columns of texts, columns with a meaning first.
        has_boxes: whether the images are boxes of the files.
        notes: sentences about the list; complete once `blocks` is exhausted.
    """

    path: Path
    names: list[str]
    has_boxes: bool
    notes: list[str]

    def resolve_paths(self, paths: list[bytes]) -> list[bytes]:
        """Make the paths of rows absolute."""

    def blocks(self, skipped: SkippedRows) -> Iterator[TableBlock]:
        """Yield the valid rows block by block.

        Args:
            skipped: receives the invalid rows.

        Raises:
            HeatError: if the list is damaged.
        """


def whole_column(name: str, parts: Sequence[np.ndarray]) -> np.ndarray:
    """Join the blocks of a column to (N,) texts, or to numbers if all are and the column is not one of names.

    Args:
        name: name of the column; those of `NAMES` always stay texts.
        parts: texts of the column, block by block.
    """
    whole = np.concatenate(parts)
    numbers = None if name in NAMES else parse_numbers(whole)
    return whole if numbers is None else numbers
