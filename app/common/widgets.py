"""Widgets whose values are part of the view state, which the pages share and the address holds."""

import math
from collections.abc import Callable
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.common import faults
from app.common.text import escape_markdown
from app.state import session
from heat_core import HeatError, Run
from heat_core.analysis.beta_sweep import BETAS
from heat_core.composition import format_beta
from heat_core.runs.row_names import corrected_row
from heat_core.workbench.view_state import parse_beta

METRIC_NAMES = {"fpr95": "FPR95 ↓", "auroc": "AUROC ↑", "aupr_in": "AUPR-In ↑", "aupr_out": "AUPR-Out ↑"}


def select_one(widget: Callable[..., Any], label: str, options: list[str], name: str, default: str, **more: Any) -> str:
    """Draw a widget that chooses one value of the view state, and return that value.

    Args:
        widget: the widget, such as `st.selectbox` or `st.segmented_control`.
        label: label of the widget.
        options: values that can be chosen.
        name: name of the value among the choices of the view state.
        default: value where none was chosen, or where the chosen one is no option.
        more: further arguments of the widget.
    """
    key, value = f"choice-{name}", session.view_state().choices.get(name, default)
    value = value if value in options else default
    session.set_widget_value(key, value)

    def store_value() -> None:
        chosen = session.get(key) or default
        session.set_choice(name, chosen if chosen != default else None)

    widget(label, options, key=key, on_change=store_value, **more)
    return value


def select_many(
    widget: Callable[..., Any], label: str, options: list[str], name: str, default: list[str], **more: Any
) -> list[str]:
    """Draw a widget that chooses several values of the view state, and return those values.

    Args:
        widget: the widget, such as `st.multiselect`.
        label: label of the widget.
        options: values that can be chosen.
        name: name of the values among the choices of the view state.
        default: values where none is chosen.
        more: further arguments of the widget.
    """
    key, stored = f"choice-{name}", session.view_state().choices.get(name, "")
    value = [value for value in stored.split(",") if value in options] or default
    session.set_widget_value(key, value)

    def store_value() -> None:
        chosen = session.get(key)
        session.set_choice(name, ",".join(chosen) if chosen and chosen != default else None)

    widget(label, options, key=key, on_change=store_value, **more)
    return value


def toggle(place: DeltaGenerator, label: str, name: str, default: bool = False, **more: Any) -> bool:
    """Draw a toggle whose value is part of the view state, and return that value.

    Args:
        place: element in which it is drawn.
        label: label of the toggle.
        name: name of the value among the choices of the view state.
        default: value where nothing was chosen.
        more: further arguments of the toggle.
    """
    key, stored = f"choice-{name}", session.view_state().choices.get(name)
    value = default if stored is None else stored == "yes"
    session.set_widget_value(key, value)

    def store_value() -> None:
        chosen = session.get(key)
        session.set_choice(name, ("yes" if chosen else "no") if chosen != default else None)

    place.toggle(label, key=key, on_change=store_value, **more)
    return value


def beta_control() -> None:
    """Draw the slider of β and the field in which any β can be typed."""
    beta = session.view_state().beta
    nearest = min(BETAS, key=lambda b: (b != beta, abs(math.atan(b) - math.atan(beta))))
    session.set_widget_value("beta_slider", nearest)
    session.set_widget_value("beta_box", format_beta(beta))

    def from_box() -> None:
        try:
            session.update_view_state(beta=parse_beta(session.get("beta_box")))
        except HeatError as error:
            faults.toast(error)

    slider, box = st.columns([5, 1], vertical_alignment="bottom")
    slider.select_slider(
        "β: how the energies are combined",
        BETAS,
        key="beta_slider",
        format_func=lambda b: escape_markdown(format_beta(b)),
        on_change=lambda: session.update_view_state(beta=session.get("beta_slider")),
        help="Eq. 7: −∞ takes the smallest of the corrected energies, 0 their mean (a product of experts), +∞ the "
        "largest. The paper's tables use 0. The arrow keys move the slider.",
    )
    box.text_input("Exact value", key="beta_box", on_change=from_box, help="Any number, or −∞ or +∞.")


def beta_suggestion(run: Run) -> None:
    """Draw a button that takes the β suggested without OOD data, where the run has one."""
    suggested = run.suggested_beta
    if suggested is not None:
        st.button(
            f"Take β = {escape_markdown(format_beta(suggested))}, suggested from known images alone",
            on_click=lambda: session.update_view_state(beta=suggested),
            type="tertiary",
            icon=":material/auto_awesome:",
            help="Chosen without OOD data: the β nearest to 0 among those that best separate the known test images "
            "from noisy copies of their features. docs/results.md shows the results.",
        )


def prior_control(run: Run) -> None:
    """Draw the choice of the corrected priors that are composed, and the weights that were set in Inspect."""
    if len(run.priors) < 2:
        return
    view, key = session.view_state(), f"priors-{run.id}-{len(run.priors)}"
    composed = list(view.priors or run.priors)
    session.set_widget_value(key, composed)

    def store_value() -> None:
        chosen = [p for p in run.priors if p in session.get(key)] or composed  # At least one takes part.
        weight_of = dict(zip(composed, view.weights or [1.0] * len(composed), strict=True))
        weights = tuple(weight_of.get(p, 1.0) for p in chosen)
        session.update_view_state(
            priors=None if chosen == run.priors else tuple(chosen),
            weights=weights if view.weights and any(weights) else None,
        )

    st.pills(
        "Composed priors",
        run.priors,
        selection_mode="multi",
        key=key,
        on_change=store_value,
        format_func=lambda p: escape_markdown(run.title(corrected_row(p))),
        help="Each prior with its residual; Tab. 3 compares the subsets.",
    )
    if view.weights:
        st.caption(f"Weights, set in Inspect: {', '.join(f'{w:g}' for w in view.weights)}.")
