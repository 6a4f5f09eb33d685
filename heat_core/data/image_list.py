"""Folders, image files and manifests → one list of images, block by block: however long it is, a block is in memory."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from heat_core.data.folder_scan import scan
from heat_core.data.image_io import suffixes
from heat_core.data.manifest import LABEL, MANIFESTS, Bad, Manifest
from heat_core.data.manifest_cells import as_objects, printed, with_boxes
from heat_core.errors import HeatError
from heat_core.storage import printable


@dataclass(frozen=True)
class Part:
    """Some images of a list.

    Attributes:
        files: where they lie, in bytes.
        names: the same as it was given, and as it can be printed; of a crop, with its box.
        labels: (n,) class of each, "" where it has none.
        boxes: (n, 4) x, y, w, h in pixels of those that are crops, NaN of the others; None where none is.
        columns: name → (n,) texts of a manifest, "" where there is none.
    """

    files: list[bytes]
    names: list[str]
    labels: np.ndarray
    boxes: np.ndarray | None
    columns: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.files)

    def crops(self) -> np.ndarray:
        """(n, 4) the boxes, NaN where there is none."""
        return np.full((len(self), 4), np.nan) if self.boxes is None else self.boxes

    def texts(self, column: str) -> np.ndarray:
        """(n,) texts of a column, "" where there is none."""
        return self.columns.get(column, np.full(len(self), "", object))

    def some(self, start: int, end: int) -> "Part":
        """Those from one place to another."""
        rows = slice(start, end)
        boxes = None if self.boxes is None else self.boxes[rows]
        columns = {name: values[rows] for name, values in self.columns.items()}
        return Part(self.files[rows], self.names[rows], self.labels[rows], boxes, columns)

    @classmethod
    def joined(cls, parts: Sequence["Part"]) -> "Part":
        """One after the other."""
        names = list(dict.fromkeys(name for part in parts for name in part.columns))
        boxed = any(part.boxes is not None for part in parts)
        return cls(
            [file for part in parts for file in part.files],
            [name for part in parts for name in part.names],
            np.concatenate([part.labels for part in parts]),
            np.concatenate([part.crops() for part in parts]) if boxed else None,
            {name: np.concatenate([part.texts(name) for part in parts]) for name in names},
        )


class Sources:
    """Folders, image files and manifests, that were found to be there.

    Attributes:
        columns: names of the columns of the manifests, each once.
        boxed: whether a manifest holds crops.
        notes: sentences about what is left aside; complete after `blocks`.
        bad: rows of manifests that are left out; complete after `blocks`.

    Raises:
        HeatError: where one is missing, or is none of them.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = [(path, _opened(path)) for path in paths]
        manifests = [manifest for _, manifest in self._paths if manifest is not None]
        self.columns = list(dict.fromkeys(name for manifest in manifests for name in manifest.names))
        self.boxed = any(manifest.boxed for manifest in manifests)
        self.notes = [f"{printable(m.path.name)}: {note}" for m in manifests for note in m.notes]
        self.bad = Bad()

    def blocks(self) -> Iterator[Part]:
        """The images, in order.

        Raises:
            HeatError: where a folder may not be read, or a manifest is damaged.
        """
        for path, manifest in self._paths:
            if manifest is not None:
                yield from _of_manifest(manifest, self.bad)
            elif path.is_dir():
                yield _of_folder(path, self.notes)
            else:
                yield Part([os.fsencode(path.resolve())], [printable(path)], np.array([""], object), None, {})


def _opened(path: Path) -> Manifest | None:
    """The manifest that a path is; None of a folder or an image."""
    if not path.exists():
        raise HeatError(f"{printable(path)} does not exist: give image files, folders of them, or a manifest.")
    if path.is_dir():
        return None
    if path.suffix.lower() in MANIFESTS:
        return Manifest(path)
    if path.suffix and path.suffix.lower() not in suffixes():
        raise HeatError(
            f"{printable(path)} is neither an image nor a manifest (CSV or Parquet with a column `path`): leave it out."
        )
    return None


def _of_folder(folder: Path, notes: list[str]) -> Part:
    """Every image below a folder; its class is the sub-folder that it lies in."""
    root = folder.resolve()
    found = scan(root)
    notes.extend(found.notes)
    files = [os.fsencode(path) for path in found.files]
    start = len(os.fsencode(root).rstrip(os.fsencode(os.sep))) + 1
    below = [os.fsdecode(file[start:]) for file in files]
    labels = [printable(Path(name).parts[0]) if os.sep in name else "" for name in below]
    names = [printable(os.path.join(folder, name)) for name in below]
    return Part(files, names, as_objects(labels), None, {})


def _of_manifest(manifest: Manifest, bad: Bad) -> Iterator[Part]:
    for block in manifest.blocks(bad):
        files = manifest.located(block.paths)
        names = printed(files)
        if block.boxes is not None:
            names = with_boxes(names, block.boxes)
        labels = block.texts.get(LABEL, np.full(len(files), "", object))
        yield Part(files, names, labels, block.boxes, block.texts)
