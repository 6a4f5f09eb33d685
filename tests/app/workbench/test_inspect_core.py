"""The workbench's JavaScript in a real browser: its numbers against heat_core."""

import base64
import math

import numpy as np
import pytest

from heat_core import compose, metrics
from heat_core.thresholds import threshold95, threshold_at
from tests.app.modules import BROWSER, module_page
from tests.browser import NEEDS_CHROMIUM

pytestmark = NEEDS_CHROMIUM
RNG = np.random.default_rng(0)
BETAS = [-math.inf, -1e6, -30.0, -1.0, -1e-3, -1e-8, 0.0, 1e-8, 1e-3, 0.5, 1.0, 30.0, 1e6, math.inf]
PAIRS = {
    "random": (RNG.normal(size=200), RNG.normal(size=150) + 1),
    "ties": (RNG.integers(0, 4, 60).astype(float), RNG.integers(0, 5, 70).astype(float)),
    "constant": (np.ones(20), np.ones(30)),
    "one sample each": (np.array([0.3]), np.array([0.2])),
    "huge and tiny": (RNG.normal(size=90) * 1e-9, RNG.normal(size=90) * 1e9),
}


# The functions of the computing modules, together in one object.
COMPUTE = """async () => {
  const names = ['composition', 'histogram', 'calibration', 'sliders', 'packed_bits', 'hit_test'];
  const modules = await Promise.all(names.map(name => import(`/compute/${name}.js`)));
  globalThis.compute = Object.assign({}, ...modules);
}"""


@pytest.fixture(scope="module")
def page():
    """A page on which the modules can be imported, with their functions in `compute`."""
    with module_page() as page:
        page.evaluate(COMPUTE)
        yield page


@pytest.mark.parametrize("module", sorted(p.relative_to(BROWSER).as_posix() for p in BROWSER.rglob("*.js")))
def test_modules_find_what_they_import(page, module):
    assert page.evaluate("async name => Object.keys(await import('/' + name)).length", module) > 0


def composed(page, energies, beta, weights=None):
    n, k = energies.shape
    return np.array(
        page.evaluate(
            "([E, n, k, beta, w]) =>"
            " Array.from(compute.compose(Float64Array.from(E), n, k, beta, w, new Float64Array(n)))",
            [energies.ravel().tolist(), n, k, beta, weights],
        )
    )


def test_ten_sets_and_id_have_marks_that_differ(page):
    """Of no two sets the marks share more than four fifths of their pixels, at the size of a small run."""
    marks = page.evaluate(
        "async () => { const { shapeNames } = await import('/map/point_style.js');"
        " const { SHAPE_NAMES, shapeOffsets } = await import('/map/shapes.js');"
        " const names = Array.from({ length: 12 }, (_, set) => shapeNames.dataset({}, set));"
        " return [names, names.map(name => Array.from(shapeOffsets(name === 'disc' ? 3 : 4, name, 99)))] }"
    )
    names, pixels = marks[0], [set(offsets) for offsets in marks[1]]
    assert names[0] == "disc"
    assert "cross" not in names  # it stands for wrong verdicts
    assert len(set(names[:11])) == 11
    assert names[11] == names[1]  # they come round, without that of ID
    for i in range(11):
        for j in range(i):
            assert len(pixels[i] & pixels[j]) / len(pixels[i] | pixels[j]) <= 0.8, (names[i], names[j])


@pytest.mark.parametrize("beta", BETAS)
def test_compose(page, beta):
    for energies in (
        RNG.normal(size=(50, 3)) * 3,
        np.full((4, 2), 1.5),
        RNG.normal(size=(1, 1)),
        RNG.normal(size=(30, 5)) * 1e4,
    ):
        np.testing.assert_allclose(composed(page, energies, beta), compose(energies, beta), rtol=1e-9, atol=1e-9)


def test_compose_with_weights(page):
    energies = RNG.normal(size=(40, 3))
    for weights in ([1, 1, 1], [2, 0, 0.5], [0, 0, 3]):
        for beta in (-math.inf, -2.0, 0.0, 1e-7, 0.4, math.inf):
            np.testing.assert_allclose(
                composed(page, energies, beta, weights), compose(energies, beta, weights), rtol=1e-9, atol=1e-9
            )


@pytest.mark.parametrize(
    ("energies", "beta", "weights", "sentence"),
    [
        ([[1.0, math.nan]], 0.0, None, "finite"),
        ([[1.0, math.inf]], 0.0, None, "finite"),
        ([[1.0, 2.0]], math.nan, None, "NaN"),
        ([[1.0, 2.0]], 0.0, [0, 0], "at least one"),
        ([[1.0, 2.0]], 0.0, [-1, 1], "0 or more"),
    ],
)
def test_compose_refuses_nonsense(page, energies, beta, weights, sentence):
    with pytest.raises(Exception, match=f"(?i){sentence}"):
        composed(page, np.array(energies), beta, weights)


@pytest.mark.parametrize("case", PAIRS)
def test_binned_metrics_are_the_metrics_of_the_bins(page, case):
    """What is shown while β is dragged: exact on scores that were rounded up to the edges of the bins."""
    known, unknown = PAIRS[case]
    scores, sets = np.r_[known, unknown], [0] * len(known) + [1] * len(unknown)
    result = page.evaluate(
        "([s, t, bins]) => { const h = compute.scoreHistogram(Float64Array.from(s), t, 2, bins);"
        " return {counts: h.counts.map(c => Array.from(c)), low: h.low, step: h.step,"
        " metrics: compute.binnedMetrics(h)[1], threshold: compute.binnedThreshold95(h)} }",
        [scores.tolist(), sets, 2048],
    )
    counts = np.array(result["counts"])
    assert counts.sum(axis=1).tolist() == [len(known), len(unknown)]
    bins = np.minimum(((np.arcsinh(scores) - result["low"]) / result["step"]).astype(int), 2047)
    for i, part in enumerate((bins[: len(known)], bins[len(known) :])):
        assert np.abs(counts[i] - np.bincount(part, minlength=2048)).sum() <= 2  # asinh may differ in the last digit
    assert abs(result["metrics"]["auroc"] - metrics.auroc(bins[: len(known)], bins[len(known) :])) < 1e-3 + 2 / len(
        known
    )
    exact = metrics.fpr95(known, unknown)
    near = np.abs(np.arcsinh(unknown) - np.arcsinh(threshold95(known))) <= 3 * result["step"] + np.ptp(
        np.arcsinh(np.sort(known)[-max(len(known) // 10, 1) :])
    )
    assert abs(result["metrics"]["fpr95"] - exact) <= near.mean() + 1e-9


def test_a_large_sample_is_binned_to_a_thousandth(page):
    known, unknown = RNG.normal(size=20_000), RNG.normal(size=20_000) * 2 + 2
    binned = page.evaluate(
        "([s, n]) => { const set = Uint8Array.from({length: s.length}, (_, i) => i < n ? 0 : 1);"
        " return compute.binnedMetrics(compute.scoreHistogram(Float64Array.from(s), set, 2, 2048))[1] }",
        [np.r_[known, unknown].tolist(), len(known)],
    )
    assert abs(binned["auroc"] - metrics.auroc(known, unknown)) < 1e-3
    assert abs(binned["fpr95"] - metrics.fpr95(known, unknown)) < 3e-3


def test_selections_are_kept_on_the_way_to_python_and_back(page):
    for n in (1, 8, 13, 1000):
        bits = RNG.integers(0, 2, n)
        text = page.evaluate("bits => compute.packBits(bits)", bits.tolist())
        np.testing.assert_array_equal(np.unpackbits(np.frombuffer(base64.b64decode(text), np.uint8))[:n], bits)
        back = page.evaluate("([t, n]) => Array.from(compute.unpackBits(t, new Uint8Array(n)))", [text, n])
        np.testing.assert_array_equal(back, bits)


def test_inside_a_polygon(page):
    square = [0, 0, 10, 0, 10, 10, 0, 10]
    points = [(5, 5), (11, 5), (-1, 5), (5, 9.9), (5, 10.1)]
    assert [page.evaluate("([p, x, y]) => compute.isInsidePolygon(p, x, y)", [square, x, y]) for x, y in points] == [
        True,
        False,
        False,
        True,
        False,
    ]


def test_the_slider_reaches_both_infinities_through_zero(page):
    result = page.evaluate("[-1, -0.5, 0, 0.5, 1].map(compute.betaAt)")
    assert result == [-math.inf, -2, 0, 2, math.inf]
    for beta in (-math.inf, -3.0, 0.0, 0.7, math.inf):
        assert page.evaluate("b => compute.betaPosition(b)", beta) == pytest.approx(2 / math.pi * math.atan(beta / 2))


def test_the_line_of_a_rate_is_that_of_the_library(page):
    for known in (PAIRS["random"][0], PAIRS["ties"][0], PAIRS["one sample each"][0]):
        for alpha in (0.001, 0.01, 0.05, 1 / 3, 0.5):
            script = "([s, a]) => compute.conformalThreshold(Float64Array.from(s), a)"
            assert page.evaluate(script, [sorted(known), alpha]) == threshold_at(known, alpha)


def test_the_rate_slider_reaches_from_a_thousandth_to_a_half(page):
    """The slider of the false-positive rate reaches from 0.001 to 0.5."""
    ends = page.evaluate("[compute.alphaAt(0, 1e6), compute.alphaAt(1, 1e6), compute.alphaAt(0, 99)]")
    assert ends == [0.001, 0.5, 0.01]  # 99 images can say no less
    back = page.evaluate("[0.002, 0.05, 0.3].map(a => compute.alphaAt(compute.alphaPosition(a), 1e6))")
    assert back == [0.002, 0.05, 0.3]
