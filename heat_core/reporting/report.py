"""A run as one HTML page: settings, tables, figures and galleries, all inside, so that it opens without internet."""

import html
import time
from pathlib import Path

import numpy as np
import plotly.graph_objects as go

from heat_core.analysis.comparison import compare, composition, entries_of
from heat_core.analysis.notes import read_notes
from heat_core.analysis.samples import Samples, stratified
from heat_core.analysis.sweep import SWEEP, sweep
from heat_core.composition import HEAT, PLAIN, Lens, beta_text
from heat_core.errors import HeatError
from heat_core.metrics import roc_curve
from heat_core.reporting import figures, palette
from heat_core.reporting.report_pictures import gallery_sections
from heat_core.reporting.tables import to_html as table_html
from heat_core.runs.experiment import ID
from heat_core.runs.row_names import corrected_row
from heat_core.runs.run import Run
from heat_core.storage import printable, replacing

_MAP_POINTS = 10_000
PAGE_STYLE = (
    f"""<style>
{palette.css()}
"""
    + """
:root { color-scheme: light dark; --line: #8885; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1080px; margin: 2rem auto; padding: 0 1rem; }
body { color: #1f2328; background: #fff; --heat-ground: #fff; }
h1 { font-size: 1.7rem; } h2 { margin-top: 2.4rem; font-size: 1.25rem; } small, .faint { opacity: .75; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 18px; }
dt { opacity: .75; } dd { margin: 0; overflow-wrap: anywhere; }
pre { background: #8882; padding: .8rem; border-radius: 8px; overflow-x: auto; }
.plotly-graph-div { background: #fff; border-radius: 8px; }
@media (prefers-color-scheme: dark) { body { color: #e8eaed; background: #15181c; } }
@media (prefers-color-scheme: dark) { body { --heat-ground: #15181c; } }
</style>"""
)


def write_report(run: Run, path: Path, lens: Lens = PLAIN) -> None:
    """Write the page (about 5 MB, most of it the plotting library) to `path`, whole or not at all."""
    page = to_html(run, lens)
    with replacing(path.resolve()) as beside:
        beside.write_text(page, encoding="utf-8")


def to_html(run: Run, lens: Lens = PLAIN) -> str:
    """The page. HeatError where the run has no numbers yet."""
    if not run.has_energies:
        raise HeatError(f"Run {run.id} has no results yet: wait for it, or resume it.")
    samples = Samples(run)
    parts = [
        _head(run, lens),
        _tables(run, lens),
        _figures(run, samples, lens),
        gallery_sections(samples, lens),
        _notes(run),
        _reproduce(run),
    ]
    title = html.escape(f"HEAT · {run.experiment.name or run.id}")
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title>{PAGE_STYLE}<script>{figures.plotly_js()}</script>"
    )
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>'


def _head(run: Run, lens: Lens) -> str:
    e = run.experiment
    kinds = "classes" if run.has_classes else "clusters in place of classes"
    made = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.info.get("created", time.time())))
    facts = {
        "Run": f"{run.id}, of {made}",
        "Backbone": e.backbone,
        "In-distribution": f"{e.id} ({len(run.class_names)} {kinds}, {len(run.training_ids):,} training images)",
        "Accuracy": "not known" if run.accuracy is None else f"{run.accuracy:.1%} of the known test images",
        "Out-of-distribution": ", ".join(f"{n} ({len(run.ids(n)):,})" for n in run.ood_names),
        "Priors": ", ".join(run.title(corrected_row(p)) for p in run.priors) or "none trained",
        "Preset": f"{e.preset}, seed {e.seed}" + (f", changed: {e.settings}" if e.settings else ""),
        "Composition": f"{composition(run, lens)}, β = {beta_text(lens.beta)}" if run.priors else "none",
        "Threshold": lens.name_of_line(HEAT) if lens.threshold is None else f"{lens.threshold:.4g}, set by hand",
        "Versions": ", ".join(f"{k} {v}" for k, v in run.info.get("versions", {}).items()),
    }
    rows = "".join(f"<dt>{k}</dt><dd>{html.escape(printable(v))}</dd>" for k, v in facts.items())
    return f"<h1>Which images does this model not know?</h1><dl>{rows}</dl>"


def _tables(run: Run, lens: Lens) -> str:
    entries = entries_of(run, lens=lens, subsets=True)
    body = "".join(
        f"<h2>{name}</h2>{table_html(compare(entries, metric), missing=run.left_out)}"
        for metric, name in (("fpr95", "FPR95 ↓, percent"), ("auroc", "AUROC ↑, percent"))
    )
    body += "".join(f"<p>{html.escape(note)}</p>" for note in run.record.notes)
    return body + (
        '<p class="faint">FPR95: share of unknown images that pass for known when 95 % of the known ones do. Small: '
        "95 % bootstrap intervals. Bold: best of its column, and what is not told from it on the same resamples; "
        "underlined: best of the rest.</p>"
    )


def _figures(run: Run, samples: Samples, lens: Lens) -> str:
    detector = HEAT if run.priors else run.detectors[-1]
    parts = samples.by_set(detector, lens)
    ood = {_drawn(name): parts[name] for name in run.ood_names}
    line = lens.name_of_line(detector)
    shown = {
        "Scores": figures.score_histogram(parts[ID], ood, samples.threshold(detector, lens), line),
        "ROC": figures.roc_curves({n: roc_curve(parts[ID], s) for n, s in ood.items()}),
    }
    if run.priors:
        fpr95, auroc = ([100 * v for v in curve] for curve in sweep(run, lens))
        betas = [beta_text(b) for b in SWEEP]
        shown["How much β matters"] = figures.beta_curve(betas, fpr95, auroc, beta_text(lens.beta))
    if run.has_map:
        shown["Map of the features"] = _map(run, samples)
    return "".join(f"<h2>{name}</h2>{figures.within_page(figure)}" for name, figure in shown.items())


def _map(run: Run, samples: Samples) -> go.Figure:
    """The map by set; a stratified sample of it above 10,000 points, and the title says so."""
    numbers = stratified(samples, _MAP_POINTS)
    names = ["ID test" if n == ID else _drawn(n) for n in run.datasets]
    groups = {name: np.flatnonzero(samples.dataset[numbers] == i) for i, name in enumerate(names)}
    colours = {"ID test": palette.ID, **palette.of_sets(names[1:])}
    text = [_drawn(samples.key(int(i))) for i in numbers]
    figure = figures.feature_map(samples.map_xy()[numbers], groups, colours, text)
    part = f"{len(numbers):,} of {len(samples):,} points" if len(numbers) < len(samples) else None
    return figure.update_layout(title=part)


def _drawn(text: str) -> str:
    """Foreign text as Plotly draws it to the letter: no tag of its little HTML, and no field of a hover text."""
    return html.escape(text, quote=False).replace("%{", "%\u2060{")


def _notes(run: Run) -> str:
    notes = read_notes(run.folder)
    if not notes:
        return ""
    items = "".join(
        f"<dt>{html.escape(key)}</dt><dd>{html.escape(entry['note'])} "
        f"<small>{html.escape(', '.join(entry['tags']))}</small></dd>"
        for key, entry in sorted(notes.items())
    )
    return f"<h2>Notes</h2><dl>{items}</dl>"


def _reproduce(run: Run) -> str:
    return f"<h2>The same run again</h2><pre>{html.escape(run.experiment.to_command())}</pre>"
