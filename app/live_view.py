"""The live view: packs a run for the browser, mounts the component, and answers what the browser asks."""

import base64
import hashlib
import json
import secrets
from typing import Any

import numpy as np
import streamlit as st

from app import browser, faults, pictures, session
from app.following import Version
from app.look import Look, parse_beta
from heat_core import HeatError, Lens, Run
from heat_core.analysis import palette
from heat_core.analysis.samples import Samples, stratified
from heat_core.analysis.selections import keep, recall
from heat_core.energies.names import PRIOR_TITLES
from heat_core.runs.experiment import ID

MOST_POINTS = 200_000
_LIVE = browser.component("heat_live", "live")
_STATE = browser.component("heat_live_state", "state")


def pack(samples: Samples, view: str, at_most: int = MOST_POINTS) -> tuple[bytes, np.ndarray]:
    """What the browser gets once: a JSON header and typed arrays (see `unpack` in wire.js).

    Returns:
        The bytes, and the (n,) sample numbers of its points, in their order: shuffled, so that no set is always drawn
        over the others.
    """
    run = samples.run
    numbers = np.random.default_rng(0).permutation(stratified(samples, at_most))
    energies = np.concatenate([run.energies(name) for name in run.datasets])[numbers]
    xy, background = _quantised_map(samples, numbers)
    colours = {ID: palette.ID, **palette.of_sets(run.ood_names)}
    drawn = np.bincount(samples.dataset[numbers], minlength=len(run.datasets))
    arrays = {
        "energies": energies.astype("<f4"),
        "number": numbers.astype("<u4"),
        "seen": samples.predicted[numbers].astype("<u2"),
        "xy": xy,
        "background": background,
        "set": samples.dataset[numbers].astype("u1"),
    }
    body = b"".join(_padded(a.tobytes()) for a in arrays.values())
    header: dict[str, Any] = {
        "view": view,
        "n": len(numbers),
        "total": len(samples),
        "k": len(run.priors),
        "map": bool(len(xy)),
        "sets": [
            {
                "key": name,
                "name": "ID test" if name == ID else name,
                "colour": colours[name],
                "shown": int(shown),
                "total": total,
            }
            for name, shown, total in zip(run.datasets, drawn, samples.sizes, strict=True)
        ],
        "classes": run.class_names,
        "priors": [{"key": p, "title": PRIOR_TITLES[p]} for p in run.priors],
        "palette": palette.for_browser(),
        "arrays": [[name, a.dtype.str[1:], int(a.size)] for name, a in arrays.items()],
    }
    # Of the content: numbers that changed are new, however many there are of them.
    header["version"] = hashlib.blake2b(json.dumps(header).encode() + body, digest_size=8).hexdigest()
    text = json.dumps(header).encode()
    return len(text).to_bytes(4, "little") + _padded(text) + body, numbers


def _padded(part: bytes) -> bytes:
    return part + b"\0" * (-len(part) % 4)


def _quantised_map(samples: Samples, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(2n,) and (2m,) coordinates of the points and of the training sample, 0 … 65535; empty before there is a map."""
    if not samples.run.has_map:
        return np.empty(0, "<u2"), np.empty(0, "<u2")
    everything = samples.run.map.xy
    low, high = everything.min(axis=0), everything.max(axis=0)
    extent = max(float((high - low).max()), 1e-9)
    margin = (extent - (high - low)) / 2  # one scale for both axes, the cloud in the middle

    def quantised(xy: np.ndarray) -> np.ndarray:
        return np.round((xy - low + margin) / extent * 65535).astype("<u2").ravel()

    return quantised(samples.map_xy()[numbers]), quantised(samples.run.map.training_xy)


@st.cache_resource(show_spinner=False, max_entries=4)
def _packed(folder: str, version: Version, view: str, _samples: Samples) -> tuple[bytes, np.ndarray]:  # noqa: ARG001
    return pack(_samples, view)


def exact_numbers(samples: Samples, lens: Lens) -> dict[str, Any]:
    """Threshold at 95 % of ID, and per set FPR95, AUROC and how many are called OOD."""
    found = samples.numbers(lens)
    sets: list[dict[str, Any]] = [{"flagged": count} for count in found.flagged]
    for of_set, fpr, area in zip(sets[1:], found.fpr95, found.auroc, strict=True):
        of_set |= {"fpr95": fpr, "auroc": area}
    return {"threshold": found.at95, "line": lens.threshold, "sets": sets}


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


def live_view(samples: Samples, version: Version) -> None:
    """Draw the linked view of a run with at least one corrected prior, and take over what was done in it.

    version: of the run's files; the block of bytes is packed and sent again only when it changes.
    """
    run = samples.run
    view = session.once("live-view", lambda: secrets.token_hex(4))
    data, numbers = _packed(str(run.folder), version, view, samples)
    key = f"live-{run.id}"

    def on_view() -> None:
        state = json.loads(session.event(key, "view"))
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
            colour=state["colour"],
            off=tuple(state["off"]),
            weights=weights,
            taking=None if len(taking) == len(run.priors) else taking,
        )

    def on_lasso() -> None:
        message = json.loads(session.event(key, "lasso"))
        if not message["bits"]:
            session.changed(selection=None)
            return
        bits = np.unpackbits(np.frombuffer(base64.b64decode(message["bits"]), np.uint8))[: len(numbers)]
        try:
            session.changed(selection=keep(run.folder, numbers[bits.astype(bool)]))
        except HeatError as error:
            faults.toast(error)

    def on_inspect() -> None:
        session.changed(sample=samples.key(int(session.event(key, "inspect"))))

    result = _LIVE(
        key=key,
        data=data,
        on_view_change=on_view,
        on_lasso_change=on_lasso,
        on_inspect_change=on_inspect,
        on_hover_change=session.touch,
    )
    _answer(samples, view, numbers, result.hover)


def _inspected(samples: Samples, look: Look) -> int | None:
    try:
        return samples.find(look.sample) if look.sample else None
    except HeatError:  # of another run
        return None


def _answer(samples: Samples, view: str, numbers: np.ndarray, hovered: int | None) -> None:
    """Send the exact numbers, the state that the browser has to follow, and the thumbnail that it asked for."""
    run = samples.run
    look = session.look()
    taking = [look.taking is None or p in look.taking for p in run.priors]
    weights = None
    if look.weights is not None:
        given = iter(look.weights)
        weights = [next(given) if takes else 1.0 for takes in taking]
    bits = ""
    if (chosen := selected(run, look)) is not None:
        bits = base64.b64encode(np.packbits(np.isin(numbers, chosen)).tobytes()).decode()
    message = {
        "view": view,
        "version": session.version(),
        # signature None: what the numbers are of is the state in this message, not one that the browser told
        "exact": exact_numbers(samples, look.lens()) | {"signature": session.signature()},
        "state": {
            "beta": str(look.beta),
            "threshold": look.threshold,
            "taking": taking,
            "weights": weights,
            "colour": look.colour,
            "off": list(look.off),
            "selection": bits,
        },
        "inspected": _inspected(samples, look),
    }
    if hovered is not None:
        name, _ = samples.locate(int(hovered))
        sample = str(samples.ids[int(hovered)])
        url = pictures.thumbnail(str(run.folder), name, sample, run)
        message["thumb"] = {"number": int(hovered), "url": url, "id": sample}
    _STATE(key=f"state-{run.id}", data=message)
