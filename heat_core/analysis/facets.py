"""Facets of samples: set, folder, predicted class, decisive part of the score, cluster of the map, tag."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

import numpy as np

from heat_core.analysis.samples import Samples
from heat_core.composition import HEAT, PLAIN, Lens, influence
from heat_core.errors import HeatError
from heat_core.names import printable
from heat_core.runs.experiment import ID, TRAIN

_MAX_CLUSTERS, _POINTS_PER_CLUSTER = 16, 40
_CACHED = 4  # samples whose facets are kept, since they take long


@dataclass(frozen=True)
class Facet:
    """Grouping of samples by one attribute.

    Attributes:
        names: distinct values of the attribute.
        codes: (N,) index of each sample's value in `names`, -1 where it has none.
    """

    names: tuple[str, ...]
    codes: np.ndarray

    def mask_of(self, wanted: Sequence[str]) -> np.ndarray:
        """Return the (N,) mask of the samples that have one of these values."""
        return np.isin(self.codes, [i for i, name in enumerate(self.names) if name in wanted])

    def counts(self, mask: np.ndarray) -> np.ndarray:
        """Count the samples of a mask (N,) for each value."""
        return np.bincount(self.codes[mask & (self.codes >= 0)], minlength=len(self.names))


def by_set(samples: Samples) -> Facet:
    """Group samples by set, under the run's name of it (`id`: the ID test set)."""
    return Facet(tuple(samples.datasets), samples.dataset)


def set_title(name: str, shifted: Collection[str]) -> str:
    """Return the name of a set as pages show it; that of a `shifted` set says that its images are known."""
    if name in shifted:
        return f"{printable(name)} (shifted known images)"
    return {ID: "ID test", TRAIN: "training images"}.get(name, printable(name))


@lru_cache(maxsize=_CACHED)
def by_folder(samples: Samples) -> Facet:
    """Group samples by folder within their set, named `set/folder`; -1 where the id of a sample has no folder."""
    folders = [str(sample).rpartition("/")[0] for sample in samples.ids]
    names = [f"{samples.datasets[d]}/{folder}" for d, folder in zip(samples.dataset, folders, strict=True)]
    values, codes = np.unique(np.array(names, dtype=object).astype(str), return_inverse=True)
    in_folder = np.array([bool(folder) for folder in folders])
    used = np.unique(codes[in_folder]) if in_folder.any() else np.empty(0, int)
    new_code = np.full(len(values), -1)
    new_code[used] = np.arange(len(used))
    return Facet(tuple(values[used].tolist()), np.where(in_folder, new_code[codes], -1))


def by_predicted_class(samples: Samples) -> Facet:
    """Group samples by predicted class."""
    return Facet(tuple(samples.run.class_names), samples.predicted)


def by_decisive_part(samples: Samples, lens: Lens = PLAIN) -> Facet:
    """Group samples by the prior or residual that decides HEAT's verdict (see `explanation.explain`).

    For a sample that is called known it is the one with the smallest contribution to the score; for one that is called
    unknown, the one with the largest. A score that was given (see `heat_core.explore`) has no parts.
    """
    run = samples.run
    if run.score_title is not None:
        return Facet((), np.full(len(samples), -1))
    chosen = lens.select_priors(run.priors)
    weights = np.ones(len(chosen)) if lens.weights is None else np.asarray(lens.weights, dtype=float)
    chosen, weights = tuple(p for p, w in zip(chosen, weights, strict=True) if w > 0), weights[weights > 0]
    scale, columns = run.scale.select(chosen), run.scale.columns(chosen)
    prior, residual = (energies[:, columns] for energies in samples.energy_terms())
    influences = influence(scale.standardise(prior + residual), lens.beta, tuple(weights.tolist()))
    from_parts = np.stack([influences * scale.standardise(prior), influences * residual / scale.spread], axis=2)
    flat = from_parts.reshape(len(samples), -1)  # order: prior, residual of the first; of the second; …
    codes = np.where(samples.flagged(HEAT, lens), flat.argmax(axis=1), flat.argmin(axis=1))
    names = [f"{run.prior_title(p)} {part}" for p in chosen for part in ("prior", "residual")]
    return Facet(tuple(names), codes)


@lru_cache(maxsize=_CACHED)
def by_cluster(samples: Samples) -> Facet:
    """Group samples by clusters of the map (k-means on its 2-D points), the largest first.

    A cluster is named after the class that most of its samples are predicted as, and its number.

    Raises:
        HeatError: where the run has no map.
    """
    from scipy.cluster import vq  # imported here for a fast first page; scikit-learn takes four times as long

    xy = samples.map_xy().astype(np.float64)
    fitted = xy[:: max(len(xy) // 20_000, 1)]
    distinct = len(np.unique(fitted, axis=0))
    count = int(np.clip(len(xy) // _POINTS_PER_CLUSTER, 1, min(_MAX_CLUSTERS, distinct)))
    centres, _ = vq.kmeans2(fitted, count, iter=50, minit="++", rng=0)
    found = vq.vq(xy, centres)[0]
    largest_first = np.argsort(-np.bincount(found, minlength=count), kind="stable")
    codes = np.argsort(largest_first)[found]
    predicted = [np.bincount(samples.predicted[codes == c], minlength=1).argmax() for c in range(count)]
    nearest = [samples.run.class_names[int(i)] for i in predicted]
    return Facet(tuple(f"nearest class {name}, cluster {c}" for c, name in enumerate(nearest, start=1)), codes)


@dataclass(frozen=True)
class Tags:
    """Tags that people gave to samples; unlike a `Facet`, a sample may have several.

    Attributes:
        members: tag → sorted numbers of the samples that have it; "" holds samples with a note and no tag.
        count: number of samples of the run.
    """

    members: Mapping[str, np.ndarray]
    count: int

    @classmethod
    def from_notes(cls, samples: Samples, notes: Mapping[str, Mapping[str, Any]]) -> Self:
        """Collect the tags of `notes.read_notes`; samples that the run no longer has are left out."""
        numbers_of: dict[str, list[int]] = {}
        for key, entry in notes.items():
            with suppress(HeatError):
                number = samples.find(key)
                for tag in entry["tags"] or [""]:
                    numbers_of.setdefault(tag, []).append(number)
        return cls({tag: np.sort(np.array(numbers)) for tag, numbers in sorted(numbers_of.items())}, len(samples))

    def mask_of(self, wanted: Sequence[str]) -> np.ndarray:
        """Return the (N,) mask of the samples that have one of these tags."""
        return self._mask([tag for tag in wanted if tag in self.members])

    def any_mask(self) -> np.ndarray:
        """Return the (N,) mask of the samples that have a tag or a note."""
        return self._mask(list(self.members))

    def _mask(self, tags: Sequence[str]) -> np.ndarray:
        mask = np.zeros(self.count, bool)
        for tag in tags:
            mask[self.members[tag]] = True
        return mask
