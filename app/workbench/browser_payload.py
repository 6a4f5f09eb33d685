"""What the browser gets of a run, once: a JSON header and typed arrays (`unpack` in state/decode.js reads them)."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.common import file_urls
from app.workbench.sample_detail import pictures_url
from heat_core import HeatError
from heat_core.analysis import facets
from heat_core.analysis.metadata_facets import COLUMN_PREFIX, column_facets
from heat_core.analysis.questions import NEW_QUESTIONS, ORDERS, QUESTIONS, best_prior
from heat_core.analysis.samples import Samples, stratified_sample
from heat_core.composition import HEAT
from heat_core.energies.names import PRIOR_TITLES
from heat_core.names import printable
from heat_core.reporting import palette
from heat_core.runs.experiment import FEATURES, ID, TRAIN

MOST_POINTS = 200_000
_NONE16, _NONE8 = 65535, 255  # in place of a number, where a sample has none


@dataclass(frozen=True)
class _Facets:
    """The facets that every payload carries."""

    folder: facets.Facet
    cluster: facets.Facet
    columns: dict[str, facets.Facet]


def pack(samples: Samples, view_id: str, at_most: int = MOST_POINTS) -> tuple[bytes, np.ndarray]:
    """Pack the samples for the browser.

    Returns:
        The bytes, and the (n,) sample numbers of its points, in their order: shuffled, so that no set is always drawn
        over the others.
    """
    numbers = np.random.default_rng(0).permutation(stratified_sample(samples, at_most))
    of_samples = _Facets(facets.by_folder(samples), _clusters(samples), column_facets(samples))
    arrays = _arrays(samples, numbers, of_samples)
    body = b"".join(_padded(a.tobytes()) for a in arrays.values())
    header = _header(samples, view_id, numbers, of_samples, arrays)
    # Of the content: numbers that changed are new, however many there are of them.
    header["version"] = hashlib.blake2b(json.dumps(header).encode() + body, digest_size=8).hexdigest()
    text = json.dumps(header).encode()
    return len(text).to_bytes(4, "little") + _padded(text) + body, numbers


def _arrays(samples: Samples, numbers: np.ndarray, of_samples: _Facets) -> dict[str, np.ndarray]:
    """The typed arrays of the points, by name."""
    xy, background = _quantised_map(samples, numbers)
    folder = of_samples.folder.codes
    return {
        "energies": samples.energies()[numbers].astype("<f4"),
        "confidence": samples.confidence[numbers].astype("<f4"),
        "number": numbers.astype("<u4"),
        "rank": _confidence_ranks(samples)[numbers].astype("<u4"),
        "seen": samples.predicted[numbers].astype("<u2"),
        "label": _label(samples)[numbers].astype("<u2"),
        "xy": xy,
        "background": background,
        "folder": np.where(folder < 0, _NONE16, folder)[numbers].astype("<u2"),
        "set": samples.dataset[numbers].astype("u1"),
        "cluster": _codes(of_samples.cluster)[numbers],
        **{f"column-{i}": _codes(facet)[numbers] for i, facet in enumerate(of_samples.columns.values())},
        "verdicts": np.concatenate([_verdicts(samples, m)[numbers] for m in _methods(samples)] or [np.empty(0, "u1")]),
        "ids": np.frombuffer(json.dumps([printable(str(i)) for i in samples.display_ids[numbers]]).encode(), "u1"),
    }


def _header(
    samples: Samples, view_id: str, numbers: np.ndarray, of_samples: _Facets, arrays: dict[str, np.ndarray]
) -> dict[str, Any]:
    """What is said once of the run, its sets and its samples."""
    run = samples.run
    return {
        "view": view_id,
        "id": run.id,
        "n": len(numbers),
        "total": len(samples),
        "k": len(run.priors),
        "map": bool(len(arrays["xy"])),
        "truth": samples.has_truth,
        "starts": np.cumsum([0, *samples.sizes])[:-1].tolist(),
        "pictures": _pictures(samples),
        "take": file_urls.download_target(samples),
        "sets": _sets(samples, numbers),
        "classes": run.class_names,
        "folders": of_samples.folder.names,
        "clusters": of_samples.cluster.names,
        "columns": [
            {"key": key, "title": key.removeprefix(COLUMN_PREFIX), "values": facet.names}
            for key, facet in of_samples.columns.items()
        ],
        "priors": [{"key": p, "title": PRIOR_TITLES[p]} for p in run.priors],
        "methods": [{"key": m, "title": run.title(m)} for m in _methods(samples)],
        "best": best_prior(samples),
        "questions": QUESTIONS if samples.has_truth else NEW_QUESTIONS,
        "orders": ORDERS,
        "palette": palette.for_browser(),
        "arrays": [[name, a.dtype.str[1:], int(a.size)] for name, a in arrays.items()],
    }


def _methods(samples: Samples) -> list[str]:
    """The detectors beside HEAT."""
    return [d for d in samples.detectors if d != HEAT]


def _confidence_ranks(samples: Samples) -> np.ndarray:
    """(N,) the rank of each sample's confidence, 0 for the most confident."""
    rank = np.empty(len(samples), np.int64)
    rank[np.argsort(-samples.confidence, kind="stable")] = np.arange(len(samples))
    return rank


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
    return {name: pictures_url(samples, name) for name in (*samples.datasets, TRAIN)}


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
        return facets.by_cluster(samples)
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
