"""The linear head: its logits, the one that is fitted, and which one a run takes."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from heat_core import HeatError
from heat_core.features.chunks import BLOCK
from heat_core.features.features import Features
from heat_core.features.heads import choose_head, fit_head, log_softmax, logits_of

RNG = np.random.default_rng(0)
CLASSES, DIM = 3, 6
CENTRES = 3 * np.eye(CLASSES, DIM)
OWN = CENTRES, -0.5 * (CENTRES**2).sum(axis=1)  # the nearest centre's logit is the largest


def features(n: int = 90, classes: int = CLASSES, dtype=np.float32, **changes) -> Features:
    y = np.arange(n) % classes
    z = (CENTRES[y] + 0.3 * RNG.normal(size=(n, DIM))).astype(dtype)
    names = [str(c) for c in range(classes)]
    return Features(z, None, **{"labels": y, "ids": [""] * n, "class_names": names, "all_class_names": names} | changes)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 5, BLOCK, 2 * BLOCK + 7])
def test_logits_are_the_plain_product_in_float64(dtype, n):
    weight, bias = RNG.normal(size=(4, DIM)), RNG.normal(size=4)
    given = features(n, dtype=dtype)
    logits = logits_of(given, (weight, bias))
    assert logits.dtype == np.float64
    expected = np.array([[np.dot(w, z) + b for w, b in zip(weight, bias, strict=True)] for z in given.avg])
    np.testing.assert_allclose(logits, expected, rtol=1e-13, atol=1e-5 if dtype != np.float64 else 1e-13)


def test_log_softmax_where_the_softmax_is_zero():
    """The log-softmax is the logarithm also where the softmax is zero."""
    logits = RNG.normal(size=(20, 4))
    np.testing.assert_allclose(log_softmax(logits), np.log(softmax(logits, axis=1)), atol=1e-14)
    np.testing.assert_allclose(log_softmax(np.array([[0.0, -5000.0]])), [[0, -5000]])
    np.testing.assert_allclose(log_softmax(np.array([[1e5, 1e5]])), np.log([[0.5, 0.5]]))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("from_another", [False, True])
def test_a_fitted_head_gives_the_probabilities_of_scikit_learn(classes, from_another):
    train, test = features(60, classes), features(31, classes)
    z = train.avg.astype(np.float64)
    start = fit_head(z[:40], train.labels[:40]) if from_another else None
    weight, bias = fit_head(z, train.labels, start=start)
    assert (weight.shape, bias.shape) == ((classes, DIM), (classes,))
    model = LogisticRegression(C=0.1, max_iter=1000, tol=1e-10).fit(z, train.labels)
    expected = model.predict_proba(test.avg.astype(np.float64))
    np.testing.assert_allclose(softmax(logits_of(test, (weight, bias)), axis=1), expected, atol=1e-5)
    assert 0.5 < expected.max(axis=1).mean() < 0.999  # neither undecided nor saturated: a wrong scale would show


def same(head, expected) -> None:
    np.testing.assert_array_equal(head[0], expected[0])
    np.testing.assert_array_equal(head[1], expected[1])


def test_the_models_own_head_is_kept_for_its_classes():
    """The model's own head is kept where its classes are those of the set."""
    chosen = choose_head(OWN, features())
    same(chosen.head, OWN)
    assert chosen.refit is None
    assert chosen.reason == "The model's own head is used (100.0% of the training images right)."


def test_a_head_is_cut_to_the_classes_that_have_samples():
    """A head of more classes is cut to those that have samples."""
    weight, bias = RNG.normal(size=(5, DIM)), np.full(5, 99.0)  # the bias of absent classes would win everywhere
    weight[[0, 2, 3]], bias[[0, 2, 3]] = OWN
    train = replace(features(), class_indices=[0, 2, 3], all_class_names=list("01234"))
    chosen = choose_head((weight, bias), train)
    same(chosen.head, OWN)
    assert chosen.refit is None
    assert "100.0%" in chosen.reason


@pytest.mark.parametrize(
    "own",
    [
        None,
        (np.ones((7, DIM)), np.ones(7)),
        (OWN[0][[1, 2, 0]], OWN[1][[1, 2, 0]]),  # as many classes, but others
        (OWN[0][:2], OWN[1][:2]),
    ],
    ids=["none", "more classes", "others", "fewer classes"],
)
def test_a_head_of_other_classes_is_replaced(own):
    """A head of other classes is replaced, and the reason says so."""
    train = features()
    chosen = choose_head(own, train)
    same(chosen.head, fit_head(train.avg, train.labels))
    assert chosen.refit is fit_head
    assert chosen.reason.endswith(": fitting a logistic-regression head.")
    assert "is used" not in chosen.reason
    if own is not None:
        assert "classes" in chosen.reason
        assert " 3" in chosen.reason
    assert (logits_of(train, chosen.head).argmax(axis=1) == train.labels).mean() > 0.95


@pytest.mark.parametrize(("wrong", "share"), [(18, "80.0%"), (54, None)], ids=["a fifth wrong", "most wrong"])
def test_an_own_head_is_kept_only_where_mostly_right(wrong, share):
    """The model's own head is kept only where it is right on most training images."""
    train = features()
    y = train.labels.copy()
    y[:wrong] = (y[:wrong] + 1 + np.arange(wrong) % 2) % 3  # to both other classes alike
    chosen = choose_head(OWN, replace(train, labels=y))
    if share:
        same(chosen.head, OWN)
        assert f"({share} of the training images right)" in chosen.reason
    assert (chosen.refit is None) == (share is not None)


def test_a_head_sorted_by_text_is_put_in_the_sets_order():
    """A head whose classes are sorted as texts is put in the order of the set.

    Folders 0 to 10: timm reads 2 before 10, torchvision 10 before 2.
    """
    names = [str(c) for c in range(11)]
    y = np.arange(110) % 11
    z = (9 * np.eye(11)[y] + RNG.normal(size=(110, 11))).astype(np.float32)
    train = Features(z, None, y, [""] * 110, names, class_indices=list(range(11)), all_class_names=names)
    own = np.eye(11), np.arange(11) / 100
    as_texts = [int(name) for name in sorted(names)]
    for given in (own, (own[0][as_texts], own[1][as_texts])):
        chosen = choose_head(given, train)
        same(chosen.head, own)
        assert chosen.refit is None
        assert "(100.0% of the training images right)" in chosen.reason


@pytest.mark.parametrize("own", [None, OWN])
def test_a_head_needs_labels(own):
    with pytest.raises(HeatError, match="A classifier's head needs the label of every training sample"):
        choose_head(own, features(labels=None))


def test_a_fitted_head_in_float32_has_the_loss_of_scikit_learns():
    """Correlated features of very different sizes, of which a sample makes the first steps."""
    n, dim = 12_000, 40
    y = RNG.integers(0, 4, n)
    z = (RNG.normal(size=(4, dim))[y] + RNG.normal(size=(n, dim)) @ RNG.normal(size=(dim, dim))) * np.geomspace(
        1, 100, dim
    )

    def loss(weight, bias) -> float:
        log_p = log_softmax(z @ weight.T + bias)
        return -log_p[np.arange(n), y].sum() + (weight**2).sum() / 0.2

    told = []
    of_ours = loss(*fit_head(z.astype(np.float32), y, lambda step, mean: told.append((step, mean))))
    model = LogisticRegression(C=0.1, solver="newton-cholesky", tol=1e-10).fit(z, y)
    assert of_ours == pytest.approx(loss(model.coef_, model.intercept_), rel=1e-4)
    assert [step for step, _ in told] == list(range(1, len(told) + 1))
    assert told[-1][1] * n == pytest.approx(of_ours, rel=1e-4)
