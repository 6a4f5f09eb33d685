"""The live view: packs a run for the browser, mounts the component, and answers what the browser asks."""

import base64
import json
import secrets
from dataclasses import replace
from pathlib import Path

import numpy as np
import streamlit as st

from app import look as looks
from app import pictures
from heat_core import HeatError, Run, figures
from heat_core.experiment import PRIOR_TITLES
from heat_core.metrics import auroc, fpr95
from heat_core.results import ID
from heat_core.samples import Lens, Samples, stratified
from heat_core.selections import keep, recall

MOST_POINTS = 200_000
_FOLDER = Path(__file__).parent / "live"
# One module in the browser, since a component is given as one text; each file is one idea.
_MODULES = ("core.js", "histogram.js", "map.js", "words.js", "numbers.js", "controls.js", "hands.js", "live.js")

_LIVE = st.components.v2.component(
    "heat_live",
    html=(_FOLDER / "live.html").read_text(encoding="utf-8"),
    css=(_FOLDER / "live.css").read_text(encoding="utf-8"),
    js="\n".join((_FOLDER / name).read_text(encoding="utf-8") for name in _MODULES),
)
_STATE = st.components.v2.component("heat_live_state", js=(_FOLDER / "state.js").read_text(encoding="utf-8"))


def pack(samples: Samples, view: str, at_most: int = MOST_POINTS) -> tuple[bytes, np.ndarray]:
    """What the browser gets once: a JSON header and typed arrays (see `unpack` in live.js).

    Returns:
        The bytes, and the (n,) sample numbers of its points, in their order: shuffled, so that no set is always drawn
        over the others.
    """
    run = samples.run
    numbers = np.random.default_rng(0).permutation(stratified(samples, at_most))
    energies = np.concatenate([run.energies(name) for name in run.datasets])[numbers]
    xy, background = _quantised_map(run, numbers, samples)
    colours = {ID: figures.ID_COLOUR, **figures.colour_of(run.ood_names)}
    drawn = np.bincount(samples.dataset[numbers], minlength=len(run.datasets))
    totals = np.bincount(samples.dataset, minlength=len(run.datasets))
    arrays = {
        "energies": energies.astype("<f4"), "number": numbers.astype("<u4"), "seen": samples.predicted[numbers].astype("<u2"),
        "xy": xy, "background": background, "set": samples.dataset[numbers].astype("u1"),
    }  # fmt: skip
    header = {
        "view": view, "n": len(numbers), "total": len(samples), "k": len(run.priors), "map": bool(len(xy)),
        "sets": [
            {"key": name, "name": "ID test" if name == ID else name, "colour": colours[name], "shown": int(d), "total": int(t)}
            for name, d, t in zip(run.datasets, drawn, totals, strict=True)
        ],
        "classes": run.class_names,
        "priors": [{"key": p, "title": PRIOR_TITLES[p]} for p in run.priors],
        "arrays": [[name, a.dtype.str[1:], int(a.size)] for name, a in arrays.items()],
    }  # fmt: skip
    body = b"".join(_padded(a.tobytes()) for a in arrays.values())
    header["fingerprint"] = f"{run.id}-{len(body)}-{len(run.priors)}-{bool(len(xy))}"
    text = json.dumps(header).encode()
    return len(text).to_bytes(4, "little") + _padded(text) + body, numbers


def _padded(part: bytes) -> bytes:
    return part + b"\0" * (-len(part) % 4)


def _quantised_map(run: Run, numbers: np.ndarray, samples: Samples) -> tuple[np.ndarray, np.ndarray]:
    """(2n,) and (2m,) coordinates of the points and of the training sample, 0 … 65535; empty before there is a map."""
    if not run.has_map:
        return np.empty(0, "<u2"), np.empty(0, "<u2")
    points = run.map
    xy = points["xy"] - points["xy"].min(axis=0)
    extent = max(float(xy.max()), 1e-9)
    centred = xy + (extent - xy.max(axis=0)) / 2  # one scale for both axes, the cloud in the middle
    scaled = np.round(centred / extent * 65535).astype("<u2")
    place = np.empty((len(samples), 2), "<u2")
    scored = points["dataset"] >= 0
    starts = np.cumsum([0, *(len(run.ids(n)) for n in run.datasets)])
    place[starts[points["dataset"][scored]] + points["row"][scored]] = scaled[scored]
    return place[numbers].ravel(), scaled[~scored].ravel()


@st.cache_resource(show_spinner=False, max_entries=4)
def _packed(folder: str, version: tuple, view: str, _samples: Samples) -> tuple[bytes, np.ndarray]:
    return pack(_samples, view)


def exact_numbers(samples: Samples, lens: Lens) -> dict:
    """Threshold at 95 % of ID, and per set FPR95, AUROC and how many are called OOD."""
    parts = list(samples.by_set("heat", lens).values())
    line = samples.threshold("heat", lens)
    sets = [
        {"flagged": int((s > line).sum())} | ({"fpr95": fpr95(parts[0], s), "auroc": auroc(parts[0], s)} if i else {})
        for i, s in enumerate(parts)
    ]
    return {"threshold": samples.threshold("heat", replace(lens, threshold=None)), "line": lens.threshold, "sets": sets}


def selected(run: Run, look: looks.Look) -> np.ndarray | None:
    """Sample numbers of the selection, or None where there is none (any more)."""
    if not look.selection:
        return None
    try:
        return recall(run.folder, look.selection)
    except HeatError as error:
        st.toast(str(error), icon=":material/error:")
        looks.changed(selection=None)
        return None


def live_view(samples: Samples, version: tuple) -> None:
    """Draw the linked view of a run with at least one corrected prior, and take over what was done in it.

    version: of the run's files; the block of bytes is packed and sent again only when it changes.
    """
    run = samples.run
    view = st.session_state.setdefault("live-view", secrets.token_hex(4))
    data, numbers = _packed(str(run.folder), version, view, samples)
    key = f"live-{run.id}"

    def event(name: str):
        """The payload of the trigger that fired."""
        return st.session_state[key][name]

    def on_view() -> None:
        state = json.loads(event("view"))
        if len(state["taking"]) != len(run.priors):  # said just as a further residual arrived
            return
        taking = tuple(p for p, takes in zip(run.priors, state["taking"], strict=True) if takes)
        weights = state["weights"] and tuple(
            float(w) for w, takes in zip(state["weights"], state["taking"], strict=True) if takes
        )
        st.session_state["live-signature"] = state["signature"]
        looks.changed(
            beta=looks.parse_beta(state["beta"], 0.0), threshold=state["threshold"], colour=state["colour"],
            off=tuple(state["off"]), weights=weights, taking=None if len(taking) == len(run.priors) else taking,
        )  # fmt: skip

    def on_lasso() -> None:
        message = json.loads(event("lasso"))
        if not message["bits"]:
            looks.changed(selection=None)
            return
        bits = np.unpackbits(np.frombuffer(base64.b64decode(message["bits"]), np.uint8))[: len(numbers)]
        try:
            looks.changed(selection=keep(run.folder, numbers[bits.astype(bool)]))
        except HeatError as error:
            st.toast(str(error), icon=":material/error:")

    def on_inspect() -> None:
        looks.changed(sample=samples.key(int(event("inspect"))))

    result = _LIVE(
        key=key, data=data, on_view_change=on_view, on_lasso_change=on_lasso, on_inspect_change=on_inspect,
        on_hover_change=looks.touch,
    )  # fmt: skip
    _answer(samples, view, numbers, result.hover)


def _inspected(samples: Samples, look: looks.Look) -> int | None:
    try:
        return samples.find(look.sample) if look.sample else None
    except HeatError:  # of another run
        return None


def _answer(samples: Samples, view: str, numbers: np.ndarray, hovered: int | None) -> None:
    """Send the exact numbers, the state that the browser has to follow, and the thumbnail that it asked for."""
    run = samples.run
    look, version = st.session_state["look"], st.session_state.get("look-version", 0)
    taking = [look.taking is None or p in look.taking for p in run.priors]
    weights = None
    if look.weights is not None:
        given = iter(look.weights)
        weights = [next(given) if takes else 1.0 for takes in taking]
    bits = ""
    if (chosen := selected(run, look)) is not None:
        bits = base64.b64encode(np.packbits(np.isin(numbers, chosen))).decode()
    message = {
        "view": view, "version": version, "exact": exact_numbers(samples, look.lens()),
        "state": {"beta": str(look.beta), "threshold": look.threshold, "taking": taking, "weights": weights,
                  "colour": look.colour, "off": list(look.off), "selection": bits},
        "inspected": _inspected(samples, look),
    }  # fmt: skip
    # None: what the numbers are of is the state in this message, not one that the browser told
    message["exact"]["signature"] = st.session_state.get("live-signature")
    if hovered is not None:
        name, _ = samples.locate(int(hovered))
        sample = str(samples.ids[int(hovered)])
        url = pictures.thumbnail(str(run.folder), name, sample, run)
        message["thumb"] = {"number": int(hovered), "url": url, "id": sample}
    _STATE(key=f"state-{run.id}", data=message)
