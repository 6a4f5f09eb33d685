"""The live view's JavaScript against heat_core, in a real browser, on random and hostile arrays."""

import math
from pathlib import Path

import numpy as np
import pytest

from heat_core import compose, metrics
from tests.browser import CHROMIUM, chromium

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium chromium-driver"),
]
LIVE = Path(__file__).resolve().parents[2] / "app" / "live"
RNG = np.random.default_rng(0)
BETAS = [-math.inf, -1e6, -30.0, -1.0, -1e-3, -1e-8, 0.0, 1e-8, 1e-3, 0.5, 1.0, 30.0, 1e6, math.inf]
PAIRS = {
    "random": (RNG.normal(size=200), RNG.normal(size=150) + 1),
    "ties": (RNG.integers(0, 4, 60).astype(float), RNG.integers(0, 5, 70).astype(float)),
    "constant": (np.ones(20), np.ones(30)),
    "one sample each": (np.array([0.3]), np.array([0.2])),
    "infinite": (np.r_[RNG.normal(size=40), -np.inf], np.r_[RNG.normal(size=40), np.inf, np.inf, -np.inf]),
    "huge and tiny": (RNG.normal(size=90) * 1e-9, RNG.normal(size=90) * 1e9),
}


@pytest.fixture(scope="module")
def page():
    with chromium() as browser:
        page = browser.new_page()
        page.evaluate(
            "async code => { globalThis.core = await import(URL.createObjectURL(new Blob([code], {type: 'text/javascript'}))) }",
            (LIVE / "core.js").read_text(encoding="utf-8"),
        )
        yield page


def composed(page, energies, beta, weights=None):
    n, k = energies.shape
    return np.array(page.evaluate(
        "([E, n, k, beta, w]) => Array.from(core.compose(Float64Array.from(E), n, k, beta, w, new Float64Array(n)))",
        [energies.ravel().tolist(), n, k, beta, weights],
    ))  # fmt: skip


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
    [([[1.0, math.nan]], 0.0, None, "finite"), ([[1.0, math.inf]], 0.0, None, "finite"), ([[1.0, 2.0]], math.nan, None, "NaN"),
     ([[1.0, 2.0]], 0.0, [0, 0], "at least one"), ([[1.0, 2.0]], 0.0, [-1, 1], "0 or more")],
)  # fmt: skip
def test_compose_refuses_nonsense(page, energies, beta, weights, sentence):
    with pytest.raises(Exception, match=f"(?i){sentence}"):
        composed(page, np.array(energies), beta, weights)


@pytest.mark.parametrize("case", PAIRS)
def test_exact_metrics(page, case):
    known, unknown = (list(map(float, part)) for part in PAIRS[case])
    found = page.evaluate("([a, b]) => [core.threshold95(a), core.fpr95(a, b), core.auroc(a, b)]", [known, unknown])
    expected = [metrics.threshold95(known), metrics.fpr95(known, unknown), metrics.auroc(known, unknown)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_metrics_refuse_nan_and_nothing(page):
    for known, unknown in (([math.nan, 1.0], [1.0]), ([1.0], [math.nan]), ([], [1.0]), ([1.0], [])):
        with pytest.raises(Exception, match=r"must not be NaN|at least one"):
            page.evaluate("([a, b]) => core.auroc(a, b)", [known, unknown])


@pytest.mark.parametrize("case", [c for c in PAIRS if c != "infinite"])
def test_binned_metrics_are_the_metrics_of_the_bins(page, case):
    """What is shown while β is dragged: exact on scores that were rounded up to the edges of the bins."""
    known, unknown = PAIRS[case]
    scores, sets = np.r_[known, unknown], [0] * len(known) + [1] * len(unknown)
    found = page.evaluate(
        "([s, t, bins]) => { const h = core.histogram(Float64Array.from(s), t, 2, bins);"
        " return {counts: h.counts.map(c => Array.from(c)), low: h.low, step: h.step, rough: core.binnedMetrics(h)[1],"
        " line: core.binnedThreshold(h)} }",
        [scores.tolist(), sets, 2048],
    )
    counts = np.array(found["counts"])
    assert counts.sum(axis=1).tolist() == [len(known), len(unknown)]
    bins = np.minimum(((np.arcsinh(scores) - found["low"]) / found["step"]).astype(int), 2047)
    for i, part in enumerate((bins[: len(known)], bins[len(known) :])):
        assert np.abs(counts[i] - np.bincount(part, minlength=2048)).sum() <= 2  # asinh may differ in the last digit
    assert abs(found["rough"]["auroc"] - metrics.auroc(bins[: len(known)], bins[len(known) :])) < 1e-3 + 2 / len(known)
    exact = metrics.fpr95(known, unknown)
    near = np.abs(np.arcsinh(unknown) - np.arcsinh(metrics.threshold95(known))) <= 3 * found["step"] + np.ptp(
        np.arcsinh(np.sort(known)[-max(len(known) // 10, 1) :])
    )
    assert abs(found["rough"]["fpr95"] - exact) <= near.mean() + 1e-9


def test_a_large_sample_is_binned_to_a_thousandth(page):
    known, unknown = RNG.normal(size=20_000), RNG.normal(size=20_000) * 2 + 2
    rough = page.evaluate(
        "([s, n]) => core.binnedMetrics(core.histogram(Float64Array.from(s), Uint8Array.from({length: s.length}, (_, i) => i < n ? 0 : 1), 2, 2048))[1]",
        [np.r_[known, unknown].tolist(), len(known)],
    )
    assert abs(rough["auroc"] - metrics.auroc(known, unknown)) < 1e-3
    assert abs(rough["fpr95"] - metrics.fpr95(known, unknown)) < 3e-3


def test_selections_survive_the_way_to_python_and_back(page):
    for n in (1, 8, 13, 1000):
        bits = RNG.integers(0, 2, n)
        text = page.evaluate("bits => core.packBits(bits)", bits.tolist())
        import base64

        np.testing.assert_array_equal(np.unpackbits(np.frombuffer(base64.b64decode(text), np.uint8))[:n], bits)
        back = page.evaluate("([t, n]) => Array.from(core.unpackBits(t, new Uint8Array(n)))", [text, n])
        np.testing.assert_array_equal(back, bits)


def test_inside_a_polygon(page):
    square = [0, 0, 10, 0, 10, 10, 0, 10]
    points = [(5, 5), (11, 5), (-1, 5), (5, 9.9), (5, 10.1)]
    assert [page.evaluate("([p, x, y]) => core.inside(p, x, y)", [square, x, y]) for x, y in points] == [
        True,
        False,
        False,
        True,
        False,
    ]


def test_the_slider_reaches_both_infinities_through_zero(page):
    found = page.evaluate("[-1, -0.5, 0, 0.5, 1].map(core.betaAt)")
    assert found == [-math.inf, -2, 0, 2, math.inf]
    for beta in (-math.inf, -3.0, 0.0, 0.7, math.inf):
        assert page.evaluate("b => core.positionOf(b)", beta) == pytest.approx(2 / math.pi * math.atan(beta / 2))
