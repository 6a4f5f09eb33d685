"""The note of a new run whose further OOD set is a subset of samples."""

from types import SimpleNamespace

import numpy as np
import pytest

from app.workbench import run_from_samples
from heat_core import Experiment


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [
        ({}, "1,200 images are the OOD set 'dark' of this run."),
        ({"limit": 5, "limit_ood": 1200}, "1,200 images are the OOD set 'dark' of this run."),
        ({"limit": 5}, "5 of the 1,200 images are the OOD set 'dark' of this run, which is its limit."),
        ({"limit": 5, "limit_ood": 1100}, "1,100 of the 1,200 images are the OOD set 'dark' of this run, which is its"),
    ],
)
def test_the_note_counts_the_images_that_the_run_uses(monkeypatch, limits, sentence):
    filled = []
    monkeypatch.setattr(run_from_samples, "write_image_folder", lambda *_: "/dark")
    monkeypatch.setattr(run_from_samples.run_form, "prefill", lambda *arguments: filled.append(arguments))
    monkeypatch.setattr(run_from_samples.session, "set_values", lambda **_: None)
    samples = SimpleNamespace(run=SimpleNamespace(experiment=Experiment(id="a", ood={}, **limits), id="before"))
    run_from_samples.fill_new_run_form(samples, np.arange(1200), "dark")
    ((experiment, note),) = filled
    assert experiment.ood == {"dark": "/dark"}
    assert note.startswith(sentence)
