"""Report of a study: one HTML page that opens without internet, Markdown, CSV and LaTeX."""

import os
import platform
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heat_core.analysis.comparison import Comparison
from heat_core.names import escape_formula, file_name, printable
from heat_core.reporting import figures, tables
from heat_core.reporting.figure_layout import Figure, within_page
from heat_core.reporting.report import render_page
from heat_core.storage import replacing, writing
from heat_core.studies.catalogue import study_of
from heat_core.studies.request import StudyRequest
from heat_core.studies.results import TITLES, Curves, Result
from heat_core.studies.study import FinishedRuns

LEGEND = (
    "Means over seeds, with 95 % intervals over images and seeds, paired between rows. Bold: best of its column, and "
    "every row that does not differ from it significantly; underlined: best of the rest. Columns that name a table of "
    "the paper hold the paper's numbers, for its own sets and network."
)


@dataclass(frozen=True)
class StudyReport:
    """Results of a study, with the request and the runs that they come from.

    Attributes:
        request: description of the study.
        finished: finished runs and measurements.
        results: tables, figures and sentences.
    """

    request: StudyRequest
    finished: FinishedRuns
    results: list[Result]

    @property
    def title(self) -> str:
        """Title of the study with the tables and figures of the paper that it repeats."""
        study = study_of(self.request.study)
        return f"{study.title} ({study.paper_reference})"

    @property
    def legend(self) -> str:
        """Legend of the tables; "" where the study has no seeds to average over, and its sentences say what stands."""
        return LEGEND if study_of(self.request.study).uses_seeds else ""

    def facts(self) -> dict[str, str]:
        """List the facts about the study, name → description: sets, network, preset, runs, command."""
        e = self.request.base
        runs = [run for _, of_setting in self.finished.runs for run in of_setting]
        first = runs[0] if runs else None
        accuracy = f", accuracy {first.accuracy:.1%} on the test images" if first and first.accuracy is not None else ""
        sizes = "" if first is None else f" ({len(first.training_ids):,} training images)"
        preset = first.experiment.preset if first else e.preset
        seeds = study_of(self.request.study).seeds_of(self.request.seeds)
        seconds = sum(float(run.info.get("seconds", 0.0)) for run in runs)
        return {
            "In-distribution": "/".join(Path(e.id).parts[-2:]) + sizes,
            "Out-of-distribution": ", ".join(e.ood),
            **({"Shifted known images": ", ".join(e.shifted)} if e.shifted else {}),
            "Network": f"{e.backbone}{accuracy}",
            "Preset": f"{preset}, seeds {', '.join(map(str, seeds))}",
            "Runs": f"{len(runs)}, {seconds / 60:.0f} minutes in all on {_machine()}",
            "Command": command_of(self.request),
        }


def command_of(request: StudyRequest) -> str:
    """Return the command line that carries out the same study."""
    arguments = shlex.split(request.base.to_command())
    command = [*arguments[:3], "study", request.study, *arguments[4:]]
    command += ["--seeds", *map(str, request.seeds)]
    if request.values:
        command += ["--values", *(f"{v:g}" for v in request.values)]
    return printable(shlex.join(argument for argument in command if argument != "--no-map"))


def _machine() -> str:
    return f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}"


def write_all(report: StudyReport, folder: Path) -> Path:
    """Write `index.html`, `index.md`, each table as CSV and LaTeX, and each figure as CSV.

    Returns:
        The path of `index.html`.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "index.html", to_html(report))
    _write(folder / "index.md", to_markdown(report))
    for result in report.results:
        for table in result.tables:
            stem = f"{result.stem}-{table.metric}"
            _write(folder / f"{stem}.csv", tables.to_csv(table))
            _write(folder / f"{stem}.tex", tables.to_latex(table))
        for curves in result.curves:
            _write(folder / f"{result.stem}-{file_name(curves.title.lower())}-{curves.metric}.csv", to_csv(curves))
    return folder / "index.html"


def _write(path: Path, text: str) -> None:
    with replacing(path) as temp_path:
        temp_path.write_text(text, encoding="utf-8")


def to_html(report: StudyReport) -> str:
    """Make the report as one HTML page (about 5 MB, most of it the plotting library)."""
    sections = [
        {
            "title": result.title,
            "answers": list(map(printable, result.answers)),
            "exhibits": [
                *((TITLES.get(table.metric, ""), tables.to_html(table)) for table in result.tables),
                *((curves.title, within_page(figure_of(curves))) for curves in result.curves),
            ],
        }
        for result in report.results
    ]
    facts = {name: printable(fact) for name, fact in report.facts().items()}
    return render_page("study.html", title=report.title, facts=facts, legend=report.legend, sections=sections)


def figure_of(curves: Curves) -> Figure:
    """Draw curves as a Plotly figure."""
    return figures.bands(curves.x, curves.x_title, TITLES[curves.metric], _band_values(curves), curves.levels)


def _band_values(curves: Curves) -> dict[str, tuple[list[float], list[float], list[float]]]:
    """Convert curves to the form that `figures.bands` expects."""
    return {name: (b.mean.tolist(), b.low.tolist(), b.high.tolist()) for name, b in curves.bands.items()}


def to_json(report: StudyReport) -> dict[str, Any]:
    """Return the tables and sentences of the report, and what the study measured, as JSON values."""
    results = [
        {
            "title": result.title,
            "answers": result.answers,
            "tables": [_table_as_json(table) for table in result.tables],
        }
        for result in report.results
    ]
    return {
        "study": report.request.study,
        "facts": report.facts(),
        "results": results,
        "measurements": report.finished.measurements,
    }


def _table_as_json(table: Comparison) -> dict[str, Any]:
    cells = [
        {"row": label, "group": group, "set": name, "value": cell.value, "low": cell.low, "high": cell.high}
        for label, row in zip(table.labels, table.cells, strict=True)
        for (group, name), cell in zip(table.columns, row, strict=True)
        if cell is not None
    ]
    return {"metric": table.metric, "cells": cells}


def to_markdown(report: StudyReport) -> str:
    """Make the report as Markdown, with figures as tables of their points."""
    lines = [f"# {tables.markdown_text(report.title)}", ""]
    lines += [f"- {name}: {tables.markdown_text(fact)}" for name, fact in report.facts().items() if name != "Command"]
    lines += ["", f"```\n{report.facts()['Command']}\n```", "", report.legend]
    for result in report.results:
        lines += ["", f"## {tables.markdown_text(result.title)}", ""]
        lines += [f"- {tables.markdown_text(answer)}" for answer in result.answers]
        for table in result.tables:
            lines += [
                "",
                f"**{TITLES.get(table.metric, 'milliseconds per image')}**",
                "",
                tables.to_markdown(table, intervals=True),
            ]
        for curves in result.curves:
            lines += [
                "",
                f"**{tables.markdown_text(curves.title)}, {TITLES[curves.metric]}**",
                "",
                _points_as_markdown(curves),
            ]
    return "\n".join(lines) + "\n"


def _points_as_markdown(curves: Curves) -> str:
    """Write the curves and levels of a figure as a Markdown table, one column per point."""
    rows = [f"| {curves.x_title} | " + " | ".join(curves.x) + " |", "|---" * (len(curves.x) + 1) + "|"]
    for name, band in curves.bands.items():
        cells = (f"{m:.1f} ({a:.1f}–{b:.1f})" for m, a, b in zip(band.mean, band.low, band.high, strict=True))
        rows.append(f"| {tables.markdown_text(name)} | " + " | ".join(cells) + " |")
    for name, value in curves.levels.items():
        rows.append(f"| {tables.markdown_text(name)} | " + " | ".join(f"{value:.1f}" for _ in curves.x) + " |")
    return "\n".join(rows)


def to_csv(curves: Curves) -> str:
    """Write the curves and levels of a figure as CSV, one line per point: curve, x, mean, low, high."""
    lines = ["curve,x,mean,low,high"]
    for name, band in curves.bands.items():
        for x, *values in zip(curves.x, band.mean, band.low, band.high, strict=True):
            lines.append(",".join([escape_formula(name), x, *map(str, values)]))
    for name, value in curves.levels.items():
        lines += [f"{escape_formula(name)},{x},{value},," for x in curves.x]
    return "\n".join(lines) + "\n"
