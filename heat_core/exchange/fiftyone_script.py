"""FiftyOne: a table of the images, and a Python script that makes a dataset of it.

The script is the same in every export and reads names from the table alone, so that no foreign text becomes code.
"""

from heat_core.exchange.class_folders import TABLE
from heat_core.exchange.picture_formats import About, Entry, PictureFormat, records
from heat_core.reporting.export import write_csv

SCRIPT = '''\
"""Make a FiftyOne dataset of the images in this folder, and open it: python make_dataset.py [NAME]."""

import csv
import sys
from pathlib import Path

import fiftyone as fo

FOLDER = Path(__file__).resolve().parent
NUMBERS = ("score", "p", "threshold")


def text(cell):
    """Remove the apostrophe that keeps spreadsheets from running a text as a formula."""
    return cell[1:] if cell[:1] == "'" and cell[1:].lstrip(" ")[:1] in tuple("=+-@|%\\t\\r\\n") else cell


def make_sample(row):
    """Make a sample of a row of the table."""
    tags = [tag for tag in text(row["tags"]).split(";") if tag]
    sample = fo.Sample(filepath=str(FOLDER / row["file_name"]), tags=tags)
    sample["prediction"] = fo.Classification(label=text(row["predicted_class"]), confidence=float(row["confidence"]))
    if row["true_class"]:
        sample["ground_truth"] = fo.Classification(label=text(row["true_class"]))
    for name in NUMBERS:
        sample[f"heat_{name}"] = float(row[name])
    sample["heat_unknown"] = row["unknown"] == "1"
    sample["heat_set"], sample["heat_key"] = text(row["set"]), text(row["key"])
    return sample


def make_dataset(name):
    """Make the dataset; another one of the same name stays as it is."""
    if name in fo.list_datasets():
        raise SystemExit(f"There is a dataset {name} already: give another name, python make_dataset.py NAME.")
    with open(FOLDER / "samples.csv", encoding="utf-8", newline="") as file:
        samples = [make_sample(row) for row in csv.DictReader(file)]
    dataset = fo.Dataset(name, persistent=True)
    dataset.add_samples(samples)
    return dataset


if __name__ == "__main__":
    fo.launch_app(make_dataset(sys.argv[1] if len(sys.argv) > 1 else FOLDER.name)).wait()
'''


def _describe(entries: list[Entry], about: About) -> dict[str, str]:  # noqa: ARG001 (every format takes it)
    return {TABLE: write_csv(records(entries)), "make_dataset.py": SCRIPT}


FIFTYONE = PictureFormat(
    title="FiftyOne dataset",
    usage="Unpack the zip; pip install fiftyone; python make_dataset.py. It makes a dataset of the images, with "
    "prediction, ground truth, score, p and threshold, and opens it.",
    describe=_describe,
)
