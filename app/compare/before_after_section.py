"""Comparison of a run with the one that it follows: test images of new classes, what is known now, what got worse."""

from dataclasses import replace

import numpy as np
import streamlit as st

from app.common import cached_runs
from app.common.run_picker import run_name
from app.common.text import escape_markdown
from app.compare import paired_runs, sample_links
from app.state import session
from heat_core import HeatError, Lens, Run
from heat_core.analysis.paired import RunDetector
from heat_core.analysis.samples import Samples
from heat_core.composition import HEAT
from heat_core.decisions.before_after import CHANGES, RATES, BeforeAfter, HeldOutClass, compare_before_after


@st.cache_data(show_spinner="Matching the images of both runs…", max_entries=8)
def _cached_comparison(
    lenses: tuple[Lens, Lens],
    versions: tuple[object, object],  # noqa: ARG001 (part of the cache's key)
    _samples: tuple[Samples, Samples],
) -> BeforeAfter:
    after, before = (RunDetector(samples, HEAT, lens) for samples, lens in zip(_samples, lenses, strict=True))
    return compare_before_after(after, before)


def draw_before_after(run: Run) -> None:
    """Draw what changed from the run that this one follows to this one."""
    try:
        parent = cached_runs.open_run(run.folder.parent / str(run.experiment.parent))
        has_both = bool(run.priors and parent.has_energies and parent.priors)
    except HeatError as error:
        st.info(f"The run that this one follows cannot be opened. {escape_markdown(error)}")
        return
    if not has_both:
        st.info("The comparison comes with the first residual of both runs.")
        return
    (after, version), (before, parent_version) = cached_runs.samples_of(run), cached_runs.samples_of(parent)
    if not (lens := _common_lens(run, parent)):
        st.info("The comparison comes with the first prior that both runs have corrected.")
        return
    versions = (run.id, *version), (parent.id, *parent_version)
    found = _cached_comparison((lens, lens), versions, (after, before))
    st.caption(f"A: this run. B: {escape_markdown(run_name(parent))}, the run that it follows. {_describe(run, lens)}")
    for of_class in found.classes:
        _draw_class(run, of_class)
    _draw_rates(found)
    _draw_changes(run, found)
    paired_runs.draw_pairs(run, found.sets)
    st.caption(
        f"Images are matched by set and id, and else by the content of their files. {found.left:,} images that B "
        "scored are not among A's test images: they are training images, left out, or were not found again. "
        "A − B in percent with its paired 95 % bootstrap interval; "
        "**bold** where the interval does not contain zero."
    )


def _common_lens(run: Run, parent: Run) -> Lens | None:
    """Return the lens under which both runs are compared, with the priors that both have; None where there is none.

    A threshold that was set by hand is of one run's scores, so that it is left out; a false-positive rate is used.
    """
    lens = session.view_state().lens()
    common = tuple(p for p in lens.select_priors(run.priors) if p in parent.priors)
    weights = lens.weights if len(common) == len(lens.select_priors(run.priors)) else None
    return replace(lens, priors=common, weights=weights, threshold=None) if common else None


def _describe(run: Run, lens: Lens) -> str:
    """Describe the composition of both runs, and which priors are not trained yet."""
    titles = ", ".join(run.prior_title(p) for p in lens.priors or ())
    rate = "95 % of ID test" if lens.alpha is None else f"α = {lens.alpha:g}"
    text = f"HEAT of {escape_markdown(titles)} in both, at the same β, threshold at {rate}."
    if missing := [p for p in run.experiment.priors if p not in run.priors]:
        others = ", ".join(run.prior_title(p) for p in missing)
        text += f" **Not complete yet**: this run still trains {escape_markdown(others)}."
    return text


def _draw_class(run: Run, of_class: HeldOutClass) -> None:
    """Draw how many of a class's new test images are known and classified correctly, and what they were before."""
    total = len(of_class.numbers)
    st.subheader(f"New test images of {escape_markdown(of_class.name)}" if of_class.name else "New test images")
    columns = st.columns([2, 2, 2, 1.4], vertical_alignment="center")
    columns[0].markdown(_format_count("Known", of_class, of_class.known))
    if of_class.name:
        columns[1].markdown(_format_count("Known and classified correctly", of_class, of_class.right))
    if of_class.scored_before:
        columns[2].markdown(f"Before: **{of_class.known_before:,} of {of_class.scored_before:,}** OOD images missed")
    if columns[3].button(f"Show the {total:,} images", key=f"held-out-{of_class.name}", type="tertiary"):
        sample_links.open_samples(run, session.view_state(), of_class.numbers)


def _format_count(title: str, of_class: HeldOutClass, count: int) -> str:
    share, low, high = of_class.share(count)
    interval = f":small[:gray[{share:.0f} % ({low:.0f}–{high:.0f})]]"
    return f"{escape_markdown(title)}: **{count:,} of {len(of_class.numbers):,}**  \n{interval}"


def _draw_rates(found: BeforeAfter) -> None:
    """Draw the rates on the images that stayed in their sets."""
    columns = st.columns(len(RATES))
    for column, (name, title) in zip(columns, RATES.items(), strict=True):
        if rate := found.rates.get(name):
            column.markdown(f"**{escape_markdown(title)}**  \n{paired_runs.format_difference(rate)}")


def _draw_changes(run: Run, found: BeforeAfter) -> None:
    """Draw a button for each change of verdicts, which opens its images; what got worse is on the right."""
    columns = st.columns(2)
    for i, (name, title) in enumerate(CHANGES.items()):
        numbers = found.changes.get(name, np.empty(0, int))
        if not len(numbers):
            continue
        icon = ":material/trending_down:" if i % 2 else ":material/trending_up:"
        label = f"{len(numbers):,} {escape_markdown(title)}"
        if columns[i % 2].button(label, key=f"change-{name}", type="tertiary", icon=icon):
            sample_links.open_samples(run, session.view_state(), numbers)
