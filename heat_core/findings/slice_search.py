"""Slices: values of facets, and pairs of values, in which a share is higher than chance explains.

Every slice of at least `SMALLEST` images is tested. Its p-value is the probability of as many hits or more, if the hits
were spread over all images at random. The q-value of a slice is the false discovery rate at which it would be reported,
over all slices that were tested (Benjamini & Hochberg, 1995). Its lift is its share divided by the share of all images.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.special import bdtrc

from heat_core.analysis.facets import Facet
from heat_core.metrics import wilson_interval

SMALLEST = 10  # images of a slice that is tested
LARGEST_Q = 0.05  # q-value up to which a slice is listed
SMALLEST_LIFT = 1.25  # of many images, a share that is hardly higher has a small q-value too
LARGEST_PARENT_P = 0.001  # p-value of a pair within each of its two values, up to which the pair is listed
SAME_SHARE = 0.8  # shared images of all images of two slices, from which only the first is listed
MOST_LISTED = 40


@dataclass(frozen=True)
class Slice:
    """A value of a facet, or a pair of values of two facets, and its share of hits.

    Attributes:
        values: one or two pairs of a facet's key and a value.
        n: number of images.
        bad: number of hits among them.
        rate: bad / n.
        low: lower bound of the 95 % interval (Wilson) of the rate.
        high: upper bound of that interval.
        lift: rate divided by the rate of all images.
        p: one-sided p-value.
        q: q-value over all slices that were tested.
    """

    values: tuple[tuple[str, str], ...]
    n: int
    bad: int
    rate: float
    low: float
    high: float
    lift: float
    p: float
    q: float


@dataclass(frozen=True)
class _Column:
    """Facet restricted to its values that have enough images: key, value of each code, (N,) codes, -1 for none."""

    key: str
    names: tuple[str, ...]
    codes: np.ndarray


@dataclass(frozen=True)
class _Table:
    """Slices that are tested, (M,) each: column and code of the first and the second value (-1: none), n, hits."""

    first: np.ndarray
    first_code: np.ndarray
    second: np.ndarray
    second_code: np.ndarray
    n: np.ndarray
    bad: np.ndarray

    def members(self, row: int, columns: Sequence[_Column]) -> np.ndarray:
        """Return the (N,) mask of the images of a slice."""
        mask = columns[self.first[row]].codes == self.first_code[row]
        if self.second[row] >= 0:
            mask &= columns[self.second[row]].codes == self.second_code[row]
        return mask


def search_slices(bad: np.ndarray, facets: Sequence[tuple[str, Facet]]) -> tuple[int, list[Slice]]:
    """Search the facets, and every pair of two of them, for slices with a high share of hits.

    A pair is left out unless its share is higher than chance explains within each of its two values too. Of slices with
    nearly the same images, the one of the highest lift is listed.

    Args:
        bad: (N,) whether each image is a hit.
        facets: key and facet of these N images; a key may occur more than once, as for tags.

    Returns:
        The number of slices that were tested, and those with a q-value of at most `LARGEST_Q` and a share that is
        higher than that of all images by the factor `SMALLEST_LIFT`, or as much closer to 1; by lift, at most
        `MOST_LISTED`.
    """
    columns = [column for key, facet in facets if (column := _column(key, facet)).names]
    total = int(bad.sum())
    if not columns or not 0 < total < len(bad):
        return sum(len(column.names) for column in columns), []
    table = _count(bad, columns)
    p = _tail(table.bad, table.n, total, len(bad))
    q = adjust(p)
    lift = table.bad / table.n * len(bad) / total
    others = (table.n - table.bad) * len(bad) * SMALLEST_LIFT <= table.n * (len(bad) - total)
    # A share near 1 has no large lift: there it is judged by how many images are no hits.
    rows = np.flatnonzero((q <= LARGEST_Q) & ((lift >= SMALLEST_LIFT) | others))
    rows = rows[_is_worse_than_parents(table, rows)]
    rows = rows[np.lexsort((rows, -table.n[rows], -lift[rows]))]
    chosen = _without_repeats(table, rows, columns)
    return len(p), [_slice(table, row, columns, float(lift[row]), float(p[row]), float(q[row])) for row in chosen]


def adjust(p: np.ndarray) -> np.ndarray:
    """Convert (M,) p-values to q-values (Benjamini & Hochberg, 1995).

    They are those of `scipy.stats.false_discovery_control`, whose module takes a second to import.
    """
    order = np.argsort(p)[::-1]
    q = np.empty(len(p))
    q[order] = np.minimum.accumulate(p[order] * len(p) / np.arange(len(p), 0, -1))
    return np.minimum(q, 1.0)


def _tail(bad: np.ndarray, n: np.ndarray, total: np.ndarray | int, size: np.ndarray | int) -> np.ndarray:
    """Compute P(X ≥ bad) of n images drawn from `size`, of which `total` are hits; 1 where the share is no higher.

    It is the binomial tail of n draws, or of `total` draws with the probability n / size, whichever is smaller. Both
    are above the hypergeometric tail, which has no fast vectorised implementation, and the smaller one is close to it
    unless both n and `total` are large shares of `size`.
    """
    by_images, by_hits = bdtrc(bad - 1, n, total / size), bdtrc(bad - 1, total, n / size)
    return np.where(bad * size > n * total, np.minimum(by_images, by_hits), 1.0)


def _column(key: str, facet: Facet) -> _Column:
    counts = facet.counts(np.ones(len(facet.codes), bool))
    kept = np.flatnonzero(counts >= SMALLEST)
    code = np.full(len(counts) + 1, -1)  # the last one is that of images without a value
    code[kept] = np.arange(len(kept))
    return _Column(key, tuple(facet.names[i] for i in kept), code[facet.codes])


def _count(bad: np.ndarray, columns: Sequence[_Column]) -> _Table:
    """Count images and hits of each value and of each pair of values that has enough images."""
    rows = [*_count_values(bad, columns), *_count_pairs(bad, columns)]
    return _Table(*(np.concatenate(parts) for parts in zip(*rows, strict=True)))


def _count_values(bad: np.ndarray, columns: Sequence[_Column]) -> Iterator[tuple[np.ndarray, ...]]:
    for i, column in enumerate(columns):
        inside = column.codes >= 0
        n = np.bincount(column.codes[inside], minlength=len(column.names))
        hits = np.bincount(column.codes[inside & bad], minlength=len(column.names))
        none = np.full(len(n), -1)
        yield np.full(len(n), i), np.arange(len(n)), none, none, n, hits


def _count_pairs(bad: np.ndarray, columns: Sequence[_Column]) -> Iterator[tuple[np.ndarray, ...]]:
    for (i, first), (j, second) in combinations(enumerate(columns), 2):
        if first.key == second.key:  # Two tags: a filter keeps images with either, never those with both alone.
            continue
        inside = (first.codes >= 0) & (second.codes >= 0)
        combined = first.codes[inside] * len(second.names) + second.codes[inside]
        if len(first.names) * len(second.names) > 4 * len(bad):  # mostly empty: number the pairs that there are
            pairs, combined = np.unique(combined, return_inverse=True)
        else:
            pairs = np.arange(len(first.names) * len(second.names))
        n = np.bincount(combined, minlength=len(pairs))
        hits = np.bincount(combined[bad[inside]], minlength=len(pairs))
        kept = np.flatnonzero(n >= SMALLEST)
        codes = np.divmod(pairs[kept], len(second.names))
        yield np.full(len(kept), i), codes[0], np.full(len(kept), j), codes[1], n[kept], hits[kept]


def _is_worse_than_parents(table: _Table, rows: np.ndarray) -> np.ndarray:
    """Tell for each row whether it is a single value, or a pair with a high share within each of its two values."""
    singles = table.second < 0
    starts = np.searchsorted(table.first[singles], np.arange(table.first.max() + 1))  # singles come first, by column
    worse = np.ones(len(rows), bool)
    pairs = table.second[rows] >= 0
    of_pairs = rows[pairs]
    for column, code in ((table.first, table.first_code), (table.second, table.second_code)):
        parent = starts[column[of_pairs]] + code[of_pairs]
        p = _tail(table.bad[of_pairs], table.n[of_pairs], table.bad[parent], table.n[parent])
        worse[pairs] &= p <= LARGEST_PARENT_P
    return worse


def _without_repeats(table: _Table, rows: np.ndarray, columns: Sequence[_Column]) -> list[int]:
    """Return the first rows, at most `MOST_LISTED`, without those that have nearly the images of an earlier one."""
    chosen: list[int] = []
    bits: list[np.ndarray] = []
    for row in rows.tolist():
        members = np.packbits(table.members(row, columns))
        shared = [int(np.bitwise_count(members & other).sum()) for other in bits]
        repeats = (s >= SAME_SHARE * (table.n[row] + table.n[o] - s) for s, o in zip(shared, chosen, strict=True))
        if any(repeats):
            continue
        chosen.append(row)
        bits.append(members)
        if len(chosen) == MOST_LISTED:
            break
    return chosen


def _slice(table: _Table, row: int, columns: Sequence[_Column], lift: float, p: float, q: float) -> Slice:
    pairs = ((table.first[row], table.first_code[row]), (table.second[row], table.second_code[row]))
    values = tuple((columns[column].key, columns[column].names[code]) for column, code in pairs if column >= 0)
    n, bad = int(table.n[row]), int(table.bad[row])
    low, high = wilson_interval(bad, n)
    return Slice(values, n, bad, bad / n, low, high, lift, p, q)
