"""What a file that contains images gives: the names of its members, their sizes and their bytes."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

# Pillow refuses images of more pixels than fill so many bytes in RGB; a member that is larger is taken for a bomb.
_LARGEST = 2**29


class MemberStamp(NamedTuple):
    """Size of a member, and a number that changes when its content does.

    Attributes:
        size: bytes of the member, unpacked.
        changed: checksum of the content or time of its last change; 0 where the container has neither.
    """

    size: int
    changed: int


class Container(Protocol):
    """File that contains images. Instances hold no open file, so that threads and forked processes can share them."""

    def stamp(self, name: str) -> MemberStamp | None:
        """Return size and stamp of a member; None if there is none of that name."""

    def read(self, name: str) -> bytes:
        """Return the bytes of a member.

        Raises:
            OSError: if the member cannot be read.
        """


class Archive(Container, Protocol):
    """Container whose members have names of their own, with folders.

    Attributes:
        folders: names of the folders that the archive lists, some of which may hold nothing.
        notes: sentences about members that are left out.
    """

    folders: list[str]
    notes: list[str]

    def names(self) -> Iterator[str]:
        """Yield the name of every member, as `normalise_name` gives it."""


def normalise_name(name: str) -> str:
    """Write the name of a member as parts with `/` between them, which lead to no place outside of the container.

    `/a.png` and `./a.png` become `a.png`, and `../a.png` becomes `(..)/a.png`.
    """
    parts = (part for part in name.split("/") if part not in ("", "."))
    return "/".join("(..)" if part == ".." else part for part in parts)


def require_plausible_size(name: str, size: int) -> None:
    """Refuse a member that would take more memory than any image that is read.

    Raises:
        OSError: if it is larger than 512 MiB.
    """
    if size > _LARGEST:
        raise OSError(f"{name} is not read: {size:,} bytes are more than any image may have")


def repeated_note(count: int) -> list[str]:
    """Return a sentence about names that occur repeatedly in an archive; no sentence for none."""
    verb = "name occurs" if count == 1 else "names occur"
    return [f"{count:,} {verb} repeatedly in the archive: the last file of a name is taken."] if count else []
