"""Packing of a run for the browser: a JSON header and typed arrays, which state/decode_run.js decodes."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from heat_core import HeatError
from heat_core.analysis import facets
from heat_core.analysis.measured.quality_facets import QUALITY_TITLES, quality_facets
from heat_core.analysis.measured.traits import traits
from heat_core.analysis.metadata_facets import COLUMN_PREFIX, column_facets
from heat_core.analysis.questions import ORDERS, best_prior, questions_of
from heat_core.analysis.samples import Samples, stratified_sample
from heat_core.composition import HEAT
from heat_core.exchange.export import formats_of
from heat_core.findings.slices import PHRASES
from heat_core.names import printable
from heat_core.reporting import palette
from heat_core.runs.experiment import FEATURES, ID, TRAIN
from heat_core.workbench.addresses import download_target, pictures_url

MOST_POINTS = 200_000
_NONE16, _NONE8 = 65535, 255  # codes of a sample without a value, in 16 and in 8 bits


@dataclass(frozen=True)
class _Facets:
    """The facets that every payload contains; `columns` and `quality` map a key to the facet."""

    folder: facets.Facet
    true_class: facets.Facet
    cluster: facets.Facet
    columns: dict[str, facets.Facet]
    quality: dict[str, facets.Facet]


def pack(samples: Samples, view_id: str, prefix: str = "", at_most: int = MOST_POINTS) -> tuple[bytes, np.ndarray]:
    """Pack the samples for the browser.

    Args:
        samples: the samples.
        view_id: id of the view, which the browser compares to find out whether its settings still apply.
        prefix: path below which pictures and downloads are served.
        at_most: largest number of points; of more samples, a stratified sample is taken.

    Returns:
        The bytes, and the (n,) sample numbers of the points in their order, which is random, so that no set is always
        drawn over the others.
    """
    numbers = np.random.default_rng(0).permutation(stratified_sample(samples, at_most))
    of_samples = _Facets(
        facets.by_folder(samples),
        _true_classes(samples),
        _clusters(samples),
        column_facets(samples),
        quality_facets(samples),
    )
    arrays = _arrays(samples, numbers, of_samples)
    body = b"".join(_padded(a.tobytes()) for a in arrays.values())
    header = _header(samples, numbers, of_samples, arrays)
    header |= {"view": view_id, "pictures": _pictures(samples, prefix), "take": download_target(prefix, samples)}
    # The version is a digest of the content, so that it changes with any of the numbers.
    header["version"] = hashlib.blake2b(json.dumps(header).encode() + body, digest_size=8).hexdigest()
    text = json.dumps(header).encode()
    return len(text).to_bytes(4, "little") + _padded(text) + body, numbers


def _arrays(samples: Samples, numbers: np.ndarray, of_samples: _Facets) -> dict[str, np.ndarray]:
    """Return the typed arrays of the points by name."""
    xy, background = _quantised_map(samples, numbers)
    folder = of_samples.folder.codes
    return {
        "energies": samples.energies()[numbers].astype("<f4"),
        "confidence": samples.confidence[numbers].astype("<f4"),
        "number": numbers.astype("<u4"),
        "rank": _confidence_ranks(samples)[numbers].astype("<u4"),
        "seen": samples.predicted[numbers].astype("<u2"),
        "label": of_samples.true_class.codes[numbers].astype("<u2"),
        "misclassified": samples.is_misclassified[numbers].astype("u1"),
        "traits": traits(samples)[numbers],
        "xy": xy,
        "background": background,
        "folder": np.where(folder < 0, _NONE16, folder)[numbers].astype("<u2"),
        "set": samples.dataset[numbers].astype("u1"),
        "cluster": _codes(of_samples.cluster)[numbers],
        **{f"column-{i}": _codes(facet)[numbers] for i, facet in enumerate(of_samples.columns.values())},
        **{f"quality-{i}": _codes(facet)[numbers] for i, facet in enumerate(of_samples.quality.values())},
        "verdicts": np.concatenate([_verdicts(samples, m)[numbers] for m in _methods(samples)] or [np.empty(0, "u1")]),
        "ids": np.frombuffer(json.dumps([printable(str(i)) for i in samples.display_ids[numbers]]).encode(), "u1"),
    }


def _header(
    samples: Samples, numbers: np.ndarray, of_samples: _Facets, arrays: dict[str, np.ndarray]
) -> dict[str, Any]:
    """Return the header, which describes the run, its sets and the arrays."""
    run = samples.run
    return {
        "id": run.id,
        "n": len(numbers),
        "total": len(samples),
        "k": len(run.priors),
        "map": bool(len(arrays["xy"])),
        "truth": samples.has_truth,
        "starts": np.cumsum([0, *samples.sizes])[:-1].tolist(),
        "sets": _sets(samples, numbers),
        "classes": run.class_names,
        "labels": of_samples.true_class.names,
        "folders": of_samples.folder.names,
        "clusters": of_samples.cluster.names,
        "columns": [
            {"key": key, "title": key.removeprefix(COLUMN_PREFIX), "values": facet.names}
            for key, facet in of_samples.columns.items()
        ],
        "quality": [
            {"key": key, "title": QUALITY_TITLES[key], "values": facet.names}
            for key, facet in of_samples.quality.items()
        ],
        "priors": [{"key": p, "title": run.prior_title(p)} for p in run.priors],
        "methods": [{"key": m, "title": run.title(m)} for m in _methods(samples)],
        "heat_title": printable(run.title(HEAT)),
        "best": best_prior(samples),
        "questions": questions_of(samples),
        "phrases": PHRASES,
        "exports": [{"kind": kind, "title": title} for kind, title in formats_of(samples).items()],
        "orders": orders_of(samples),
        "palette": palette.for_browser(),
        "arrays": [[name, a.dtype.str[1:], int(a.size)] for name, a in arrays.items()],
    }


def orders_of(samples: Samples) -> dict[str, str]:
    """Return the orders that samples have, with their titles: by confidence only where it is known."""
    has_confidence = not np.isnan(samples.confidence).all()
    return {order: title for order, title in ORDERS.items() if order != "confident" or has_confidence}


def _methods(samples: Samples) -> list[str]:
    """Return the detectors other than HEAT."""
    return [d for d in samples.detectors if d != HEAT]


def _confidence_ranks(samples: Samples) -> np.ndarray:
    """Compute the (N,) ranks of the samples' confidences, 0 for the most confident one."""
    rank = np.empty(len(samples), np.int64)
    rank[np.argsort(-samples.confidence, kind="stable")] = np.arange(len(samples))
    return rank


def _sets(samples: Samples, numbers: np.ndarray) -> list[dict[str, Any]]:
    """Return the name, the role, the colour and the number of drawn and of all samples of every set."""
    colours = {ID: palette.ID, **palette.of_sets(samples.datasets[1:])}
    drawn = np.bincount(samples.dataset[numbers], minlength=len(samples.datasets))
    return [
        {
            "key": name,
            "name": facets.set_title(name, samples.shifted_datasets),
            "ood": name in samples.ood_datasets,
            "colour": colours[name],
            "shown": int(shown),
            "total": total,
        }
        for name, shown, total in zip(samples.datasets, drawn, samples.sizes, strict=True)
    ]


def _pictures(samples: Samples, prefix: str) -> dict[str, str] | None:
    """Return the addresses of the pictures of every set and of the training set; None where the run has no images."""
    if samples.run.experiment.backbone == FEATURES:
        return None
    return {name: pictures_url(prefix, samples, name) for name in (*samples.datasets, TRAIN)}


def _verdicts(samples: Samples, method: str) -> np.ndarray:
    """Encode the (N,) verdicts of a detector in one byte each.

    The highest bit says whether the detector calls the sample OOD; the others hold the share of known test images that
    score lower, in units of 1/127.
    """
    share = np.round(127 * samples.percentile(method)).astype("u1")
    return share | (samples.flagged(method).astype("u1") << 7)


def _true_classes(samples: Samples) -> facets.Facet:
    """Group samples by true class; those of which it is not known have the value ""."""
    names, codes = np.unique(samples.true_class, return_inverse=True)
    return facets.Facet(tuple(names.tolist()), codes)


def _clusters(samples: Samples) -> facets.Facet:
    try:
        return facets.by_cluster(samples)
    except HeatError:  # The run has no map, or a damaged one.
        return facets.Facet((), np.full(len(samples), -1))


def _codes(facet: facets.Facet) -> np.ndarray:
    """Encode the (N,) codes of a facet with few values in one byte each."""
    return np.where(facet.codes < 0, _NONE8, facet.codes).astype("u1")


def _padded(part: bytes) -> bytes:
    return part + b"\0" * (-len(part) % 4)


def _quantised_map(samples: Samples, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Quantise the map to 16 bits with one scale for both axes.

    Returns:
        (2n,) coordinates of the points and (2m,) coordinates of the training sample, from 0 to 65535; empty arrays
        where the run has no map.
    """
    if not samples.has_map:
        return np.empty(0, "<u2"), np.empty(0, "<u2")
    everything = np.concatenate([samples.run.map.xy, samples.map_xy()])
    low, high = everything.min(axis=0), everything.max(axis=0)
    extent = max(float((high - low).max()), 1e-9)
    margin = (extent - (high - low)) / 2  # centres the shorter axis

    def quantised(xy: np.ndarray) -> np.ndarray:
        return np.round((xy - low + margin) / extent * 65535).astype("<u2").ravel()

    return quantised(samples.map_xy()[numbers]), quantised(samples.run.map.training_xy)
