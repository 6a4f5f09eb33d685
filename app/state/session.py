"""What the session remembers: the view state, and what widgets and the browser hold. Nothing else touches it.

The view state is mirrored in the address bar, so that a reload, a link, back and forward show the same.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import streamlit as st

from app.state.view_state import ViewState, from_query_params, to_query_params
from heat_core import Lens, Run
from heat_core.analysis.questions import Query
from heat_core.composition import PLAIN

Value = TypeVar("Value")


# ---- plain values ----------------------------------------------------------------------------------------------------


def get(key: str, otherwise: Any = None) -> Any:
    """What a keyed widget, or `set_values`, left under a key."""
    return st.session_state.get(key, otherwise)


def set_values(**values: Any) -> None:
    """Keep values under their names."""
    st.session_state.update(values)


def pop(key: str) -> Any:
    """The value under a key, which is then forgotten; None where there is none."""
    return st.session_state.pop(key, None)


def get_or_create(key: str, make: Callable[[], Value]) -> Value:
    """The value under a key, made at the first time."""
    if key not in st.session_state:
        st.session_state[key] = make()
    return st.session_state[key]


def forget_run() -> None:
    """Forget which run was chosen, in the address too: it was deleted."""
    for key in ("run", "run-picked", "run-choice"):
        pop(key)
    initial_address().pop("run", None)
    st.query_params.pop("run", None)


def trigger_payload(key: str, name: str) -> Any:
    """The payload of the trigger of a component that fired; None where its page was left before it came."""
    return st.session_state.get(key, {}).get(name)


def set_widget_value(key: str, value: Any) -> None:
    """Give a keyed widget its value, before it is drawn.

    Only where it differs, since a rewritten slider jumps back under quick key presses; and on a page that was just
    opened, whose widgets are new, whatever the session still holds under their keys.
    """
    if st.session_state.get("page-opened") or st.session_state.get(key) != value:
        st.session_state[key] = value


def initial_address() -> dict[str, str]:
    """The address that this session began with: a click on another page may come before any page has read it."""
    return get_or_create("initial-address", st.query_params.to_dict)


def begin_page(page: str) -> None:
    """Say which page is about to be drawn: the widgets of one that was just opened are new."""
    st.session_state["page-opened"] = st.session_state.get("page") != page
    st.session_state["page"] = page


def end_page() -> None:
    """Say that the page was drawn."""
    st.session_state["page-opened"] = False
    pop("view-from-link")


# ---- the view state --------------------------------------------------------------------------------------------------


def view_state() -> ViewState:
    """How this session looks at its run."""
    return st.session_state["view-state"]


def sync_view_state(run: Run) -> ViewState:
    """The view state of this session on this run. Where the address (a link, back, forward), another run or a new
    residual changed it, the browser has to follow.
    """
    written_query, stored = st.session_state.get("view-url"), st.session_state.get("view-state")
    params = {k: v for k, v in st.query_params.to_dict().items() if k != "run"}
    current = (run.id, tuple(run.priors))
    previous = st.session_state.get("view-run", (None, ()))
    if stored is None:
        params = params or {k: v for k, v in initial_address().items() if k != "run"}
    if stored is None or (previous[0] != run.id and st.query_params.get("run") == run.id):
        view = from_query_params(params, run)  # a link; or back and forward, over a change of run
    elif previous[0] != run.id:  # what is particular to a run stays with it
        view = ViewState(beta=stored.beta, colour=stored.colour)
    elif params and params != written_query and not st.session_state.get("view-touched"):
        view = from_query_params({"beta": to_query_params(stored)["beta"]} | params, run)
    elif previous != current:  # a further residual is trained
        view = from_query_params(to_query_params(stored), run)
    else:
        return stored
    st.session_state["view-run"], st.session_state["view-state"] = current, view
    if view.query != Query() or view.selection or view.sample:  # asked for by an address: no page may begin otherwise
        st.session_state["view-from-link"] = True
    push_view_to_browser()
    return view


def lens_for(run: Run) -> Lens:
    """How this session composes HEAT on a run; plainly where it has not looked at it yet."""
    is_current = st.session_state.get("view-run", (None, ()))[0] == run.id
    return st.session_state["view-state"].lens() if is_current else PLAIN


def update_view_state(**changes: Any) -> None:
    """Change parts of the session's view state."""
    st.session_state["view-state"] = replace(st.session_state["view-state"], **changes)
    mark_interaction()


def set_choice(name: str, value: str | None) -> None:
    """Keep what was chosen on a page; None = the default."""
    previous = {k: v for k, v in st.session_state["view-state"].choices.items() if k != name}
    update_view_state(choices=previous | ({name: value} if value else {}))


def set_query_scope(scope: str, default: Query) -> None:
    """Say whose samples the question is about: what narrows it does not fit the samples of another place.

    Args:
        scope: the run, or the batch of new images.
        default: what is asked there first.
    """
    before, previous = st.session_state.get("query-scope"), view_state().query
    st.session_state["query-scope"] = scope
    if before == scope or pop("view-from-link") or (before is None and default == previous):  # the same, or a link
        return
    update_view_state(query=replace(default, baseline=previous.baseline, methods=previous.methods))
    if before is not None:
        update_view_state(selection=None, sample=None)
    push_view_to_browser()


def mark_interaction() -> None:
    """Say that something on the page caused this run of the script. The address that came with it may be older than
    the last one that was written, and is no wish to go there; without a touch, another address is (back, forward).
    """
    st.session_state["view-touched"] = True


def push_view_to_browser() -> None:
    """The view state was changed by Python (a button): let the workbench in the browser take it over."""
    st.session_state["view-version"] = view_version() + 1
    set_exact_signature(None)


def view_version() -> int:
    """Grows when the browser has to take the view state over."""
    return st.session_state.get("view-version", 0)


def set_exact_signature(signature: str | None) -> None:
    """Keep which composition the browser asked the numbers of; None: those of the view state as Python has it."""
    st.session_state["live-signature"] = signature


def exact_signature() -> str | None:
    """What `set_exact_signature` kept."""
    return st.session_state.get("live-signature")


def write_address(run: Run) -> None:
    """Mirror the view state in the address bar."""
    query = to_query_params(st.session_state["view-state"])
    st.session_state["view-url"], st.session_state["view-touched"] = query, False
    wanted = {"run": run.id, **query}
    if st.query_params.to_dict() != wanted:
        st.query_params.from_dict(wanted)


def write_run_address(run_id: str) -> None:
    """Name the run in the address of a page without a view state."""
    if st.query_params.get("run") != run_id:
        st.query_params["run"] = run_id
