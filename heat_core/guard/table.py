"""Verdicts as a table with one row per image, as CSV, JSON or Parquet."""

import csv
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from heat_core.data.folder_scan import unique_names_avoiding
from heat_core.data.pyarrow_support import arrow, to_arrow
from heat_core.guard.verdicts import NO_CLASS, Verdicts
from heat_core.json_text import to_json
from heat_core.names import escape_formula
from heat_core.storage import replacing

Extra = Mapping[str, np.ndarray]  # name → (N,) values of a further column


def arrow_columns(verdicts: Verdicts) -> dict[str, Any]:
    """Convert verdicts to Arrow arrays by column name; numbers are null for images without a score.

    They are float32, and p-values float64: these are fractions that are compared with α exactly.
    """
    pa = arrow()

    def to_float32(values: np.ndarray) -> Any:
        return pa.array(values.astype(np.float32), from_pandas=True)  # NaN becomes null

    return {
        "path": pa.array(verdicts.ids, pa.string()),
        "score": to_float32(verdicts.score),
        "p_value": pa.array(verdicts.p_value, from_pandas=True),
        **{f"energy_{prior}": to_float32(values) for prior, values in verdicts.energies.items()},
        "predicted": pa.DictionaryArray.from_arrays(
            pa.array(verdicts.predicted.astype(np.int32), mask=verdicts.predicted == NO_CLASS), verdicts.class_names
        ),
        "confidence": to_float32(verdicts.confidence),
        "error": pa.array([error or None for error in verdicts.error], pa.string()),
    }


def write_table(verdicts: Verdicts, unknown: np.ndarray, path: Path, extra: Extra) -> None:
    """Write verdicts as a table in the order of the images, in the format of the path's suffix.

    Args:
        verdicts: verdicts of N images.
        unknown: (N,) bool, which images are called unknown.
        path: path that ends in .csv, .json or .parquet.
        extra: further columns; one with the name of a verdicts' column is renamed.
    """
    own_names = [*_COLUMNS, *(f"energy_{prior}" for prior in verdicts.priors)]
    names = unique_names_avoiding(own_names, extra)
    _WRITERS[path.suffix.lower()](verdicts, unknown, path, dict(zip(names, extra.values(), strict=True)))


def is_table(path: Path) -> bool:
    """Return whether a path has the suffix of a table: .csv, .json or .parquet."""
    return path.suffix.lower() in _WRITERS


def to_rows(verdicts: Verdicts, unknown: np.ndarray, extra: Extra) -> list[dict[str, Any]]:
    """Convert verdicts to one dictionary per image, with None for missing values."""
    energies, classes = verdicts.energies, verdicts.predicted_class
    return [
        {
            "path": verdicts.ids[i],
            "score": _number(verdicts.score[i]),
            "p_value": None if np.isnan(verdicts.p_value[i]) else float(verdicts.p_value[i]),
            "unknown": None if verdicts.error[i] else bool(unknown[i]),
            "predicted": classes[i] or None,
            "confidence": _number(verdicts.confidence[i]),
            **{f"energy_{prior}": _number(values[i]) for prior, values in energies.items()},
            **{name: _to_plain_value(values[i]) for name, values in extra.items()},
            "error": verdicts.error[i] or None,
        }
        for i in range(len(verdicts))
    ]


def _number(value: np.floating[Any]) -> float | None:
    """Round to the shortest decimal of the value's float32, as Parquet stores it; None for NaN."""
    return None if np.isnan(value) else float(np.format_float_positional(np.float32(value)))


def _to_plain_value(value: Any) -> str | float | None:
    """Convert a manifest's value to a text or a number; None if it is empty or NaN."""
    plain = value.item() if isinstance(value, np.generic) else value
    return None if plain == "" or plain != plain else plain


def _to_csv(verdicts: Verdicts, unknown: np.ndarray, path: Path, extra: Extra) -> None:
    rows = to_rows(verdicts, unknown, extra)
    with replacing(path) as temp_path, open(temp_path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(unique_names_avoiding((), map(escape_formula, rows[0])))
        for row in rows:
            writer.writerow(escape_formula(value) if isinstance(value, str) else value for value in row.values())


def _to_json(verdicts: Verdicts, unknown: np.ndarray, path: Path, extra: Extra) -> None:
    with replacing(path) as temp_path:
        temp_path.write_text(to_json(to_rows(verdicts, unknown, extra), indent=1), encoding="utf-8")


def _to_parquet(verdicts: Verdicts, unknown: np.ndarray, path: Path, extra: Extra) -> None:
    pa = arrow()
    is_unknown = {"unknown": pa.array(unknown, mask=np.array(verdicts.error) != "")}
    table = pa.table(arrow_columns(verdicts) | is_unknown | {name: to_arrow(v) for name, v in extra.items()})
    with replacing(path) as temp_path:
        pa.parquet.write_table(table, temp_path)


_WRITERS: dict[str, Callable[[Verdicts, np.ndarray, Path, Extra], None]] = {
    ".csv": _to_csv,
    ".json": _to_json,
    ".parquet": _to_parquet,
}
_COLUMNS = ("path", "score", "p_value", "unknown", "predicted", "confidence", "error")
