"""What a subset of samples breaks down by: set, folder, class seen, part responsible, cluster of the map, tag."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from heat_core.analysis.samples import Samples
from heat_core.composition import HEAT, PLAIN, Lens, influence
from heat_core.energies.names import PRIOR_TITLES
from heat_core.errors import HeatError

_MAX_CLUSTERS, _POINTS_PER_CLUSTER = 16, 40


@dataclass(frozen=True)
class Facet:
    """One way to break samples down.

    Attributes:
        names: the values, each once.
        codes: (N,) number of each sample's value, -1 where it has none.
    """

    names: tuple[str, ...]
    codes: np.ndarray

    def mask_of(self, wanted: Sequence[str]) -> np.ndarray:
        """(N,) which samples have one of these values."""
        return np.isin(self.codes, [i for i, name in enumerate(self.names) if name in wanted])

    def counts(self, mask: np.ndarray) -> np.ndarray:
        """How many of the samples in `mask` (N,) have each value."""
        return np.bincount(self.codes[mask & (self.codes >= 0)], minlength=len(self.names))


def by_set(samples: Samples) -> Facet:
    """The set that each sample belongs to, under the run's name of it (`id`: the ID test set)."""
    return Facet(tuple(samples.datasets), samples.dataset)


def by_folder(samples: Samples) -> Facet:
    """The folder of each sample within its set, as `set/folder`; -1 where its id names none."""
    folders = [str(sample).rpartition("/")[0] for sample in samples.ids]
    names = [f"{samples.datasets[d]}/{folder}" for d, folder in zip(samples.dataset, folders, strict=True)]
    values, codes = np.unique(np.array(names, dtype=object).astype(str), return_inverse=True)
    in_folder = np.array([bool(folder) for folder in folders])
    used = np.unique(codes[in_folder]) if in_folder.any() else np.empty(0, int)
    new_code = np.full(len(values), -1)
    new_code[used] = np.arange(len(used))
    return Facet(tuple(values[used].tolist()), np.where(in_folder, new_code[codes], -1))


def by_predicted_class(samples: Samples) -> Facet:
    """The class that the classifier takes each sample for."""
    return Facet(tuple(samples.run.class_names), samples.predicted)


def by_decisive_part(samples: Samples, lens: Lens = PLAIN) -> Facet:
    """The part of HEAT's score that is responsible for the verdict (see `explanation.explain`).

    Of a sample called known it is the prior or residual that pulls its score down most; of one called unknown, the one
    that pushes it up most.
    """
    run = samples.run
    chosen = lens.select_priors(run.priors)
    weights = np.ones(len(chosen)) if lens.weights is None else np.asarray(lens.weights, dtype=float)
    chosen, weights = tuple(p for p, w in zip(chosen, weights, strict=True) if w > 0), weights[weights > 0]
    scale, columns = run.scale.select(chosen), run.scale.columns(chosen)
    prior, residual = (energies[:, columns] for energies in samples.energy_terms())
    influences = influence(scale.standardise(prior + residual), lens.beta, tuple(weights.tolist()))
    from_parts = np.stack([influences * scale.standardise(prior), influences * residual / scale.spread], axis=2)
    flat = from_parts.reshape(len(samples), -1)  # prior, residual of the first; of the second; …
    codes = np.where(samples.flagged(HEAT, lens), flat.argmax(axis=1), flat.argmin(axis=1))
    names = [f"{PRIOR_TITLES.get(p, p)} {part}" for p in chosen for part in ("prior", "residual")]
    return Facet(tuple(names), codes)


def by_cluster(samples: Samples) -> Facet:
    """Clusters of the map (k-means on its plane), named after the class that most of their images are taken for.

    Raises:
        HeatError: where the run has no map.
    """
    from scipy.cluster import vq  # the first page waits for it, and scikit-learn takes four times as long to import

    xy = samples.map_xy().astype(np.float64)
    fitted = xy[:: max(len(xy) // 20_000, 1)]
    distinct = len(np.unique(fitted, axis=0))
    count = int(np.clip(len(xy) // _POINTS_PER_CLUSTER, 1, min(_MAX_CLUSTERS, distinct)))
    centres, _ = vq.kmeans2(fitted, count, iter=50, minit="++", rng=0)
    codes = vq.vq(xy, centres)[0].astype(int)
    predicted = [np.bincount(samples.predicted[codes == c], minlength=1).argmax() for c in range(count)]
    nearest = [samples.run.class_names[int(i)] for i in predicted]
    return Facet(tuple(_number_duplicates([f"near {name}" for name in nearest])), codes)


def _number_duplicates(names: list[str]) -> list[str]:
    """The same names, with a number behind those that stand more than once."""
    return [f"{n} · {names[: i + 1].count(n)}" if names.count(n) > 1 else n for i, n in enumerate(names)]


@dataclass(frozen=True)
class Tags:
    """The tags that people gave: a sample may have several, so this breaks down otherwise than a `Facet`.

    Attributes:
        members: tag → the sorted numbers of the samples that have it; "" holds those with a note alone.
        count: how many samples the run has.
    """

    members: Mapping[str, np.ndarray]
    count: int

    @classmethod
    def from_notes(cls, samples: Samples, notes: Mapping[str, Mapping[str, Any]]) -> Self:
        """Those of `notes.read_notes`; samples that are gone are left out."""
        numbers_of: dict[str, list[int]] = {}
        for key, entry in notes.items():
            with suppress(HeatError):
                number = samples.find(key)
                for tag in entry["tags"] or [""]:
                    numbers_of.setdefault(tag, []).append(number)
        return cls({tag: np.sort(np.array(numbers)) for tag, numbers in sorted(numbers_of.items())}, len(samples))

    def mask_of(self, wanted: Sequence[str]) -> np.ndarray:
        """(N,) which samples have one of these tags."""
        return self._mask([tag for tag in wanted if tag in self.members])

    def any_mask(self) -> np.ndarray:
        """(N,) which samples have a tag or a note."""
        return self._mask(list(self.members))

    def _mask(self, tags: Sequence[str]) -> np.ndarray:
        mask = np.zeros(self.count, bool)
        for tag in tags:
            mask[self.members[tag]] = True
        return mask
