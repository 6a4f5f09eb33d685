import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from heat_core import HeatError, metrics
from heat_core.metrics import aupr_in, aupr_out, auroc, evaluate, fpr95, roc_curve
from heat_core.thresholds import threshold95

RNG = np.random.default_rng(0)


def brute_auroc(i, o):
    return np.mean([[(b > a) + 0.5 * (b == a) for a in i] for b in o])


@pytest.mark.parametrize("ties", [False, True])
def test_against_brute_force(ties):
    rng = np.random.default_rng(1)
    i, o = rng.normal(size=101), rng.normal(size=57) + 1
    if ties:
        i, o = np.round(i), np.round(o)
    assert auroc(i, o) == pytest.approx(brute_auroc(i, o), abs=1e-12)
    threshold = np.percentile(i, 95)
    assert fpr95(i, o) == np.mean([s <= threshold for s in o])
    truth, scores = np.r_[np.zeros(101), np.ones(57)], np.r_[i, o]
    assert auroc(i, o) == pytest.approx(roc_auc_score(truth, scores))
    assert aupr_out(i, o) == pytest.approx(average_precision_score(truth, scores))
    assert aupr_in(i, o) == pytest.approx(average_precision_score(1 - truth, -scores))


def test_id_is_the_positive_class_of_fpr95():
    i, o = np.arange(100.0), np.array([0.0, 50.0, 200.0, 300.0])
    assert fpr95(i, o) == 0.5
    assert fpr95(o, i) == 1.0


def test_extremes():
    assert (fpr95([0, 1], [2, 3]), auroc([0, 1], [2, 3]), aupr_in([0, 1], [2, 3]), aupr_out([0, 1], [2, 3])) == (
        0,
        1,
        1,
        1,
    )
    assert auroc([1, 1], [1, 1]) == 0.5
    assert fpr95([1, 1], [1, 1]) == 1.0  # nothing tells them apart: all OOD pass for ID


@pytest.mark.parametrize("pair", [([], [1]), ([1], []), ([np.nan], [1]), ([1], [1, np.nan])])
def test_refuses_empty_and_nan(pair):
    for metric in (fpr95, auroc, aupr_in, aupr_out):
        with pytest.raises(HeatError):
            metric(*pair)


def test_average_is_a_plain_mean():
    table = evaluate([0, 1, 2], {"a": [5.0], "b": [-1.0, 5.0, 5.0]})
    assert table["average"]["auroc"] == pytest.approx((1 + 2 / 3) / 2)


def test_roc_curve_ends_at_the_corners_and_encloses_the_auroc():
    rng = np.random.default_rng(2)
    i, o = rng.normal(size=500), rng.normal(size=300) + 1
    x, y = roc_curve(i, o, points=801)
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(y, x) == pytest.approx(auroc(i, o), abs=2e-3)


def test_infinite_scores():
    known, unknown = [*range(19), np.inf, np.inf], [5.0, np.inf]
    assert threshold95([*range(18), np.inf, np.inf]) == np.inf
    assert fpr95([*range(18), np.inf, np.inf], unknown) == 1.0
    replaced = [np.nan_to_num(np.array(s, float), posinf=1e3) for s in (known, unknown)]
    for metric in (auroc, aupr_in, aupr_out):
        assert metric(known, unknown) == metric(*replaced)
    assert np.isfinite(roc_curve(known, unknown)).all()


def test_resampled_aupr_is_scikit_learns_with_the_weights():
    known, ood = np.round(RNG.normal(size=70), 1), np.round(RNG.normal(size=50) + 0.7, 1)  # with ties
    found = metrics.bootstrap_aupr(known, ood, replicates=50)
    scores, is_ood = np.r_[known, ood], np.r_[np.zeros(70), np.ones(50)]
    weights = np.hstack([metrics.bootstrap_weights(70, 50, 0), metrics.bootstrap_weights(50, 50, 1)])
    for key, sign in (("aupr_in", -1), ("aupr_out", 1)):
        positive = is_ood if sign > 0 else 1 - is_ood
        expected = [average_precision_score(positive, sign * scores, sample_weight=w) for w in weights]
        np.testing.assert_allclose(found[key], expected, rtol=1e-9)


def test_estimates_are_the_metrics_with_intervals():
    known, ood = RNG.normal(size=300), {"a": RNG.normal(size=200) + 1, "b": RNG.normal(size=100) + 2}
    found, plain = metrics.estimate(known, ood), metrics.evaluate(known, ood)
    assert {name: {key: e.value for key, e in row.items()} for name, row in found.items()} == plain
    assert all(e.low < e.value < e.high for row in found.values() for e in row.values())
    drawn = metrics.bootstrap(known, ood["a"])["auroc"]
    assert found["a"]["auroc"][1:] == tuple(np.percentile(drawn, [2.5, 97.5]))
    assert metrics.estimate(known, {}) == {}
