"""Export of samples: a table (CSV, Parquet), and their pictures (zip)."""

import csv
import io
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from heat_core.analysis.notes import read_notes
from heat_core.analysis.samples import Samples
from heat_core.composition import HEAT, PLAIN, Lens
from heat_core.data.folder_scan import unique_names_avoiding
from heat_core.data.manifest_cells import object_array
from heat_core.data.pyarrow_support import arrow, to_arrow
from heat_core.errors import HeatError
from heat_core.guard.conformal import Calibration
from heat_core.names import escape_formula
from heat_core.reporting.picture_files import archive_names, file_and_box, picture_file
from heat_core.runs.metadata_columns import format_values

_TABLE, _README = "samples.csv", "README.txt"  # files of the zip beside the pictures


@dataclass(frozen=True)
class HeatScores:
    """Scores of a run's main row: HEAT, or the last detector before the first residual is trained.

    Attributes:
        scores: (N,) scores of all samples.
        p: (N,) p-values: the share of known test images that score at least as high.
        threshold: score above which an image is called unknown.
    """

    scores: np.ndarray
    p: np.ndarray
    threshold: float


def heat_scores(samples: Samples, lens: Lens = PLAIN) -> HeatScores:
    """Return scores, p-values and threshold of all samples under a lens."""
    row = HEAT if HEAT in samples.detectors else samples.detectors[-1]
    scores, known = samples.scores(row, lens), samples.is_id
    calibration = Calibration(scores[known], samples.predicted[known])
    return HeatScores(scores, calibration.p_values(scores), samples.threshold(row, lens))


def table_of(samples: Samples, numbers: Iterable[int], lens: Lens = PLAIN) -> tuple[dict[str, np.ndarray], list[str]]:
    """Make the table of samples, one row per sample.

    The columns are set, id, path (and box, where there are crops), predicted class, confidence, score and verdict of
    every detector, true class ("" where it is not known), note, tags, HEAT's p-value and threshold, and the columns of
    the manifests.

    Returns:
        Name of a column → its (n,) texts (as objects), numbers or truth values; and the names of the manifests'.
    """
    run, notes, heat = samples.run, read_notes(samples.run.folder), heat_scores(samples, lens)
    chosen = np.array(list(numbers), int)
    given = [notes.get(samples.key(i), {"note": "", "tags": []}) for i in chosen.tolist()]
    locations = [file_and_box(samples, i) for i in chosen.tolist()]
    boxes = [box for _, box in locations]
    columns: dict[str, np.ndarray] = {
        "set": object_array(samples.locate(i)[0] for i in chosen.tolist()),
        "id": object_array(map(str, samples.ids[chosen])),
        "path": object_array(path for path, _ in locations),
        **({"box": object_array(boxes)} if any(boxes) else {}),
        "taken_for": object_array(run.class_names[i] for i in samples.predicted[chosen]),
        "confidence": samples.confidence[chosen],
        **{f"score_{d}": samples.scores(d, lens)[chosen] for d in samples.detectors},
        **{f"ood_{d}": samples.flagged(d, lens)[chosen] for d in samples.detectors},
        "true_class": object_array(map(str, samples.true_class[chosen])),
        "note": object_array(entry["note"] for entry in given),
        "tags": object_array(";".join(entry["tags"]) for entry in given),
        "p": heat.p[chosen],
        "threshold": np.full(len(chosen), heat.threshold),
    }
    names = unique_names_avoiding(columns, samples.columns)
    further = [values[chosen] for values in samples.columns.values()]
    return columns | dict(zip(names, further, strict=True)), names


def to_csv(samples: Samples, numbers: Iterable[int], lens: Lens = PLAIN) -> str:
    """Write samples as CSV, one line per sample, with the columns of `table_of`; no text is a formula."""
    columns, of_manifests = table_of(samples, numbers, lens)
    header = [escape_formula(name) if name in of_manifests else name for name in columns]
    cells = [_format(name, values, name in of_manifests) for name, values in columns.items()]
    return write_csv([header, *zip(*cells, strict=True)])


def _format(name: str, values: np.ndarray, of_manifest: bool) -> list[str]:
    """Format a column for CSV."""
    if values.dtype == object:
        return list(map(escape_formula, values.tolist()))
    if of_manifest:
        return format_values(values).tolist()
    if values.dtype == bool:
        return [str(int(value)) for value in values]
    if name == "confidence" and np.isnan(values).all():  # It was not given.
        return [""] * len(values)
    return [f"{value:.4f}" if name == "confidence" else f"{value:.6g}" for value in values.tolist()]


def write_csv(rows: Iterable[Iterable[object]]) -> str:
    """Write rows of cells as CSV with Unix line ends."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def write_parquet(samples: Samples, numbers: Iterable[int], out: BinaryIO, lens: Lens = PLAIN) -> None:
    """Write samples as a Parquet file with the columns of `table_of`; texts are as they are.

    Raises:
        HeatError: if pyarrow is not installed.
    """
    pa = arrow()
    columns, of_manifests = table_of(samples, numbers, lens)
    arrays = {name: to_arrow(values) if name in of_manifests else pa.array(values) for name, values in columns.items()}
    pa.parquet.write_table(pa.table(arrays), out)


def to_zip(
    samples: Samples, numbers: Iterable[int], lens: Lens = PLAIN, most_pictures: int | None = None
) -> tuple[bytes, int]:
    """Pack samples into a zip file: `samples.csv` with all of them, and their pictures in one folder per set.

    A picture is the file itself, with its name in its folders. Crops, and pictures of sets that are no files, are PNGs.
    `README.txt` says how many pictures are left out, if any.

    Args:
        samples: the samples.
        numbers: numbers of the samples to pack.
        lens: lens of HEAT's scores.
        most_pictures: number of samples, from the first on, whose pictures are packed; None = all.

    Returns:
        The bytes of the zip file, and the number of pictures that were gone.
    """
    out, missing, numbers = io.BytesIO(), 0, list(numbers)
    pictured = numbers[:most_pictures]
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_TABLE, to_csv(samples, numbers, lens))
        for i, name in zip(pictured, archive_names(samples, pictured, (_TABLE, _README)), strict=True):
            try:
                archive.writestr(name, picture_file(samples, i))
            except HeatError:
                missing += 1
        if sentences := _describe_left_out(len(pictured), len(numbers), missing):
            archive.writestr(_README, "\n".join(sentences) + "\n")
    return out.getvalue(), missing


def _describe_left_out(pictured: int, samples: int, missing: int) -> list[str]:
    sentences = []
    if pictured < samples:
        sentences.append(f"Here are the pictures of the first {pictured:,} of {samples:,} samples; {_TABLE} has all.")
    if missing:
        sentences.append(f"Pictures that can no longer be read, and are not here: {missing:,}.")
    return sentences
