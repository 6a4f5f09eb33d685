"""What the formats of pictures have in common: a folder for each picture, and files that describe them all."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from heat_core.decisions.store import IGNORE, REMOVE
from heat_core.exchange.rows import Record, Row

IMAGES = "images"  # folder of the pictures in most formats
UNLABELLED = "unlabelled"  # folder of pictures whose true class is not known
#: Labels that are no classes: the image leaves its set, or is left out of everything.
WORDS = (REMOVE, IGNORE)


@dataclass(frozen=True)
class About:
    """What the files of an export say about it as a whole.

    Attributes:
        run_id: id of the run.
        classes: names of the run's classes, and of true classes beyond these.
        folders: name of a class, or "" for unknown → name of its folder.
    """

    run_id: str
    classes: tuple[str, ...]
    folders: dict[str, str]

    def choices(self) -> list[str]:
        """Return the labels among which a person chooses: the classes, and the words of `WORDS`."""
        return [*self.classes, *(word for word in WORDS if word not in self.classes)]


@dataclass(frozen=True)
class Entry:
    """A picture that was written.

    Attributes:
        path: path of its file in the archive.
        width: width of the upright picture in pixels; 0 if its header cannot be read.
        height: height of the upright picture in pixels; 0 if its header cannot be read.
        record: what the run knows of it.
    """

    path: str
    width: int
    height: int
    record: Record


@dataclass(frozen=True)
class PictureFormat:
    """Format of pictures with their labels, as a zip archive.

    Attributes:
        title: title in menus.
        usage: how the files are opened, in a few lines.
        describe: makes the files that describe the pictures, path in the archive → text.
        folder: chooses the folder of a picture in the archive.
    """

    title: str
    usage: str
    describe: Callable[[list[Entry], About], dict[str, str]]
    folder: Callable[[Row, About], str] = lambda row, about: IMAGES  # noqa: ARG005 (formats with folders need them)


def records(entries: Iterable[Entry]) -> list[list[object]]:
    """Return the rows of a table of pictures: a header, then path in the archive and fields of each."""
    rows: list[list[object]] = []
    for entry in entries:
        cells = entry.record.cells()
        rows = rows or [["file_name", *cells]]
        rows.append([entry.path, *cells.values()])
    return rows
