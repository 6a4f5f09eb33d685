"""Export of samples: every kind, and the one loop that writes pictures and their descriptions into a zip archive."""

import zipfile
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np

from heat_core.analysis.samples import Samples
from heat_core.composition import PLAIN, Lens
from heat_core.data.folder_scan import unique_names_avoiding
from heat_core.errors import HeatError
from heat_core.exchange.class_folders import IMAGEFOLDER, YOLO
from heat_core.exchange.coco import COCO
from heat_core.exchange.cvat import CVAT
from heat_core.exchange.fiftyone_script import FIFTYONE
from heat_core.exchange.label_studio import LABEL_STUDIO
from heat_core.exchange.picture_formats import UNLABELLED, About, Entry, PictureFormat
from heat_core.exchange.rows import Rows
from heat_core.names import file_name, printable
from heat_core.reporting.export import to_csv, to_zip, write_parquet
from heat_core.runs.experiment import FEATURES

MOST_PICTURES = 2000  # pictures of an export, unless another number is given
_TABLES = {"csv": ("Table (CSV)", "text/csv"), "parquet": ("Table (Parquet)", "application/vnd.apache.parquet")}
_PICTURES: dict[str, PictureFormat] = {
    "imagefolder": IMAGEFOLDER,
    "coco": COCO,
    "yolo": YOLO,
    "label-studio": LABEL_STUDIO,
    "cvat": CVAT,
    "fiftyone": FIFTYONE,
}
#: Kind of an export → its title. Tables have all samples; the others are zip archives with pictures.
FORMATS: dict[str, str] = {
    **{kind: title for kind, (title, _) in _TABLES.items()},
    "zip": "Images and table",
    **{kind: form.title for kind, form in _PICTURES.items()},
}


def formats_of(samples: Samples) -> dict[str, str]:
    """Return the kinds of `FORMATS` that a run offers, and their titles, which say how many pictures they hold at most.

    They are tables alone where the run was made from features, and tables and images where no confidence is known,
    which the other formats hold.
    """
    tables = {kind: FORMATS[kind] for kind in _TABLES}
    if samples.run.experiment.backbone == FEATURES:
        return tables
    unfit = _PICTURES if np.isnan(samples.confidence).any() else {}
    limit = f", the first {MOST_PICTURES:,}" if len(samples) > MOST_PICTURES else ""
    return tables | {kind: f"{title}{limit}" for kind, title in FORMATS.items() if kind not in {*tables, *unfit}}


def file_name_of(kind: str, name: str) -> str:
    """Return the name of an export's file.

    Args:
        kind: key of `FORMATS`.
        name: id of the run.
    """
    return f"{name}-samples.{kind}" if kind in (*_TABLES, "zip") else f"{name}-{kind}.zip"


def media_type_of(kind: str) -> str:
    """Return the media type of an export's file."""
    return _TABLES[kind][1] if kind in _TABLES else "application/zip"


def write_export(
    samples: Samples,
    numbers: Sequence[int] | np.ndarray,
    kind: str,
    out: BinaryIO,
    lens: Lens = PLAIN,
    most: int | None = MOST_PICTURES,
) -> list[str]:
    """Write samples in a format.

    Args:
        samples: the samples.
        numbers: (n,) numbers of the samples, in the order of the export.
        kind: key of `FORMATS`.
        out: file that is written; a zip archive needs one in which it can seek.
        lens: lens of HEAT's scores.
        most: number of pictures, from the first on, that are written; None = all.

    Returns:
        Sentences about what is left out, and about what is not a file as it was.

    Raises:
        HeatError: for an unknown kind, and where a run has no pictures, or Parquet is asked for without pyarrow.
    """
    chosen = [int(number) for number in numbers]
    if kind not in FORMATS:
        raise HeatError(f"There is no format {kind!r}: choose among {', '.join(FORMATS)}.")
    if kind not in formats_of(samples):
        why = "was made from features, without pictures" if kind == "zip" else "has no pictures or no confidences"
        raise HeatError(f"This run {why}: choose {' or '.join(formats_of(samples))}.")
    if kind == "csv":
        out.write(to_csv(samples, chosen, lens).encode(errors="backslashreplace"))
        return []
    if kind == "parquet":
        write_parquet(samples, chosen, out, lens)
        return []
    if kind == "zip":
        content, gone = to_zip(samples, chosen, lens, most)
        out.write(content)
        return [f"Left out: the pictures of {gone:,} images, whose files can no longer be read."] if gone else []
    return _write_pictures(Rows(samples, chosen, lens, most), _PICTURES[kind], out)


def _write_pictures(rows: Rows, form: PictureFormat, out: BinaryIO) -> list[str]:
    """Write the picture of each row, then the files that describe them all."""
    about, entries = _about(rows), list[Entry]()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for row in rows:
            path = f"{form.folder(row, about)}/{row.name}"
            archive.writestr(path, row.content)
            entries.append(Entry(path, row.width, row.height, row.record))
        for name, text in form.describe(entries, about).items():
            archive.writestr(name, text, zipfile.ZIP_DEFLATED)
        sentences = rows.counts.sentences()
        archive.writestr(
            "README.txt", "\n".join([form.title, "", form.usage, *([""] if sentences else []), *sentences, ""])
        )
    return sentences


def _about(rows: Rows) -> About:
    samples = rows.samples
    true_classes = dict.fromkeys(str(samples.true_class[number]) for number in rows.numbers)
    names = [printable(name) for name in (*samples.run.class_names, *true_classes)]
    classes = tuple(dict.fromkeys(name for name in names if name))
    folders = unique_names_avoiding([UNLABELLED], map(file_name, classes))
    return About(samples.run.id, classes, {"": UNLABELLED} | dict(zip(classes, folders, strict=True)))
