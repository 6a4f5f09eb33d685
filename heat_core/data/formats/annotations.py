"""Lists of images whose boxes come from the annotations of a data set for detection."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from heat_core.data.formats.row_paths import RowPaths
from heat_core.data.image_table import TableBlock
from heat_core.data.manifest_cells import object_array
from heat_core.data.skipped_rows import SkippedRows
from heat_core.errors import HeatError
from heat_core.names import printable

_BLOCK = 2**16  # annotations that are given at a time
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Annotation:
    """Annotation of an image.

    Attributes:
        number: number of the annotation in its file, from 1.
        file: path of the image, relative to the folder of the images.
        box: x, y, w, h in pixels; None for the whole image.
        texts: texts of the columns.
    """

    number: int
    file: str
    box: Box | None
    texts: tuple[str, ...]


@dataclass
class AnnotationTable:
    """List of annotated images (see `image_table.ImageTable`); each annotation is a row.

    Attributes:
        path: path of the file with the annotations.
        folder: folder of the images.
        names: names of the columns of texts.
        annotations: the annotations, all with a box or all without.
        skipped: annotations that are left out, with the reasons.
        notes: sentences about what is left out.
        has_boxes: whether the images are boxes of the files.
    """

    path: Path
    folder: Path
    names: list[str]
    annotations: Sequence[Annotation]
    skipped: SkippedRows
    notes: list[str]

    def __post_init__(self) -> None:
        self.has_boxes = any(annotation.box for annotation in self.annotations)
        self._paths = RowPaths(self.folder / self.path.name)

    def resolve_paths(self, paths: list[bytes]) -> list[bytes]:
        """Make the paths of rows absolute."""
        return self._paths.resolve(paths)

    def blocks(self, skipped: SkippedRows) -> Iterator[TableBlock]:
        """Yield the annotations block by block, and add those that are left out to `skipped`."""
        skipped.join(self.skipped)
        for start in range(0, len(self.annotations), _BLOCK):
            part = self.annotations[start : start + _BLOCK]
            given = [annotation.file.encode(errors="surrogateescape") for annotation in part]
            paths, why = self._paths.check(given)
            numbers = np.array([annotation.number for annotation in part])
            skipped.add_all(self.path, numbers[why != ""], why[why != ""].tolist())
            kept = np.flatnonzero(why == "").tolist()
            yield TableBlock(
                numbers[kept],
                [paths[i] for i in kept],
                np.array([part[i].box for i in kept], np.float64).reshape(-1, 4) if self.has_boxes else None,
                {name: object_array(part[i].texts[k] for i in kept) for k, name in enumerate(self.names)},
            )


@contextmanager
def explain_errors(path: Path, kind: str, contract: str) -> Iterator[None]:
    """Turn the errors of reading the description of a data set into a HeatError.

    Args:
        path: path of the file.
        kind: name of the format, as in "cannot be read as JSON".
        contract: what the file is not, and what such a file must hold, as the rest of a sentence.
    """
    try:
        yield
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        why = printable((str(error).splitlines() or [type(error).__name__])[0])
        raise HeatError(f"{printable(path)} cannot be read as {kind}: {why}.") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise HeatError(f"{printable(path)} {contract}.") from error
