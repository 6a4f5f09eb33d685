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
from heat_core.names import escape_formula, file_name, printable
from heat_core.runs.metadata_columns import format_values


def to_csv(samples: Samples, numbers: Iterable[int], lens: Lens = PLAIN) -> str:
    """Write samples as CSV, one line per sample.

    The columns are set, id, path (and box, where there are crops), predicted class, confidence, score and verdict of
    every detector, true class ("" where it is not known), note, tags, and the columns of the manifests.
    """
    run, notes, numbers = samples.run, read_notes(samples.run.folder), list(numbers)
    scores = {d: samples.scores(d, lens) for d in samples.detectors}
    flagged = {d: samples.flagged(d, lens) for d in samples.detectors}
    locations = [_file_and_box(samples, i) for i in numbers]
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


def to_zip(samples: Samples, numbers: Iterable[int], lens: Lens = PLAIN) -> tuple[bytes, int]:
    """Pack the pictures of samples into a zip file, one folder per set, together with `samples.csv`.

    Returns:
        The bytes of the zip file, and the number of pictures that were gone.
    """
    out, missing, numbers = io.BytesIO(), 0, list(numbers)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("samples.csv", to_csv(samples, numbers, lens))
        for i in numbers:
            name, _ = samples.locate(i)
            try:
                image = samples.image(i)
            except HeatError:
                missing += 1
                continue
            buffer = io.BytesIO()
            image.save(buffer, "PNG")
            stem = file_name(str(samples.ids[i]).rsplit(".", 1)[0])
            archive.writestr(f"{file_name(name)}/{i:06d}-{stem}.png", buffer.getvalue())
    return out.getvalue(), missing


def _file_and_box(samples: Samples, number: int) -> tuple[str, str]:
    """Return the path of the file that holds the picture, and its box in that file; "" for what does not apply."""
    try:
        location = samples.location_of(number)
    except (OSError, ValueError):  # an invalid file name, or a manifest that is gone
        location = None
    if location is None:
        return "", ""
    return printable(location.file), "" if location.box is None else f"[{location.box_text}]"
