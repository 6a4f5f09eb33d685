"""Comparisons written as HTML, LaTeX, Markdown and CSV."""

import csv
import io
from collections.abc import Callable

from heat_core.analysis.comparison import Cell, Comparison
from heat_core.analysis.comparison_rows import ScoreSource
from heat_core.names import escape_formula, printable
from heat_core.reporting.html_templates import render
from heat_core.runs.experiment import AVERAGE

#: Function of a row and a column's OOD sets that returns the address a cell links to, or None.
Link = Callable[[ScoreSource, tuple[str, ...]], str | None]
_MANY = 6  # with more columns than this, intervals do not fit next to their values on a laptop and go below them


def to_markdown(table: Comparison, intervals: bool = False) -> str:
    """Write a table as Markdown: best bold, second underlined.

    A column with the evidence of each row is added where it is known for at least one row.

    Args:
        table: table to write.
        intervals: whether intervals, where there are any, follow the values in brackets.
    """
    has_evidence = any(table.evidence)
    marks = {1: "**{}**", 2: "<u>{}</u>"}
    head = [
        "",
        *(["evidence"] if has_evidence else []),
        *(markdown_text(f"{g} · {n}" if g else n) for g, n in table.columns),
    ]
    body = [
        [
            markdown_text(label),
            *([markdown_text(table.evidence[i])] if has_evidence else []),
            *(_format_cell(cell, marks, "–") + _format_interval(cell, intervals) for cell in table.cells[i]),
        ]
        for i, label in enumerate(table.labels)
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *body)) + "\n"


def to_latex(table: Comparison) -> str:
    """Write a table as LaTeX (booktabs): best bold, second underlined, the name of a group above its columns."""
    marks = {1: r"\textbf{{{}}}", 2: r"\underline{{{}}}"}
    groups = " & ".join(rf"\multicolumn{{{n}}}{{c}}{{{_escape_latex(g)}}}" for g, n in table.groups)
    names = " & ".join(_escape_latex(name) for _, name in table.columns)
    body = [
        f"{_escape_first_cell(label)} & " + " & ".join(_format_cell(cell, marks, "--") for cell in row) + r" \\"
        for label, row in zip(table.labels, table.cells, strict=True)
    ]
    return "\n".join(
        [
            rf"\begin{{tabular}}{{l{'c' * len(table.columns)}}}",
            r"\toprule",
            rf" & {groups} \\",
            rf" & {names} \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )


def to_html(
    table: Comparison, intervals: bool = True, missing: dict[str, str] | None = None, link: Link | None = None
) -> str:
    """Write a table as HTML, in a box that scrolls: best bold, second underlined.

    The columns are the row's name with its evidence, the average, and the sets.

    Args:
        table: table to write.
        intervals: whether intervals are shown: beside the values, or below them where there are many columns.
        missing: name of a detector without numbers → the reason.
        link: function that returns the address a cell links to.
    """
    table = table.average_first()
    several_runs = len({source.run for source in table.sources}) > 1
    rows = []
    for i, (label, cells) in enumerate(zip(table.labels, table.cells, strict=True)):
        classes = ["heat"] if label.startswith("HEAT") else []
        if several_runs and i and table.sources[i].detector != table.sources[i - 1].detector:
            classes.append("next")
        hrefs = [link(table.sources[i], sets) for sets in table.members] if link else [None] * len(cells)
        rows.append(
            {
                "css": " ".join(classes),
                "label": label,
                "evidence": table.evidence[i] if table.evidence else "",
                "cells": list(zip(cells, hrefs, table.columns, strict=True)),
            }
        )
    return render(
        "table.html",
        table=table,
        rows=rows,
        missing=missing or {},
        intervals=intervals,
        average=("", AVERAGE),
        many=len(table.columns) > _MANY,
        ranks={1: " first", 2: " second"},
    )


def to_csv(table: Comparison) -> str:
    """Write a table as CSV, one line per cell: row, group, set, metric, value, low, high.

    A column `evidence` is added where it is known for at least one row.
    """
    has_evidence = any(table.evidence)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["row", "group", "set", "metric", "value", "low", "high", *(["evidence"] if has_evidence else [])])
    for i, (label, row) in enumerate(zip(table.labels, table.cells, strict=True)):
        kind = [escape_formula(table.evidence[i])] if has_evidence else []
        for (group, name), cell in zip(table.columns, row, strict=True):
            if cell is not None:
                texts = map(escape_formula, (label, group, name, table.metric))
                writer.writerow([*texts, cell.value, cell.low, cell.high, *kind])
    return out.getvalue()


def _format_cell(cell: Cell | None, marks: dict[int, str], missing: str) -> str:
    return missing if cell is None else marks.get(cell.rank, "{}").format(str(cell))


def _format_interval(cell: Cell | None, intervals: bool) -> str:
    return f" ({cell.low:.1f}–{cell.high:.1f})" if intervals and cell and cell.low == cell.low else ""


_TEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "β": r"$\beta$",
} | {c: rf"\{c}" for c in "&_%#${}"}


def _escape_latex(text: str) -> str:
    """Escape text so that LaTeX prints it literally, without commands, mathematics or comments."""
    return "".join(_TEX.get(c, c) for c in _join_lines(text))


def _escape_first_cell(text: str) -> str:
    """Escape the text of a row's first cell, so that LaTeX does not read it as an argument of the row before."""
    return ("{}" if text.lstrip()[:1] in ("[", "*") else "") + _escape_latex(text)


def markdown_text(text: str) -> str:
    """Escape text so that Markdown prints it literally, without markup, tags or the end of a table cell."""
    return "".join(f"\\{c}" if c in _MARKUP else c for c in _join_lines(text))


_MARKUP = frozenset("\\`*_{}[]<>()#!|~$&@")


def _join_lines(text: str) -> str:
    return printable(" ".join(text.split()))
