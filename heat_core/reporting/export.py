"""Samples to take along: a table (CSV) and their pictures (zip)."""

import csv
import io
import zipfile
from collections.abc import Iterable

import numpy as np

from heat_core.analysis.notes import read_notes
from heat_core.analysis.samples import Samples
from heat_core.composition import PLAIN, Lens
from heat_core.data.folder_scan import unique_beside
from heat_core.errors import HeatError
from heat_core.runs.metadata_columns import as_texts
from heat_core.storage import file_name, no_formula, printable


def to_csv(samples: Samples, numbers: Iterable[int], lens: Lens = PLAIN) -> str:
    """One line a sample: set, id, path (and box, where there are crops), class seen, confidence, every detector's score
    and verdict, note and tags, then what its manifest says."""
    run, notes, numbers = samples.run, read_notes(samples.run.folder), list(numbers)
    scores = {d: samples.scores(d, lens) for d in samples.detectors}
    flagged = {d: samples.flagged(d, lens) for d in samples.detectors}
    places = [_place(samples, i) for i in numbers]
    boxed = any(box for _, box in places)
    further = {
        name: as_texts(values) if values.dtype != object else np.array(list(map(no_formula, values.tolist())), object)
        for name, values in samples.columns.items()
    }
    ours = ["set", "id", "path", *(["box"] if boxed else []), "taken_for", "confidence"]
    ours += [*(f"score_{d}" for d in scores), *(f"ood_{d}" for d in flagged), "note", "tags"]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*ours, *map(no_formula, unique_beside(ours, further))])
    for i, (path, box) in zip(numbers, places, strict=True):
        name, _ = samples.locate(i)
        note = notes.get(samples.key(i), {"note": "", "tags": []})
        sample, seen = str(samples.ids[i]), run.class_names[samples.predicted[i]]
        row = [
            *map(no_formula, (name, sample, path, *([box] if boxed else []), seen)),
            f"{samples.confidence[i]:.4f}",
            *(f"{of[i]:.6g}" for of in scores.values()),
            *(int(of[i]) for of in flagged.values()),
            *map(no_formula, (note["note"], ";".join(note["tags"]))),
            *(texts[i] for texts in further.values()),
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


def _place(samples: Samples, number: int) -> tuple[str, str]:
    """In which file the picture lies, and in which box of it."""
    try:
        place = samples.place_of(number)
    except (OSError, ValueError):  # a name that no file can have, a manifest that is gone
        place = None
    if place is None:
        return "", ""
    return printable(place.file), "" if place.box is None else f"[{place.box_text}]"
