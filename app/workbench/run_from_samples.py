"""New run from a subset of samples: writes their images as a folder, and fills in the form with it."""

from dataclasses import replace

import numpy as np
import streamlit as st

from app.runs import run_form
from app.state import session
from heat_core import HeatError
from heat_core.analysis.samples import Samples
from heat_core.analysis.subsets import write_image_folder, write_training_folder
from heat_core.names import printable
from heat_core.runs.experiment import TRAIN

_OPEN_FORM = "to-the-new-run"


def fill_new_run_form(samples: Samples, chosen: np.ndarray, role: str, name: str) -> None:
    """Fill in the form of a new run in which some samples are an OOD set or a known class.

    Args:
        samples: the samples.
        chosen: (n,) numbers of the samples to use.
        role: "ood" or "class".
        name: name of the OOD set or the class.

    Raises:
        HeatError: if no sample is chosen, the pictures are not on this machine, or the name is not allowed.
    """
    experiment = samples.run.experiment
    if not len(chosen):
        raise HeatError("No sample is left: choose another question, or mark some.")
    if role == "ood":
        ood = {**experiment.ood, name: str(write_image_folder(samples, chosen, name))}
        experiment = replace(experiment, ood=ood, name="")
        note = f"{len(chosen):,} images are the OOD set {printable(name)!r} of this run."
    else:
        tests = experiment.id_test or (experiment.id if samples.run.pictures.of(TRAIN).has_test_rows else None)
        experiment = replace(experiment, id=str(write_training_folder(samples, chosen, name)), id_test=tests, name="")
        note = (
            f"{len(chosen):,} images are the class {printable(name)!r} of this run's training set, beside the others."
        )
    run_form.prefill(experiment, note)
    session.set_values(**{_OPEN_FORM: True})


def open_filled_form() -> None:
    """Open the form after `fill_new_run_form`, which runs in a callback, where a page cannot be switched."""
    if session.pop(_OPEN_FORM):
        st.switch_page("app_pages/runs.py")
