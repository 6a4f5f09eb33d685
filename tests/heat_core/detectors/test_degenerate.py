"""Every detector on features that no formula was made for: finite scores or a sentence; no NaN, no other error."""

import numpy as np
import pytest

from heat_core import HeatError, memory
from heat_core.detectors import load, names
from heat_core.energies.settings import ResidualSettings
from heat_core.features.chunks import BLOCK
from heat_core.features.features import Features
from tests.heat_core.detectors.blobs import CLASSES, DIM, HEAD, TEST, TRAIN, with_labels
from tests.tolerance import assert_close_in_norm

QUICK = ResidualSettings(width=16, hidden_layers=1, epochs=2, updates=4, batch_size=32, langevin_steps=2)
FROM_FEATURES = [n for n in names() if not load(n).reads_images]
FAST = [n for n in FROM_FEATURES if not load(n).slow]

DEGENERATE = {
    "one sample in a class": with_labels(TRAIN.avg[:30], np.r_[np.arange(29) % 3, 3]),
    "constant features": with_labels(np.ones((40, DIM)), np.arange(40) % CLASSES),
    "fewer samples than dimensions": with_labels(TRAIN.avg[:12], np.arange(12) % CLASSES),
    "zero features": with_labels(np.zeros((40, DIM)), np.arange(40) % CLASSES),
    "one class only": with_labels(TRAIN.avg[:60], np.zeros(60, int)),
    "a class without samples": with_labels(TRAIN.avg[:60], np.arange(60) % 3),
    "negative features": with_labels(TRAIN.avg - 9, TRAIN.labels),
}
NO_SPREAD = ("constant features", "zero features")
NO_SAMPLES = ("one class only", "a class without samples")
SENTENCES = (
    dict.fromkeys(((n, c) for n in ("ssd", "ssd-plus", "mahalanobis") for c in NO_SPREAD), "do not vary")
    | dict.fromkeys(
        ((n, c) for n in ("mds-plus-plus", "resflow", "rmds", "rmds-plus-plus") for c in NO_SPREAD), "do not vary"
    )
    | dict.fromkeys(((n, c) for n in ("vim", "residual") for c in NO_SPREAD), "nothing is left")
    | dict.fromkeys(((n, c) for n in ("openmax", "she", "core") for c in NO_SAMPLES), "has no training image")
    | {("core", "zero features"): "none is left"}
)


def fitted(name: str, train: Features, head=HEAD):
    return load(name)(**{"ebm": {"settings": QUICK}}.get(name, {})).fit_with_head(train, head)


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
@pytest.mark.parametrize("case", DEGENERATE)
@pytest.mark.parametrize("name", FROM_FEATURES)
def test_degenerate_training_features(name, case):
    if sentence := SENTENCES.get((name, case)):
        with pytest.raises(HeatError, match=sentence):
            fitted(name, DEGENERATE[case])
        return
    scores = fitted(name, DEGENERATE[case]).score_features(TEST)
    assert scores.shape == (len(TEST),)
    assert np.isfinite(scores).all()


@pytest.mark.filterwarnings("ignore:overflow")  # of OpenMax's distributions, far beyond their tail
@pytest.mark.parametrize("name", FROM_FEATURES)
def test_degenerate_samples(name):
    """A feature that is zero, all negative, the mean of the training features, or far away."""
    z = np.stack([np.zeros(DIM), np.full(DIM, -3.0), TRAIN.avg.mean(axis=0), np.full(DIM, 1e4)]).astype(np.float32)
    scores = fitted(name, TRAIN).score_features(with_labels(z, np.arange(4)))
    assert scores.shape == (4,)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("name", FROM_FEATURES)
def test_identical_logits(name):
    head = np.zeros((CLASSES, DIM)), np.ones(CLASSES)
    assert np.isfinite(fitted(name, TRAIN, head).score_features(TEST)).all()


@pytest.mark.parametrize("name", FAST)
def test_half_precision_is_read_as_what_it_is(name):
    """Features of float16 score as the same numbers in float32."""
    half = [np.asarray(f.avg, np.float16) for f in (TRAIN, TEST)]
    scores = []
    for dtype in (np.float16, np.float32):
        train, test = (
            Features(z.astype(dtype), None, f.labels, f.ids) for z, f in zip(half, (TRAIN, TEST), strict=True)
        )
        scores.append(fitted(name, train).score_features(test))
    assert scores[0].dtype == np.float64
    assert_close_in_norm(scores[0], scores[1], 1e-6)


@pytest.mark.parametrize("name", FAST)
def test_features_larger_than_memory_score_as_those_in_memory(name, tmp_path, monkeypatch):
    """Mapped files of more rows than a block, of which no page is kept."""
    monkeypatch.setattr(memory, "LARGE_FILE", 1000)
    n, rng = BLOCK + 300, np.random.default_rng(0)
    rows = rng.integers(len(TRAIN), size=n)
    z = np.maximum(TRAIN.avg[rows] + rng.normal(0, 0.1, (n, DIM)), 0).astype(np.float32)
    np.save(tmp_path / "avg.npy", z)
    mapped = np.load(tmp_path / "avg.npy", mmap_mode="r")
    assert isinstance(mapped, np.memmap)
    ids, labels = list(map(str, range(n))), TRAIN.labels[rows]
    of_memory, of_file = (Features(avg, None, labels, ids) for avg in (z, mapped))
    expected = fitted(name, of_memory).score_features(of_memory)
    assert expected.shape == (n,)
    assert_close_in_norm(fitted(name, of_file).score_features(of_file), expected, 1e-6)
    last = of_memory.subset(np.arange(n - 5, n))  # every block is scored by itself
    np.testing.assert_allclose(fitted(name, of_memory).score_features(last), expected[-5:], rtol=1e-4, atol=1e-4)


def test_features_that_are_no_numbers_reach_no_detector():
    for bad in (np.nan, np.inf):
        z = TRAIN.avg.copy()
        z[3, 1] = bad
        with pytest.raises(HeatError, match="NaN or infinite"):
            Features(z, None, TRAIN.labels, TRAIN.ids)
