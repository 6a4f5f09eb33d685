"""Example images of the sets of a run, in one row per set."""

import numpy as np
import streamlit as st

from app.common import picture_rows
from app.common.opened_sets import open_images
from heat_core import Experiment, HeatError
from heat_core.data.datasets import needs_download
from heat_core.data.made.made_sets import MADE, make_set
from heat_core.reporting.thumbnails import data_url
from heat_core.runs.experiment import FEATURES


def draw_example_images(experiment: Experiment, heading: bool = True) -> None:
    """Draw a row of example images for each set that is on this machine.

    Args:
        experiment: the settings that name the sets.
        heading: whether a heading is drawn above the rows.
    """
    if experiment.backbone == FEATURES:
        return
    train = (experiment.id, "train", None)
    test = (experiment.id_test, "test", None) if experiment.id_test else train
    unknown = {
        name: (*test, source) if source in MADE else (source, "test", name)
        for name, source in experiment.scored_sets.items()
    }
    sources = {"ID training": train, **({"ID test": test} if experiment.id_test else {}), **unknown}
    rows = {
        name: [picture_rows.picture_cell(u) for u in example_urls(*s)]
        for name, s in sources.items()
        if not needs_download(s[0])
    }
    if heading:
        st.subheader("Data preview", help="The classes that the model knows, and the sets that it should not know.")
    picture_rows.draw_rows({name: cells for name, cells in rows.items() if cells})


@st.cache_data(show_spinner=False, max_entries=64)
def example_urls(source: str, role: str, of: str | None, made: str | None = None) -> list[str]:
    """Return data URLs of images spread evenly over a set.

    A set that cannot be opened has none; the job reports why.

    Args:
        source: folder, list of images or name of a data set.
        role: "train" or "test".
        of: name of the OOD set; None for a known set.
        made: source in `MADE` of the set that is made of these images; None for the images themselves.
    """
    urls = []
    try:
        image_set = open_images(source, role, of)
        image_set = make_set(made, image_set) if made else image_set
        for index in np.linspace(0, len(image_set) - 1, picture_rows.PER_ROW).astype(int):
            urls.append(data_url(image_set.open(int(index)), 2 * picture_rows.THUMB))
    except (HeatError, OSError):
        pass
    return urls
