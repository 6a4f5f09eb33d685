"""How a person looks at a run: β, threshold, priors, colouring, filter, selection. Kept in the session, mirrored in the
address bar, so that a reload, a link, back and forward show the same."""

import json
import math
from dataclasses import dataclass, field, replace
from typing import Any

import streamlit as st

from heat_core import HeatError, Run
from heat_core.samples import Lens

COLOURINGS = ("dataset", "class", "score", "verdict")
_CHOICES = (
    "set", "filter", "order", "methods", "a", "b", "seen", "layout", "narrow", "count",  # the gallery
    "det", "metric", "runs", "rows", "subsets", "intervals", "best", "train",  # Explore, Compare and Map
    "batch", "own",  # own images
)  # fmt: skip
_HEAVIEST = 1e6


@dataclass(frozen=True)
class Look:
    """threshold: None = at 95 % of ID. taking: the priors that are composed (None = all); weights: one each, or None.
    off: sets that the legend hides. selection: the name of a kept one. sample: the key of the inspected one. choices:
    what else was chosen on a page (filter, sort, detector, …), as texts, where it is not the default."""

    beta: float = 0.0
    threshold: float | None = None
    taking: tuple[str, ...] | None = None
    weights: tuple[float, ...] | None = None
    colour: str = "dataset"
    off: tuple[str, ...] = ()
    selection: str | None = None
    sample: str | None = None
    choices: dict[str, str] = field(default_factory=dict)

    def lens(self) -> Lens:
        return Lens(self.beta, self.taking, self.weights, self.threshold)


def to_query(look: Look) -> dict[str, str]:
    """What stands in the address bar: everything that differs from the plain look."""
    plain = Look()
    query = {"beta": _beta_text(look.beta)}
    for name, short in (("threshold", "thr"), ("selection", "sel"), ("sample", "sample"), ("colour", "colour")):
        if (value := getattr(look, name)) != getattr(plain, name):
            query[short] = value if isinstance(value, str) else repr(value)
    for name, short in (("taking", "priors"), ("weights", "w")):
        if (values := getattr(look, name)) is not None:
            query[short] = ",".join(map(str, values))
    if look.off:
        query["off"] = json.dumps(look.off)
    return query | {k: v for k, v in look.choices.items() if v}


def from_query(query: dict[str, str], run: Run) -> Look:
    """The look that an address names; what does not fit the run is left out."""
    look = Look(beta=parse_beta(query.get("beta", "0"), 0.0))
    if "thr" in query and math.isfinite(threshold := parse_beta(query["thr"], math.inf)):
        look = replace(look, threshold=threshold)
    taking = [p for p in run.priors if p in query.get("priors", "").split(",")]
    if taking and len(taking) < len(run.priors):
        look = replace(look, taking=tuple(taking))
    weights = [parse_beta(w, -1.0) for w in query.get("w", "").split(",")]
    if len(weights) == len(taking or run.priors) and all(0 < w <= _HEAVIEST for w in weights):
        look = replace(look, weights=tuple(weights))
    if query.get("colour") in COLOURINGS:
        look = replace(look, colour=query["colour"])
    try:
        off = [str(name) for name in json.loads(query.get("off", "[]"))]
    except (ValueError, TypeError):
        off = []
    choices = {k: query[k] for k in _CHOICES if query.get(k)}
    return replace(look, off=tuple(off), selection=query.get("sel"), sample=query.get("sample"), choices=choices)


def parse_beta(text: str, otherwise: float | None = None) -> float:
    """β as a person writes it: 0.5, -3, −∞, inf. `otherwise` stands in for nonsense; without it HeatError."""
    try:
        value = float(str(text).strip().replace("−", "-").replace("∞", "inf"))
    except ValueError:
        value = math.nan
    if math.isnan(value):
        if otherwise is not None:
            return otherwise
        raise HeatError(f"{text!r} is not a value of β: write a number, or −∞ or +∞.")
    return value


def _beta_text(beta: float) -> str:
    return ("-inf" if beta < 0 else "inf") if math.isinf(beta) else f"{beta:g}"


def current(run: Run) -> Look:
    """The look of this session on this run. Where the address (a link, back, forward), another run or a new residual
    changed it, the browser has to follow."""
    written, stored = st.session_state.get("look-url"), st.session_state.get("look")
    asked = {k: v for k, v in st.query_params.to_dict().items() if k != "run"}
    here = (run.id, tuple(run.priors))
    before = st.session_state.get("look-run", (None, ()))
    if stored is None or (before[0] != run.id and st.query_params.get("run") == run.id):
        look = from_query(asked, run)  # a link; or back and forward, over a change of run
    elif before[0] != run.id:  # what is particular to a run stays with it
        look = Look(beta=stored.beta, colour=stored.colour)
    elif asked and asked != written and not st.session_state.get("look-touched"):
        look = from_query({"beta": _beta_text(stored.beta)} | asked, run)
    elif before != here:  # a further residual is trained
        look = from_query(to_query(stored), run)
    else:
        return stored
    st.session_state["look-run"], st.session_state["look"] = here, look
    follow()
    return look


def changed(**what: Any) -> None:
    """Change parts of the session's look."""
    st.session_state["look"] = replace(st.session_state["look"], **what)
    touch()


def chosen(name: str, value: str | None) -> None:
    """Keep what was chosen on a page; None = the default."""
    kept = {k: v for k, v in st.session_state["look"].choices.items() if k != name}
    changed(choices=kept | ({name: value} if value else {}))


def put(key: str, value: Any) -> None:
    """Give a keyed widget its value, before it is drawn.

    Only where it differs, since a rewritten slider jumps back under quick key presses; and on a page that was just
    opened, whose widgets are new, whatever the session still holds under their keys.
    """
    if st.session_state.get("page-opened") or st.session_state.get(key) != value:
        st.session_state[key] = value


def choice(widget, label: str, options: list[str], name: str, default: str, **more) -> str:
    """A widget (a selectbox, a segmented control) whose value is a part of the look."""
    key, wanted = f"choice-{name}", st.session_state["look"].choices.get(name, default)
    wanted = wanted if wanted in options else default
    put(key, wanted)

    def take_over() -> None:
        now = st.session_state[key] or default
        chosen(name, now if now != default else None)

    widget(label, options, key=key, on_change=take_over, **more)
    return wanted


def choices(widget, label: str, options: list[str], name: str, default: list[str], **more) -> list[str]:
    """A widget for several values (a multiselect) that are a part of the look; none chosen = the default."""
    key, given = f"choice-{name}", st.session_state["look"].choices.get(name, "")
    wanted = [value for value in given.split(",") if value in options] or default
    put(key, wanted)

    def take_over() -> None:
        now = st.session_state[key]
        chosen(name, ",".join(now) if now and now != default else None)

    widget(label, options, key=key, on_change=take_over, **more)
    return wanted


def switch(place, label: str, name: str, default: bool = False, **more) -> bool:
    """A toggle that is a part of the look."""
    key, given = f"choice-{name}", st.session_state["look"].choices.get(name)
    wanted = default if given is None else given == "yes"
    put(key, wanted)

    def take_over() -> None:
        now = st.session_state[key]
        chosen(name, ("yes" if now else "no") if now != default else None)

    place.toggle(label, key=key, on_change=take_over, **more)
    return wanted


def touch() -> None:
    """Say that something on the page caused this run of the script. The address that came with it may be older than
    the last one that was written, and is no wish to go there; without a touch, another address is (back, forward)."""
    st.session_state["look-touched"] = True


def follow() -> None:
    """The look was changed by Python (a button): let the browser's view take it over."""
    st.session_state["look-version"] = st.session_state.get("look-version", 0) + 1
    st.session_state["live-signature"] = None


def write_address(run: Run) -> None:
    """Mirror the look in the address bar."""
    query = to_query(st.session_state["look"])
    st.session_state["look-url"], st.session_state["look-touched"] = query, False
    wanted = {"run": run.id, **query}
    if st.query_params.to_dict() != wanted:
        st.query_params.from_dict(wanted)
