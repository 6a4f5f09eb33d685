"""Paths in files: of what lies in HEAT_HOME only the part below it is stored, so that HEAT_HOME can be moved."""

import os
import re
from pathlib import Path

from heat_core.storage import heat_home

_HOME_PREFIX = "$HEAT_HOME/"  # stands in files for the path of HEAT_HOME, which may be moved or mounted elsewhere
_JOBS = ("runs", "studies")  # folders of HEAT_HOME that hold the folders of jobs
_BACKBONE_KIND = re.compile("^(?:torch|hf):")  # before the path of a backbone's file


def to_stored_path(source: str | os.PathLike[str]) -> str:
    """Write a path, or a backbone such as `torch:FILE`, for a file.

    Of what lies in HEAT_HOME only the part below it is written, after `$HEAT_HOME/`.
    """
    text = os.fspath(source)
    path = _BACKBONE_KIND.sub("", text)
    kind, home = text.removesuffix(path), os.path.abspath(heat_home())
    for start in (os.path.join(home, ""), os.path.join(os.path.realpath(home), "")):
        if path.startswith(start):
            return kind + _HOME_PREFIX + path.removeprefix(start).replace(os.sep, "/")
    return kind + path


def from_stored_path(text: str, folder: Path | None = None) -> str:
    """Return the present path for a text of `to_stored_path`; names that are no absolute paths stay.

    An absolute path, as older versions stored it, that no longer exists is looked for with the same last parts below
    HEAT_HOME.

    Args:
        text: the stored text.
        folder: folder of the file that holds the text. The HEAT_HOME in which it lies comes before the present one.
    """
    path = _BACKBONE_KIND.sub("", text)
    kind = text.removesuffix(path)
    parents = Path(os.path.abspath(folder)).parents if folder else ()
    homes = [parent.parent for parent in parents if parent.name in _JOBS]
    homes.append(Path(os.path.abspath(heat_home())))
    if path.startswith(_HOME_PREFIX):
        tails = [path.removeprefix(_HOME_PREFIX)]
        path = os.path.join(homes[0], tails[0])
    elif os.path.isabs(path) and not os.path.exists(path):
        parts = Path(path).parts
        tails = [os.path.join(*parts[i:]) for i in range(1, len(parts) - 1)]
    else:
        return text
    candidates = (os.path.join(home, tail) for home in homes for tail in tails)
    return kind + next(filter(os.path.exists, candidates), path)
