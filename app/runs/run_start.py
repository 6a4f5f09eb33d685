"""Summary of a new run before its start: its sets, warnings about them, the estimated time, and the start button."""

import json

import streamlit as st

from app.common import example_images, faults, times
from app.common.opened_sets import open_images
from app.common.text import escape_markdown
from app.runs.form_checks import open_features
from app.runs.form_values import FormValues
from app.state import session
from heat_core import Experiment, HeatError
from heat_core.jobs.estimate import Estimate, estimate
from heat_core.jobs.jobs import start
from heat_core.pipeline.experiment_sets import SetsOverview, inspect_sets
from heat_core.runs.creation import new_run
from heat_core.storage import heat_home

WANTED = "runs-wanted"  # The session's key for the view that the Runs page shows next: LIST or NEW.
LIST, NEW = "list", "new"
_TITLES = {"train": "ID training", "id": "ID test"}


def draw_start(form: FormValues, experiment: Experiment) -> None:
    """Draw the summary of a new run and the button that starts it.

    Args:
        form: values of the form, in which confirmed warnings are kept.
        experiment: the settings that the form describes.
    """
    st.subheader("Data preview")
    try:
        overview = cached_overview(_overview_key(experiment), str(heat_home()))
    except HeatError as error:
        faults.show(error)
        start_button(disabled=True)
        return
    st.markdown(_format_counts(overview))
    for note in overview.notes:
        st.caption(escape_markdown(note))
    example_images.draw_example_images(experiment, heading=False)
    confirmed = _confirm_warnings(form, overview)
    st.markdown(_format_cost(experiment, overview))
    if start_button(disabled=not confirmed):
        try:
            folder = new_run(experiment)
            start(folder)
        except HeatError as error:
            faults.stop(error)
        form.confirmed_warnings.clear()
        session.set_values(**{"run-picked": folder.name, WANTED: LIST})
        st.rerun()


def start_button(disabled: bool) -> bool:
    """Draw the button that starts the run, and return whether it was pressed."""
    return st.button(
        "Start the run",
        type="primary",
        icon=":material/play_arrow:",
        disabled=disabled,
        help="Name the sets, correct the errors above, or confirm the warnings first." if disabled else None,
    )


def _overview_key(experiment: Experiment) -> str:
    """Return the settings that decide which images the run uses, as JSON for the cache's key."""
    e = experiment
    fields = ("id", "id_test", "ood", "shifted", "limit", "limit_test", "limit_ood", "clusters", "backbone")
    return json.dumps({name: getattr(e, name) for name in fields})


@st.cache_data(show_spinner="Reading the folders…", ttl=60, max_entries=32)
def cached_overview(sets: str, home: str) -> SetsOverview:  # noqa: ARG001 (holds data sets with names)
    """Inspect the sets of a run; the result is cached for a minute, since folders may be large.

    Args:
        sets: settings as JSON; see `_overview_key`.
        home: HEAT_HOME, as part of the cache's key.
    """
    return inspect_sets(Experiment.from_dict(json.loads(sets)), open_images, open_features)


@st.cache_data(show_spinner=False, ttl=60, max_entries=32)
def cached_estimate(experiment: str, sizes: dict[str, int], home: str) -> Estimate:  # noqa: ARG001 (holds the runs)
    """Estimate the time of a run; the result is cached for a minute.

    Args:
        experiment: settings as JSON.
        sizes: number of images in each set.
        home: HEAT_HOME, as part of the cache's key.
    """
    return estimate(Experiment.from_dict(json.loads(experiment)), sizes)


def _format_counts(overview: SetsOverview) -> str:
    """Format the number of images in each set as Markdown."""
    here = " · ".join(f"**{n:,}** {escape_markdown(_TITLES.get(name, name))}" for name, n in overview.sizes.items())
    classes = f" · **{len(overview.classes):d}** classes" if overview.classes else ""
    absent = ", ".join(escape_markdown(_TITLES.get(name, name)) for name in overview.not_downloaded)
    return f"{here}{classes}" + (f"  \nDownloaded when the run starts: {absent}." if overview.not_downloaded else "")


def _confirm_warnings(form: FormValues, overview: SetsOverview) -> bool:
    """Draw each warning with a checkbox that confirms it, and return whether all are confirmed."""
    for warning in overview.warnings:
        known = warning in form.confirmed_warnings

        def toggle_confirmation(warning: str = warning) -> None:
            form.confirmed_warnings ^= {warning}

        key = f"{form.key_prefix}-know-{warning}"
        st.warning(escape_markdown(warning), icon=":material/help:")
        st.checkbox("Keep anyway", known, key=key, on_change=toggle_confirmation)
    return set(overview.warnings) <= form.confirmed_warnings


def _format_cost(experiment: Experiment, overview: SetsOverview) -> str:
    """Format the estimated time and its basis as Markdown."""
    e = cached_estimate(json.dumps(experiment.to_dict()), overview.sizes, str(heat_home()))
    like = f"at the speed of {escape_markdown(e.training_like)}" if e.training_like else "guessed for two CPU cores"
    training = f"at most **{times.format_duration(e.training)}** to train the residuals ({like})."
    if e.extraction is None:
        return f"Estimated time: {training} The features of {e.samples:,} samples are given."
    basis = (
        f"at the speed of {escape_markdown(e.extraction_like)}"
        if e.extraction_like
        else "a rough guess: this backbone has not run here yet"
    )
    extraction = f"about **{times.format_duration(e.extraction)}** to extract the features of {e.samples:,} images"
    downloads = " Downloads take additional time." if e.downloads else ""
    return f"Estimated time: {extraction} ({basis}; stored features are used again), {training}{downloads}"
