"""Names that come from elsewhere, made safe to print, to use as file names, to put into tables and sentences."""

import os
from collections.abc import Sequence

from heat_core.digests import digest_of_bytes

_JOINERS = "\u200c\u200d"  # of scripts and emoji
_LONGEST = 100  # bytes of a file name: two and their endings fit into the 255 that file systems allow


def printable(name: str | os.PathLike[str]) -> str:
    """A name as it can be printed, kept in JSON and sent to a browser: bytes that are not UTF-8, and characters that
    steer a terminal or turn the direction of writing, stand as escapes. Different names stay different."""
    text = os.fspath(name)
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in _JOINERS else _escape(c) for c in text)


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file's name that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def file_name(text: str) -> str:
    """A dataset's or backbone's name as a folder name; a long one is cut and ends in a digest of the whole."""
    name = "".join(c if c.isalnum() or c in "-_." else "-" for c in text).strip(".-") or "unnamed"
    if len(name.encode()) <= _LONGEST:
        return name
    digest = digest_of_bytes(text.encode("utf-8", "surrogatepass"), length=10)
    return f"{name.encode()[: _LONGEST - 11].decode(errors='ignore')}-{digest}"


def escape_formula(text: str) -> str:
    """Foreign text that a spreadsheet does not run: a formula begins with one of these, a space before it or not."""
    return f"'{text}" if text.lstrip(" ")[:1] in ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%") else text


def shortlist(names: Sequence[str], most: int = 5, counted: bool = False) -> str:
    """List names in a sentence: the first `most`, and that there are more (`counted`: how many)."""
    rest = len(names) - most
    more = f" and {rest} more" if counted else " …"
    return ", ".join(names[:most]) + (more if rest > 0 else "")
