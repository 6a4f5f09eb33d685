"""Numbers of the paper, to stand beside ours; `paper.json` holds them with the tables that they come from."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from heat_core.analysis.comparison import Cell, Comparison
from heat_core.analysis.comparison_rows import ScoreSource
from heat_core.composition import HEAT
from heat_core.runs.row_names import corrected_row

_METRICS = {"fpr95": 0, "auroc": 1}
_NAN = float("nan")


@cache
def _load_tables() -> dict[str, list[dict[str, Any]]]:
    return json.loads((Path(__file__).parent / "paper.json").read_text(encoding="utf-8"))


def paper_table(id_set: str, study: str, part: str) -> dict[str, Any] | None:
    """Look up a table of the paper.

    Returns:
        `table`, `network`, `columns` ((group, name) pairs) and `rows` (row → [FPR95, AUROC] per column, only [AUROC] in
        Tab. 2); None where the paper has no such table for this ID set.
    """
    matching = (t for t in _load_tables().get(id_set, []) if (t["study"], t["part"]) == (study, part))
    return next(matching, None)


def add_paper_columns(ours: Comparison, id_set: str, study: str, part: str) -> Comparison:
    """Append the paper's columns to our table.

    The table is returned unchanged where the paper has no such table, none of its rows, or not its metric.
    """
    theirs = paper_table(id_set, study, part)
    if theirs is None:
        return ours
    known = [theirs["rows"].get(row_key(source)) for source in ours.sources]
    if not any(known):
        return ours
    position = _METRICS.get(ours.metric, 0)
    width = max(len(values[0]) for values in known if values)
    if width == 1 and ours.metric == "fpr95":  # Tab. 2 has no FPR95
        return ours
    columns = [(f"{theirs['table']}, {theirs['network']}", name) for _, name in theirs["columns"]]
    position = position if width > 1 else 0
    cells = [
        [*row, *([None] * len(columns) if values is None else [_cell(pair[position]) for pair in values])]
        for row, values in zip(ours.cells, known, strict=True)
    ]
    no_members: list[tuple[str, ...]] = [()] * len(columns)
    return replace(ours, columns=[*ours.columns, *columns], cells=cells, members=[*ours.members, *no_members])


def row_key(source: ScoreSource) -> str:
    """Return the name of a row in `paper.json`: a detector, or the subset of priors that is composed."""
    if source.detector == HEAT and source.lens.priors:
        return corrected_row(*source.lens.priors)
    return source.detector


def _cell(value: float) -> Cell:
    return Cell(value, _NAN, _NAN, 0, False)
