"""Tar archives without compression: an index of where the bytes of each member are."""

import posixpath
import tarfile
from pathlib import Path
from typing import NamedTuple

from heat_core.data.containers.container import Archive, MemberStamp, normalise_name, repeated_note

_MAGIC = {b"\x1f\x8b": "gunzip", b"BZh": "bunzip2", b"\xfd7zXZ": "unxz", b"\x28\xb5\x2f\xfd": "unzstd"}


class _Place(NamedTuple):
    offset: int
    size: int
    modified: int


class TarArchive(Archive[_Place]):
    """Tar archive, whose links lead to other members of it.

    Args:
        path: path of the archive.

    Attributes:
        folders: names of the folders that the archive lists.
        notes: sentences about members that are left out.

    Raises:
        OSError: if the archive is compressed or cannot be read.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._links: dict[str, str] = {}
        self._repeated = self._others = 0
        _refuse_compression(path)
        try:
            with tarfile.open(path, "r:", errorlevel=0) as archive:
                self._add_members(archive)
                if not _has_end(path, archive.offset):
                    raise tarfile.ReadError("it has no end mark")
        except (tarfile.TarError, ValueError, EOFError, OverflowError) as error:
            if not self.members:
                raise OSError(f"{error}: it is damaged or no archive, make or download it again") from error
            self.notes.append(
                f"The archive is damaged or cut off after {len(self.members):,} files ({error}): what follows is left "
                "out."
            )
        self._resolve_links()
        if self._others:
            self.notes.append(
                f"Files of the archive are left out: {self._others:,} links that lead to none, or devices."
            )
        self.notes += repeated_note(self._repeated)

    def _add_members(self, archive: tarfile.TarFile) -> None:
        for entry in archive:
            name = normalise_name(entry.name)
            if entry.isdir():
                self.folders.append(name)
            elif entry.isreg() and not entry.issparse() and name:
                self._repeated += name in self.members
                self.members[name] = _Place(entry.offset_data, entry.size, int(entry.mtime))
            elif entry.islnk():
                self._links[name] = normalise_name(entry.linkname)
            elif entry.issym():
                folder = posixpath.dirname(entry.name)
                self._links[name] = normalise_name(posixpath.normpath(posixpath.join(folder, entry.linkname)))
            else:
                self._others += 1

    def _resolve_links(self) -> None:
        """Give the links the places of the members that they lead to."""
        for name, target in self._links.items():
            seen = {name}
            while target in self._links and target not in seen:
                seen.add(target)
                target = self._links[target]
            if target in self.members:
                self.members.setdefault(name, self.members[target])
            else:
                self._others += 1

    def _stamp_of(self, place: _Place) -> MemberStamp:
        return MemberStamp(place.size, place.modified)

    def _read(self, name: str, place: _Place) -> bytes:  # noqa: ARG002 (of the base class)
        with open(self._path, "rb") as file:
            file.seek(place.offset)
            return file.read(place.size)


def _refuse_compression(path: Path) -> None:
    """Refuse a tar archive that is compressed as a whole, so that each image would need all bytes before it.

    Raises:
        OSError: naming the program that decompresses it.
    """
    with open(path, "rb") as file:
        start = file.read(8)
    program = next((program for magic, program in _MAGIC.items() if start.startswith(magic)), None)
    if program:
        raise OSError(
            f"it is compressed as a whole, so that no image can be read without all before it; `{program} "
            f"{path.name}` makes a .tar of it, which is read"
        )


def _has_end(path: Path, offset: int) -> bool:
    """Return whether the block of zeros that ends a tar archive begins at `offset`."""
    with open(path, "rb") as file:
        file.seek(offset)
        block = file.read(tarfile.BLOCKSIZE)
    return len(block) == tarfile.BLOCKSIZE and not any(block)
