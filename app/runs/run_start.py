"""Before a run starts: what goes in, what is asked about, what it will cost; and the button."""

import json

import streamlit as st

from app.common import faults, waiting
from app.common.text import plain
from app.runs.draft import Draft
from app.state import session
from heat_core import Experiment, HeatError
from heat_core.jobs.estimate import Estimate, estimate
from heat_core.jobs.jobs import start
from heat_core.pipeline.validate_sets import Overview, overview
from heat_core.runs.creation import new_run
from heat_core.storage import heat_home

WANTED = "runs-wanted"  # the view of the Runs page that is to be opened next
LIST, NEW = "list", "new"
_TITLES = {"train": "known, for training", "id": "known, for testing"}


def draw(draft: Draft, experiment: Experiment) -> None:
    """What goes in, what it costs, what is asked about, and the button."""
    st.subheader("What goes in")
    try:
        found = _looked(_sets_of(experiment), str(heat_home()))
    except HeatError as error:
        faults.show(error)
        button(disabled=True)
        return
    st.markdown(_counted(found))
    for note in found.notes:
        st.caption(plain(note))
    waiting.images(experiment, heading=False)
    sure = _asked(draft, found)
    st.markdown(_cost(experiment, found))
    if button(disabled=not sure):
        try:
            folder = new_run(experiment)
            start(folder)
        except HeatError as error:
            faults.stop(error)
        draft.known.clear()
        session.hold(**{"run-picked": folder.name, WANTED: LIST})
        st.rerun()


def button(disabled: bool) -> bool:
    """The button that starts it; whether it was pressed."""
    return st.button(
        "Start the run",
        type="primary",
        icon=":material/play_arrow:",
        disabled=disabled,
        help="First mend what is said above, or say that it is meant." if disabled else None,
    )


def _sets_of(experiment: Experiment) -> str:
    """What decides which images go in, as a key."""
    e = experiment
    kept = ("id", "id_test", "ood", "limit", "limit_test", "limit_ood", "clusters", "backbone")
    return json.dumps({name: getattr(e, name) for name in kept})


@st.cache_data(show_spinner="Looking at the folders…", ttl=60, max_entries=32)
def _looked(sets: str, home: str) -> Overview:  # noqa: ARG001 (named datasets lie there)
    """What the sets hold; kept for a minute, since folders may be large."""
    return overview(Experiment.from_dict(json.loads(sets)))


@st.cache_data(show_spinner=False, ttl=60, max_entries=32)
def _estimated(experiment: str, sizes: dict[str, int], home: str) -> Estimate:  # noqa: ARG001 (the runs lie there)
    return estimate(Experiment.from_dict(json.loads(experiment)), sizes)


def _counted(found: Overview) -> str:
    """How many images each set has."""
    here = " · ".join(f"**{n:,}** {plain(_TITLES.get(name, name))}" for name, n in found.sizes.items())
    classes = f" · **{len(found.classes):d}** classes" if found.classes else ""
    absent = ", ".join(plain(_TITLES.get(name, name)) for name in found.absent)
    return f"{here}{classes}" + (f"  \nDownloaded and looked at when the run starts: {absent}." if found.absent else "")


def _asked(draft: Draft, found: Overview) -> bool:
    """Ask about each doubt; whether a person has said of all of them that they are meant."""
    for doubt in found.doubts:
        known = doubt in draft.known

        def say(doubt: str = doubt) -> None:
            draft.known ^= {doubt}

        key = f"{draft.key}-know-{doubt}"
        st.warning(plain(doubt), icon=":material/help:")
        st.checkbox("I know, and it is meant.", known, key=key, on_change=say)
    return set(found.doubts) <= draft.known


def _cost(experiment: Experiment, found: Overview) -> str:
    """The estimate in words, and what it is based on."""
    e = _estimated(json.dumps(experiment.to_dict()), found.sizes, str(heat_home()))
    like = f"as fast as in {plain(e.training_like)}" if e.training_like else "guessed for two CPU cores"
    training = f"at most **{_duration(e.training)}** for the residuals ({like})."
    if e.extraction is None:
        return f"The features of {e.samples:,} samples are given; {training}"
    basis = f"as fast as in {plain(e.extraction_like)}" if e.extraction_like else "a guess, until this backbone has run"
    extraction = (
        f"About **{_duration(e.extraction)}** for the features of {e.samples:,} images ({basis}; nothing where "
    )
    return f"{extraction}they are cached), {training}" + (" Downloads come on top." if e.downloads else "")


def _duration(seconds: float) -> str:
    """Seconds, minutes or hours in words."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
