"""Export of samples: a table (CSV), and their pictures (zip)."""

import csv
import io
import zipfile
from collections.abc import Iterable

import numpy as np

from heat_core.analysis.notes import read_notes
from heat_core.analysis.samples import Samples
from heat_core.composition import PLAIN, Lens
from heat_core.data.folder_scan import unique_names_avoiding
from heat_core.errors import HeatError
from heat_core.names import escape_formula
from heat_core.reporting.picture_files import archive_names, file_and_box, picture_file
from heat_core.runs.metadata_columns import format_values

_TABLE, _README = "samples.csv", "README.txt"  # files of the zip beside the pictures


def to_csv(samples: Samples, numbers: Iterable[int], lens: Lens = PLAIN) -> str:
    """Write samples as CSV, one line per sample.

    The columns are set, id, path (and box, where there are crops), predicted class, confidence, score and verdict of
    every detector, true class ("" where it is not known), note, tags, and the columns of the manifests.
    """
    run, notes, numbers = samples.run, read_notes(samples.run.folder), list(numbers)
    scores = {d: samples.scores(d, lens) for d in samples.detectors}
    flagged = {d: samples.flagged(d, lens) for d in samples.detectors}
    locations = [file_and_box(samples, i) for i in numbers]
    has_boxes = any(box for _, box in locations)
    metadata = {
        name: format_values(values)
        if values.dtype != object
        else np.array(list(map(escape_formula, values.tolist())), object)
        for name, values in samples.columns.items()
    }
    header = ["set", "id", "path", *(["box"] if has_boxes else []), "taken_for", "confidence"]
    header += [*(f"score_{d}" for d in scores), *(f"ood_{d}" for d in flagged), "true_class", "note", "tags"]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*header, *map(escape_formula, unique_names_avoiding(header, metadata))])
    for i, (path, box) in zip(numbers, locations, strict=True):
        name, _ = samples.locate(i)
        note = notes.get(samples.key(i), {"note": "", "tags": []})
        sample, predicted = str(samples.ids[i]), run.class_names[samples.predicted[i]]
        row = [
            *map(escape_formula, (name, sample, path, *([box] if has_boxes else []), predicted)),
            f"{samples.confidence[i]:.4f}",
            *(f"{values[i]:.6g}" for values in scores.values()),
            *(int(values[i]) for values in flagged.values()),
            *map(escape_formula, (str(samples.true_class[i]), note["note"], ";".join(note["tags"]))),
            *(texts[i] for texts in metadata.values()),
        ]
        writer.writerow(row)
    return out.getvalue()


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
