"""Decisions of a run as tables for other programs: CSV and JSON, one row for each image that a decision holds for."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from heat_core.decisions.store import Decision, in_force
from heat_core.errors import HeatError
from heat_core.names import escape_formula, printable
from heat_core.storage import replacing

_COLUMNS = ("decision", "action", "class", "set", "id", "path", "batch", "author", "time")
#: Returns the path of an image by its batch and its key; "" where it is no file.
PathOf = Callable[[str, str], str]


def export_rows(decisions: Sequence[Decision], sets: Sequence[str], path_of: PathOf) -> Iterator[dict[str, str | int]]:
    """Yield a row for each image that a decision holds for.

    Args:
        decisions: all decisions of the run.
        sets: names of the sets that keys may begin with.
        path_of: returns the path of an image.
    """
    for (batch, key), decision in in_force(decisions).items():
        of_set = next((name for name in sets if key.startswith(f"{name}/")), key.partition("/")[0])
        values = (
            decision.id,
            decision.action,
            decision.name,
            of_set,
            key[len(of_set) + 1 :],
            printable(path_of(batch, key)),
            batch,
            decision.author,
            datetime.fromtimestamp(decision.time, UTC).isoformat(timespec="seconds"),
        )
        yield dict(zip(_COLUMNS, values, strict=True))


def to_csv(rows: Iterator[dict[str, str | int]]) -> str:
    """Write rows of `export_rows` as CSV, in which a spreadsheet reads no text as a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for row in rows:
        writer.writerow([escape_formula(value) if isinstance(value, str) else value for value in row.values()])
    return text.getvalue()


def to_json(rows: Iterator[dict[str, str | int]]) -> str:
    """Write rows of `export_rows` as JSON."""
    return json.dumps(list(rows), indent=1)


def write_export(path: Path, rows: Iterator[dict[str, str | int]]) -> None:
    """Write rows of `export_rows` to a file, as JSON where its name ends in `.json`, as CSV where it ends in `.csv`.

    Raises:
        HeatError: where the name has another ending, or the file cannot be written.
    """
    formats = {".csv": to_csv, ".json": to_json}
    if path.suffix.lower() not in formats:
        raise HeatError(f"{printable(path)} must end in .csv or .json.")
    with replacing(path) as temp_path:
        temp_path.write_text(formats[path.suffix.lower()](rows), encoding="utf-8")
