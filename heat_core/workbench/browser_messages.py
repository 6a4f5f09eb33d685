"""Reading of the messages that the workbench sends; `view_message` answers them."""

import base64
from dataclasses import replace
from typing import Any

import numpy as np

from heat_core import Run
from heat_core.analysis.notes import write_note, write_tags
from heat_core.analysis.questions import ORDERS, Query
from heat_core.analysis.samples import Samples
from heat_core.workbench.view_state import LAYOUTS, ViewState, facet_values, parse_beta

ANNOTATIONS = ("tag", "untag", "note")  # actions that `annotate` carries out


def view_from_browser(view: ViewState, message: dict[str, Any], run: Run) -> ViewState | None:
    """Return the view state after a message with the settings of the workbench (state/messages.js).

    Args:
        view: view state before the message; it keeps what the message does not hold.
        message: the settings.
        run: run that the workbench shows.

    Returns:
        The view state; None where the message was sent before the browser received a further residual.
    """
    if len(message["taking"]) != len(run.priors):
        return None
    composed = tuple(p for p, takes in zip(run.priors, message["taking"], strict=True) if takes)
    weights = message["weights"] and tuple(
        float(w) for w, takes in zip(message["weights"], message["taking"], strict=True) if takes
    )
    choices = view.choices | {"layout": message["layout"], "size": str(int(message["size"]))}
    if choices["layout"] not in LAYOUTS[1:]:  # The first layout is the default.
        del choices["layout"]
    return replace(
        view,
        beta=parse_beta(message["beta"], 0.0),
        threshold=message["threshold"],
        alpha=message["alpha"] if message["threshold"] is None else None,
        colour=message["colour"],
        hidden_sets=tuple(message["off"]),
        weights=weights,
        priors=None if len(composed) == len(run.priors) else composed,
        query=query_from_browser(message["ask"]),
        choices=choices,
    )


def query_from_browser(message: dict[str, Any]) -> Query:
    """Convert the query in a message of the browser."""
    brush = message["brush"]
    return Query(
        question=message["question"],
        baseline=message["baseline"],
        methods=tuple(message["methods"]),
        values=facet_values(message["values"]),
        excluded=facet_values(message["excluded"]),
        brush=(float(brush[0]), float(brush[1])) if brush else None,
        find=message["find"],
        like=message["like"],
        order=message["order"] or next(iter(ORDERS)),
    )


def numbers_from_browser(message: dict[str, Any], numbers: np.ndarray) -> np.ndarray:
    """Return the sample numbers of the points that a message is about.

    Args:
        message: {"number": …} for one sample, {"bits": packed bits of the points}, or neither for none.
        numbers: (n,) sample numbers of the points, in the browser's order.
    """
    if "number" in message:
        return np.array([message["number"]])
    if not message.get("bits"):
        return np.empty(0, int)
    bits = np.unpackbits(np.frombuffer(base64.b64decode(message["bits"]), np.uint8))[: len(numbers)]
    return numbers[bits.astype(bool)]


def annotate(samples: Samples, chosen: np.ndarray, message: dict[str, Any]) -> str:
    """Add a tag to samples, remove it, or save the note of one; only the run's own samples have tags and notes.

    Args:
        samples: samples that the workbench shows.
        chosen: (n,) numbers of the samples.
        message: {"what": one of `ANNOTATIONS`, "tag" or "note": the text}.

    Returns:
        A sentence that says what was done; "" after a note, and for new images.

    Raises:
        HeatError: where the tag or note is not allowed, or cannot be stored.
    """
    if not samples.has_truth:
        return ""
    keys, folder = [samples.key(int(i)) for i in chosen], samples.run.folder
    if message["what"] == "note":
        write_note(folder, keys[0], message["note"])
        return ""
    add = message["what"] == "tag"
    write_tags(folder, keys, message["tag"], add)
    return f"{len(keys):,} {'tagged' if add else 'untagged'}."
