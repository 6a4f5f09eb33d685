"""Foreign names, made safe for print, as file names, and in tables and sentences."""

import itertools
import os
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

from heat_core.digests import digest_of_bytes

_JOINERS = "\u200c\u200d"  # zero-width joiners, which some scripts and emoji need
_LONGEST = 100  # bytes of a file name; two names and an ending fit into the 255 that file systems allow


def printable(name: str | os.PathLike[str]) -> str:
    """Make a name safe to print, to store in JSON and to send to a browser.

    Bytes that are not UTF-8 and characters that control a terminal or reverse the direction of writing become escapes.
    """
    text = os.fspath(name)
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in _JOINERS else _escape(c) for c in text)


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # surrogate of a byte of a file name that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def file_name(text: str) -> str:
    """Make a file or folder name of a dataset's or backbone's name.

    Characters other than letters, digits, `-`, `_` and `.` become `-`. A result of more than 100 bytes is cut and ends
    in a digest of the whole name.
    """
    name = "".join(c if c.isalnum() or c in "-_." else "-" for c in text).strip(".-") or "unnamed"
    if len(name.encode()) <= _LONGEST:
        return name
    digest = digest_of_bytes(text.encode("utf-8", "surrogatepass"), length=10)
    return f"{name.encode()[: _LONGEST - 11].decode(errors='ignore')}-{digest}"


def escape_formula(text: str) -> str:
    """Prefix a text with an apostrophe if a spreadsheet would read it as a formula."""
    return f"'{text}" if text.lstrip(" ")[:1] in ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%") else text


def unescape_formula(text: str) -> str:
    """Return the text of which `escape_formula` made this one."""
    return text[1:] if text[:1] == "'" and escape_formula(text[1:]) == text else text


def shortlist(names: Sequence[str], most: int = 5, counted: bool = False) -> str:
    """List names for a sentence.

    Args:
        names: names to list.
        most: number of names that are listed.
        counted: whether the number of further names is stated; otherwise "…" stands for them.
    """
    rest = len(names) - most
    more = f" and {rest} more" if counted else " …"
    return ", ".join(names[:most]) + (more if rest > 0 else "")


def match_names(own: Sequence[str], wanted: Sequence[str]) -> list[int] | None:
    """Return the index in `own` of each of the `wanted` classes; None where one has no match, or several.

    Names are the same where they differ in case, `_`, `-` and spaces alone.
    """
    for spelling in (str, _normalise):
        index: dict[str, list[int]] = {}
        for i, name in enumerate(own):
            index.setdefault(spelling(name), []).append(i)
        found = [index.get(spelling(name), []) for name in wanted]
        if all(len(indices) == 1 for indices in found):
            order = [indices[0] for indices in found]
            return order if len(set(order)) == len(order) else None
    return None


def _normalise(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).casefold().replace("_", " ").replace("-", " ").split())


def numbered_paths(path: Path) -> Iterator[Path]:
    """Yield a path, then the path with -2, -3 and so on behind its name."""
    yield path
    yield from (path.with_name(f"{path.name}-{number}") for number in itertools.count(2))
