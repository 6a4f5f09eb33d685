"""What a page shows until its stage is finished: the stages of the job, and some of the images that go in."""

import numpy as np
import streamlit as st

from app.common import pictures
from app.common.text import plain
from heat_core import Experiment, HeatError, Run
from heat_core.data.datasets import TORCHVISION, open_dataset
from heat_core.reporting.thumbnails import data_url
from heat_core.runs.experiment import FEATURES

_DONE, _BUSY, _TO_COME = ":material/check_circle:", ":material/pending:", ":material/radio_button_unchecked:"


def stages(run: Run) -> str:
    """The stages of a job in a line, those that are finished ticked; the map is made beside the residuals."""
    trained, wanted = len(run.priors) if run.has_energies else 0, len(run.experiment.priors)
    features = run.has_energies or any(e["stage"] == "priors" for e in run.events())
    steps = {
        "features": (features, True),
        "priors and detectors": (run.has_energies, features),
        f"residuals ({trained} of {wanted})": (trained == wanted, run.has_energies),
    }
    if run.experiment.map:
        steps["map"] = (run.has_map, run.has_energies)
    return " → ".join(
        f"{_DONE if done else _BUSY if begun else _TO_COME} {plain(name)}" for name, (done, begun) in steps.items()
    )


def images(experiment: Experiment, heading: bool = True) -> None:
    """A row of images of each set that is on this machine; `heading`: whether it is said what they are."""
    if experiment.backbone == FEATURES:
        return
    tested = {"known, for testing": (experiment.id_test, "test", None)} if experiment.id_test else {}
    unknown = {name: (source, "test", name) for name, source in experiment.ood.items()}
    sources = {"known": (experiment.id, "train", None), **tested, **unknown}
    rows = {name: [pictures.bare(u) for u in _examples(*s)] for name, s in sources.items() if s[0] not in TORCHVISION}
    if heading:
        st.subheader("What goes in", help="The classes that the model knows, and the sets that it should not know.")
    pictures.rows({name: cells for name, cells in rows.items() if cells})


@st.cache_data(show_spinner=False, max_entries=64)
def _examples(source: str, role: str, of: str | None) -> list[str]:
    """Data URLs of images spread over the set; none where it cannot be opened: the job says so."""
    urls = []
    try:
        found = open_dataset(source, role, of=of)
        for index in np.linspace(0, len(found) - 1, pictures.PER_ROW).astype(int):
            urls.append(data_url(found.open(int(index)), 2 * pictures.THUMB))
    except (HeatError, OSError):
        pass
    return urls
