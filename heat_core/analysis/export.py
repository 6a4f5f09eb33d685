"""Samples to take along: a table (CSV) and their pictures (zip)."""

import csv
import io
import zipfile
from collections.abc import Iterable

from heat_core.analysis.notes import read_notes
from heat_core.analysis.samples import Samples
from heat_core.composition import PLAIN, Lens
from heat_core.errors import HeatError
from heat_core.storage import file_name, no_formula, printable


def to_csv(samples: Samples, numbers: Iterable[int], lens: Lens = PLAIN) -> str:
    """One line a sample: set, id, path, class seen, confidence, every detector's score and verdict, note and tags."""
    run, notes = samples.run, read_notes(samples.run.folder)
    scores = {d: samples.scores(d, lens) for d in samples.detectors}
    flagged = {d: samples.flagged(d, lens) for d in samples.detectors}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    of_detectors = [*(f"score_{d}" for d in scores), *(f"ood_{d}" for d in flagged)]
    writer.writerow(["set", "id", "path", "taken_for", "confidence", *of_detectors, "note", "tags"])
    for i in numbers:
        name, _ = samples.locate(i)
        note = notes.get(samples.key(i), {"note": "", "tags": []})
        sample, seen = str(samples.ids[i]), run.class_names[samples.predicted[i]]
        row = [
            *map(no_formula, (name, sample, _path(samples, i), seen)),
            f"{samples.confidence[i]:.4f}",
            *(f"{of[i]:.6g}" for of in scores.values()),
            *(int(of[i]) for of in flagged.values()),
            *map(no_formula, (note["note"], ";".join(note["tags"]))),
        ]
        writer.writerow(row)
    return out.getvalue()


def to_zip(samples: Samples, numbers: Iterable[int], lens: Lens = PLAIN) -> tuple[bytes, int]:
    """The pictures in one folder a set, with `samples.csv` beside them; and how many pictures were gone."""
    out, gone, numbers = io.BytesIO(), 0, list(numbers)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("samples.csv", to_csv(samples, numbers, lens))
        for i in numbers:
            name, _ = samples.locate(i)
            try:
                image = samples.image(i)
            except HeatError:
                gone += 1
                continue
            buffer = io.BytesIO()
            image.save(buffer, "PNG")
            stem = file_name(str(samples.ids[i]).rsplit(".", 1)[0])
            archive.writestr(f"{file_name(name)}/{i:06d}-{stem}.png", buffer.getvalue())
    return out.getvalue(), gone


def _path(samples: Samples, number: int) -> str:
    """Where the file lies, for sets that are folders."""
    try:
        path = samples.file_of(number)
    except (OSError, ValueError):  # a name that no file can have
        return ""
    return printable(path) if path else ""
