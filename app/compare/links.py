"""Where a number of a table leads: its images, in Inspect."""

from dataclasses import replace
from typing import NoReturn

import numpy as np
import streamlit as st

from app.state.look import Look, address, to_query
from heat_core import Run
from heat_core.analysis.comparison import Source
from heat_core.analysis.questions import Query
from heat_core.analysis.selections import keep
from heat_core.composition import HEAT
from heat_core.reporting.tables import Link


def to_missed(runs: list[Run], look: Look) -> Link:
    """A table's links: a row and the sets of a column → what the row misses of them.

    Args:
        runs: those of the table; the first one is looked at.
        look: at the first run. The others are composed as their rows say.
    """
    sets = {run.id: set(run.ood_names) for run in runs}

    def link(source: Source, names: tuple[str, ...]) -> str | None:
        if not set(names) <= sets[source.run]:
            return None
        here = look if source.run == runs[0].id else Look(colour=look.colour)
        values = () if set(names) == sets[source.run] else (("set", names),)
        if source.detector == HEAT:
            lens = source.lens
            here = replace(here, beta=lens.beta, taking=lens.priors, weights=lens.weights)
            asked = Query("missed", here.ask.baseline, values=values)
        else:
            asked = Query("missed-by-baseline", source.detector, values=values)
        return address("", source.run, replace(here, ask=asked, selection=None, sample=None, off=()))

    return link


def open_samples(run: Run, look: Look, numbers: np.ndarray) -> NoReturn:
    """Leave the page for Inspect, which shows these samples."""
    here = replace(look, ask=Query("all"), selection=keep(run.folder, numbers), sample=None, off=())
    st.switch_page("app_pages/inspect.py", query_params={"run": run.id, **to_query(here)})
