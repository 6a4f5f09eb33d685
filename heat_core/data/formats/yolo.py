"""YOLO: a folder with data.yaml, images, and a text file of boxes for each; each box is a crop with its class."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from heat_core.data.folder_scan import scan_folder
from heat_core.data.formats.annotations import Annotation, AnnotationTable, Box, explain_errors
from heat_core.data.image_io import read_upright_size
from heat_core.data.image_table import LABEL, SPLIT
from heat_core.data.skipped_rows import SkippedRows
from heat_core.errors import HeatError
from heat_core.names import printable
from heat_core.storage import is_file, is_folder

_CONTRACT = (
    "does not describe a YOLO data set: it must hold `names` of classes, and folders of images as `train`, `val` or "
    "`test`"
)
_FILES = ("data.yaml", "data.yml", "dataset.yaml")  # in the folder
YOLO_SUFFIXES = (".yaml", ".yml")
_SPLITS = ("train", "val", "test")
_TOLERANCE = 0.01  # by which edges may lie outside of the image, because shares are rounded


def yolo_file(path: Path) -> Path | None:
    """Return the file that describes a YOLO data set, for the file itself or its folder; None for other paths."""
    if path.suffix.lower() in YOLO_SUFFIXES and is_file(path):
        return path
    return next((path / name for name in _FILES if is_file(path / name)), None)


def open_yolo(path: Path) -> AnnotationTable:
    """Open a YOLO data set. Outlines and rotated boxes are replaced by the upright boxes around them.

    Args:
        path: path of its data.yaml.

    Raises:
        HeatError: if the file is damaged, names no classes, or if its folders of images are not there.
    """
    with explain_errors(path, "YAML", _CONTRACT):
        content = yaml.safe_load(path.read_bytes())
        names = content["names"]
        classes = {int(k): str(v) for k, v in (names.items() if isinstance(names, dict) else enumerate(names))}
        folders = [(split, folder) for split in _SPLITS for folder in _folders_of(content, split, path)]
    if not folders:
        raise HeatError(f"None of the folders of images that {printable(path)} names is there.")
    reader = _LabelReader(path.parent, classes, "kpt_shape" in content)
    annotations = [row for split, folder in folders for row in reader.read_folder(split, folder)]
    if not annotations and not reader.skipped.count:
        raise HeatError(
            f"No image of {printable(path)} has boxes, which are looked for in text files in `labels` in place of "
            "`images`."
        )
    return AnnotationTable(path, path.parent, [LABEL, SPLIT], annotations, reader.skipped, reader.notes())


def _folders_of(content: dict[str, Any], split: str, path: Path) -> Iterator[Path]:
    """Yield the folders of a split that exist.

    They are relative to `path` of the file or to its folder; programs also write them relative to a folder below it.
    """
    values = content.get(split) or []
    for value in [values] if isinstance(values, str) else values:
        bases = [path.parent / str(content.get("path") or "."), path.parent]
        places = [base / part for base in bases for part in (value, value.removeprefix("../"))]
        if folder := next((place for place in places if is_folder(place)), None):
            yield Path(os.path.normpath(folder))


class _LabelReader:
    """Reader of the text files with boxes; what is left out is counted.

    Args:
        root: folder of the data set.
        classes: number of a class → name.
        has_keypoints: whether points follow the box in each line.

    Attributes:
        skipped: lines that are left out, with the reasons.
    """

    def __init__(self, root: Path, classes: dict[int, str], has_keypoints: bool) -> None:
        self._root, self._classes, self._has_keypoints = root, classes, has_keypoints
        self._empty = self._unreadable = 0
        self.skipped = SkippedRows()

    def notes(self) -> list[str]:
        """Return sentences about images that are left out."""
        counts = ((self._empty, "images without boxes"), (self._unreadable, "images that cannot be read"))
        return [f"{count:,} {what} are left out." for count, what in counts if count]

    def read_folder(self, split: str, folder: Path) -> Iterator[Annotation]:
        """Yield the boxes of all images of a folder."""
        for file in scan_folder(folder).files:
            lines = _read_lines(_label_file(file))
            if not lines:
                self._empty += 1
                continue
            size = read_upright_size(file)
            if size is None:
                self._unreadable += 1
                continue
            name = os.path.relpath(file, self._root)
            yield from self._read_boxes(split, name, lines, size)

    def _read_boxes(self, split: str, name: str, lines: list[str], size: tuple[int, int]) -> Iterator[Annotation]:
        for number, line in enumerate(lines, 1):
            values, why = self._parse(line)
            if why:
                self.skipped.add(_label_file(Path(name)), number, why)
            else:
                label = self._classes[int(values[0])]
                yield Annotation(number, name, _pixels(values[1:], size), (label, split))

    def _parse(self, line: str) -> tuple[np.ndarray, str]:
        """Return class, centre and size of a line, (5,) float64 with the last four as shares, and why it is invalid."""
        try:
            values = np.array(line.split(), np.float64)
        except ValueError:
            return np.empty(0), f"not only numbers: {printable(line[:60])}"
        if self._has_keypoints:
            values = values[:5]
        if len(values) >= 7 and len(values) % 2:  # an outline, or the corners of a rotated box
            points = values[1:].reshape(-1, 2)
            low, high = points.min(axis=0), points.max(axis=0)
            values = np.r_[values[0], (low + high) / 2, high - low]
        if len(values) != 5:
            return values, f"{len(values)} numbers, which is neither a box nor an outline"
        if values[0] not in self._classes:
            return values, f"class {values[0]:g}, which has no name"
        edges = np.r_[values[1:3] - values[3:] / 2, values[1:3] + values[3:] / 2]
        if not np.isfinite(edges).all() or edges.min() < -_TOLERANCE or edges.max() > 1 + _TOLERANCE:
            return values, "its box is not in shares of the image"
        return values, "" if values[3:].min() > 0 else "its box has no width or height"


def _label_file(image: Path) -> Path:
    """Return the path of an image's boxes: in `labels` in place of the last `images`, else beside the image."""
    parts = list(image.parts)
    if "images" in parts[:-1]:
        parts[len(parts) - 1 - parts[::-1].index("images")] = "labels"
    return Path(*parts).with_suffix(".txt")


def _read_lines(path: Path) -> list[str]:
    """Return the lines of a file that are not empty; none if there is no file."""
    try:
        return [line for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    except OSError:
        return []


def _pixels(shares: np.ndarray, size: tuple[int, int]) -> Box:
    """Return x, y, w, h in pixels of a box given by its centre and size in shares of the image."""
    x, y, w, h = (shares * np.tile(size, 2)).tolist()
    return round(x - w / 2, 3), round(y - h / 2, 3), round(w, 3), round(h, 3)
