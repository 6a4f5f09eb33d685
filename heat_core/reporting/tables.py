"""A comparison as HTML, LaTeX, Markdown and CSV."""

import csv
import html
import io
from collections.abc import Callable

from heat_core.analysis.comparison import Cell, Comparison, Source
from heat_core.runs.experiment import AVERAGE
from heat_core.storage import no_formula, printable

#: Row and OOD sets of a column → the address that a cell leads to, or None.
Link = Callable[[Source, tuple[str, ...]], str | None]
_MANY = 6  # columns whose intervals fit beside their values on a laptop; elsewhere they go below
STYLE = """<style>
.heat-table { --ground: var(--heat-ground, Canvas); overflow:auto; max-height:82vh; }
.heat-table table { border-collapse:separate; border-spacing:0; font-size:14px; font-variant-numeric:tabular-nums; }
.heat-table th, .heat-table td { padding:3px 14px 3px 0; text-align:right; white-space:nowrap; border:none; }
.heat-table th:first-child { text-align:left; font-weight:400; position:sticky; left:0; background:var(--ground); }
.heat-table tbody th:first-child { white-space:normal; overflow-wrap:anywhere; min-width:9em; max-width:17em; }
.heat-table thead { position:sticky; top:0; z-index:2; background:var(--ground); }
.heat-table thead th { font-weight:600; vertical-align:bottom; }
.heat-table thead tr:last-child th { border-bottom:1px solid #8886; }
.heat-table thead .name { white-space:normal; overflow-wrap:break-word; max-width:11em; }
.heat-table thead .group { text-align:right; opacity:.75; }
.heat-table tr.heat th { font-weight:600; } .heat-table tr.next > * { border-top:1px solid #8884; }
.heat-table tbody tr:hover > * { background:color-mix(in srgb, #888 14%, var(--ground)); }
.heat-table .first { font-weight:700; } .heat-table .second { text-decoration:underline; text-underline-offset:3px; }
.heat-table small { opacity:.65; margin-left:6px; font-weight:400; }
.heat-box { container-type:inline-size; }
@container (max-width:820px) { .heat-table small { display:block; margin:-4px 0 0; } }
@container (max-width:1500px) { .heat-table.many small { display:block; margin:-4px 0 0; } }
.heat-table .none { opacity:.5; } .heat-table .average { border-right:1px solid #8886; }
.heat-table td + td.average, .heat-table .average + * { padding-left:14px; }
.heat-table td a { display:block; color:inherit; text-decoration:none; }
.heat-table tbody td:has(a):hover { background:color-mix(in srgb, #888 34%, var(--ground)); }
.heat-table td a:focus-visible { outline:2px solid currentColor; outline-offset:2px; }
</style>"""


def to_markdown(table: Comparison, intervals: bool = False) -> str:
    """A table for a README: best bold, second underlined; intervals in brackets behind, where there are any. What each
    row judges by follows its name, where it is known of one."""
    told = any(table.evidence)
    marks = {1: "**{}**", 2: "<u>{}</u>"}
    head = ["", *(["evidence"] if told else []), *(markdown_text(f"{g} · {n}" if g else n) for g, n in table.columns)]
    body = [
        [
            markdown_text(label),
            *([markdown_text(table.evidence[i])] if told else []),
            *(_marked(cell, marks, "–") + _interval(cell, intervals) for cell in table.cells[i]),
        ]
        for i, label in enumerate(table.labels)
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *body)) + "\n"


def to_latex(table: Comparison) -> str:
    """A booktabs table: best bold, second underlined, groups spanning their sets."""
    marks = {1: r"\textbf{{{}}}", 2: r"\underline{{{}}}"}
    groups = " & ".join(rf"\multicolumn{{{n}}}{{c}}{{{_tex(g)}}}" for g, n in table.groups)
    names = " & ".join(_tex(name) for _, name in table.columns)
    body = [
        f"{_first_cell(label)} & " + " & ".join(_marked(cell, marks, "--") for cell in row) + r" \\"
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
    groups = "".join(f'<th class="group" colspan="{n}">{html.escape(g)}</th>' for g, n in table.groups)
    names = "".join(_html_name(group, name) for group, name in table.columns)
    several = len({source.run for source in table.sources}) > 1
    rows = []
    for i, (label, cells) in enumerate(zip(table.labels, table.cells, strict=True)):
        kinds = ["heat"] if label.startswith("HEAT") else []
        if several and i and table.sources[i].detector != table.sources[i - 1].detector:
            kinds.append("next")
        hrefs = [link(table.sources[i], sets) for sets in table.members] if link else [None] * len(cells)
        body = "".join(
            _html_cell(cell, intervals, href, column == ("", AVERAGE))
            for cell, href, column in zip(cells, hrefs, table.columns, strict=True)
        )
        kind = f"<small>{html.escape(table.evidence[i])}</small>" if table.evidence and table.evidence[i] else ""
        rows.append(f'<tr class="{" ".join(kinds)}"><th>{html.escape(label)}{kind}</th>{body}</tr>')
    for name, reason in (missing or {}).items():
        cell = f'<td class="none" colspan="{len(table.columns)}" style="text-align:left">– {html.escape(reason)}</td>'
        rows.append(f"<tr><th>{html.escape(name)}</th>{cell}</tr>")
    head = f'<tr><th class="group"></th>{groups}</tr>' if any(g for g, _ in table.groups) else ""
    many = " many" if len(table.columns) > _MANY else ""
    return (
        f'{STYLE}<div class="heat-box"><div class="heat-table{many}">'
        f"<table><thead>{head}<tr><th></th>{names}</tr></thead><tbody>{''.join(rows)}</tbody></table></div></div>"
    )


def to_csv(table: Comparison) -> str:
    """One line a cell: row, group, set, metric, value, low, high; and evidence, where it is known of one row."""
    told = any(table.evidence)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["row", "group", "set", "metric", "value", "low", "high", *(["evidence"] if told else [])])
    for i, (label, row) in enumerate(zip(table.labels, table.cells, strict=True)):
        kind = [no_formula(table.evidence[i])] if told else []
        for (group, name), cell in zip(table.columns, row, strict=True):
            if cell is not None:
                texts = map(no_formula, (label, group, name, table.metric))
                writer.writerow([*texts, cell.value, cell.low, cell.high, *kind])
    return out.getvalue()


def _html_name(group: str, name: str) -> str:
    kind = "name average" if (group, name) == ("", AVERAGE) else "name"
    return f'<th class="{kind}">{html.escape(name)}</th>'


def _html_cell(cell: Cell | None, intervals: bool, href: str | None, average: bool) -> str:
    kind = "average" if average else ""
    if cell is None:
        return f'<td class="none {kind}">–</td>'
    place = {1: " first", 2: " second"}.get(cell.place, "")
    interval = f"<small>{cell.low:.1f}–{cell.high:.1f}</small>" if intervals and cell.low == cell.low else ""
    shown = f'<span class="value{place}">{cell}</span>{interval}'
    if href is not None:
        shown = f'<a href="{html.escape(href)}" target="_self">{shown}</a>'
    return f'<td class="{kind}">{shown}</td>'


def _marked(cell: Cell | None, marks: dict[int, str], nothing: str) -> str:
    return nothing if cell is None else marks.get(cell.place, "{}").format(str(cell))


def _interval(cell: Cell | None, wanted: bool) -> str:
    return f" ({cell.low:.1f}–{cell.high:.1f})" if wanted and cell and cell.low == cell.low else ""


_TEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "β": r"$\beta$",
} | {c: rf"\{c}" for c in "&_%#${}"}


def _tex(text: str) -> str:
    """Foreign text as LaTeX prints it: no command, no mathematics, no comment."""
    return "".join(_TEX.get(c, c) for c in _one_line(text))


def _first_cell(text: str) -> str:
    """The text of a row's first cell, which LaTeX must not take for an argument of the line before."""
    return ("{}" if text.lstrip()[:1] in ("[", "*") else "") + _tex(text)


def markdown_text(text: str) -> str:
    """Foreign text as Markdown prints it: no markup, no cell's end, no tag."""
    return "".join(f"\\{c}" if c in _MARKUP else c for c in _one_line(text))


_MARKUP = frozenset("\\`*_{}[]<>()#!|~$&@")


def _one_line(text: str) -> str:
    return printable(" ".join(text.split()))
