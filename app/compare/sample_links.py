"""Links from the numbers of a table to their images in Inspect."""

from dataclasses import replace
from typing import NoReturn

import numpy as np
import streamlit as st

from heat_core import Run
from heat_core.analysis.comparison_rows import ScoreSource
from heat_core.analysis.questions import Query
from heat_core.analysis.selections import save_selection
from heat_core.composition import HEAT
from heat_core.reporting.tables import Link
from heat_core.workbench.view_state import ViewState, page_url, to_query_params


def links_to_missed(runs: list[Run], view: ViewState) -> Link:
    """Return the function that links a cell of a table to the images that its row misses.

    The function takes the source of a row and the OOD sets of a column, and returns an address, or None where the run
    lacks one of the sets, none is named, or the row combines p-values, which Inspect does not show. A row about certain
    images (`ScoreSource.values`) leads to all of these.

    Args:
        runs: runs of the table, first the one that the page shows.
        view: view state of the first run. The other runs take the lens of their rows.
    """
    by_id = {run.id: run for run in runs}

    def link(source: ScoreSource, names: tuple[str, ...]) -> str | None:
        run = by_id[source.run]
        sets = set(run.ood_names)
        if not set(names) <= sets or not (names or source.values) or source.detector in run.combined:
            return None
        here = view if source.run == runs[0].id else ViewState(colour=view.colour)
        values = () if set(names) == sets else (("set", names),)
        if source.values:
            asked = Query("all", values=source.values)
        elif source.detector == HEAT:
            lens = source.lens
            here = replace(here, beta=lens.beta, priors=lens.priors, weights=lens.weights)
            asked = Query("missed", here.query.baseline, values=values)
        else:
            asked = Query("missed-by-baseline", source.detector, values=values)
        return page_url("", source.run, replace(here, query=asked, selection=None, sample=None, hidden_sets=()))

    return link


def open_samples(run: Run, view: ViewState, numbers: np.ndarray) -> NoReturn:
    """Open Inspect with some samples as its selection.

    Args:
        run: the run of the samples.
        view: view state from which the other settings are taken.
        numbers: (n,) sample numbers.
    """
    here = replace(view, query=Query("all"), selection=save_selection(run.folder, numbers), sample=None, hidden_sets=())
    st.switch_page("app_pages/inspect.py", query_params={"run": run.id, **to_query_params(here)})
