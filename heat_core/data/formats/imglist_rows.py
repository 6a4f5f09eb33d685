"""Rows of an `imglist`, OpenOOD's form of a list: a path in each line, a space, and the number of the class.

    cifar10/test/airplane/0001.png 0

The number -1, which stands for an unknown class, and no number at all are read as no class.
"""

import codecs
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from heat_core.data.formats.text_lines import iter_lines, open_bytes, require_utf8
from heat_core.data.manifest_cells import MISSING
from heat_core.data.pyarrow_support import arrow
from heat_core.data.skipped_rows import SkippedRows

IMGLIST_SUFFIX = ".txt"
_LINE = re.compile(rb"(.*\S)\s+(-?\d+)")
_BLOCK = 2**16  # rows
_DATA_FOLDERS = ("", "images_classic", "images_largescale")  # below OpenOOD's `data`, beside `benchmark_imglist`
_LEVELS = 4  # folders above a list in which the images are looked for


class ImglistRows:
    """Rows of an imglist (see `table_rows.TableRows`).

    Args:
        path: path of the file.
    """

    missing = MISSING | {"-1"}
    decimal_comma: re.Pattern[str] | None = None

    def __init__(self, path: Path) -> None:
        require_utf8(path, "a text file")
        self._path, self.header, self.nested = path, ["path", "label"], set[int]()

    def batches(self, wanted: list[int], skipped: SkippedRows) -> Iterator[tuple[dict[int, Any], np.ndarray]]:  # noqa: ARG002
        """Yield the rows batch by batch (see `table_rows.TableRows`); no line is invalid by itself."""
        pa = arrow()
        with open_bytes(self._path) as file:
            lines = enumerate(iter_lines(file), start=1)
            while block := list(islice(lines, _BLOCK)):
                cells = [_split(line) for _, line in block]
                yield (
                    {i: pa.array([row[i] for row in cells], pa.binary()) for i in wanted},
                    np.array([n for n, _ in block]),
                )


def image_roots(path: Path) -> list[Path]:
    """Return the folders to which the paths of an imglist may be relative, apart from its own folder.

    They are the folders above it, and in these the folders in which OpenOOD keeps the images of its benchmarks.
    """
    return [above / folder for above in path.resolve().parents[1:_LEVELS] for folder in _DATA_FOLDERS]


def _split(line: bytes) -> tuple[bytes, bytes | None]:
    line = line.removeprefix(codecs.BOM_UTF8).strip()
    match = _LINE.fullmatch(line)
    return (match[1], match[2]) if match else (line, None)
