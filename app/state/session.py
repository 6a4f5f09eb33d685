"""What the session remembers: the look, what widgets hold, and what the browser was told. Nothing else touches it.

The look is mirrored in the address bar, so that a reload, a link, back and forward show the same.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import streamlit as st

from app.state.look import Look, from_query, to_query
from heat_core import Lens, Run
from heat_core.analysis.questions import Query
from heat_core.composition import PLAIN

Value = TypeVar("Value")


# ---- plain values ----------------------------------------------------------------------------------------------------


def held(key: str, otherwise: Any = None) -> Any:
    """What a keyed widget, or `hold`, left under a key."""
    return st.session_state.get(key, otherwise)


def hold(**values: Any) -> None:
    """Keep values under their names."""
    st.session_state.update(values)


def taken(key: str) -> Any:
    """The value under a key, which is then forgotten; None where there is none."""
    return st.session_state.pop(key, None)


def once(key: str, make: Callable[[], Value]) -> Value:
    """The value under a key, made at the first time."""
    if key not in st.session_state:
        st.session_state[key] = make()
    return st.session_state[key]


def leave_run() -> None:
    """Forget which run was chosen, in the address too: it was deleted."""
    for key in ("run", "run-picked", "run-choice"):
        taken(key)
    arrived().pop("run", None)
    st.query_params.pop("run", None)


def event(key: str, name: str) -> Any:
    """The payload of the trigger of a component that fired; None where its page was left before it came."""
    return st.session_state.get(key, {}).get(name)


def put(key: str, value: Any) -> None:
    """Give a keyed widget its value, before it is drawn.

    Only where it differs, since a rewritten slider jumps back under quick key presses; and on a page that was just
    opened, whose widgets are new, whatever the session still holds under their keys.
    """
    if st.session_state.get("page-opened") or st.session_state.get(key) != value:
        st.session_state[key] = value


def arrived() -> dict[str, str]:
    """The address that this session began with: a click on another page may come before any page has read it."""
    return once("arrived", st.query_params.to_dict)


def opened(page: str) -> None:
    """Say which page is about to be drawn: the widgets of one that was just opened are new."""
    st.session_state["page-opened"] = st.session_state.get("page") != page
    st.session_state["page"] = page


def drawn() -> None:
    """Say that the page was drawn."""
    st.session_state["page-opened"] = False
    taken("look-arrived")


# ---- the look --------------------------------------------------------------------------------------------------------


def look() -> Look:
    """How this session looks at its run."""
    return st.session_state["look"]


def current(run: Run) -> Look:
    """The look of this session on this run. Where the address (a link, back, forward), another run or a new residual
    changed it, the browser has to follow.
    """
    written, stored = st.session_state.get("look-url"), st.session_state.get("look")
    asked = {k: v for k, v in st.query_params.to_dict().items() if k != "run"}
    here = (run.id, tuple(run.priors))
    before = st.session_state.get("look-run", (None, ()))
    if stored is None:
        asked = asked or {k: v for k, v in arrived().items() if k != "run"}
    if stored is None or (before[0] != run.id and st.query_params.get("run") == run.id):
        found = from_query(asked, run)  # a link; or back and forward, over a change of run
    elif before[0] != run.id:  # what is particular to a run stays with it
        found = Look(beta=stored.beta, colour=stored.colour)
    elif asked and asked != written and not st.session_state.get("look-touched"):
        found = from_query({"beta": to_query(stored)["beta"]} | asked, run)
    elif before != here:  # a further residual is trained
        found = from_query(to_query(stored), run)
    else:
        return stored
    st.session_state["look-run"], st.session_state["look"] = here, found
    if found.ask != Query() or found.selection or found.sample:  # asked for by an address: no page may begin otherwise
        st.session_state["look-arrived"] = True
    follow()
    return found


def lens_on(run: Run) -> Lens:
    """How this session composes HEAT on a run; plainly where it has not looked at it yet."""
    seen = st.session_state.get("look-run", (None, ()))[0] == run.id
    return st.session_state["look"].lens() if seen else PLAIN


def changed(**what: Any) -> None:
    """Change parts of the session's look."""
    st.session_state["look"] = replace(st.session_state["look"], **what)
    touch()


def chosen(name: str, value: str | None) -> None:
    """Keep what was chosen on a page; None = the default."""
    kept = {k: v for k, v in st.session_state["look"].choices.items() if k != name}
    changed(choices=kept | ({name: value} if value else {}))


def about(what: str, plain: Query) -> None:
    """Say whose samples the question is about: what narrows it does not fit the samples of another place.

    Args:
        what: the run, or the batch of new images.
        plain: what is asked there first.
    """
    before, kept = st.session_state.get("asked-of"), look().ask
    st.session_state["asked-of"] = what
    if before == what or taken("look-arrived") or (before is None and plain == kept):  # the same, or a link
        return
    changed(ask=replace(plain, baseline=kept.baseline, methods=kept.methods))
    if before is not None:
        changed(selection=None, sample=None)
    follow()


def touch() -> None:
    """Say that something on the page caused this run of the script. The address that came with it may be older than
    the last one that was written, and is no wish to go there; without a touch, another address is (back, forward).
    """
    st.session_state["look-touched"] = True


def follow() -> None:
    """The look was changed by Python (a button): let the browser's view take it over."""
    st.session_state["look-version"] = version() + 1
    told(None)


def version() -> int:
    """Grows when the browser has to take the look over."""
    return st.session_state.get("look-version", 0)


def told(signature: str | None) -> None:
    """Keep which composition the browser asked the numbers of; None: those of the look as Python has it."""
    st.session_state["live-signature"] = signature


def signature() -> str | None:
    """What `told` kept."""
    return st.session_state.get("live-signature")


def write_address(run: Run) -> None:
    """Mirror the look in the address bar."""
    query = to_query(st.session_state["look"])
    st.session_state["look-url"], st.session_state["look-touched"] = query, False
    wanted = {"run": run.id, **query}
    if st.query_params.to_dict() != wanted:
        st.query_params.from_dict(wanted)
