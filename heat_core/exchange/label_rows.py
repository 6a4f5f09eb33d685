"""Labels as a file gives them, before they are matched to samples."""

from dataclasses import dataclass
from pathlib import PurePosixPath

FORMATS_READ = (
    "give JSON or JSON-MIN of Label Studio, a CSV or Parquet file with a column `label`, or a folder or zip archive "
    "with a folder for each class"
)


@dataclass(frozen=True)
class LabelRow:
    """Label of an image in a file.

    Attributes:
        label: the label; "" where no person labelled the image.
        key: key of the sample, as an export wrote it; "" where the file has none.
        file_name: name of the image's file, without its folder.
        digest: digest of the bytes of the image (see `digests.digest_of_bytes`); "" where it is not known.
        file_size: number of these bytes; 0 where it is not known.
    """

    label: str
    key: str = ""
    file_name: str = ""
    digest: str = ""
    file_size: int = 0


def make_row(label: str, cells: dict[str, str], path: str) -> LabelRow:
    """Make a row of the fields that an export wrote, as texts; each may be missing.

    Args:
        label: the label.
        cells: name of a field → its text.
        path: path or address of the image.
    """
    key = cells.get("key") or ("/".join((cells["set"], cells["id"])) if {"set", "id"} <= set(cells) else "")
    size = cells.get("file_size", "")
    name = PurePosixPath(path.replace("\\", "/")).name
    return LabelRow(label, key, name, cells.get("digest", ""), int(size) if size.isdecimal() else 0)
