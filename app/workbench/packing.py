"""What the browser gets of a run, once: a JSON header and typed arrays (`unpack` in state/decode.js reads them)."""

import hashlib
import json
from typing import Any

import numpy as np

from app.common import file_urls
from app.workbench.sample_detail import address
from heat_core import HeatError
from heat_core.analysis import facets
from heat_core.analysis.columns import COLUMN, column_facets
from heat_core.analysis.questions import NEW_QUESTIONS, ORDERS, QUESTIONS, best_prior
from heat_core.analysis.samples import Samples, stratified
from heat_core.composition import HEAT
from heat_core.energies.names import PRIOR_TITLES
from heat_core.reporting import palette
from heat_core.runs.experiment import FEATURES, ID, TRAIN
from heat_core.storage import printable

MOST_POINTS = 200_000
_NONE16, _NONE8 = 65535, 255  # in place of a number, where a sample has none


def pack(samples: Samples, view: str, at_most: int = MOST_POINTS) -> tuple[bytes, np.ndarray]:
    """Pack the samples for the browser.

    Returns:
        The bytes, and the (n,) sample numbers of its points, in their order: shuffled, so that no set is always drawn
        over the others.
    """
    run = samples.run
    numbers = np.random.default_rng(0).permutation(stratified(samples, at_most))
    xy, background = _quantised_map(samples, numbers)
    folder, cluster = facets.folders(samples), _clusters(samples)
    columns = column_facets(samples)
    methods = [d for d in samples.detectors if d != HEAT]
    rank = np.empty(len(samples), np.int64)
    rank[np.argsort(-samples.confidence, kind="stable")] = np.arange(len(samples))
    arrays = {
        "energies": samples.energies()[numbers].astype("<f4"),
        "confidence": samples.confidence[numbers].astype("<f4"),
        "number": numbers.astype("<u4"),
        "rank": rank[numbers].astype("<u4"),
        "seen": samples.predicted[numbers].astype("<u2"),
        "label": _label(samples)[numbers].astype("<u2"),
        "xy": xy,
        "background": background,
        "folder": np.where(folder.codes < 0, _NONE16, folder.codes)[numbers].astype("<u2"),
        "set": samples.dataset[numbers].astype("u1"),
        "cluster": _codes(cluster)[numbers],
        **{f"column-{i}": _codes(of)[numbers] for i, of in enumerate(columns.values())},
        "verdicts": np.concatenate([_verdicts(samples, m)[numbers] for m in methods] or [np.empty(0, "u1")]),
        "ids": np.frombuffer(json.dumps([printable(str(i)) for i in samples.shown_ids[numbers]]).encode(), "u1"),
    }
    body = b"".join(_padded(a.tobytes()) for a in arrays.values())
    header: dict[str, Any] = {
        "view": view,
        "id": run.id,
        "n": len(numbers),
        "total": len(samples),
        "k": len(run.priors),
        "map": bool(len(xy)),
        "truth": samples.truth,
        "starts": np.cumsum([0, *samples.sizes])[:-1].tolist(),
        "pictures": _pictures(samples),
        "take": file_urls.take_address(samples),
        "sets": _sets(samples, numbers),
        "classes": run.class_names,
        "folders": folder.names,
        "clusters": cluster.names,
        "columns": [{"key": key, "title": key.removeprefix(COLUMN), "values": of.names} for key, of in columns.items()],
        "priors": [{"key": p, "title": PRIOR_TITLES[p]} for p in run.priors],
        "methods": [{"key": m, "title": run.title(m)} for m in methods],
        "best": best_prior(samples),
        "questions": QUESTIONS if samples.truth else NEW_QUESTIONS,
        "orders": ORDERS,
        "palette": palette.for_browser(),
        "arrays": [[name, a.dtype.str[1:], int(a.size)] for name, a in arrays.items()],
    }
    # Of the content: numbers that changed are new, however many there are of them.
    header["version"] = hashlib.blake2b(json.dumps(header).encode() + body, digest_size=8).hexdigest()
    text = json.dumps(header).encode()
    return len(text).to_bytes(4, "little") + _padded(text) + body, numbers


def _sets(samples: Samples, numbers: np.ndarray) -> list[dict[str, Any]]:
    """Name, colour and sizes of every set; a sample of a set without truth is neither known nor unknown."""
    colours = {ID: palette.ID, **palette.of_sets(samples.datasets[1:])}
    drawn = np.bincount(samples.dataset[numbers], minlength=len(samples.datasets))
    return [
        {
            "key": name,
            "name": "ID test" if name == ID else printable(name),
            "colour": colours[name],
            "shown": int(shown),
            "total": total,
        }
        for name, shown, total in zip(samples.datasets, drawn, samples.sizes, strict=True)
    ]


def _pictures(samples: Samples) -> dict[str, str] | None:
    """Where the pictures of every set, and of the training set, are served; None where the run has none."""
    if samples.run.experiment.backbone == FEATURES:
        return None
    return {name: address(samples, name) for name in (*samples.datasets, TRAIN)}


def _verdicts(samples: Samples, method: str) -> np.ndarray:
    """(N,) bytes: whether a detector calls each sample OOD (the highest bit), and the share of known test images that
    score lower, in 127ths.
    """
    share = np.round(127 * samples.percentile(method)).astype("u1")
    return share | (samples.flagged(method).astype("u1") << 7)


def _label(samples: Samples) -> np.ndarray:
    """(N,) the true class in the run's numbering, where it is known."""
    known = samples.run.labels(ID)
    labels = np.full(len(samples), _NONE16)
    if known is not None and samples.run.accuracy is not None:
        labels[: samples.sizes[0]] = known
    return labels


def _clusters(samples: Samples) -> facets.Facet:
    try:
        return facets.clusters(samples)
    except HeatError:  # no map, or a damaged one
        return facets.Facet((), np.full(len(samples), -1))


def _codes(facet: facets.Facet) -> np.ndarray:
    """(N,) bytes: the number of each sample's value, of few."""
    return np.where(facet.codes < 0, _NONE8, facet.codes).astype("u1")


def _padded(part: bytes) -> bytes:
    return part + b"\0" * (-len(part) % 4)


def _quantised_map(samples: Samples, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(2n,) and (2m,) coordinates of the points and of the training sample, 0 … 65535; empty before there is a map."""
    if not samples.has_map:
        return np.empty(0, "<u2"), np.empty(0, "<u2")
    everything = np.concatenate([samples.run.map.xy, samples.map_xy()])
    low, high = everything.min(axis=0), everything.max(axis=0)
    extent = max(float((high - low).max()), 1e-9)
    margin = (extent - (high - low)) / 2  # one scale for both axes, the cloud in the middle

    def quantised(xy: np.ndarray) -> np.ndarray:
        return np.round((xy - low + margin) / extent * 65535).astype("<u2").ravel()

    return quantised(samples.map_xy()[numbers]), quantised(samples.run.map.training_xy)
