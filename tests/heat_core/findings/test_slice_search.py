"""The search for slices against a plain double loop, and what it folds."""

from itertools import combinations, product

import numpy as np
import pytest
from scipy.stats import false_discovery_control, hypergeom

from heat_core.analysis.facets import Facet
from heat_core.findings.slice_search import LARGEST_PARENT_P, LARGEST_Q, SMALLEST, SMALLEST_LIFT, adjust, search_slices

N = 4000


def _facet(codes: np.ndarray) -> Facet:
    return Facet(tuple(f"v{i}" for i in range(int(codes.max()) + 1)), codes)


@pytest.fixture(scope="module")
def data():
    """Hits at 4 %, at 30 % in one value of `a` and at 40 % in one pair of `b` and `c`; a tenth has no value of `c`."""
    rng = np.random.default_rng(0)
    a, b, c = rng.integers(0, 20, N), rng.integers(0, 5, N), rng.integers(0, 6, N)
    rate = np.full(N, 0.04)
    rate[a == 3] = 0.3
    rate[(b == 1) & (c == 2)] = 0.4
    facets = [("a", _facet(a)), ("b", _facet(b)), ("c", _facet(np.where(rng.random(N) < 0.1, -1, c)))]
    return rng.random(N) < rate, facets


def _by_loops(bad, facets):
    """Every slice by boolean masks: values → (n, bad, exact p)."""
    found = {}
    values = [[(key, name, facet.codes == i) for i, name in enumerate(facet.names)] for key, facet in facets]
    singles = [(entry,) for entries in values for entry in entries]
    pairs = [pair for first, second in combinations(values, 2) for pair in product(first, second)]
    for parts in [*singles, *pairs]:
        mask = np.logical_and.reduce([part[2] for part in parts])
        n, k = int(mask.sum()), int((mask & bad).sum())
        if n >= SMALLEST:
            p = hypergeom.sf(k - 1, len(bad), bad.sum(), n)
            found[tuple(part[:2] for part in parts)] = n, k, p
    return found


def test_the_same_slices_as_a_double_loop(data):
    bad, facets = data
    tested, slices = search_slices(bad, facets)
    every = _by_loops(bad, facets)
    assert tested == len(every)
    for found in slices:
        n, k, p = every[found.values]
        assert (found.n, found.bad, found.rate) == (n, k, k / n)
        assert found.lift == pytest.approx(k / n / bad.mean())
        assert p <= found.p <= p**0.9  # the binomial tail is above the exact one, and close to it
        assert found.low < found.rate < found.high
    assert [s.values for s in slices[:2]] == [(("b", "v1"), ("c", "v2")), (("a", "v3"),)]
    assert [s.lift for s in slices] == sorted((s.lift for s in slices), reverse=True)


def test_every_slice_beyond_chance_is_listed_unless_folded(data):
    bad, facets = data
    _, slices = search_slices(bad, facets)
    every = _by_loops(bad, facets)
    q = dict(zip(every, false_discovery_control([p for *_, p in every.values()]), strict=True))
    worse = {
        values
        for values, (n, k, _) in every.items()
        if q[values] <= LARGEST_Q / 3
        and (k / n >= SMALLEST_LIFT * bad.mean() or (1 - k / n) * SMALLEST_LIFT <= 1 - bad.mean())
    }
    for values in worse - {s.values for s in slices}:
        assert len(values) == 2  # a pair that is no worse than chance explains within one of its values
        n, k, _ = every[values]
        parents = (every[(value,)] for value in values)
        assert max(hypergeom.sf(k - 1, m, hits, n) for m, hits, _ in parents) > LARGEST_PARENT_P / 3


def test_equal_values_and_facets_of_one_value_are_folded(data):
    bad, facets = data
    copy = Facet(tuple(f"copy of {name}" for name in facets[0][1].names), facets[0][1].codes)
    whole = Facet(("all",), np.zeros(N, int))
    _, slices = search_slices(bad, facets)
    _, again = search_slices(bad, [*facets, ("copy", copy), ("whole", whole)])
    assert [s.values for s in again] == [s.values for s in slices]


def test_chance_alone_gives_no_slice():
    rng = np.random.default_rng(1)
    facets = [(f"f{i}", _facet(rng.integers(0, 10, N))) for i in range(8)]
    listed = sum(len(search_slices(rng.random(N) < 0.05, facets)[1]) > 0 for _ in range(20))
    assert listed <= 3  # a false discovery rate of 5 % allows one in twenty on average


def test_no_hit_only_hits_and_no_facet(data):
    _, facets = data
    tested = sum(len(facet.names) for _, facet in facets)
    assert search_slices(np.zeros(N, bool), facets) == (tested, [])
    assert search_slices(np.ones(N, bool), facets) == (tested, [])
    assert search_slices(np.arange(N) < 9, []) == (0, [])


def test_small_values_are_not_tested():
    codes = np.repeat([0, 1], [N - SMALLEST + 1, SMALLEST - 1])
    tested, slices = search_slices(codes == 1, [("a", Facet(("large", "small"), codes))])
    assert (tested, slices) == (1, [])


def test_many_values_are_numbered_as_few_are(data):
    """Two facets of 300 values each: most pairs are empty, and those that are not are counted by sorting."""
    rng = np.random.default_rng(2)
    codes = rng.integers(0, 300, N)
    names = tuple(map(str, range(300)))
    many = [("a", Facet(names, codes)), ("b", Facet(names, codes[::-1]))]
    bad = (codes < 40) | (rng.random(N) < 0.02)
    tested, slices = search_slices(bad, many)
    assert tested == len(_by_loops(bad, many))
    large = np.flatnonzero(np.bincount(codes)[:40] >= SMALLEST)
    assert {s.values for s in slices} == {(("a", str(i)),) for i in large}


def test_q_values_are_those_of_scipy():
    p = np.random.default_rng(3).random(200) ** 3
    assert adjust(p) == pytest.approx(false_discovery_control(p))


def test_high_shares_where_most_images_answer_are_listed():
    folder = np.repeat([0, 1], [1000, 3000])
    bad = np.ones(4000, bool)
    bad[1000::5] = False  # 85 % of all, 80 % of the second folder, all of the first
    _, slices = search_slices(bad, [("folder", Facet(("all", "most"), folder))])
    assert [s.values for s in slices] == [(("folder", "all"),)]


def test_two_tags_are_no_pair():
    bad, members = np.zeros(1000, bool), np.zeros((2, 1000), int) - 1
    bad[:40] = True
    members[0, :300] = members[1, :40] = members[1, 700:960] = 0
    tags = [("tag", Facet((name,), codes)) for name, codes in zip("ab", members, strict=True)]
    _, slices = search_slices(bad, tags)
    assert {s.values for s in slices} <= {(("tag", "a"),), (("tag", "b"),)}
