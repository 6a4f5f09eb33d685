"""Lines of text files, which may be compressed with gzip."""

import codecs
import gzip
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO, cast

from heat_core.errors import HeatError
from heat_core.names import printable

_SPREADSHEETS = (b"PK\3\4", b"\xd0\xcf\x11\xe0")  # first bytes of .xlsx and .ods, and of .xls


def is_compressed(path: Path) -> bool:
    """Return whether a file is compressed with gzip, as its name says."""
    return path.name.lower().endswith(".gz")


def open_bytes(path: Path) -> BinaryIO:
    """Open a file to read its bytes, unpacked."""
    return cast(BinaryIO, gzip.open(path)) if is_compressed(path) else open(path, "rb")


def iter_lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines that are not blank, each without its end (CR, LF or both)."""
    return chain.from_iterable(iter_line_blocks(file))


def iter_line_blocks(file: BinaryIO) -> Iterator[list[bytes]]:
    """Yield the lines of `iter_lines` in lists."""
    rest = b""
    while block := file.read(2**20):
        lines = (rest + block).replace(b"\r", b"\n").split(b"\n")
        rest = lines.pop()
        yield list(filter(None, lines))
    yield [rest] if rest else []


def require_utf8(path: Path, kind: str) -> None:
    """Raise HeatError if a file begins as text in UTF-16 does, or as the file of a spreadsheet program.

    Args:
        path: path of the file.
        kind: name of the format in which it should be saved.
    """
    with open_bytes(path) as file:
        start = file.read(4)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise HeatError(f"{printable(path)} is written in UTF-16: save it as {kind} in UTF-8.")
    if start in _SPREADSHEETS:
        raise HeatError(f"{printable(path)} holds a spreadsheet: save it as {kind} in UTF-8.")
