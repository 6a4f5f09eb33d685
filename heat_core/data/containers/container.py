"""What a file that contains images gives: the names of its members, their sizes and their bytes."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Generic, NamedTuple, Protocol, TypeVar

# Pillow refuses images of more pixels than fill so many bytes in RGB. A larger member is not read, since it may be a
# decompression bomb.
_LARGEST = 2**29
Place = TypeVar("Place")  # what an archive knows of a member


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


class Archive(ABC, Generic[Place]):
    """Container whose members have names of their own, with folders.

    Attributes:
        members: name of each member, as `normalise_name` gives it → what the archive knows of it.
        folders: names of the folders that the archive lists, some of which may hold nothing.
        notes: sentences about members that are left out.
    """

    def __init__(self) -> None:
        self.members: dict[str, Place] = {}
        self.folders: list[str] = []
        self.notes: list[str] = []

    def names(self) -> Iterator[str]:
        """Yield the name of every member."""
        return iter(self.members)

    def stamp(self, name: str) -> MemberStamp | None:
        """Return size and stamp of a member; None if there is none of that name."""
        place = self.members.get(name)
        return None if place is None else self._stamp_of(place)

    def read(self, name: str) -> bytes:
        """Return the bytes of a member.

        Raises:
            OSError: if the member is damaged, cut off or too large.
        """
        place = self.members[name]
        size = self._stamp_of(place).size
        if size > _LARGEST:
            raise OSError(f"{name} is not read: {size:,} bytes are more than any image may have")
        content = self._read(name, place)
        if len(content) < size:
            raise OSError(f"{name} is cut off in its archive")
        return content

    @abstractmethod
    def _stamp_of(self, place: Place) -> MemberStamp:
        """Return size and stamp of a member."""

    @abstractmethod
    def _read(self, name: str, place: Place) -> bytes:
        """Read the bytes of a member, at most its size; OSError if they are damaged."""


def normalise_name(name: str) -> str:
    """Write the name of a member as parts with `/` between them, which lead to no place outside of the container.

    `/a.png` and `./a.png` become `a.png`, and `../a.png` becomes `(..)/a.png`.
    """
    parts = (part for part in name.split("/") if part not in ("", "."))
    return "/".join("(..)" if part == ".." else part for part in parts)


def repeated_note(count: int) -> list[str]:
    """Return a sentence about names that occur repeatedly in an archive; no sentence for none."""
    verb = "name occurs" if count == 1 else "names occur"
    return [f"{count:,} {verb} repeatedly in the archive: the last file of a name is taken."] if count else []
