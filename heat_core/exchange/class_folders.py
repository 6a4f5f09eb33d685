"""Formats whose pictures lie in folders of splits: imagefolder of Hugging Face, and YOLO classification."""

from heat_core.exchange.picture_formats import About, Entry, PictureFormat, records
from heat_core.exchange.rows import Row
from heat_core.names import escape_formula
from heat_core.reporting.export import write_csv

TABLE = "samples.csv"  # file of the formats that have no table of their own
# The folder of a split: `datasets` would otherwise make splits of file names such as `test-1.jpg`, and drop the others.
_TRAIN = "train"


def _describe_imagefolder(entries: list[Entry], about: About) -> dict[str, str]:  # noqa: ARG001 (every format takes it)
    """Write `metadata.csv` beside the images, with the true class as `label`, which is empty where it is not known."""
    header, *rows = records(entries) or [["file_name"]]
    table: list[list[object]] = [["file_name", "label", *header[1:]]]
    for entry, (path, *cells) in zip(entries, rows, strict=True):
        table.append([str(path).removeprefix(f"{_TRAIN}/"), escape_formula(entry.record.true_class), *cells])
    return {f"{_TRAIN}/metadata.csv": write_csv(table)}


def _describe_table(entries: list[Entry], about: About) -> dict[str, str]:  # noqa: ARG001
    return {TABLE: write_csv(records(entries))}


def _class_folder(row: Row, about: About) -> str:
    """Return split and class of a picture; known images, those of shifted sets too, are test images."""
    return f"{'test' if row.record.is_known else _TRAIN}/{about.folders[row.record.true_class]}"


IMAGEFOLDER = PictureFormat(
    title="Hugging Face imagefolder",
    usage='Unpack the zip; in Python: datasets.load_dataset("imagefolder", data_dir="THE FOLDER"). The column `label` '
    "holds the true class, and is empty where it is not known: fill it in, and give metadata.csv back.",
    describe=_describe_imagefolder,
    folder=lambda row, about: _TRAIN,  # noqa: ARG005
)
YOLO = PictureFormat(
    title="YOLO classification",
    usage="The folders are SPLIT/CLASS/IMAGE, as Ultralytics and torchvision.datasets.ImageFolder read them; test/ "
    "holds the known images, those of the ID test set and of shifted sets. Images whose true class is not known lie in "
    "train/unlabelled, known ones in test/unlabelled. Move them into folders of classes, which may be new, and give "
    "the folder back as a zip.",
    describe=_describe_table,
    folder=_class_folder,
)
