"""Widgets whose value is a part of the look: the same on every page, and in the address."""

import math
from collections.abc import Callable
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.common import faults
from app.common.text import plain
from app.state import session
from app.state.look import parse_beta
from heat_core import HeatError, Run
from heat_core.analysis.sweep import SWEEP
from heat_core.composition import beta_text
from heat_core.runs.row_names import corrected_row

METRIC_NAMES = {"fpr95": "FPR95 ↓", "auroc": "AUROC ↑", "aupr_in": "AUPR-In ↑", "aupr_out": "AUPR-Out ↑"}


def choice(widget: Callable[..., Any], label: str, options: list[str], name: str, default: str, **more: Any) -> str:
    """A widget (a selectbox, a segmented control) whose value is a part of the look."""
    key, wanted = f"choice-{name}", session.look().choices.get(name, default)
    wanted = wanted if wanted in options else default
    session.put(key, wanted)

    def take_over() -> None:
        now = session.held(key) or default
        session.chosen(name, now if now != default else None)

    widget(label, options, key=key, on_change=take_over, **more)
    return wanted


def choices(
    widget: Callable[..., Any], label: str, options: list[str], name: str, default: list[str], **more: Any
) -> list[str]:
    """A widget for several values (a multiselect) that are a part of the look; none chosen = the default."""
    key, given = f"choice-{name}", session.look().choices.get(name, "")
    wanted = [value for value in given.split(",") if value in options] or default
    session.put(key, wanted)

    def take_over() -> None:
        now = session.held(key)
        session.chosen(name, ",".join(now) if now and now != default else None)

    widget(label, options, key=key, on_change=take_over, **more)
    return wanted


def switch(place: DeltaGenerator, label: str, name: str, default: bool = False, **more: Any) -> bool:
    """A toggle that is a part of the look."""
    key, given = f"choice-{name}", session.look().choices.get(name)
    wanted = default if given is None else given == "yes"
    session.put(key, wanted)

    def take_over() -> None:
        now = session.held(key)
        session.chosen(name, ("yes" if now else "no") if now != default else None)

    place.toggle(label, key=key, on_change=take_over, **more)
    return wanted


def beta_control() -> None:
    """β of the look by slider, by keyboard on the slider, or typed exactly."""
    beta = session.look().beta
    nearest = min(SWEEP, key=lambda b: (b != beta, abs(math.atan(b) - math.atan(beta))))
    session.put("beta_slider", nearest)
    session.put("beta_box", beta_text(beta))

    def from_box() -> None:
        try:
            session.changed(beta=parse_beta(session.held("beta_box")))
        except HeatError as error:
            faults.toast(error)

    slider, box = st.columns([5, 1], vertical_alignment="bottom")
    slider.select_slider(
        "β of the composition",
        SWEEP,
        key="beta_slider",
        format_func=lambda b: plain(beta_text(b)),
        on_change=lambda: session.changed(beta=session.held("beta_slider")),
        help="Eq. 7: −∞ takes the smallest of the corrected energies, 0 their mean (a product of experts), +∞ the "
        "largest. The paper's tables use 0. The arrow keys move the slider.",
    )
    box.text_input("exactly", key="beta_box", on_change=from_box, help="Any number, or −∞ or +∞.")


def beta_suggestion(run: Run) -> None:
    """Offer the β that was chosen without OOD data."""
    suggested = run.suggested_beta
    if suggested is not None:
        st.button(
            f"β without OOD data: {plain(beta_text(suggested))}",
            on_click=lambda: session.changed(beta=suggested),
            type="tertiary",
            icon=":material/auto_awesome:",
            help="The β nearest to 0 that tells known test images from noisy copies of "
            "their features as well as any. It knows no OOD images: the README says how well it did.",
        )


def prior_control(run: Run) -> None:
    """Which corrected priors are composed (the subsets of Tab. 3), with the weights that were set in Inspect."""
    if len(run.priors) < 2:
        return
    look, key = session.look(), f"priors-{run.id}-{len(run.priors)}"
    taking = list(look.taking or run.priors)
    session.put(key, taking)

    def take_over() -> None:
        now = [p for p in run.priors if p in session.held(key)] or taking  # one must take part
        weights = look.weights and dict(zip(taking, look.weights, strict=True))
        session.changed(
            taking=None if now == run.priors else tuple(now),
            weights=weights and tuple(weights.get(p, 1.0) for p in now),
        )

    st.pills(
        "Composed priors",
        run.priors,
        selection_mode="multi",
        key=key,
        on_change=take_over,
        format_func=lambda p: plain(run.title(corrected_row(p))),
        help="Each prior with its residual; Tab. 3 compares the subsets.",
    )
    if look.weights:
        st.caption(f"Weights, set in Inspect: {', '.join(f'{w:g}' for w in look.weights)}.")
