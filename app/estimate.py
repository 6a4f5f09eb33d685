"""How long an experiment will take: counted from its images, and from the pace of the last run of that backbone."""

from contextlib import suppress
from pathlib import Path

import streamlit as st

from heat_core import Experiment, HeatError
from heat_core.datasets import open_dataset
from heat_core.experiment import FEATURES
from heat_core.features import Features
from heat_core.results import list_runs
from heat_core.settings import settings_for

_UNKNOWN_PACE = 100.0  # images a second: a small network on two cores
_MULTIPLY_ADDS_A_SECOND = 3e10  # of float32, on two cores
_UNKNOWN_DIMENSIONS = 1000


@st.cache_data(show_spinner="Counting images…", ttl=60)
def _images(source: str, role: str, limit: int | None) -> int:
    return len(open_dataset(source, role).limited(limit))


@st.cache_data(show_spinner="Counting samples…", ttl=60)
def _given(source: str) -> int:
    return len(Features.open(Path(source).expanduser()))  # reads all of them, to refuse NaN


def _pace(backbone: str, size: int | None) -> tuple[float, bool]:
    for run in list_runs():
        if run.experiment.backbone == backbone and run.experiment.image_size == size:
            rates = [e["images_per_s"] for e in run.events() if "images_per_s" in e]
            if rates:
                return max(rates), True
    return _UNKNOWN_PACE, False


def _dimensions(backbone: str) -> int:
    """Of the features, known once the backbone has run."""
    for run in list_runs():
        if run.experiment.backbone == backbone:
            with suppress(HeatError):  # it has not come that far, or its file is damaged
                return run.head[0].shape[1]
    return _UNKNOWN_DIMENSIONS


def estimate(experiment: Experiment) -> str:
    """A sentence; HeatError where a set cannot be opened. Sets that would be downloaded are not counted."""
    from heat_core.datasets import TORCHVISION

    e = experiment
    if e.backbone == FEATURES:
        counts = [_given(s) for s in (e.id, *([e.id_test] if e.id_test else []), *e.ood.values())]
        return f"The features of {sum(counts):,} samples are given; at most **{_words(_training(e, counts[0]))}** for the residuals on two CPU cores."
    sources = [(e.id, "train"), *([(e.id_test, "test")] if e.id_test else []), *((s, "test") for s in e.ood.values())]
    counts = [_images(s, role, e.limit) for s, role in sources if s not in TORCHVISION]
    pace, measured = _pace(e.backbone, e.image_size)
    extraction = sum(counts) / pace
    basis = "the pace of your last run with this backbone" if measured else "a guess, until this backbone has run once"
    more = " Downloads come on top." if len(counts) < len(sources) else ""
    return f"About **{_words(extraction)}** for the features of {sum(counts):,} images ({basis}; nothing where they are cached), at most **{_words(_training(e, counts[0]))}** for the residuals on two CPU cores.{more}"  # fmt: skip


def _training(e: Experiment, images: int) -> float:
    """Seconds for the residuals, counted from their multiplications."""
    seconds, dim = 0.0, _dimensions(e.backbone)
    for prior in e.priors:
        s = settings_for(prior, e.preset, e.settings)
        updates = s.updates or s.epochs * max(images // s.batch_size, 1)
        network = dim * s.width + s.hidden_layers * s.width**2
        work = updates * max(s.langevin_steps, 1) * s.batch_size * (2 * network + dim**2)
        seconds += work / _MULTIPLY_ADDS_A_SECOND
    return seconds


def _words(seconds: float) -> str:
    return (
        f"{max(seconds, 1):.0f} s"
        if seconds < 90
        else f"{seconds / 60:.0f} min"
        if seconds < 5400
        else f"{seconds / 3600:.1f} h"
    )
