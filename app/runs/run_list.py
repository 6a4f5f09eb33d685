"""Table of all runs, in which one is chosen and several are ticked for Compare; renaming and deleting of a run."""

from typing import Any

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.common import cached_runs, downloads, faults
from app.common.run_picker import run_name
from app.common.text import escape_markdown
from app.common.times import finite_or_none, local_time
from app.state import session
from heat_core import HeatError, Run
from heat_core.composition import HEAT
from heat_core.names import printable
from heat_core.runs.experiment import AVERAGE
from heat_core.runs.manage import LONGEST_NAME, damaged_runs, delete, list_runs, rename
from heat_core.runs.results_file import ENERGIES

_ROWS = 8  # rows in view without scrolling
_TICKED = "runs-ticked"  # The session's key for the ids of the ticked runs.
_WIDTHS = {  # CSS pixels; all columns fit a page that is 1280 wide, and grow with the page
    "status": 74,
    "backbone": 108,
    "ID": 84,
    "OOD sets": 100,
    "priors": 90,
    "preset": 54,
}
_MEAN = "HEAT at β = 0 with all priors of the run, in percent: the mean over its OOD sets."
_COLUMNS = (
    {
        "name": st.column_config.TextColumn(width=140),
        "created": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm", width=118),
        "auroc": st.column_config.NumberColumn("AUROC ↑", format="%.1f", width=64, help=_MEAN),
        "fpr95": st.column_config.NumberColumn("FPR95 ↓", format="%.1f", width=64, help=_MEAN),
    }
    | {name: st.column_config.TextColumn(width=width) for name, width in _WIDTHS.items()}
    | {"seconds": st.column_config.NumberColumn(format="%.0f", width=62)}
)


def draw_table(chosen: Run) -> None:
    """Draw the table of all runs, newest first, and below it a message for each damaged run.

    A click on a cell makes its run the session's run. Ticked runs can be opened together in Compare.

    Args:
        chosen: the session's run.
    """
    every_run = list_runs()
    tools = st.container(horizontal=True, vertical_alignment="center")
    runs = _filter(every_run, tools)
    ticked = _draw_rows(runs, chosen)
    _draw_compare_button([run for run in every_run if run.id in ticked], chosen, tools)
    left, right = st.columns([5, 1])
    with right.container(horizontal=True, horizontal_alignment="right"):
        frame = pd.DataFrame([{"id": printable(run.id)} | _table_row(run) for run in every_run])
        downloads.table_button(frame.set_index("id"), "runs")
    shown = f"{len(runs):d} of {len(every_run):d} runs" if len(runs) < len(every_run) else _count(len(runs))
    left.caption(f"{shown}, newest first. A click on a row opens a run below; tick several to compare them.")
    for sentence in damaged_runs().values():
        left.caption(f":material/warning: {escape_markdown(sentence)}")


def _count(runs: int) -> str:
    return f"{runs:d} runs" if runs != 1 else "1 run"


def _filter(runs: list[Run], place: DeltaGenerator) -> list[Run]:
    """Draw the field that filters the runs by text, and return the runs that contain each of its words."""
    text = place.text_input(
        "Filter the runs",
        key="runs-filter",
        placeholder="Filter: name, status, backbone, set, prior, preset",
        label_visibility="collapsed",
        width=420,
    )
    words = text.casefold().split()
    return [run for run in runs if all(word in _searched_text(run) for word in words)]


def _searched_text(run: Run) -> str:
    e = run.experiment
    parts = (run_name(run), run.id, run.status, e.network, short_source(e.id), *e.scored_sets, *e.priors, e.preset)
    return "\n".join(printable(part) for part in parts).casefold()


def _draw_rows(runs: list[Run], chosen: Run) -> set[str]:
    """Draw the rows of some runs, and return the ids of all ticked runs, also of those that the filter hides."""
    ids = [run.id for run in runs]
    ticked = set(session.get(_TICKED, ()))
    key = _table_key(chosen.id, ids)

    def store_choice() -> None:
        cells = session.get(key)["selection"]["cells"]
        if cells and cells[0][0] < len(ids):
            picked = ids[cells[0][0]]
            session.set_values(**{"run-picked": picked, "runs-picked-here": (picked, ids)})

    selection: Any = {
        "rows": [i for i, id in enumerate(ids) if id in ticked],
        "cells": [(ids.index(chosen.id), "name")] if chosen.id in ids else [],
    }
    event = st.dataframe(
        pd.DataFrame([_table_row(run) for run in runs], columns=list(_COLUMNS)),
        key=key,
        hide_index=True,
        column_config=_COLUMNS,
        placeholder="–",
        on_select=store_choice,
        selection_mode=["multi-row", "single-cell"],
        selection_default={"selection": selection},
        height=35 * (min(max(len(runs), 1), _ROWS) + 1) + 2,
    )
    ticked = (ticked - set(ids)) | {ids[row] for row in event["selection"]["rows"] if row < len(ids)}
    session.set_values(**{_TICKED: sorted(ticked)})
    return ticked


def _draw_compare_button(ticked: list[Run], chosen: Run, place: DeltaGenerator) -> None:
    """Draw the button that opens the ticked runs beside each other in Compare.

    Args:
        ticked: ticked runs, in the order of the table.
        chosen: the session's run, which comes first where it is ticked.
        place: element in which the button is drawn.
    """
    runs = sorted((run for run in ticked if run.has_energies), key=lambda run: run.id != chosen.id)
    without = len(ticked) - len(runs)
    count = f" {len(runs):d} runs" if len(runs) > 1 else ""
    if place.button(
        f"Compare{count}",
        icon=":material/leaderboard:",
        disabled=len(runs) < 2,
        help="Tick two runs or more in the first column: Compare then shows their rows beside each other.",
    ):
        query = {"run": runs[0].id, "runs": ",".join(run.id for run in runs[1:]), "against": runs[1].id}
        st.switch_page("app_pages/compare.py", query_params=query)
    if without:
        place.caption(f"{without:d} of the ticked runs {'has' if without == 1 else 'have'} no results yet.")


def _table_key(chosen: str, ids: list[str]) -> str:
    """Return the key of the table.

    The key is new, and the table starts at its default selection, where the run was chosen elsewhere or the list of
    runs changed. After a click in the table the key stays, so that the table keeps its order and its scroll position.
    """
    current, number = (chosen, ids), session.get("runs-table", 0)
    if session.get("runs-picked-here") != current:
        number += 1
        session.set_values(**{"runs-picked-here": current, "runs-table": number})
    return f"runs-table-{number}"


def _table_row(run: Run) -> dict[str, Any]:
    e = run.experiment
    auroc_percent, fpr95_percent = mean_metrics(run)
    return {
        "name": run_name(run),
        "created": local_time(run.info.get("created")),
        "auroc": auroc_percent,
        "fpr95": fpr95_percent,
        "status": printable(run.status),
        "backbone": printable(e.network),
        "ID": printable(short_source(e.id)),
        "OOD sets": printable(", ".join(e.ood)),
        **({"shifted sets": printable(", ".join(e.shifted))} if e.shifted else {}),
        "priors": printable(", ".join(e.priors)),
        "preset": printable(e.preset),
        "seconds": finite_or_none(run.info.get("seconds")),
    }


def mean_metrics(run: Run) -> tuple[float, float] | tuple[None, None]:
    """Return AUROC and FPR95 of HEAT in percent, averaged over the OOD sets; None without a residual."""
    if not run.has_energies:
        return None, None
    return _cached_metrics(str(run.folder), cached_runs.version_of(run.folder / ENERGIES), run)


@st.cache_data(show_spinner="Reading the results of the runs…", max_entries=4096)
def _cached_metrics(
    folder: str,  # noqa: ARG001 (part of the cache's key)
    version: cached_runs.Version,  # noqa: ARG001
    _run: Run,
) -> tuple[float, float] | tuple[None, None]:
    try:
        if not _run.priors:
            return None, None
        mean = _run.metrics(detectors=[HEAT])[HEAT][AVERAGE]
    except HeatError:  # A file of the run is damaged, which its page says.
        return None, None
    return 100 * mean["auroc"], 100 * mean["fpr95"]


def short_source(source: str) -> str:
    """Shorten a source: the last two names of a folder's path; the name of a data set stays."""
    return "/".join([part for part in source.replace("\\", "/").split("/") if part][-2:])


# ---- one run ---------------------------------------------------------------------------------------------------------


def draw_rename_and_delete(run: Run) -> None:
    """Draw the buttons that rename a run and that delete it after a confirmation."""
    busy = run.is_active
    why = "When its job has finished, or was cancelled." if busy else None
    with st.popover("Rename", icon=":material/edit:", disabled=busy, help=why):
        st.text_input(
            "Name",
            run.experiment.name,
            max_chars=LONGEST_NAME,
            key=f"rename-{run.id}",
            on_change=lambda: _rename(run),
            help="How lists show it. Its folder and its links stay as they are.",
        )
    with st.popover("Delete", icon=":material/delete:", disabled=busy, help=why):
        st.markdown(
            f"Delete **{escape_markdown(run_name(run))}** for good? Its numbers, notes, tags and "
            "scored images go; the images themselves and their features stay."
        )
        st.button("Delete it", type="primary", key=f"delete-{run.id}", on_click=lambda: _delete(run))


def _rename(run: Run) -> None:
    try:
        rename(run, session.get(f"rename-{run.id}"))
    except (HeatError, OSError) as error:
        faults.toast(error)


def _delete(run: Run) -> None:
    """Delete the run; the session continues with the newest of the others."""
    try:
        delete(run)
    except (HeatError, OSError) as error:
        faults.toast(error)
        return
    session.forget_run()
    st.toast(f"{escape_markdown(run_name(run))} is deleted.", icon=":material/delete:")
