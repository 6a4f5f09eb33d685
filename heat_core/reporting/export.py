"""Samples to take along: a table (CSV) and their pictures (zip)."""

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
    """One line a sample: set, id, path (and box, where there are crops), class seen, confidence, every detector's score
    and verdict, note and tags, then what its manifest says."""
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
    header += [*(f"score_{d}" for d in scores), *(f"ood_{d}" for d in flagged), "note", "tags"]
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
            *map(escape_formula, (note["note"], ";".join(note["tags"]))),
            *(texts[i] for texts in metadata.values()),
        ]
        writer.writerow(row)
    return out.getvalue()


def to_zip(samples: Samples, numbers: Iterable[int], lens: Lens = PLAIN) -> tuple[bytes, int]:
    """The pictures in one folder a set, with `samples.csv` beside them; and how many pictures were gone."""
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
    """In which file the picture lies, and in which box of it."""
    try:
        location = samples.location_of(number)
    except (OSError, ValueError):  # a name that no file can have, a manifest that is gone
        location = None
    if location is None:
        return "", ""
    return printable(location.file), "" if location.box is None else f"[{location.box_text}]"
