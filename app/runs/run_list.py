"""Table of all runs, in which one is chosen, and the buttons that rename and delete a run."""

import math
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from app.common import downloads, faults
from app.common.text import escape_markdown
from app.state import session
from heat_core import HeatError, Run
from heat_core.names import printable
from heat_core.runs.manage import LONGEST_NAME, damaged_runs, delete, list_runs, rename

_ROWS = 8  # rows in view without scrolling
_WIDTHS = {  # CSS pixels; all columns fit a page that is 1280 wide, and grow with the page
    "name": 140,
    "status": 74,
    "backbone": 108,
    "ID": 84,
    "OOD sets": 100,
    "priors": 90,
    "preset": 54,
}
_COLUMNS = {name: st.column_config.TextColumn(width=width) for name, width in _WIDTHS.items()} | {
    "seconds": st.column_config.NumberColumn(format="%.0f", width=62),
    "created": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm", width=118),
}


def draw_table(chosen: Run) -> None:
    """Draw the table of all runs, newest first, and below it a message for each damaged run.

    A click on a row makes its run the session's run.

    Args:
        chosen: the session's run.
    """
    runs = list_runs()
    frame = pd.DataFrame([_table_row(run) for run in runs])
    ids = [run.id for run in runs]
    at = ids.index(chosen.id) if chosen.id in ids else 0
    key = _table_key(chosen.id, ids)

    def store_choice() -> None:
        rows = session.get(key)["selection"]["rows"]
        if rows and rows[0] < len(ids):
            session.set_values(**{"run-picked": ids[rows[0]], "runs-picked-here": (ids[rows[0]], ids)})
        else:  # A click on the chosen row deselected it; a new table selects it again.
            session.set_values(**{"runs-picked-here": None})

    st.dataframe(
        frame,
        key=key,
        hide_index=True,
        column_config=_COLUMNS,
        placeholder="–",
        on_select=store_choice,
        selection_mode="single-row",
        selection_default={"selection": {"rows": [at]}},
        height=35 * (min(len(runs), _ROWS) + 1) + 2,
    )
    left, right = st.columns([5, 1])
    with right.container(horizontal=True, horizontal_alignment="right"):
        downloads.table_button(
            pd.DataFrame([{"id": printable(run.id)} | _table_row(run) for run in runs]).set_index("id"), "runs"
        )
    left.caption(f"{len(runs):d} {'run' if len(runs) == 1 else 'runs'}, newest first; a click chooses one.")
    for sentence in damaged_runs().values():
        left.caption(f":material/warning: {escape_markdown(sentence)}")


def _table_key(chosen: str, ids: list[str]) -> str:
    """Return the key of the table.

    The key is new, and the table starts at its default row, where the run was chosen elsewhere or the list of runs
    changed. After a click in the table the key stays, so that the table keeps its order and its scroll position.
    """
    current, number = (chosen, ids), session.get("runs-table", 0)
    if session.get("runs-picked-here") != current:
        number += 1
        session.set_values(**{"runs-picked-here": current, "runs-table": number})
    return f"runs-table-{number}"


def _table_row(run: Run) -> dict[str, Any]:
    e = run.experiment
    return {
        "name": printable(e.name or run.id),
        "status": printable(run.status),
        "created": _parse_time(run.info.get("created")),
        "seconds": _finite_or_none(run.info.get("seconds")),
        "backbone": printable(e.network),
        "ID": printable(short_source(e.id)),
        "OOD sets": printable(", ".join(e.ood)),
        "priors": printable(", ".join(e.priors)),
        "preset": printable(e.preset),
    }


def short_source(source: str) -> str:
    """Shorten a source: the last two names of a folder's path; the name of a data set stays."""
    return "/".join([part for part in source.replace("\\", "/").split("/") if part][-2:])


def _finite_or_none(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _parse_time(value: Any) -> datetime | None:
    """Convert seconds since the epoch to this machine's local time; None where that is not possible."""
    try:
        return datetime.fromtimestamp(value) if value else None
    except (OverflowError, OSError, TypeError, ValueError):
        return None


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
            f"Delete **{escape_markdown(run.experiment.name or run.id)}** for good? Its numbers, notes, tags and "
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
    st.toast(f"{escape_markdown(run.experiment.name or run.id)} is deleted.", icon=":material/delete:")
