"""Discoveries among new images, and the drift of their groups from the known test images."""

import pandas as pd
import streamlit as st

from app.common import downloads, widgets
from app.common.text import escape_markdown
from app.state import session
from heat_core import Lens
from heat_core.analysis.new_images import NewImages
from heat_core.guard.drift import GroupDrift
from heat_core.names import printable
from heat_core.thresholds import DEFAULT_ALPHA

_ROWS = 8  # rows in view without scrolling
_COLUMNS = {
    "group": st.column_config.TextColumn(width="medium"),
    "images": st.column_config.NumberColumn(format="localized"),
    "unknown": st.column_config.ProgressColumn(
        "unknown",
        min_value=0,
        max_value=1,
        format="percent",
        help="Share of images with p ≤ α; of known images it is at most α.",
    ),
    "interval": st.column_config.TextColumn("95 % interval", help="Wilson's interval of the share of unknown images."),
    "distance": st.column_config.NumberColumn(
        "distance", format="%.3f", help="Largest difference between the group's scores and those of known test images."
    ),
    "p": st.column_config.NumberColumn(
        "p",
        format="%.2g",
        help="Probability of a distance at least as large by chance: two-sample Kolmogorov–Smirnov test, corrected by "
        "Holm.",
    ),
    "verdict": st.column_config.TextColumn("drift", width="medium"),
}


def _alpha_of(lens: Lens) -> float:
    return lens.alpha or DEFAULT_ALPHA


def draw_discoveries(new_images: NewImages, lens: Lens) -> None:
    """Draw the number of discoveries in the batch and a button that sets the threshold to show them."""
    count, threshold = new_images.discoveries(lens, alpha := _alpha_of(lens))
    left, right = st.columns([5, 1.3], vertical_alignment="center")
    left.markdown(
        f"**{count:,d}** images are unknown at a false-discovery rate of {100 * alpha:.3g} %: at most that share of "
        "them is expected to be known images, if those are like the ID test set."
    )

    def apply_threshold() -> None:
        session.update_view_state(threshold=threshold, alpha=None)
        session.push_view_to_browser()

    right.button(
        "Apply this threshold", on_click=apply_threshold, disabled=not count, key="draw-discoveries", width="stretch"
    )


def draw_drift_by_group(new_images: NewImages, lens: Lens) -> None:
    """Draw the drift of each group, where a column of the images divides them into groups."""
    names = list(new_images.groupings)
    if not names:
        return
    with st.expander("Drift by group", icon=":material/timeline:"):
        name = widgets.select_one(
            st.selectbox, "Group by", names, "by", names[0], format_func=printable, label_visibility="collapsed"
        )
        groups = new_images.drift(name, lens, _alpha_of(lens))
        st.markdown(_summarize(groups, _alpha_of(lens)))
        table = pd.DataFrame([_table_row(group) for group in groups])
        height = 35 * (min(len(groups), _ROWS) + 1) + 2
        st.dataframe(table, hide_index=True, column_config=_COLUMNS, height=height, key="drift")
        downloads.table_button(table.set_index("group"), "drift")


def _summarize(groups: list[GroupDrift], alpha: float) -> str:
    drifted = [group for group in groups if group.verdict]
    if not drifted:
        return f"No group of {len(groups)} differs from the known test images (α = {100 * alpha:.3g} %)."
    worst = max(drifted, key=lambda group: group.unknown / max(group.images, 1))
    if not worst.images:
        return f"**{len(drifted)} of {len(groups)} groups** have no image that can be read."
    return (
        f"**{len(drifted)} of {len(groups)} groups differ** from the known test images; most of all "
        f"{escape_markdown(worst.name)}, where {100 * worst.share:.0f} % are unknown (α = {100 * alpha:.3g} %)."
    )


def _table_row(group: GroupDrift) -> dict[str, object]:
    unreadable = {"not readable": group.unreadable} if group.unreadable else {}
    return {
        "group": group.name,
        "images": group.images,
        "unknown": group.share,
        "interval": f"{100 * group.low:.0f} to {100 * group.high:.0f} %" if group.images else "",
        "distance": group.distance,
        "p": group.p_value,
        "verdict": group.verdict,
    } | unreadable
