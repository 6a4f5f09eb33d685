"""Decisions of a run as tables for other programs: CSV and JSON, one row for each image that a decision holds for."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from heat_core.analysis.new_images import NEW
from heat_core.decisions.store import Decision, in_force, split_key
from heat_core.errors import HeatError
from heat_core.names import escape_formula, printable
from heat_core.runs.experiment import TRAIN
from heat_core.runs.run import Run
from heat_core.runs.scored_images import SCORED, ScoredImages
from heat_core.storage import replacing

_COLUMNS = ("decision", "action", "class", "set", "id", "path", "batch", "author", "time")
Row = dict[str, str | int]


def export_rows(run: Run, decisions: Sequence[Decision]) -> Iterator[Row]:
    """Yield a row for each image that a decision holds for; its path is "" where it is no file, or gone."""
    batches: dict[str, dict[str, str]] = {}
    for (batch, key), decision in in_force(decisions).items():
        of_set, sample = split_key(key, (NEW,) if batch else (TRAIN, *run.datasets))
        if batch and batch not in batches:
            batches[batch] = _paths_of_batch(run, batch)
        path = batches[batch].get(sample, "") if batch else _path(run, of_set, sample)
        values = (
            decision.id,
            decision.action,
            decision.name,
            of_set,
            sample,
            printable(path),
            batch,
            decision.author,
            datetime.fromtimestamp(decision.time, UTC).isoformat(timespec="seconds"),
        )
        yield dict(zip(_COLUMNS, values, strict=True))


def _path(run: Run, of_set: str, sample: str) -> str:
    with suppress(HeatError):  # the set was moved or deleted
        return str(run.pictures.place(of_set, sample) or "") if of_set else ""
    return ""


def _paths_of_batch(run: Run, batch: str) -> dict[str, str]:
    """Map the ids of a batch of new images to their paths; {} where the batch is gone."""
    with suppress(HeatError):
        scored = ScoredImages.load(run.folder / "own" / batch / SCORED)
        return {sample: str(scored.place(row)) for row, sample in enumerate(scored.ids.tolist())}
    return {}


def to_csv(rows: Iterable[Row]) -> str:
    """Write rows of `export_rows` as CSV, in which a spreadsheet reads no text as a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for row in rows:
        writer.writerow([escape_formula(value) if isinstance(value, str) else value for value in row.values()])
    return text.getvalue()


def to_json(rows: Iterable[Row]) -> str:
    """Write rows of `export_rows` as JSON."""
    return json.dumps(list(rows), indent=1)


def write_export(path: Path, rows: Iterable[Row]) -> None:
    """Write rows of `export_rows` to a file, as JSON where its name ends in `.json`, as CSV where it ends in `.csv`.

    Raises:
        HeatError: where the name has another ending, or the file cannot be written.
    """
    formats = {".csv": to_csv, ".json": to_json}
    if path.suffix.lower() not in formats:
        raise HeatError(f"{printable(path)} must end in .csv or .json.")
    with replacing(path) as temp_path:
        temp_path.write_text(formats[path.suffix.lower()](rows), encoding="utf-8")
