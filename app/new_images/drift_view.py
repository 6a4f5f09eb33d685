"""What new images show as a whole: how many are unknown at a rate of false discoveries, and which groups drifted."""

import pandas as pd
import streamlit as st

from app.common import downloads, widgets
from app.common.text import plain
from app.state import session
from heat_core import Lens
from heat_core.analysis.newcomers import Newcomers
from heat_core.guard.conformal import USUAL_ALPHA
from heat_core.guard.drift import Group
from heat_core.storage import printable

_ROWS = 8  # that are seen without scrolling
_COLUMNS = {
    "group": st.column_config.TextColumn(width="medium"),
    "images": st.column_config.NumberColumn(format="localized"),
    "unknown": st.column_config.ProgressColumn(
        "unknown", min_value=0, max_value=1, format="percent", help="Share with p ≤ α; of known images it is α at most."
    ),
    "interval": st.column_config.TextColumn("95 % interval", help="Wilson's, of that share."),
    "distance": st.column_config.NumberColumn(
        "distance", format="%.3f", help="Largest difference between the group's scores and those of known test images."
    ),
    "p": st.column_config.NumberColumn(
        "p",
        format="%.2g",
        help="Of a distance as large by chance: two-sample Kolmogorov–Smirnov, corrected by Holm.",
    ),
    "verdict": st.column_config.TextColumn("", width="medium"),
}


def _alpha(lens: Lens) -> float:
    return lens.alpha or USUAL_ALPHA


def discoveries(found: Newcomers, lens: Lens) -> None:
    """How many of the batch are unknown at a rate of false discoveries, and a button that shows which."""
    count, line = found.discoveries(lens, alpha := _alpha(lens))
    left, right = st.columns([6, 1], vertical_alignment="center")
    left.markdown(
        f"At {100 * alpha:.3g} % false discoveries **{count:,d}** are unknown: at most that share of them is expected "
        "to be known after all, if known images are like the ID test set."
    )

    def draw() -> None:
        session.changed(threshold=line, alpha=None)
        session.follow()

    right.button("Show these", on_click=draw, disabled=not count, key="draw-discoveries", width="stretch")


def by_group(found: Newcomers, lens: Lens) -> None:
    """The drift table, where the images fall into groups."""
    names = list(found.groupings)
    if not names:
        return
    with st.expander("Drift by group", icon=":material/timeline:"):
        name = widgets.choice(
            st.selectbox, "Group by", names, "by", names[0], format_func=printable, label_visibility="collapsed"
        )
        groups = found.drift(name, lens, _alpha(lens))
        st.markdown(_sentence(groups, _alpha(lens)))
        table = pd.DataFrame([_row(group) for group in groups])
        height = 35 * (min(len(groups), _ROWS) + 1) + 2
        st.dataframe(table, hide_index=True, column_config=_COLUMNS, height=height, key="drift")
        downloads.table(table.set_index("group"), "drift")


def _sentence(groups: list[Group], alpha: float) -> str:
    told = [group for group in groups if group.verdict]
    if not told:
        return f"No group of {len(groups)} differs from the known test images (α = {100 * alpha:.3g} %)."
    worst = max(told, key=lambda group: group.share)
    return (
        f"**{len(told)} of {len(groups)} groups differ** from the known test images; most of all {plain(worst.name)}, "
        f"where {100 * worst.share:.0f} % are unknown (α = {100 * alpha:.3g} %)."
    )


def _row(group: Group) -> dict[str, object]:
    return {
        "group": group.name,
        "images": group.images,
        "unknown": group.share,
        "interval": f"{100 * group.low:.0f} to {100 * group.high:.0f} %",
        "distance": group.distance,
        "p": group.p_value,
        "verdict": group.verdict,
    }
