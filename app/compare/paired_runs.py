"""Comparison of two runs on the same samples: counts of right and wrong verdicts, and differences of the metrics."""

import streamlit as st

from app.common import cached_runs, widgets
from app.common.run_picker import run_labels
from app.common.text import escape_markdown
from app.compare import sample_links
from app.state import session
from heat_core import Lens, Run
from heat_core.analysis.facets import set_title
from heat_core.analysis.paired import OUTCOMES, PAIRED_METRICS, MetricDifference, PairedSet, RunDetector, compare_paired
from heat_core.analysis.samples import Samples
from heat_core.runs.experiment import AVERAGE
from heat_core.runs.manage import list_runs

_WIDTHS = [2.2, 1.1, 1.1, 1.1, 1.1, 2.8, 2.8]
_METRICS = {"fpr95": "FPR95 ↓", "auroc": "AUROC ↑"}


@st.cache_data(show_spinner="Resampling the samples that both have…", max_entries=16)
def _cached_pairs(
    rows: tuple[str, str],
    lenses: tuple[Lens, Lens],
    versions: tuple[object, object],  # noqa: ARG001 (part of the cache's key)
    _samples: tuple[Samples, Samples],
) -> list[PairedSet]:
    a, b = (RunDetector(*side) for side in zip(_samples, rows, lenses, strict=True))
    return compare_paired(a, b)


def draw_paired_runs(run: Run) -> None:
    """Draw the choice of the other run and of a detector of each, and the comparison with one line per set."""
    found = [r for r in list_runs() if r.id != run.id and r.has_energies]
    labels = run_labels(sorted(found, key=lambda r: r.experiment.id != run.experiment.id))  # on the same images first
    others = list(labels)
    if not others:
        st.info("There is no other run with results: start one on the same sets, with other priors or settings.")
        return
    columns = st.columns(3)
    with columns[0]:
        row = _select_detector(run, "A: method of this run", "det")
    with columns[1]:
        name = widgets.select_one(
            st.selectbox, "B: other run", others, "against", others[0], format_func=labels.__getitem__
        )
    other = cached_runs.open_run(run.folder.parent / name)
    with columns[2]:
        other_row = _select_detector(other, "B: method of the other run", "against-det")
    view = session.view_state()
    (samples, version), (other_samples, other_version) = cached_runs.samples_of(run), cached_runs.samples_of(other)
    lenses = (view.lens(), Lens(view.beta))
    versions = ((run.id, *version), (other.id, *other_version))
    pairs = _cached_pairs((row, other_row), lenses, versions, (samples, other_samples))
    draw_pairs(run, pairs)
    st.caption(
        "Number of images that both runs, one run, or neither classify correctly: OOD images as unknown and known "
        "images as known, at each run's own threshold. A count opens its images. Sets are matched by name, images by "
        "id or by their content. A − B in percent with its paired 95 % bootstrap interval; **bold** where the interval "
        "does not contain zero. B takes the same β and all of its priors."
    )


def _select_detector(run: Run, label: str, name: str) -> str:
    rows = run.detectors
    return widgets.select_one(st.selectbox, label, rows[::-1], name, rows[-1], format_func=run.title)


def draw_pairs(run: Run, pairs: list[PairedSet]) -> None:
    """Draw a line for each set: how many images each of the two sides classifies correctly, and both metrics.

    Args:
        run: the run of side A, whose images are opened by a click on a count.
        pairs: the sets.
    """
    with st.container(gap="small"):
        _draw_titles()
        for pair in pairs:
            _draw_set(run, pair)


def _draw_titles() -> None:
    titles = ["Set", *OUTCOMES.values(), *(f"{_METRICS[metric]} and A − B" for metric in PAIRED_METRICS)]
    for column, title in zip(st.columns(_WIDTHS, gap="small", vertical_alignment="bottom"), titles, strict=True):
        column.caption(f"**{escape_markdown(title)}**")


def _draw_set(run: Run, pair: PairedSet) -> None:
    """Draw the line of a set: its name, a button for each count, and both metrics."""
    name = "all OOD sets" if pair.name == AVERAGE else set_title(pair.name, run.shifted_names)
    first, *columns = st.columns(_WIDTHS, gap="small", vertical_alignment="center")
    first.markdown(f"{escape_markdown(name)}  \n:small[:gray[{len(pair.first):,} samples]]")
    for column, outcome in zip(columns, OUTCOMES, strict=False):
        in_outcome = pair.outcome_mask(outcome)
        count = int(in_outcome.sum())
        key = f"versus-{pair.name}-{outcome}"
        if column.button(f"{count:,}", key=key, type="tertiary", disabled=not count):
            sample_links.open_samples(run, session.view_state(), pair.first[in_outcome])
    for column, metric in zip(columns[len(OUTCOMES) :], PAIRED_METRICS, strict=True):
        if difference := pair.metrics.get(metric):
            column.markdown(format_difference(difference))


def format_difference(metric: MetricDifference) -> str:
    """Format both values of a metric in percent, and their difference with its interval, as Markdown."""
    interval = f"{_format_signed(metric.low)} to {_format_signed(metric.high)}"
    difference = f"{_format_signed(metric.value)} ({interval})"
    values = f"A {metric.first:.1f} · B {metric.second:.1f}"
    shown = f"**{difference}**" if metric.is_significant else f":gray[{difference}]"
    return f"{values}  \n:small[{shown}]"


def _format_signed(number: float) -> str:
    """Format a number with its sign and one decimal; zero has a plus."""
    return escape_markdown(f"{round(number, 1) + 0.0:+.1f}".replace("-", "−"))
