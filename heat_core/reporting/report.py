"""Report of a run as one HTML page with settings, tables, figures and galleries, which opens without internet."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go

from heat_core.analysis.beta_sweep import BETAS, sweep_beta
from heat_core.analysis.comparison import compare
from heat_core.analysis.comparison_rows import composition, entries_of
from heat_core.analysis.facets import set_title
from heat_core.analysis.measured.shifted_sets import shifted_sets
from heat_core.analysis.notes import read_notes
from heat_core.analysis.samples import Samples, stratified_sample
from heat_core.composition import HEAT, PLAIN, Lens, format_beta
from heat_core.errors import HeatError
from heat_core.metrics import roc_curve
from heat_core.names import printable
from heat_core.reporting import figure_layout, figures, map_figures, palette
from heat_core.reporting.html_templates import render
from heat_core.reporting.plotly_text import escape_plotly
from heat_core.reporting.report_pictures import gallery_sections
from heat_core.reporting.tables import to_html as table_html
from heat_core.runs.experiment import ID
from heat_core.runs.row_names import corrected_row
from heat_core.runs.run import Run
from heat_core.storage import replacing

_MAP_POINTS = 10_000


def write_report(run: Run, path: Path, lens: Lens = PLAIN) -> None:
    """Write the report (about 5 MB, most of it the plotting library) to `path`, completely or not at all.

    Raises:
        HeatError: where the run has no results yet.
    """
    page = to_html(run, lens)
    with replacing(path.resolve()) as temp_path:
        temp_path.write_text(page, encoding="utf-8")


def to_html(run: Run, lens: Lens = PLAIN) -> str:
    """Make the report of a run as HTML.

    Raises:
        HeatError: where the run has no results yet.
    """
    if not run.has_energies:
        raise HeatError(f"Run {run.id} has no results yet: wait for it, or resume it.")
    samples = Samples(run)
    return render_page(
        "report.html",
        title=f"HEAT · {run.experiment.name or run.id}",
        facts=_facts(run, lens),
        tables=_tables(run, lens),
        run_notes=run.record.notes,
        figures=_figures(run, samples, lens),
        galleries_html=gallery_sections(samples, lens),
        sample_notes=sorted(read_notes(run.folder).items()),
        command=run.experiment.to_command(),
    )


def render_page(template: str, **values: Any) -> str:
    """Render a template that extends `page.html`, with the colours and the plotting library inside."""
    return render(template, palette_css_html=palette.css(), plotly_js_html=figure_layout.plotly_js(), **values)


def _facts(run: Run, lens: Lens) -> dict[str, str]:
    """List the facts about a run, name → description."""
    e = run.experiment
    kinds = "classes" if run.has_classes else "clusters in place of classes"
    created = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.info.get("created", time.time())))
    facts = {
        "Run": f"{run.id}, of {created}",
        "Backbone": e.backbone,
        "In-distribution": f"{e.id} ({len(run.class_names)} {kinds}, {len(run.training_ids):,} training images)",
        "Accuracy": "not known" if run.accuracy is None else f"{run.accuracy:.1%} of the known test images",
        "Out-of-distribution": ", ".join(f"{n} ({len(run.ids(n)):,})" for n in run.ood_names),
        **{f"Shifted known images, {s.name}": s.sentence() for s in shifted_sets(run, lens)},
        "Priors": ", ".join(run.title(corrected_row(p)) for p in run.priors) or "none trained",
        "Preset": f"{e.preset}, seed {e.seed}" + (f", changed: {e.settings}" if e.settings else ""),
        "Composition": f"{composition(run, lens)}, β = {format_beta(lens.beta)}" if run.priors else "none",
        "Threshold": lens.threshold_label(HEAT) if lens.threshold is None else f"{lens.threshold:.4g}, set by hand",
        "Versions": ", ".join(f"{k} {v}" for k, v in run.info.get("versions", {}).items()),
    }
    return {name: printable(fact) for name, fact in facts.items()}


def _tables(run: Run, lens: Lens) -> dict[str, str]:
    """Make the tables, heading → HTML."""
    entries = entries_of(run, lens=lens, subsets=True)
    headings = {"fpr95": "FPR95 ↓, percent", "auroc": "AUROC ↑, percent"}
    return {heading: table_html(compare(entries, metric), missing=run.left_out) for metric, heading in headings.items()}


def _figures(run: Run, samples: Samples, lens: Lens) -> dict[str, str]:
    """Make the figures, heading → HTML."""
    detector = HEAT if run.priors else run.detectors[-1]
    scores = samples.scores_by_set(detector, lens)
    ood = {escape_plotly(name): scores[name] for name in run.ood_names}
    line = lens.threshold_label(detector)
    charts = {
        "Scores": figures.score_histogram(scores[ID], ood, samples.threshold(detector, lens), line),
        "ROC": figures.roc_curves({n: roc_curve(scores[ID], s) for n, s in ood.items()}),
    }
    if run.priors:
        fpr95, auroc = ([100 * v for v in curve] for curve in sweep_beta(run, lens))
        betas = [format_beta(b) for b in BETAS]
        charts["Effect of β on FPR95 and AUROC"] = figures.beta_curve(betas, fpr95, auroc, format_beta(lens.beta))
    if run.has_map:
        charts["Map of the features"] = _map(run, samples)
    return {heading: figure_layout.within_page(figure) for heading, figure in charts.items()}


def _map(run: Run, samples: Samples) -> go.Figure:
    """Draw the map by set; above 10,000 points, a stratified sample of them, with a title that gives their number."""
    numbers = stratified_sample(samples, _MAP_POINTS)
    names = [escape_plotly(set_title(n, run.shifted_names)) for n in run.datasets]
    groups = {name: np.flatnonzero(samples.dataset[numbers] == i) for i, name in enumerate(names)}
    colours = {"ID test": palette.ID, **palette.of_sets(names[1:])}
    text = [escape_plotly(samples.key(int(i))) for i in numbers]
    figure = map_figures.feature_map(samples.map_xy()[numbers], groups, colours, text)
    part = f"{len(numbers):,} of {len(samples):,} points" if len(numbers) < len(samples) else None
    return figure.update_layout(title=part)
