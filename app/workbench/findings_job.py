"""Choice between the test and OOD sets and the training images, and the job that measures a run's images."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.common import faults, widgets
from app.common.cached_runs import Version, version_of
from heat_core import HeatError, Run
from heat_core.findings.training_images import TRAINING
from heat_core.jobs import jobs
from heat_core.pipeline.measurements.measurements_file import FINDINGS, is_measured, require_measurable
from heat_core.runs.results_file import ENERGIES

_SETS = "sets"
_TITLES = {_SETS: "Test and OOD sets", TRAINING: "Training images"}
_WIDTH = 165  # pixels
_HELP = (
    "Image quality, near-duplicates, nearest training images, likely wrong labels and the scores of training images "
    "are measured by a job. The workbench then has more questions and filters."
)


def choose_images(run: Run, place: DeltaGenerator) -> str:
    """Draw the choice of the images that are inspected, or the button that measures those of a run that lacks it.

    Args:
        run: the run.
        place: element in which it is drawn.

    Returns:
        `TRAINING` for the training images, else "".
    """
    if _is_measured(str(run.folder), version_of(run.folder / FINDINGS, run.folder / ENERGIES), run):
        chosen = widgets.select_one(
            place.selectbox,
            "Images",
            list(_TITLES),
            "images",
            _SETS,
            format_func=_TITLES.__getitem__,
            label_visibility="collapsed",
            width=_WIDTH,
        )
        return TRAINING if chosen == TRAINING else ""
    if not run.is_active and _can_be_measured(run):
        place.button("Measure images", help=_HELP, icon=":material/troubleshoot:", on_click=_start, args=(run,))
    return ""


@st.cache_data(show_spinner=False, max_entries=16)
def _is_measured(folder: str, version: Version, _run: Run) -> bool:  # noqa: ARG001 (part of the cache's key)
    return is_measured(_run)


def _can_be_measured(run: Run) -> bool:
    try:
        require_measurable(run)
    except HeatError:
        return False
    return True


def _start(run: Run) -> None:
    try:
        jobs.start_findings(run)
    except HeatError as error:
        faults.toast(error)
