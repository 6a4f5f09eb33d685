"""From a subset of samples to a new run: their images as a folder, and the form of a run that uses it."""

from dataclasses import replace

import numpy as np
import streamlit as st

from app.runs import run_form
from app.state import session
from heat_core import HeatError
from heat_core.analysis.samples import Samples
from heat_core.analysis.subsets import as_class, as_folder
from heat_core.runs.experiment import TRAIN
from heat_core.storage import printable

_GOING = "to-the-new-run"


def begin(samples: Samples, chosen: np.ndarray, role: str, name: str) -> None:
    """Fill the form of a new run in which these samples are an OOD set (`ood`) or a known class (`class`).

    Raises:
        HeatError: where the pictures are not on this machine, or the name cannot be one.
    """
    experiment = samples.run.experiment
    if not len(chosen):
        raise HeatError("No sample is left: choose another question, or mark some.")
    if role == "ood":
        ood = {**experiment.ood, name: str(as_folder(samples, chosen, name))}
        experiment = replace(experiment, ood=ood, name="")
        note = f"{len(chosen):,} images are the OOD set {printable(name)!r} of this run."
    else:
        tests = experiment.id_test or (experiment.id if samples.run.pictures.of(TRAIN).tested else None)
        experiment = replace(experiment, id=str(as_class(samples, chosen, name)), id_test=tests, name="")
        note = (
            f"{len(chosen):,} images are the class {printable(name)!r} of this run's training set, beside the others."
        )
    run_form.prefill(experiment, note)
    session.hold(**{_GOING: True})


def go_where_asked() -> None:
    """Open the filled form: what is told of a click cannot turn the page itself."""
    if session.taken(_GOING):
        st.switch_page("app_pages/runs.py")
