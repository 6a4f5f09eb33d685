"""MM++: the selection of layers and the distance in the joined features, against plain formulas in float64."""

import numpy as np
import pytest
from sklearn.covariance import LedoitWolf

from heat_core import HeatError
from heat_core.detectors import load
from heat_core.features.features import Features

CLASSES, WIDTHS = 3, (6, 12, 8, 10, 7)
RNG = np.random.default_rng(0)
MEANS = [RNG.normal(size=(CLASSES, width)) + 3 for width in WIDTHS]
# Standard deviations of the channels: equal ones have the largest entropy, one large one a small entropy.
SPREADS = [np.ones(6), np.r_[4.0, np.full(11, 0.2)], np.ones(8), np.r_[3.0, np.full(9, 0.5)], np.ones(7)]


def layered(n: int, shift: float = 0.0) -> Features:
    y = np.arange(n) % CLASSES
    parts = [(m[y] + shift + RNG.normal(size=(n, len(s))) * s) for m, s in zip(MEANS, SPREADS, strict=True)]
    parts = [part * RNG.uniform(0.5, 2, size=(n, 1)) for part in parts]  # lengths that the normalisation removes
    layers = np.concatenate(parts, axis=1).astype(np.float32)
    avg = layers[:, -WIDTHS[-1] :]
    return Features(avg, None, y, [str(i) for i in range(n)], extra={"layers": layers})


TRAIN, TEST = layered(240), layered(30, shift=0.7)


def normalised(features: Features) -> list[np.ndarray]:
    parts = np.split(np.asarray(features.column("layers"), dtype=np.float64), np.cumsum(WIDTHS)[:-1], axis=1)
    return [part / np.linalg.norm(part, axis=1, keepdims=True) for part in parts]


def within_classes(z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    means = np.array([z[y == c].mean(axis=0) for c in range(CLASSES)])
    return means, LedoitWolf(assume_centered=True).fit(z - means[y]).covariance_


def plain_densities() -> list[float]:
    densities = []
    for z in normalised(TRAIN):
        values = np.linalg.eigvalsh(within_classes(z, TRAIN.labels)[1])
        shares = values / values.sum()
        densities.append(-sum(s * np.log(s) for s in shares) / len(shares))
    return densities


def plain_scores(selected: list[int]) -> list[float]:
    known, new = (np.concatenate([normalised(f)[i] for i in selected], axis=1) for f in (TRAIN, TEST))
    means, covariance = within_classes(known, TRAIN.labels)
    precision = np.linalg.inv(covariance)
    return [min((z - m) @ precision @ (z - m) for m in means) for z in new]


@pytest.mark.parametrize(("count", "selected"), [(1, [4]), (2, [1, 4]), (3, [1, 3, 4]), (5, [1, 3, 4])])
def test_mm_plus_plus_is_its_formula(count, selected):
    """The last layer, and of the others those at which the density drops most; one that rises is never selected."""
    ours = load("mm-plus-plus")(WIDTHS, layers=count).fit_features(TRAIN)
    densities = plain_densities()
    np.testing.assert_allclose(ours.densities_, densities, rtol=1e-4)
    drops = {i: densities[i - 1] - densities[i] for i in range(1, len(WIDTHS) - 1)}
    falling = sorted((i for i in drops if drops[i] > 0), key=lambda i: -drops[i])
    assert ours.selected_ == selected == [*sorted(falling[: count - 1]), len(WIDTHS) - 1]
    np.testing.assert_allclose(ours.score_features(TEST), plain_scores(selected), rtol=2e-3)


def test_two_layers_are_selected_unless_it_is_asked_otherwise():
    np.testing.assert_array_equal(
        load("mm-plus-plus")(WIDTHS).fit_features(TRAIN).score_features(TEST),
        load("mm-plus-plus")(WIDTHS, layers=2).fit_features(TRAIN).score_features(TEST),
    )


def test_the_last_layer_alone_is_mds_plus_plus():
    few = [Features(f.avg, None, f.labels, f.ids, extra={"layers": f.avg}) for f in (TRAIN, TEST)]
    ours = load("mm-plus-plus")([WIDTHS[-1]]).fit_features(few[0])
    assert ours.selected_ == [0]
    rival = load("mds-plus-plus")(covariance="ledoit-wolf").fit_features(few[0])
    np.testing.assert_allclose(ours.score_features(few[1]), rival.score_features(few[1]), rtol=1e-6)


def test_no_layer_is_a_sentence():
    with pytest.raises(HeatError, match="layers is 0"):
        load("mm-plus-plus")(WIDTHS, layers=0)
