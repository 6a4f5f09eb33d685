"""Access to the values of a session: the view state, and values of widgets and of the browser.

No other module reads or writes `st.session_state`. The view state is mirrored in the address bar, so that a reload, a
link, back and forward restore it.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import streamlit as st

from heat_core import Lens, Run
from heat_core.analysis.questions import Query
from heat_core.composition import PLAIN
from heat_core.workbench.view_state import ViewState, from_query_params, to_query_params

Value = TypeVar("Value")


# ---- plain values ----------------------------------------------------------------------------------------------------


def get(key: str, otherwise: Any = None) -> Any:
    """Return the value that a keyed widget or `set_values` stored under a key."""
    return st.session_state.get(key, otherwise)


def set_values(**values: Any) -> None:
    """Store values under their names."""
    st.session_state.update(values)


def pop(key: str) -> Any:
    """Remove the value under a key and return it; None where there is none."""
    return st.session_state.pop(key, None)


def get_or_create(key: str, make: Callable[[], Value]) -> Value:
    """Return the value under a key, which `make` creates where there is none."""
    if key not in st.session_state:
        st.session_state[key] = make()
    return st.session_state[key]


def forget_run() -> None:
    """Forget which run was chosen, also in the address, after the run was deleted."""
    for key in ("run", "run-picked", "run-choice"):
        pop(key)
    initial_address().pop("run", None)
    st.query_params.pop("run", None)


def trigger_payload(key: str, name: str) -> Any:
    """Return the payload of a trigger of a component.

    Args:
        key: key of the component.
        name: name of the trigger.

    Returns:
        The payload, or None where the page was left before the payload arrived.
    """
    return st.session_state.get(key, {}).get(name)


def set_widget_value(key: str, value: Any) -> None:
    """Set the value of a keyed widget before it is drawn.

    The value is written only where it differs, since a slider that is written again jumps back under quick key presses.
    On a page that was just opened it is always written, since its widgets are new even where the session still has
    values under their keys.
    """
    if st.session_state.get("page-opened") or st.session_state.get(key) != value:
        st.session_state[key] = value


def initial_address() -> dict[str, str]:
    """Return the query parameters of the session's first address, which a click on another page may replace early."""
    return get_or_create("initial-address", st.query_params.to_dict)


def begin_page(page: str) -> None:
    """Record which page is about to be drawn, and whether it was just opened, so that its widgets are new."""
    st.session_state["page-opened"] = st.session_state.get("page") != page
    st.session_state["page"] = page


def end_page() -> None:
    """Record that the page was drawn."""
    st.session_state["page-opened"] = False
    pop("view-from-link")


# ---- the view state --------------------------------------------------------------------------------------------------


def view_state() -> ViewState:
    """Return the session's view state."""
    return st.session_state["view-state"]


def sync_view_state(run: Run) -> ViewState:
    """Update the session's view state to the run and the address, and return it.

    A link, back, forward, another run or a further residual can change it; the browser is then made to take it over.
    """
    written_query, stored = st.session_state.get("view-url"), st.session_state.get("view-state")
    params = {k: v for k, v in st.query_params.to_dict().items() if k != "run"}
    current = (run.id, tuple(run.priors))
    previous = st.session_state.get("view-run", (None, ()))
    if stored is None:
        params = params or {k: v for k, v in initial_address().items() if k != "run"}
    if stored is None or (previous[0] != run.id and st.query_params.get("run") == run.id):
        view = from_query_params(params, run)  # a link, or back and forward across a change of run
    elif previous[0] != run.id:  # Only these two settings are independent of the run.
        view = ViewState(beta=stored.beta, colour=stored.colour)
    elif params and params != written_query and not st.session_state.get("view-touched"):
        view = from_query_params({"beta": to_query_params(stored)["beta"]} | params, run)
    elif previous != current:  # A further residual was trained.
        view = from_query_params(to_query_params(stored), run)
    else:
        return stored
    st.session_state["view-run"], st.session_state["view-state"] = current, view
    if view.query != Query() or view.selection or view.sample:  # `set_query_scope` must keep what a link names
        st.session_state["view-from-link"] = True
    push_view_to_browser()
    return view


def lens_for(run: Run) -> Lens:
    """Return the session's lens on a run; the plain one where the session does not show that run."""
    is_current = st.session_state.get("view-run", (None, ()))[0] == run.id
    return st.session_state["view-state"].lens() if is_current else PLAIN


def set_view_state(view: ViewState) -> None:
    """Replace the session's view state after an action on the page."""
    st.session_state["view-state"] = view
    mark_interaction()


def update_view_state(**changes: Any) -> None:
    """Replace fields of the session's view state."""
    set_view_state(replace(view_state(), **changes))


def set_choice(name: str, value: str | None) -> None:
    """Store a choice of a page in the view state; None stands for the default."""
    previous = {k: v for k, v in st.session_state["view-state"].choices.items() if k != name}
    update_view_state(choices=previous | ({name: value} if value else {}))


def set_query_scope(scope: str, default: Query) -> None:
    """Set which samples the query is about.

    Where they change, the default query replaces the present one, whose filters do not fit other samples; its baseline
    and its methods stay. The selection and the inspected sample are removed.

    Args:
        scope: id of the run, or of the run and the batch of new images.
        default: query with which the samples are shown first.
    """
    before, previous = st.session_state.get("query-scope"), view_state().query
    st.session_state["query-scope"] = scope
    # The query stays where the samples are the same, and where a link has brought it.
    if before == scope or pop("view-from-link") or (before is None and default == previous):
        return
    update_view_state(query=replace(default, baseline=previous.baseline, methods=previous.methods))
    if before is not None:
        update_view_state(selection=None, sample=None)
    push_view_to_browser()


def mark_interaction() -> None:
    """Record that an action on the page caused this run of the script.

    The address that arrives with an action may be older than the last one that was written, and is ignored. Without an
    action, a different address comes from back or forward and is followed.
    """
    st.session_state["view-touched"] = True


def push_view_to_browser() -> None:
    """Make the workbench in the browser take over the view state, which Python has changed."""
    st.session_state["view-version"] = view_version() + 1
    set_exact_signature(None)


def view_version() -> int:
    """Return the version of the view state, which increases when the browser has to take it over."""
    return st.session_state.get("view-version", 0)


def set_exact_signature(signature: str | None) -> None:
    """Store the signature of the composition whose exact numbers the browser expects.

    Args:
        signature: signature from the browser; None where the numbers belong to Python's own view state.
    """
    st.session_state["live-signature"] = signature


def exact_signature() -> str | None:
    """Return the signature that `set_exact_signature` stored."""
    return st.session_state.get("live-signature")


def write_address(run: Run) -> None:
    """Write the run and the view state into the address bar."""
    query = to_query_params(st.session_state["view-state"])
    st.session_state["view-url"], st.session_state["view-touched"] = query, False
    wanted = {"run": run.id, **query}
    if st.query_params.to_dict() != wanted:
        st.query_params.from_dict(wanted)


def write_run_address(run_id: str) -> None:
    """Write the run into the address of a page that has no view state."""
    if st.query_params.get("run") != run_id:
        st.query_params["run"] = run_id
