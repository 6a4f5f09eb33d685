"""Images inside a container, under the path of the container with the name of the member below it.

`photos.zip/red/001.png` is the member `red/001.png` of `photos.zip`. A file has no children, so that no file of the
disk has such a path.
"""

import hashlib
import io
import os
import stat
import tarfile
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from heat_core.data.containers.container import Archive, Container, MemberStamp
from heat_core.data.containers.parquet_images import ParquetImages
from heat_core.data.containers.tar_archive import TarArchive
from heat_core.data.containers.zip_archive import ZipArchive
from heat_core.digests import version_of
from heat_core.errors import HeatError
from heat_core.names import printable
from heat_core.storage import is_file

#: Endings of archives; those that are compressed as a whole are refused with a remedy.
ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tzst")


@dataclass(frozen=True)
class Member:
    """Image inside a container.

    Attributes:
        container: content of the container.
        name: name of the member in it.
        status: what the system knows of the container's file.
        stamp: size and stamp of the member.
    """

    container: Container
    name: str
    status: os.stat_result
    stamp: MemberStamp

    def read(self) -> bytes:
        """Return the bytes of the member.

        Raises:
            OSError: if it cannot be read.
        """
        return self.container.read(self.name)

    def stats(self) -> tuple[int, int, int, int, int]:
        """Return what stands for the stats of a file: size, two stamps, device, and a number of its own."""
        own = hashlib.blake2b(f"{self.status.st_ino}/{self.name}".encode(errors="surrogateescape"), digest_size=7)
        return *self.stamp, self.status.st_ctime_ns, self.status.st_dev, int.from_bytes(own.digest())


def find_member(path: str | bytes | os.PathLike[str]) -> Member | None:
    """Find the member of a container that a path names; None if it names none.

    Raises:
        OSError: if the container is damaged.
    """
    if (split := _split(path)) is None:
        return None
    file, name, status = split
    container = _load_container(file, version_of(status))
    stamp = container.stamp(name)
    return None if stamp is None else Member(container, name, status, stamp)


def _split(path: str | bytes | os.PathLike[str]) -> tuple[str, str, os.stat_result] | None:
    """Split a path into that of a file and a name below it; None if nothing above the path is a file."""
    text = os.path.abspath(os.fsdecode(path))
    file = os.path.dirname(text)
    while file != os.path.dirname(file):
        try:
            status = os.stat(file)
        except (OSError, ValueError):
            file = os.path.dirname(file)
            continue
        if not stat.S_ISREG(status.st_mode):
            return None
        return file, text[len(file) + 1 :].replace(os.sep, "/"), status
    return None


@lru_cache(maxsize=256)
def _load_container(path: str, version: tuple[int, ...]) -> Container:
    return ParquetImages(Path(path)) if _starts_with(path, b"PAR1") else _load_archive(path, version)


@lru_cache(maxsize=256)
def _load_archive(path: str, version: tuple[int, ...]) -> Archive[Any]:  # noqa: ARG001 (part of the cache's key)
    # The last bytes of a tar archive look like a zip archive's if it contains one.
    is_zip = _starts_with(path, b"PK\3\4") or (zipfile.is_zipfile(path) and not tarfile.is_tarfile(path))
    return ZipArchive(Path(path)) if is_zip else TarArchive(Path(path))


def _starts_with(path: str, start: bytes) -> bool:
    with open(path, "rb") as file:
        return file.read(len(start)) == start


def open_file(path: Path) -> BinaryIO:
    """Open a file of the disk, or a member of a container.

    Raises:
        OSError: if there is no such file, or if it cannot be read.
    """
    try:
        return open(path, "rb")
    except (NotADirectoryError, FileNotFoundError):  # Windows raises the latter for a file in a file
        member = find_member(path)
        if member is None:
            raise
        return io.BytesIO(member.read())


def is_stored_file(path: Path) -> bool:
    """Return whether a path is a file of the disk, or a member of a container.

    Raises:
        HeatError: if a folder above the path may not be read.
    """
    try:
        return is_file(path) or find_member(path) is not None
    except (OSError, ValueError):
        return False


def modified_ns(path: Path) -> int:
    """Return the time of the last change of a file, or of the container that holds it, in ns.

    Raises:
        OSError: if there is no such file.
    """
    try:
        return path.stat().st_mtime_ns
    except (NotADirectoryError, FileNotFoundError):
        if (split := _split(path)) is None:
            raise
        return split[2].st_mtime_ns


def is_archive(path: Path) -> bool:
    """Return whether a path is a zip or tar archive, or a folder in one.

    The ending of the file decides, and its content if it has none, as behind links of the Hugging Face hub and of DVC.
    """
    if is_file(path):
        return _is_archive_file(path)
    if (split := _split(path)) is None or not _is_archive_file(file := Path(split[0])):
        return False
    return bool(_names_below(open_archive(file), split[1]))


def _is_archive_file(path: Path) -> bool:
    if path.suffix:
        return path.name.lower().endswith(ARCHIVE_SUFFIXES)
    try:
        return zipfile.is_zipfile(path) or tarfile.is_tarfile(path)
    except (OSError, ValueError):
        return False


@dataclass(frozen=True)
class ArchiveFolder:
    """Content of an archive, or of a folder in it.

    Attributes:
        names: names of the members, relative to the folder.
        folders: names of the folders that the archive lists, relative to the folder.
        notes: sentences about members that are left out.
    """

    names: list[str]
    folders: list[str]
    notes: list[str]


def list_archive(folder: Path) -> ArchiveFolder:
    """List an archive, or a folder in one.

    Raises:
        HeatError: if the archive cannot be read.
    """
    file, name = folder, ""
    if not is_file(folder) and (split := _split(folder)):
        file, name = Path(split[0]), split[1]
    archive = open_archive(file)
    start = len(name) + 1 if name else 0
    names = [member[start:] for member in _names_below(archive, name)]
    folders = [member[start:] for member in archive.folders if not name or member.startswith(f"{name}/")]
    return ArchiveFolder(names, folders, archive.notes)


def open_archive(path: Path) -> Archive[Any]:
    """Open an archive.

    Raises:
        HeatError: if it cannot be read.
    """
    try:
        return _load_archive(os.path.abspath(path), version_of(path.stat()))
    except OSError as error:
        raise HeatError(f"{printable(path)} cannot be read: {printable(error.strerror or str(error))}.") from error


def _names_below(archive: Archive[Any], folder: str) -> list[str]:
    return [name for name in archive.names() if not folder or name.startswith(f"{folder}/")]
