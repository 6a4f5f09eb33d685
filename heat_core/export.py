"""Samples to take along: a table (CSV) and their pictures (zip)."""

import csv
import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

from heat_core.errors import HeatError
from heat_core.notes import read_notes
from heat_core.samples import PLAIN, Lens, Samples
from heat_core.storage import file_name


def to_csv(samples: Samples, numbers: Iterable[int], lens: Lens = PLAIN) -> str:
    """One line a sample: set, id, path, class seen, confidence, every method's score and verdict, note and tags."""
    run, notes = samples.run, read_notes(samples.run.folder)
    methods = run.detectors
    scores = {m: samples.scores(m, lens) for m in methods}
    flagged = {m: samples.flagged(m, lens) for m in methods}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([
        "set", "id", "path", "taken_for", "confidence", *(f"score_{m}" for m in methods),
        *(f"ood_{m}" for m in methods), "note", "tags",
    ])  # fmt: skip
    for i in numbers:
        name, _ = samples.locate(i)
        note = notes.get(samples.key(i), {"note": "", "tags": []})
        writer.writerow([
            *map(_no_formula, (name, str(samples.ids[i]), _path(run, name, str(samples.ids[i])))),
            _no_formula(run.class_names[samples.predicted[i]]), f"{samples.confidence[i]:.4f}",
            *(f"{scores[m][i]:.6g}" for m in methods), *(int(flagged[m][i]) for m in methods),
            _no_formula(note["note"]), _no_formula(";".join(note["tags"])),
        ])  # fmt: skip
    return out.getvalue()


def to_zip(samples: Samples, numbers: Iterable[int], lens: Lens = PLAIN) -> tuple[bytes, int]:
    """The pictures in one folder a set, with `samples.csv` beside them; and how many pictures were gone."""
    out, gone, numbers = io.BytesIO(), 0, list(numbers)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("samples.csv", to_csv(samples, numbers, lens))
        for i in numbers:
            name, _ = samples.locate(i)
            try:
                image = samples.run.image(name, str(samples.ids[i]))
            except HeatError:
                gone += 1
                continue
            buffer = io.BytesIO()
            image.save(buffer, "PNG")
            stem = file_name(
                str(samples.ids[i]).rsplit(".", 1)[0] if "." in str(samples.ids[i]) else str(samples.ids[i])
            )
            archive.writestr(f"{file_name(name)}/{i:06d}-{stem}.png", buffer.getvalue())
    return out.getvalue(), gone


def _path(run, name: str, sample_id: str) -> str:
    """Where the file lies, for sets that are folders."""
    source = run.source(name)
    path = Path(source).expanduser() / sample_id
    return str(path) if path.is_file() else ""


def _no_formula(text: str) -> str:
    """A text that a spreadsheet does not run: names of files are other people's."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text
