"""The workbench: mounts it in the browser, takes over what is done in it, and answers what it asks."""

import base64
import json
import math
import secrets
from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st

from app import browser
from app.common import faults
from app.common.following import Version, likeness_of
from app.state import session
from app.state.look import Look, facets_among, parse_beta
from app.workbench import new_sets, position_maps
from app.workbench.packing import pack
from app.workbench.sample_detail import subject_of
from heat_core import HeatError, Lens, Run
from heat_core.analysis.facets import Tags, parts
from heat_core.analysis.likeness import most_alike
from heat_core.analysis.notes import read_notes, write_note, write_tags
from heat_core.analysis.questions import ORDERS, Query
from heat_core.analysis.samples import Samples
from heat_core.analysis.selections import keep, recall

_INSPECT = browser.component("heat_live", "inspect")
_STATE = browser.component("heat_live_state", "state/answer")
_LAYOUTS = ("grid", "table", "rows")


@st.cache_resource(show_spinner=False, max_entries=4)
def _packed(folder: str, version: Version, view: str, batch: str, _samples: Samples) -> tuple[bytes, np.ndarray]:  # noqa: ARG001
    return pack(_samples, view)


def inspect_view(samples: Samples, version: Version, batch: str = "") -> None:
    """Draw the workbench over samples of a run with at least one corrected prior, and take over what was done in it.

    Args:
        samples: those of the run, or new images beside its ID test set.
        version: of the run's files; the block of bytes is packed and sent again only when it changes.
        batch: of new images, or nothing.
    """
    run = samples.run
    view = session.once(f"live-view-{batch}", lambda: secrets.token_hex(4))
    data, numbers = _packed(str(run.folder), version, view, batch, samples)
    key = f"live-{run.id}-{batch}"
    hands = _Hands(samples, numbers, key)
    _INSPECT(
        key=key,
        data=data,
        on_view_change=hands.hearing("view"),
        on_lasso_change=hands.hearing("lasso"),
        on_inspect_change=hands.hearing("inspect"),
        on_act_change=hands.hearing("act"),
        on_where_change=hands.hearing("where"),
    )
    new_sets.go_where_asked()
    _STATE(key=f"state-{run.id}-{batch}", data=_answer(samples, view, numbers) | {"done": session.held(_done(key), 0)})


def _done(key: str) -> str:
    """Under which name the session holds what it has done last of a workbench's wishes."""
    return f"done-{key}"


class _Hands:
    """What the browser tells of what was done in the workbench."""

    def __init__(self, samples: Samples, numbers: np.ndarray, key: str) -> None:
        self.samples, self.run, self.numbers, self.key = samples, samples.run, numbers, key

    def hearing(self, name: str) -> Callable[[], None]:
        """What to do when something is told under a name: a message may come after its page was left."""

        def hear() -> None:
            if (said := session.event(self.key, name)) is not None:
                getattr(self, name)(json.loads(said))

        return hear

    def view(self, state: dict[str, Any]) -> None:
        run = self.run
        if len(state["taking"]) != len(run.priors):  # said just as a further residual arrived
            return
        taking = tuple(p for p, takes in zip(run.priors, state["taking"], strict=True) if takes)
        weights = state["weights"] and tuple(
            float(w) for w, takes in zip(state["weights"], state["taking"], strict=True) if takes
        )
        session.told(state["signature"])
        session.changed(
            beta=parse_beta(state["beta"], 0.0),
            threshold=state["threshold"],
            alpha=state["alpha"] if state["threshold"] is None else None,
            colour=state["colour"],
            off=tuple(state["off"]),
            weights=weights,
            taking=None if len(taking) == len(run.priors) else taking,
            ask=_query(state["ask"]),
        )
        session.chosen("layout", state["layout"] if state["layout"] in _LAYOUTS[1:] else None)
        session.chosen("size", str(int(state["size"])))

    def lasso(self, said: dict[str, Any]) -> None:
        points = self._points(said)
        try:
            session.changed(selection=keep(self.run.folder, points) if len(points) else None)
        except HeatError as error:
            faults.toast(error)

    def inspect(self, number: int) -> None:
        session.changed(sample=self.samples.key(number))

    def act(self, wishes: list[dict[str, Any]]) -> None:
        """Do what has not been done yet: the browser repeats what it got no answer to."""
        session.touch()
        for said in wishes:
            if said["id"] <= session.held(_done(self.key), 0):
                continue
            session.hold(**{_done(self.key): said["id"]})
            try:
                self._do(said)
            except HeatError as error:
                faults.toast(error)

    def _do(self, said: dict[str, Any]) -> None:
        """Tag samples, keep a note, or make them a set of a new run."""
        chosen = np.array([said["number"]]) if "number" in said else self._points(said)
        if said["what"] == "run":
            new_sets.begin(self.samples, chosen, said["role"], said["name"])
            return
        if not self.samples.truth:  # notes are of the run's own samples
            return
        keys, folder = [self.samples.key(int(i)) for i in chosen], self.run.folder
        if said["what"] == "note":
            write_note(folder, keys[0], said["note"])
            return
        given = said["what"] == "tag"
        write_tags(folder, keys, said["tag"], given)
        st.toast(f"{len(keys):,} {'tagged' if given else 'untagged'}.", icon=":material/bookmark:")

    def where(self, said: dict[str, Any]) -> None:
        session.touch()
        try:
            position_maps.begin(self.samples, int(said["number"]))
        except HeatError as error:
            faults.toast(error)

    def _points(self, said: dict[str, Any]) -> np.ndarray:
        """The sample numbers of a set of points."""
        if not said["bits"]:
            return np.empty(0, int)
        bits = np.unpackbits(np.frombuffer(base64.b64decode(said["bits"]), np.uint8))[: len(self.numbers)]
        return self.numbers[bits.astype(bool)]


def _query(said: dict[str, Any]) -> Query:
    """What the browser asks, as a query."""
    values = ((name, tuple(map(str, said["values"][name]))) for name in facets_among(said["values"]))
    brush = said["brush"]
    return Query(
        question=said["question"],
        baseline=said["baseline"],
        methods=tuple(said["methods"]),
        values=tuple((name, of) for name, of in values if of),
        brush=(float(brush[0]), float(brush[1])) if brush else None,
        find=said["find"],
        like=said["like"],
        order=said["order"] or next(iter(ORDERS)),
    )


def exact_numbers(samples: Samples, lens: Lens) -> dict[str, Any]:
    """Threshold at 95 % of ID, and per set FPR95, AUROC and how many are called OOD."""
    found = samples.numbers(lens)
    sets: list[dict[str, Any]] = [{"flagged": count} for count in found.flagged]
    for of_set, fpr, area in zip(sets[1:], found.fpr95, found.auroc, strict=True):
        of_set |= {"fpr95": fpr, "auroc": area}
    return {"threshold": found.at95, "line": lens.threshold, "alpha": lens.alpha, "sets": sets}


def _answer(samples: Samples, view: str, numbers: np.ndarray) -> dict[str, Any]:
    """The exact numbers, the state that the browser has to follow, and what it cannot work out by itself."""
    run, look = samples.run, session.look()
    notes = _notes(samples)
    inspected = _inspected(samples, look)
    return {
        "view": view,
        "version": session.version(),
        # signature None: what the numbers are of is the state in this message, not one that the browser told
        "exact": exact_numbers(samples, look.lens()) | {"signature": session.signature()},
        "state": _state(run, look, numbers) | {"looked": inspected},
        "parts": _parts(samples, look.lens(), numbers),
        "tags": {tag: members.tolist() for tag, members in Tags.of(samples, notes).members.items()},
        "alike": _alike(samples, look),
        "subject": _subject(samples, inspected, look.lens(), notes),
    }


def _state(run: Run, look: Look, numbers: np.ndarray) -> dict[str, Any]:
    taking = [look.taking is None or p in look.taking for p in run.priors]
    weights = None
    if look.weights is not None:
        given = iter(look.weights)
        weights = [next(given) if takes else 1.0 for takes in taking]
    bits = ""
    if (chosen := selected(run, look)) is not None:
        bits = base64.b64encode(np.packbits(np.isin(numbers, chosen)).tobytes()).decode()
    size = look.choices.get("size", "")
    return {
        "beta": str(look.beta),
        "threshold": look.threshold,
        "alpha": look.alpha,
        "taking": taking,
        "weights": weights,
        "colour": look.colour,
        "off": list(look.off),
        "selection": bits,
        "ask": look.ask.__dict__ | {"values": {name: list(of) for name, of in look.ask.values}} | _finite(look.ask),
        "layout": look.choices.get("layout") if look.choices.get("layout") in _LAYOUTS else "grid",
        "size": min(max(int(size), 56), 260) if size.isdecimal() else 112,
    }


def _finite(ask: Query) -> dict[str, Any]:
    """The brush, as JSON can hold it."""
    return {"brush": list(ask.brush) if ask.brush and all(map(math.isfinite, ask.brush)) else None}


def selected(run: Run, look: Look) -> np.ndarray | None:
    """Sample numbers of the selection, or None where there is none (any more)."""
    if not look.selection:
        return None
    try:
        return recall(run.folder, look.selection)
    except HeatError as error:
        faults.toast(error)
        session.changed(selection=None)
        return None


def _inspected(samples: Samples, look: Look) -> int | None:
    try:
        return samples.find(look.sample) if look.sample else None
    except HeatError as error:
        if samples.truth:  # else it is a sample of the run, looked at on another page
            faults.toast(error)
            session.changed(sample=None)
        return None


def _parts(samples: Samples, lens: Lens, numbers: np.ndarray) -> dict[str, Any]:
    found = parts(samples, lens)
    return {"names": list(found.names), "codes": base64.b64encode(found.codes[numbers].astype("u1").tobytes()).decode()}


def _alike(samples: Samples, look: Look) -> dict[str, Any] | None:
    if not look.ask.like:
        return None
    try:
        found = most_alike(samples, likeness_of(samples.run), samples.find(look.ask.like))
        return {"like": look.ask.like, "numbers": found.tolist()}
    except HeatError as error:
        faults.toast(error)
        return None


def _notes(samples: Samples) -> dict[str, Any]:
    try:
        return read_notes(samples.run.folder) if samples.truth else {}
    except HeatError as error:  # damaged notes end nothing but themselves
        faults.show(error)
        return {}


def _subject(samples: Samples, number: int | None, lens: Lens, notes: dict[str, Any]) -> dict[str, Any] | None:
    if number is None:
        return None
    found = subject_of(samples, number, lens, likeness_of(samples.run), notes)
    return found | {"where": position_maps.told(samples, number), "can_tell_where": position_maps.can_tell(samples)}
