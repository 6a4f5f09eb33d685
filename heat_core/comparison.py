"""Detectors × OOD sets, grouped near, mid and far (Tab. 4), over one or several runs, with bootstrap intervals."""

import csv
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, groupby

import numpy as np

from heat_core.errors import HeatError
from heat_core.experiment import GROUPS, PRIOR_TITLES
from heat_core.metrics import METRICS, bootstrap
from heat_core.results import ID, Run
from heat_core.samples import PLAIN, Lens

_LOWER_IS_BETTER = {"fpr95"}
_RESAMPLED = {"auroc", "fpr95"}
_CSS = """<style>
.heat-table { overflow-x:auto; }
.heat-table table { border-collapse:collapse; font-size:14px; font-variant-numeric:tabular-nums; }
.heat-table th, .heat-table td { padding:3px 14px 3px 0; text-align:right; white-space:nowrap; border:none; }
.heat-table th:first-child { text-align:left; font-weight:400; position:sticky; left:0; }
.heat-table thead th { font-weight:600; border-bottom:1px solid #8886; }
.heat-table thead .group { text-align:right; border-bottom:none; opacity:.75; }
.heat-table tr.heat th { font-weight:600; }
.heat-table .first { font-weight:700; } .heat-table .second { text-decoration:underline; }
.heat-table small { opacity:.65; margin-left:6px; } .heat-table .tied::before { content:"≈ "; opacity:.65; }
.heat-table .none { opacity:.5; }
</style>"""


@dataclass(frozen=True)
class Entry:
    """One row of a comparison: a detector of a run; `priors` composes a subset (Tab. 3) at β, with `weights`."""

    run: Run
    detector: str
    beta: float = 0.0
    priors: tuple[str, ...] | None = None
    label: str = ""
    weights: tuple[float, ...] | None = None

    def scores(self, dataset: str) -> np.ndarray:
        return self.run.detector_scores(dataset, self.detector, self.beta, self.priors, self.weights)


def entries_of(
    run: Run, detectors: Sequence[str] | None = None, lens: Lens = PLAIN, subsets: bool = False, named: bool = False
) -> list[Entry]:
    """A run's rows: the chosen detectors (default: all), then, if asked for, the subsets of its corrected priors (Tab. 3).

    The lens composes HEAT's row; `named` puts the run's name after each row's title.
    """
    suffix = f" · {run.experiment.name or run.id}" if named else ""
    rows = [
        Entry(run, d, lens.beta, lens.priors, composition(run, lens) + suffix, lens.weights) if d == "heat"
        else Entry(run, d, label=run.title(d) + suffix)
        for d in (run.detectors if detectors is None else detectors)
    ]  # fmt: skip
    if subsets:
        for size in range(2, len(run.priors)):
            for chosen in combinations(run.priors, size):
                rows.append(Entry(run, "heat", lens.beta, chosen, run.title("heat-" + "+".join(chosen)) + suffix))
    return rows


def composition(run: Run, lens: Lens) -> str:
    """HEAT's row by what it is composed of: all priors, some of them, with weights."""
    chosen = lens.priors or tuple(run.priors)
    if lens.weights:
        return "HEAT, " + " + ".join(f"{w:g} {PRIOR_TITLES[p]}" for p, w in zip(chosen, lens.weights, strict=True))
    return "HEAT" if set(chosen) == set(run.priors) else run.title("heat-" + "+".join(chosen))


@dataclass(frozen=True)
class Cell:
    """A metric in percent with its 95 % bootstrap interval (NaN where the metric has none).

    place: 1 for the best of its column, 2 for the second (equals share a place). tied: whether the paired difference
    to the best, resample by resample, may be zero.
    """

    value: float
    low: float
    high: float
    place: int
    tied: bool


@dataclass(frozen=True)
class Comparison:
    """labels: of the rows. columns: (group, name) pairs, `average` closing each group. cells: rows × columns; None
    where a run has no such set."""

    metric: str
    labels: list[str]
    columns: list[tuple[str, str]]
    cells: list[list[Cell | None]]

    @property
    def groups(self) -> list[tuple[str, int]]:
        """(group, how many neighbouring columns it spans)."""
        return [(group, len(list(columns))) for group, columns in groupby(self.columns, key=lambda column: column[0])]

    def best_first(self) -> "Comparison":
        """The same rows by their average, which closes each row; those without one come last."""
        sign = 1 if self.metric in _LOWER_IS_BETTER else -1
        order = sorted(range(len(self.labels)), key=lambda i: sign * c.value if (c := self.cells[i][-1]) else np.inf)
        return replace(self, labels=[self.labels[i] for i in order], cells=[self.cells[i] for i in order])

    def to_markdown(self) -> str:
        """A table for a README: best bold, second underlined."""
        head = "| | " + " | ".join(f"{g} · {n}" if g else n for g, n in self.columns) + " |"
        rule = "|---" * (len(self.columns) + 1) + "|"
        marks = {1: "**{}**", 2: "<u>{}</u>"}
        body = [
            f"| {label} | " + " | ".join(_marked(cell, marks, "–") for cell in row) + " |"
            for label, row in zip(self.labels, self.cells, strict=True)
        ]
        return "\n".join([head, rule, *body]) + "\n"

    def to_latex(self) -> str:
        """A booktabs table: best bold, second underlined, groups spanning their sets."""
        marks = {1: r"\textbf{{{}}}", 2: r"\underline{{{}}}"}
        groups = " & ".join(rf"\multicolumn{{{n}}}{{c}}{{{_tex(g)}}}" for g, n in self.groups)
        names = " & ".join(_tex(name) for _, name in self.columns)
        body = [
            f"{_tex(label)} & " + " & ".join(_marked(cell, marks, "--") for cell in row) + r" \\"
            for label, row in zip(self.labels, self.cells, strict=True)
        ]
        return "\n".join([
            rf"\begin{{tabular}}{{l{'c' * len(self.columns)}}}", r"\toprule", rf" & {groups} \\", rf" & {names} \\",
            r"\midrule", *body, r"\bottomrule", r"\end{tabular}", "",
        ])  # fmt: skip

    def to_html(self, intervals: bool = True, missing: dict[str, str] | None = None) -> str:
        """A table for a page: best bold, second underlined, ≈ where the paired difference to the best may be zero.

        missing: row → why it has no numbers.
        """
        groups = "".join(f'<th class="group" colspan="{n}">{g}</th>' for g, n in self.groups)
        names = "".join(f"<th>{html.escape(name)}</th>" for _, name in self.columns)
        rows = []
        for label, cells in zip(self.labels, self.cells, strict=True):
            kind = ' class="heat"' if label.startswith("HEAT") else ""
            body = "".join(_html_cell(c, intervals) for c in cells)
            rows.append(f"<tr{kind}><th>{html.escape(label)}</th>{body}</tr>")
        for name, reason in (missing or {}).items():
            cell = (
                f'<td class="none" colspan="{len(self.columns)}" style="text-align:left">– {html.escape(reason)}</td>'
            )
            rows.append(f"<tr><th>{html.escape(name)}</th>{cell}</tr>")
        head = f'<tr><th class="group"></th>{groups}</tr>' if any(g for g, _ in self.groups) else ""
        return (
            f'{_CSS}<div class="heat-table"><table><thead>{head}<tr><th></th>{names}</tr></thead>'
            f"<tbody>{''.join(rows)}</tbody></table></div>"
        )

    def to_csv(self) -> str:
        """One line a cell: row, group, set, metric, value, low, high."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["row", "group", "set", "metric", "value", "low", "high"])
        for label, row in zip(self.labels, self.cells, strict=True):
            for (group, name), cell in zip(self.columns, row, strict=True):
                if cell is not None:
                    writer.writerow([label, group, name, self.metric, cell.value, cell.low, cell.high])
        return out.getvalue()


def _html_cell(cell: Cell | None, intervals: bool) -> str:
    if cell is None:
        return '<td class="none">–</td>'
    place = {1: "first", 2: "second"}.get(cell.place, "")
    tied = " tied" if cell.tied and cell.place > 1 else ""
    interval = f"<small>{cell.low:.1f}–{cell.high:.1f}</small>" if intervals and cell.low == cell.low else ""
    return f'<td class="{tied}"><span class="{place}">{cell.value:.1f}</span>{interval}</td>'


def _marked(cell: Cell | None, marks: dict[int, str], nothing: str) -> str:
    return nothing if cell is None else marks.get(cell.place, "{}").format(f"{cell.value:.1f}")


def _tex(text: str) -> str:
    return text.replace("&", r"\&").replace("_", r"\_").replace("%", r"\%").replace("β", r"$\beta$")


def compare(entries: Sequence[Entry], metric: str = "auroc", replicates: int = 400) -> Comparison:
    """Fill the table of `entries` (rows) × the OOD sets of their runs (columns, near to far, with averages).

    Raises:
        HeatError: for an unknown metric, or no entry.
    """
    if metric not in METRICS:
        raise HeatError(f"There is no metric {metric!r}: choose one of {', '.join(METRICS)}.")
    if not entries:
        raise HeatError("Choose at least one detector to compare.")
    grouped = _grouped_sets([e.run for e in entries])
    found = [_row(entry, [n for names in grouped.values() for n in names], metric, replicates) for entry in entries]
    columns = _columns(grouped)
    values = np.array([[_at(row, members, 0) for _, members in columns.values()] for row in found])
    replicas = [[_at(row, members, 1) for _, members in columns.values()] for row in found]
    cells: list[list[Cell | None]] = [[None] * len(columns) for _ in entries]
    for j in range(len(columns)):
        for i, cell in _ranked(values[:, j], [r[j] for r in replicas], metric in _LOWER_IS_BETTER):
            cells[i][j] = cell
    labels = [e.label or e.run.title(e.detector) for e in entries]
    return Comparison(metric, labels, [(group, name) for name, (group, _) in columns.items()], cells)


def _grouped_sets(runs: Sequence[Run]) -> dict[str, list[str]]:
    """near, mid, far, and "" for sets that nobody placed → the OOD sets of all runs, each once."""
    groups: dict[str, list[str]] = {g: [] for g in (*GROUPS, "")}
    for run in runs:
        for name in run.ood_names:
            group = run.experiment.group(name) or ""
            if not any(name in names for names in groups.values()):
                groups[group].append(name)
    return {g: names for g, names in groups.items() if names}


def _columns(grouped: dict[str, list[str]]) -> dict[str, tuple[str, list[str]]]:
    """name of the column → its group and the sets that it averages."""
    columns: dict[str, tuple[str, list[str]]] = {}
    for group, names in grouped.items():
        columns |= {name: (group, [name]) for name in names}
        if group and len(names) > 1:
            columns[f"{group} average"] = (group, names)
    everything = [n for names in grouped.values() for n in names]
    return columns | {"average": ("", everything)}


def _row(entry: Entry, names: list[str], metric: str, replicates: int) -> dict[str, tuple[float, np.ndarray]]:
    """OOD set → the metric in percent and its replicates, for the sets that the run has."""
    id_scores = entry.scores(ID)
    row = {}
    for name in [n for n in names if n in entry.run.ood_names]:
        ood_scores = entry.scores(name)
        resampled = bootstrap(id_scores, ood_scores, replicates)[metric] if metric in _RESAMPLED else np.empty(0)
        row[name] = (100 * METRICS[metric](id_scores, ood_scores), 100 * resampled)
    return row


def _at(row: dict[str, tuple[float, np.ndarray]], members: list[str], part: int):
    """The mean over `members` of the values (part 0) or of the replicates (part 1); NaN or none where one is missing."""
    if any(m not in row for m in members):
        return np.nan if part == 0 else np.empty(0)
    found = [row[m][part] for m in members]
    if part == 1:  # large sets have fewer replicates
        found = [f[: min(map(len, found))] for f in found]
    return np.mean(found, axis=0)


def _ranked(values: np.ndarray, replicas: list[np.ndarray], lower: bool):
    """(index, Cell) of every value of a column that is there."""
    present = [i for i, v in enumerate(values) if not np.isnan(v)]
    signed = np.round(values if lower else -values, 1)  # as it is printed: equals in print share a place
    order = sorted({signed[i] for i in present})
    best = min(present, key=lambda i: values[i] if lower else -values[i], default=None)
    for i in present:
        low, high, tied = np.nan, np.nan, i == best
        if len(replicas[i]):
            low, high = np.percentile(replicas[i], [2.5, 97.5])
            if len(replicas[i]) == len(replicas[best]):
                bounds = np.percentile(replicas[i] - replicas[best], [2.5, 97.5])
                tied = bool(bounds[0] <= 0 <= bounds[1])
        yield i, Cell(float(values[i]), float(low), float(high), order.index(signed[i]) + 1, tied)
