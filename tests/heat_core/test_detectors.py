import numpy as np
import pytest
from scipy.special import softmax

from heat_core import HeatError
from heat_core.detectors import DETECTORS
from heat_core.detectors.knn import NearestNeighbours
from heat_core.features import Features

RNG = np.random.default_rng(0)
HEAD = RNG.normal(size=(3, 6)), RNG.normal(size=3)


def features(n: int) -> Features:
    z = np.abs(RNG.normal(size=(n, 6))).astype(np.float32)
    return Features(z, z, np.arange(n) % 3, [str(i) for i in range(n)])


def test_against_the_plain_formulas():
    train, test = features(40), features(9)
    logits = test.avg.astype(np.float64) @ HEAD[0].T + HEAD[1]
    scores = {name: d(HEAD).fit(train).score(test) for name, d in DETECTORS.items()}
    np.testing.assert_allclose(scores["msp"], -np.log(softmax(logits, axis=1).max(1)), atol=1e-9)
    np.testing.assert_allclose(scores["maxlogit"], -logits.max(1))
    a, b = (x.avg / np.linalg.norm(x.avg, axis=1, keepdims=True) for x in (test, train))
    distances = np.sort(np.linalg.norm(a[:, None] - b[None], axis=2), axis=1)
    np.testing.assert_allclose(scores["knn"], distances[:, 4], atol=1e-5)


def test_k_beyond_the_training_set_gives_a_sentence():
    with pytest.raises(HeatError, match="k = 50 exceeds the 40"):
        NearestNeighbours(HEAD, k=50).fit(features(40))
    assert NearestNeighbours(HEAD).fit(features(3)).k_ == 3
