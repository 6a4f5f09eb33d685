"""Message to the workbench about a view state: exact numbers, its settings, and whatever JavaScript cannot compute."""

import base64
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from heat_core import HeatError, Lens, Run
from heat_core.analysis.facets import Tags, by_decisive_part
from heat_core.analysis.notes import read_notes
from heat_core.analysis.questions import Query
from heat_core.analysis.samples import Samples
from heat_core.analysis.selections import load_selection
from heat_core.analysis.similarity import SimilarityIndex, most_similar
from heat_core.decisions.on_samples import decided_numbers
from heat_core.decisions.store import Decision, read_decisions
from heat_core.workbench import position_maps
from heat_core.workbench.decisions_message import decisions_message
from heat_core.workbench.map_note import map_note
from heat_core.workbench.sample_detail import describe_sample
from heat_core.workbench.slices_message import slices_message
from heat_core.workbench.view_state import LAYOUTS, ViewState

# Shows an error; the second argument is the field of the view state that cannot be read, None where the page works.
Report = Callable[[HeatError, str | None], None]


def view_message(
    samples: Samples,
    view: ViewState,
    numbers: np.ndarray,
    similarity: SimilarityIndex,
    prefix: str,
    report: Report,
) -> dict[str, Any]:
    """Return what the workbench shows of a view state; state/messages.js reads it.

    Args:
        samples: samples that the workbench shows.
        view: settings of the view.
        numbers: (n,) sample numbers of the points, in the browser's order.
        similarity: index of similar images of the run.
        prefix: path below which pictures are served.
        report: function that shows an error about a field of the view state.
    """
    run = samples.run
    notes = _read_notes(samples, report)
    tags = Tags.from_notes(samples, notes)
    decisions = _read_decisions(samples, report)
    decided = decided_numbers(samples, decisions)
    inspected, detail = _inspected_number(samples, view, report), None
    if inspected is not None:
        detail = describe_sample(samples, inspected, view.lens(), similarity, notes, prefix)
        detail |= _positions(samples, inspected)
    return {
        "exact": exact_numbers(samples, view.lens()),
        "state": _settings_message(run, view, numbers, report) | {"looked": inspected},
        "parts": _decisive_parts(samples, view.lens(), numbers),
        "tags": {tag: members.tolist() for tag, members in tags.members.items()},
        "map": map_note(samples),
        "alike": _similar_samples(samples, view, similarity, report),
        "subject": detail,
        "decisions": decisions_message(decisions, decided),
        "slices": slices_message(samples, view, {"tag": tags, "decision": Tags(decided, len(samples))}),
    }


def sign(message: dict[str, Any], signature: str | None) -> dict[str, Any]:
    """Say of which composition the numbers of a `view_message` are.

    Args:
        message: the message; updated.
        signature: signature that the browser sent with the settings; None where the message's own settings count.
    """
    for part in ("exact", "slices"):
        if message[part] is not None:
            message[part] = message[part] | {"signature": signature}
    return message


def exact_numbers(samples: Samples, lens: Lens) -> dict[str, Any]:
    """Return the threshold at 95 % of ID, each set's number of samples called OOD, and FPR95 and AUROC of OOD sets."""
    metrics = samples.set_metrics(lens)
    sets: list[dict[str, Any]] = [{"flagged": count} for count in metrics.flagged]
    for i, of_set in enumerate(zip(metrics.fpr95, metrics.auroc, strict=True), start=1):  # the OOD sets follow ID
        sets[i] |= dict(zip(("fpr95", "auroc"), of_set, strict=True))
    return {"threshold": metrics.threshold95, "line": lens.threshold, "alpha": lens.alpha, "sets": sets}


def _settings_message(run: Run, view: ViewState, numbers: np.ndarray, report: Report) -> dict[str, Any]:
    composed = [view.priors is None or p in view.priors for p in run.priors]
    weights = None
    if view.weights is not None:
        given = iter(view.weights)
        weights = [next(given) if takes else 1.0 for takes in composed]
    bits = ""
    if (chosen := _selected_numbers(run, view, report)) is not None:
        bits = base64.b64encode(np.packbits(np.isin(numbers, chosen)).tobytes()).decode()
    size = view.choices.get("size", "")
    return {
        "beta": str(view.beta),
        "threshold": view.threshold,
        "alpha": view.alpha,
        "taking": composed,
        "weights": weights,
        "colour": view.colour,
        "off": list(view.hidden_sets),
        "selection": bits,
        "ask": _query_message(view.query),
        "layout": view.choices.get("layout") if view.choices.get("layout") in LAYOUTS else "grid",
        "size": min(max(int(size), 56), 260) if size.isdecimal() else 112,
    }


def _query_message(query: Query) -> dict[str, Any]:
    """Convert a query for JSON, without a brush that has infinite ends."""
    return query.__dict__ | {
        "values": {name: list(texts) for name, texts in query.values},
        "excluded": {name: list(texts) for name, texts in query.excluded},
        "brush": list(query.brush) if query.brush and all(map(math.isfinite, query.brush)) else None,
    }


def _selected_numbers(run: Run, view: ViewState, report: Report) -> np.ndarray | None:
    """Return the sample numbers of the selection; None where there is none, or where it cannot be loaded."""
    if not view.selection:
        return None
    try:
        return load_selection(run.folder, view.selection)
    except HeatError as error:
        report(error, "selection")
        return None


def _inspected_number(samples: Samples, view: ViewState, report: Report) -> int | None:
    try:
        return samples.find(view.sample) if view.sample else None
    except HeatError as error:
        if samples.has_truth:  # On new images, the key may be of a sample of the run.
            report(error, "sample")
        return None


def _decisive_parts(samples: Samples, lens: Lens, numbers: np.ndarray) -> dict[str, Any]:
    facet = by_decisive_part(samples, lens)
    return {"names": list(facet.names), "codes": base64.b64encode(facet.codes[numbers].astype("u1").tobytes()).decode()}


def _similar_samples(
    samples: Samples, view: ViewState, similarity: SimilarityIndex, report: Report
) -> dict[str, Any] | None:
    if not view.query.like:
        return None
    try:
        similar = most_similar(samples, similarity, samples.find(view.query.like))
        return {"like": view.query.like, "numbers": similar.tolist()}
    except HeatError as error:
        report(error, "query")
        return None


def _read_notes(samples: Samples, report: Report) -> dict[str, Any]:
    try:
        return read_notes(samples.run.folder) if samples.has_truth else {}
    except HeatError as error:  # The page works without damaged notes.
        report(error, None)
        return {}


def _read_decisions(samples: Samples, report: Report) -> list[Decision]:
    try:
        return read_decisions(samples.run.folder)
    except HeatError as error:  # The page works without damaged decisions.
        report(error, None)
        return []


def _positions(samples: Samples, number: int) -> dict[str, Any]:
    return {
        "where": position_maps.read_status(samples, number),
        "can_tell_where": position_maps.is_available(samples),
    }
