"""Before a run starts: what goes in, what is asked about, what it will cost; and the button."""

import json

import streamlit as st

from app.common import example_images, faults
from app.common.text import escape_markdown
from app.runs.form_values import FormValues
from app.state import session
from heat_core import Experiment, HeatError
from heat_core.jobs.estimate import Estimate, estimate
from heat_core.jobs.jobs import start
from heat_core.pipeline.experiment_sets import SetsOverview, inspect_sets
from heat_core.runs.creation import new_run
from heat_core.storage import heat_home

WANTED = "runs-wanted"  # the view of the Runs page that is to be opened next
LIST, NEW = "list", "new"
_TITLES = {"train": "known, for training", "id": "known, for testing"}


def draw_start(form: FormValues, experiment: Experiment) -> None:
    """What goes in, what it costs, what is asked about, and the button."""
    st.subheader("What goes in")
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
    """The button that starts it; whether it was pressed."""
    return st.button(
        "Start the run",
        type="primary",
        icon=":material/play_arrow:",
        disabled=disabled,
        help="First mend what is said above, or say that it is meant." if disabled else None,
    )


def _overview_key(experiment: Experiment) -> str:
    """What decides which images go in, as a key."""
    e = experiment
    fields = ("id", "id_test", "ood", "limit", "limit_test", "limit_ood", "clusters", "backbone")
    return json.dumps({name: getattr(e, name) for name in fields})


@st.cache_data(show_spinner="Looking at the folders…", ttl=60, max_entries=32)
def cached_overview(sets: str, home: str) -> SetsOverview:  # noqa: ARG001 (named datasets lie there)
    """What the sets hold; kept for a minute, since folders may be large."""
    return inspect_sets(Experiment.from_dict(json.loads(sets)))


@st.cache_data(show_spinner=False, ttl=60, max_entries=32)
def cached_estimate(experiment: str, sizes: dict[str, int], home: str) -> Estimate:  # noqa: ARG001 (the runs lie there)
    return estimate(Experiment.from_dict(json.loads(experiment)), sizes)


def _format_counts(overview: SetsOverview) -> str:
    """How many images each set has."""
    here = " · ".join(f"**{n:,}** {escape_markdown(_TITLES.get(name, name))}" for name, n in overview.sizes.items())
    classes = f" · **{len(overview.classes):d}** classes" if overview.classes else ""
    absent = ", ".join(escape_markdown(_TITLES.get(name, name)) for name in overview.not_downloaded)
    return f"{here}{classes}" + (
        f"  \nDownloaded and looked at when the run starts: {absent}." if overview.not_downloaded else ""
    )


def _confirm_warnings(form: FormValues, overview: SetsOverview) -> bool:
    """Ask about each doubt; whether a person has said of all of them that they are meant."""
    for warning in overview.warnings:
        known = warning in form.confirmed_warnings

        def toggle_confirmation(warning: str = warning) -> None:
            form.confirmed_warnings ^= {warning}

        key = f"{form.key_prefix}-know-{warning}"
        st.warning(escape_markdown(warning), icon=":material/help:")
        st.checkbox("I know, and it is meant.", known, key=key, on_change=toggle_confirmation)
    return set(overview.warnings) <= form.confirmed_warnings


def _format_cost(experiment: Experiment, overview: SetsOverview) -> str:
    """The estimate in words, and what it is based on."""
    e = cached_estimate(json.dumps(experiment.to_dict()), overview.sizes, str(heat_home()))
    like = f"as fast as in {escape_markdown(e.training_like)}" if e.training_like else "guessed for two CPU cores"
    training = f"at most **{_format_duration(e.training)}** for the residuals ({like})."
    if e.extraction is None:
        return f"The features of {e.samples:,} samples are given; {training}"
    basis = (
        f"as fast as in {escape_markdown(e.extraction_like)}"
        if e.extraction_like
        else "a guess, until this backbone has run"
    )
    extraction = (
        f"About **{_format_duration(e.extraction)}** for the features of {e.samples:,} images ({basis}; nothing where "
    )
    return f"{extraction}they are cached), {training}" + (" Downloads come on top." if e.downloads else "")


def _format_duration(seconds: float) -> str:
    """Seconds, minutes or hours in words."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
