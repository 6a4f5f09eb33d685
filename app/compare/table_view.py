"""Table of detectors and OOD sets of one or several runs, with intervals and a link from each cell to its images."""

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.common import cached_runs, downloads, faults, widgets
from app.common.run_picker import run_labels, run_name
from app.common.text import escape_markdown
from app.compare.sample_links import links_to_missed
from app.state import session
from heat_core import HeatError, Lens, Run
from heat_core.analysis.comparison import Comparison, compare
from heat_core.analysis.comparison_rows import entries_of, interleave_runs
from heat_core.analysis.metric_estimates import estimate_metric
from heat_core.reporting import figures, tables
from heat_core.reporting.plotly_text import escape_plotly
from heat_core.runs.manage import list_runs
from heat_core.runs.results_file import ENERGIES

_CAPTION = (
    "Percent. **Bold**: the best method of a column, and every method that does not differ from it significantly "
    "(paired bootstrap on the same images). Underlined: the best of the others. A cell opens the images that its "
    "method misses. near, mid and far are set with the run (Tab. 4 for CIFAR). Beside a method stands what it reads: "
    "logits, features, both, or gradients."
)
# Cells that stay in view while the table scrolls need an opaque background.
_COLOURS = [st.get_option(f"theme.{kind}.backgroundColor") or "Canvas" for kind in ("light", "dark")]
GROUND = f"<style>:root {{ --heat-ground: light-dark({', '.join(_COLOURS)}) }}</style>"


@st.cache_data(show_spinner=False, max_entries=4096)
def _cached_measurement(
    id_scores: np.ndarray, ood_scores: np.ndarray, metric: str, replicates: int
) -> tuple[float, np.ndarray]:
    """Measure a metric; see `estimate_metric`.

    The scores themselves are the cache's key, so that the other rows are not measured again when a row is added or
    HEAT's β changes.
    """
    return estimate_metric(id_scores, ood_scores, metric, replicates)


@st.cache_data(show_spinner="Resampling the scores…", max_entries=32)
def _cached_comparison(
    keys: tuple[tuple[str, int], ...],  # noqa: ARG001 (part of the cache's key)
    detectors: tuple[str, ...],
    lens: Lens,
    subsets: bool,
    metric: str,
    _runs: list[Run],
) -> Comparison:
    """Compare the detectors; the cache keeps the table until the energies of a run change."""
    of_runs, labels = [], run_labels(_runs)
    names = [run_name(run) for run in _runs]
    for i, run in enumerate(_runs):
        rows = [d for d in detectors if d in (*run.detectors, *run.combined)]
        name = names[i] if names.count(names[i]) == 1 else labels[run.id]
        of_runs.append(entries_of(run, rows, Lens(lens.beta) if i else lens, subsets, len(_runs) > 1 and name))
    return compare(interleave_runs(of_runs), metric, estimate=_cached_measurement)


def draw_table_view(run: Run) -> None:
    """Draw the controls, the table, its downloads, and a figure of the averages."""
    runs = [run, *_select_other_runs(run)]
    rows = list(dict.fromkeys(d for r in runs for d in r.detectors))
    more = list(dict.fromkeys(d for r in runs for d in r.combined if d not in rows))
    titles = {d: r.title(d) for r in reversed(runs) for d in (*r.detectors, *r.combined)}
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        metric = _select_metric()
        subsets, intervals, by_average = _draw_switches(st.container(horizontal=True, gap="medium", width="content"))
    with st.expander("Choose the methods", expanded="rows" in session.view_state().choices):
        detectors = widgets.select_many(st.multiselect, "Methods", rows + more, "rows", rows, format_func=titles.get)

    keys = tuple((r.id, r.folder.joinpath(ENERGIES).stat().st_mtime_ns) for r in runs)
    view = session.view_state()
    table = _cached_comparison(keys, tuple(detectors), view.lens(), subsets, metric, runs)
    if by_average:
        table = table.best_first()
    missing = {n: reason for r in runs for n, reason in r.left_out.items()}
    st.html(GROUND + tables.to_html(table, intervals, missing, links_to_missed(runs, view)))
    spectrum = "full-spectrum: averages in which the images of the shifted sets count as known, too."
    st.caption(f"{_CAPTION} {spectrum}" if any(r.shifted_names for r in runs) else _CAPTION)
    for note in dict.fromkeys(note for r in runs for note in r.record.notes):
        st.caption(escape_markdown(note))
    _draw_downloads(table, f"{run.id}-{metric}")
    _draw_averages(table, f"{run.id}-intervals")


def _select_other_runs(run: Run) -> list[Run]:
    """Draw the choice of further runs for the table and return them."""
    others = [r for r in list_runs() if r.id != run.id and r.has_energies]
    if not others:
        return []
    labels = run_labels(others)
    added = widgets.select_many(
        st.multiselect,
        "Compare with other runs",
        [r.id for r in others],
        "runs",
        [],
        format_func=labels.__getitem__,
        placeholder="such as one with another backbone, preset or set of priors",
        help="The rows of a method stand below each other, one of each run; columns are matched by the name of the OOD "
        "set.",
    )
    opened = []
    for name in added:
        try:
            opened.append(cached_runs.open_run(run.folder.parent / name))
            _ = opened[-1].detectors  # Reads the arrays, so that a damaged file is found here.
        except HeatError as error:
            faults.stop(error)
    return opened


def _select_metric() -> str:
    names = widgets.METRIC_NAMES
    return widgets.select_one(
        st.segmented_control,
        "Metric",
        list(names),
        "metric",
        "auroc",
        format_func=lambda m: escape_markdown(names[m]),
        label_visibility="collapsed",
    )


def _draw_switches(place: DeltaGenerator) -> tuple[bool, bool, bool]:
    """Draw three toggles and return whether to show subsets and intervals, and whether to sort by the average."""
    subsets = widgets.toggle(
        place,
        "All combinations of priors",
        "subsets",
        help="A row for each choice among the corrected priors, such as GMM with EL, composed as one score (Tab. 3).",
    )
    intervals = widgets.toggle(
        place,
        "Intervals",
        "intervals",
        True,
        help="95 % bootstrap intervals: ID and OOD samples drawn again, with replacement. AUPR has none.",
    )
    by_average = widgets.toggle(
        place, "Best first", "best", help="Sort by the average instead of the order of the paper's tables."
    )
    return subsets, intervals, by_average


def _draw_downloads(table: Comparison, name: str) -> None:
    """Draw buttons that download the table as CSV, Markdown and LaTeX."""
    formats = {
        "CSV": (tables.to_csv, "csv", "text/csv"),
        "Markdown": (tables.to_markdown, "md", "text/markdown"),
        "LaTeX": (tables.to_latex, "tex", "text/plain"),
    }
    row = st.container(horizontal=True)
    for kind, (make, suffix, mime) in formats.items():
        row.download_button(
            escape_markdown(kind), make(table), f"{name}.{suffix}", mime, icon=":material/download:", key=f"file-{kind}"
        )


def _draw_averages(table: Comparison, name: str) -> None:
    st.subheader(
        "Average over the OOD sets, with its interval",
        help="Methods whose intervals do not overlap differ; where intervals overlap, the paired test in the table "
        "decides.",
    )
    averages = [(label, cells[-1]) for label, cells in zip(table.labels, table.cells, strict=True) if cells[-1]]
    chart = figures.interval_chart(
        [escape_plotly(label) for label, _ in averages],
        [cell.value for _, cell in averages],
        [cell.low for _, cell in averages],
        [cell.high for _, cell in averages],
        widgets.METRIC_NAMES[table.metric],
    )
    downloads.draw_chart(chart, "intervals", name)
