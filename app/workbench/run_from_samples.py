"""New run from a subset of samples or from decisions: fills in the form of a new run and opens it."""

from dataclasses import replace

import numpy as np
import streamlit as st

from app.runs import run_form
from app.state import session
from heat_core import HeatError, Run
from heat_core.analysis.samples import Samples
from heat_core.analysis.subsets import write_image_folder
from heat_core.decisions.next_experiment import next_experiment
from heat_core.decisions.store import read_decisions
from heat_core.names import printable

_OPEN_FORM = "to-the-new-run"


def fill_new_run_form(samples: Samples, chosen: np.ndarray, name: str) -> None:
    """Fill in the form of a new run in which some samples are a further OOD set.

    Args:
        samples: the samples.
        chosen: (n,) numbers of the samples to use.
        name: name of the OOD set.

    Raises:
        HeatError: if no sample is chosen, the run has a set of this name, or the pictures are not on this machine.
    """
    experiment = samples.run.experiment
    if not len(chosen):
        raise HeatError("No sample is left: choose another question, or select some.")
    if printable(name) in experiment.scored_sets:
        raise HeatError(f"This run has a set {printable(name)!r}: choose another name.")
    ood = {**experiment.ood, name: str(write_image_folder(samples, chosen, name))}
    note = _ood_set_sentence(len(chosen), name, experiment.limit_ood or experiment.limit)
    run_form.prefill(replace(experiment, ood=ood, name="", parent=samples.run.id), note)
    session.set_values(**{_OPEN_FORM: True})


def _ood_set_sentence(count: int, name: str, limit: int | None) -> str:
    """Say how many of the images become the OOD set, which has no classes, under the run's limit."""
    if limit is None or count <= limit:
        return f"{count:,} images are the OOD set {printable(name)!r} of this run."
    return f"{limit:,} of the {count:,} images are the OOD set {printable(name)!r} of this run, which is its limit."


def fill_form_with_decisions(run: Run) -> None:
    """Fill in the form of the run that follows from the decisions on a run.

    Raises:
        HeatError: see `next_experiment`.
    """
    following = next_experiment(run, read_decisions(run.folder))
    run_form.prefill(following.experiment, " ".join(following.sentences), following.commands)
    session.set_values(**{_OPEN_FORM: True})


def open_filled_form() -> None:
    """Open the form after it was filled in, which may happen in a callback, where a page cannot be switched."""
    if session.pop(_OPEN_FORM):
        st.switch_page("app_pages/runs.py")
