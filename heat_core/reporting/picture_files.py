"""Pictures of samples as files: where they lie, their bytes, and their names in an archive."""

import io
from collections.abc import Sequence
from pathlib import PurePath

from heat_core.analysis.samples import Samples
from heat_core.data.containers.members import open_file
from heat_core.data.folder_scan import unique_names_avoiding
from heat_core.data.image_io import suffixes
from heat_core.data.image_location import ImageLocation
from heat_core.errors import HeatError
from heat_core.names import file_name, printable


def file_and_box(samples: Samples, number: int) -> tuple[str, str]:
    """Return the path of the file that holds the picture, and its box in that file; "" for what does not apply."""
    location = _location_of(samples, number)
    if location is None:
        return "", ""
    return printable(location.file), "" if location.box is None else f"[{location.box_text}]"


def picture_file(samples: Samples, number: int) -> bytes:
    """Return the bytes of the file of a picture, or a PNG of it where it is a crop or has no file of its own.

    Raises:
        HeatError: where the picture is gone.
    """
    location = _location_of(samples, number)
    if location is not None and location.box is None:
        try:
            with open_file(location.file) as file:
                return file.read()
        except OSError as error:
            raise HeatError(f"{printable(location.file)} cannot be read: was it moved or deleted?") from error
    png = io.BytesIO()
    samples.image(number).save(png, "PNG")
    return png.getvalue()


def is_whole_file(samples: Samples, number: int) -> bool:
    """Return whether `picture_file` returns the bytes of a file as it is, and not a PNG that was made."""
    location = _location_of(samples, number)
    return location is not None and location.box is None


def base_names(samples: Samples, numbers: Sequence[int]) -> list[str]:
    """Return names of pictures for one folder: of letters, digits, `-`, `_` and `.`, all of them with different stems.

    Args:
        samples: the samples.
        numbers: numbers of the samples whose pictures the folder holds.
    """
    parts = [_stem_and_suffix(samples, i) for i in numbers]
    stems = unique_names_avoiding((), (file_name(stem) for stem, _ in parts))
    return [f"{stem}.{file_name(suffix)}" if suffix else stem for stem, (_, suffix) in zip(stems, parts, strict=True)]


def archive_names(samples: Samples, numbers: Sequence[int], reserved: Sequence[str] = ()) -> list[str]:
    """Return the names of pictures in an archive, all of them different: a folder for the set, then the file's own.

    Args:
        samples: the samples.
        numbers: numbers of the samples whose pictures the archive holds.
        reserved: names at the top of the archive that no set's folder takes.
    """
    sets = [samples.locate(i)[0] for i in numbers]
    different = list(dict.fromkeys(sets))
    folders = dict(zip(different, unique_names_avoiding(reserved, map(file_name, different)), strict=True))
    paths = [PurePath(str(samples.ids[i]).partition("#xywh=")[0]) for i in numbers]
    shared = _shared_folders([path for path in paths if path.is_absolute()])
    taken: set[str] = set()
    names = []
    for i, of_set, path in zip(numbers, sets, paths, strict=True):
        inner = path.parent.parts[shared if path.is_absolute() else 0 :]
        parts = [printable(part).replace("\\", "_") for part in inner if part != ".."]
        names.append(_free_name("/".join((folders[of_set], *parts)), *_stem_and_suffix(samples, i), taken))
    return names


def _shared_folders(paths: list[PurePath]) -> int:
    """Return the number of folders, from the root on, in which all absolute paths lie; at least the root itself."""
    shared = 0
    for folders in zip(*(path.parent.parts for path in paths), strict=False):
        if len(set(folders)) > 1:
            break
        shared += 1
    return max(shared, 1)


def _stem_and_suffix(samples: Samples, number: int) -> tuple[str, str]:
    """Return the name that `picture_file` has: the file's own, or one of a PNG, which names the box of a crop."""
    location = _location_of(samples, number)
    name = PurePath(location.file if location else str(samples.ids[number])).name
    shown = PurePath(printable(name).replace("\\", "_"))
    if location is not None and location.box is None:
        return shown.stem, shown.suffix
    stem = shown.stem if shown.suffix.lower() in suffixes() else shown.name
    return (f"{stem}-{location.box_text.replace(',', '-')}" if location else stem), ".png"


def _free_name(folder: str, stem: str, suffix: str, taken: set[str]) -> str:
    """Return a name that is not taken, with a number where necessary, and take it; case makes no difference."""
    name, again = f"{folder}/{stem}{suffix}", 1
    while name.casefold() in taken:
        again += 1
        name = f"{folder}/{stem}~{again}{suffix}"
    taken.add(name.casefold())
    return name


def _location_of(samples: Samples, number: int) -> ImageLocation | None:
    try:
        return samples.location_of(number)
    except (OSError, ValueError):  # an invalid file name, or a manifest that is gone
        return None
