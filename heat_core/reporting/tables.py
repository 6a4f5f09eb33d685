"""A comparison as HTML, LaTeX, Markdown and CSV."""

import csv
import io
from collections.abc import Callable

from heat_core.analysis.comparison import Cell, Comparison
from heat_core.analysis.comparison_rows import ScoreSource
from heat_core.names import escape_formula, printable
from heat_core.reporting.html_templates import render
from heat_core.runs.experiment import AVERAGE

#: Row and OOD sets of a column → the address that a cell leads to, or None.
Link = Callable[[ScoreSource, tuple[str, ...]], str | None]
_MANY = 6  # columns whose intervals fit beside their values on a laptop; elsewhere they go below


def to_markdown(table: Comparison, intervals: bool = False) -> str:
    """A table for a README: best bold, second underlined; intervals in brackets behind, where there are any. What each
    row judges by follows its name, where it is known of one."""
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
    """A booktabs table: best bold, second underlined, groups spanning their sets."""
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
    """A table for a page, which scrolls in its own box: a row's name and what it judges by, the average, the sets; best
    bold, second underlined.

    Args:
        table: what is shown.
        intervals: whether they stand beside the values; below them where there are many sets.
        missing: row → why it has no numbers.
        link: where a cell leads to.
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
    """One line a cell: row, group, set, metric, value, low, high; and evidence, where it is known of one row."""
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
    """Foreign text as LaTeX prints it: no command, no mathematics, no comment."""
    return "".join(_TEX.get(c, c) for c in _join_lines(text))


def _escape_first_cell(text: str) -> str:
    """The text of a row's first cell, which LaTeX must not take for an argument of the line before."""
    return ("{}" if text.lstrip()[:1] in ("[", "*") else "") + _escape_latex(text)


def markdown_text(text: str) -> str:
    """Foreign text as Markdown prints it: no markup, no cell's end, no tag."""
    return "".join(f"\\{c}" if c in _MARKUP else c for c in _join_lines(text))


_MARKUP = frozenset("\\`*_{}[]<>()#!|~$&@")


def _join_lines(text: str) -> str:
    return printable(" ".join(text.split()))
