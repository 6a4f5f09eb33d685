"""Zip archives: an index of the members, each of which is read by its own."""

import stat
import struct
import zipfile
import zlib
from pathlib import Path

from heat_core.data.containers.container import Archive, MemberStamp, normalise_name, repeated_note

_LOCAL_HEADER, _SIGNATURE = 30, b"PK\3\4"  # length and start of the header before a member's bytes
_ENCRYPTED, _UTF8 = 0x1, 0x800  # bits of a member's flags
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # all others can unpack to more bytes than they state


class ZipArchive(Archive[zipfile.ZipInfo]):
    """Zip archive, also of more than 4 GB or 65,535 members (Zip64).

    Args:
        path: path of the archive.

    Attributes:
        folders: names of the folders that the archive lists.
        notes: sentences about members that are left out.

    Raises:
        OSError: if the archive cannot be read.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        left_out = {"encrypted": 0, "compressed by a method that is not read": 0, "links": 0}
        repeated = 0
        try:
            with zipfile.ZipFile(path) as archive:
                entries = archive.infolist()
        except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error) as error:
            raise OSError(f"{error}: it is damaged or cut off, make or download it again") from error
        for entry in entries:
            name = _decode_name(entry).replace("\\", "/")  # Windows may write \ between folders
            if name.endswith("/"):
                self.folders.append(normalise_name(name))
            elif entry.flag_bits & _ENCRYPTED:
                left_out["encrypted"] += 1
            elif entry.compress_type not in _METHODS:
                left_out["compressed by a method that is not read"] += 1
            elif stat.S_ISLNK(entry.external_attr >> 16):
                left_out["links"] += 1
            elif key := normalise_name(name):
                repeated += key in self.members
                self.members[key] = entry
        counts = [f"{count:,} {what}" for what, count in left_out.items() if count]
        self.notes = [f"Files of the archive are left out: {', '.join(counts)}."] if counts else []
        self.notes += repeated_note(repeated)

    def _stamp_of(self, place: zipfile.ZipInfo) -> MemberStamp:
        return MemberStamp(place.file_size, place.CRC)

    def _read(self, name: str, place: zipfile.ZipInfo) -> bytes:
        try:
            with open(self._path, "rb") as file:
                file.seek(place.header_offset)
                header = file.read(_LOCAL_HEADER)
                if len(header) < _LOCAL_HEADER or not header.startswith(_SIGNATURE):
                    raise zipfile.BadZipFile("there is no header")
                file.seek(sum(struct.unpack("<HH", header[-4:])), 1)  # lengths of the name and of extra fields
                with zipfile.ZipExtFile(file, "r", place) as member:
                    return member.read(place.file_size)  # the number bounds what a bomb can unpack to
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise OSError(f"{name} is damaged in its archive: {error}") from error


def _decode_name(entry: zipfile.ZipInfo) -> str:
    """Return the name of a member in Unicode; macOS writes UTF-8 without stating it."""
    if entry.flag_bits & _UTF8:
        return entry.filename
    try:
        return entry.filename.encode("cp437").decode()
    except UnicodeError:
        return entry.filename
