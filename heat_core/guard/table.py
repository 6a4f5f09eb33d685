"""Verdicts as a table: a row an image, as CSV, JSON or Parquet."""

import csv
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from heat_core.data.folder_scan import unique_beside
from heat_core.data.pyarrow_support import arrow, as_column
from heat_core.guard.guard import NO_CLASS, Verdicts
from heat_core.storage import no_formula, replacing

Extra = Mapping[str, np.ndarray]  # name → (N,), what else is known of the images


def arrow_columns(found: Verdicts) -> dict[str, Any]:
    """Arrow's arrays by name; float32, null where an image has no score."""
    pa = arrow()

    def known(values: np.ndarray) -> Any:
        return pa.array(values.astype(np.float32), from_pandas=True)  # NaN is null

    return {
        "path": pa.array(found.ids, pa.string()),
        "score": known(found.score),
        "p_value": known(found.p_value),
        **{f"energy_{prior}": known(values) for prior, values in found.energies.items()},
        "predicted": pa.DictionaryArray.from_arrays(
            pa.array(found.predicted.astype(np.int32), mask=found.predicted == NO_CLASS), found.class_names
        ),
        "confidence": known(found.confidence),
        "error": pa.array([error or None for error in found.error], pa.string()),
    }


def write_table(found: Verdicts, unknown: np.ndarray, path: Path, extra: Extra) -> None:
    """Write the verdicts in the order of the images, in the format that the file's name says.

    Args:
        found: of N images.
        unknown: (N,) bool, which of them are called unknown.
        path: of a table, see `is_table`.
        extra: further columns, which never take the place of ours.
    """
    ours = [*_OURS, *(f"energy_{prior}" for prior in found.priors)]
    names = unique_beside(ours, extra)
    _WRITERS[path.suffix.lower()](found, unknown, path, dict(zip(names, extra.values(), strict=True)))


def is_table(path: Path) -> bool:
    """Whether a file's name says one of the formats."""
    return path.suffix.lower() in _WRITERS


def rows_of(found: Verdicts, unknown: np.ndarray, extra: Extra) -> list[dict[str, Any]]:
    """One object an image; None where there is no number."""
    energies, classes = found.energies, found.taken_for
    return [
        {
            "path": found.ids[i],
            "score": _number(found.score[i]),
            "p_value": _number(found.p_value[i]),
            "unknown": None if found.error[i] else bool(unknown[i]),
            "predicted": classes[i] or None,
            "confidence": _number(found.confidence[i]),
            **{f"energy_{prior}": _number(values[i]) for prior, values in energies.items()},
            **{name: _said(values[i]) for name, values in extra.items()},
            "error": found.error[i] or None,
        }
        for i in range(len(found))
    ]


def _number(value: np.floating[Any]) -> float | None:
    """As in Parquet: a float32 has all digits that mean something."""
    return None if np.isnan(value) else float(np.format_float_positional(np.float32(value)))


def _said(value: Any) -> str | float | None:
    """A text or a number of a manifest; None where it says nothing."""
    plain = value.item() if isinstance(value, np.generic) else value
    return None if plain == "" or plain != plain else plain


def _to_csv(found: Verdicts, unknown: np.ndarray, path: Path, extra: Extra) -> None:
    rows = rows_of(found, unknown, extra)
    with replacing(path) as beside, open(beside, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(map(no_formula, rows[0]))
        for row in rows:
            writer.writerow(no_formula(value) if isinstance(value, str) else value for value in row.values())


def _to_json(found: Verdicts, unknown: np.ndarray, path: Path, extra: Extra) -> None:
    with replacing(path) as beside:
        beside.write_text(json.dumps(rows_of(found, unknown, extra), indent=1), encoding="utf-8")


def _to_parquet(found: Verdicts, unknown: np.ndarray, path: Path, extra: Extra) -> None:
    pa = arrow()
    called = {"unknown": pa.array(unknown, mask=np.array(found.error) != "")}
    table = pa.table(arrow_columns(found) | called | {name: as_column(v) for name, v in extra.items()})
    with replacing(path) as beside:
        pa.parquet.write_table(table, beside)


_WRITERS: dict[str, Callable[[Verdicts, np.ndarray, Path, Extra], None]] = {
    ".csv": _to_csv,
    ".json": _to_json,
    ".parquet": _to_parquet,
}
_OURS = ("path", "score", "p_value", "unknown", "predicted", "confidence", "error")
