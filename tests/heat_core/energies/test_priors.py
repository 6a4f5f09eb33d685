import numpy as np
import pytest
import torch
from scipy.special import logsumexp, softmax
from scipy.stats import spearmanr

from heat_core import HeatError
from heat_core.energies.corrected_prior import fit_prior
from heat_core.energies.moments import Moments
from heat_core.energies.priors import (
    DirectedSparsity,
    EnergyLogits,
    GaussianMixture,
    ResidualFlow,
    ScaledActivations,
    SoftNeighbours,
    VirtualLogit,
)
from heat_core.energies.views import View
from heat_core.features.features import Features

RNG = np.random.default_rng(0)
Y = np.repeat([0, 1, 5], 80)  # labels need not be consecutive
Z = RNG.normal(size=(240, 12)) @ RNG.normal(size=(12, 12)) + RNG.normal(size=(6, 12))[Y] * 3


def plain_energy(z, mixture_z, y):
    """Sec. 3.2, literally, in float64."""
    classes = np.unique(y)
    means = {c: mixture_z[y == c].mean(0) for c in classes}
    scatter = sum(np.outer(a - means[c], a - means[c]) for a, c in zip(mixture_z, y, strict=True)) / len(y)
    inverse = np.linalg.inv(scatter)
    return np.array([-logsumexp([-0.5 * (a - m) @ inverse @ (a - m) for m in means.values()]) for a in z])


def test_energy_is_the_papers_formula():
    test = RNG.normal(size=(30, 12)) * 4
    mixture = GaussianMixture().fit(Z, Y)
    np.testing.assert_allclose(mixture.energy(test), plain_energy(test, Z, Y), rtol=1e-9)
    in_float32 = mixture.energy(torch.from_numpy(test).float())
    np.testing.assert_allclose(in_float32, plain_energy(test, Z, Y), rtol=1e-4)


HEAD = RNG.normal(size=(4, 12)), RNG.normal(size=4)
PRIORS = [
    GaussianMixture(),
    GaussianMixture("ledoit-wolf"),
    GaussianMixture(weights="empirical"),
    EnergyLogits(*HEAD),
    DirectedSparsity(*HEAD, sparsity=0.5),
    VirtualLogit(*HEAD),
    ScaledActivations(*HEAD),
    SoftNeighbours(bank=100),
    ResidualFlow(),
]


@pytest.mark.parametrize("prior", PRIORS, ids=lambda p: type(p).__name__)
def test_gradient_is_autograds(prior):
    z = torch.from_numpy(RNG.normal(size=(25, 12)) * 3).requires_grad_()
    (expected,) = torch.autograd.grad(prior.fit(Z, Y).energy(z).sum(), z)
    torch.testing.assert_close(prior.gradient(z.detach()), expected, rtol=1e-8, atol=1e-8)
    single = prior.gradient(z.detach().float())
    torch.testing.assert_close(single.double(), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("prior", PRIORS, ids=lambda p: type(p).__name__)
def test_gradient_is_the_slope(prior):
    """By central differences, of points as after a ReLU: some activations are zero."""
    z = torch.from_numpy(np.maximum(RNG.normal(size=(5, 12)) * 3, 0))
    prior.fit(Z, Y)
    step = 1e-5 * torch.eye(12, dtype=torch.float64)
    slope = torch.stack([(prior.energy(z + s) - prior.energy(z - s)) / 2e-5 for s in step], dim=1)
    torch.testing.assert_close(prior.gradient(z), slope, rtol=1e-5, atol=1e-5)


def test_samples_have_the_mixtures_moments():
    mixture = GaussianMixture().fit(Z, Y)
    z = mixture.sample(60_000, torch.Generator().manual_seed(0)).double().numpy()
    means = np.stack([Z[c == Y].mean(0) for c in (0, 1, 5)])
    within = np.linalg.inv(mixture.precision_)
    between = np.cov(means.T, bias=True)
    np.testing.assert_allclose(z.mean(0), means.mean(0), atol=0.15)
    np.testing.assert_allclose(np.cov(z.T), within + between, atol=0.05 * np.abs(within + between).max())
    again = mixture.sample(5, torch.Generator().manual_seed(3))
    assert torch.equal(again, mixture.sample(5, torch.Generator().manual_seed(3)))


UNEVEN = np.r_[0:80, 80:120, 160:180]  # of the classes 0, 1 and 5: 80, 40 and 20 samples


def test_empirical_weights_are_the_shares_of_the_classes():
    z, y = Z[UNEVEN], Y[UNEVEN]
    test, weights = RNG.normal(size=(30, 12)) * 4, np.array([80, 40, 20]) / 140
    mixture, plain = GaussianMixture(weights="empirical").fit(z, y), GaussianMixture().fit(z, y)
    distances = plain.squared_distances(test)
    np.testing.assert_allclose(mixture.energy(test), -logsumexp(-0.5 * distances, axis=1, b=weights), rtol=1e-9)
    np.testing.assert_allclose(plain.energy(test), -logsumexp(-0.5 * distances, axis=1), rtol=1e-9)
    np.testing.assert_array_equal(mixture.squared_distances(test), distances)  # those know no weights
    assert mixture.fit_clone(z[::2], y[::2]).weights == "empirical"
    even = GaussianMixture(weights="empirical").fit(Z, Y)
    np.testing.assert_allclose(even.energy(test), GaussianMixture().fit(Z, Y).energy(test) + np.log(3), rtol=1e-9)


@pytest.mark.parametrize("covariance", ["empirical", "ledoit-wolf"])
def test_the_gaussian_of_all_samples_follows_the_classes(covariance):
    """The Gaussian of all samples shares what the classes share."""
    z, y = Z[UNEVEN], Y[UNEVEN]
    mixture = GaussianMixture(covariance).fit(z, y)
    whole, centre = mixture.background(), z.mean(axis=0)
    np.testing.assert_allclose(whole.means_, centre[None])
    away = mixture.means_ - centre
    between = away.T @ np.diag([80 / 140, 40 / 140, 20 / 140]) @ away
    precision = np.linalg.inv(np.linalg.inv(mixture.precision_) + between)
    np.testing.assert_allclose(whole.precision_, precision, rtol=1e-6, atol=1e-9)
    if covariance == "empirical":
        alone = GaussianMixture().fit(z, np.zeros(len(z)))
        np.testing.assert_allclose(whole.squared_distances(Z), alone.squared_distances(Z), rtol=1e-6)


def test_empirical_weights_say_how_often_a_class_is_drawn():
    z = Z[UNEVEN] + 100 * np.eye(12)[Y[UNEVEN]]  # nobody takes one class for another
    mixture = GaussianMixture(weights="empirical").fit(z, Y[UNEVEN])
    drawn = mixture.sample(14_000, torch.Generator().manual_seed(0)).double().numpy()
    classes = np.bincount(mixture.squared_distances(drawn).argmin(axis=1)) / len(drawn)
    np.testing.assert_allclose(classes, np.array([80, 40, 20]) / 140, atol=0.02)
    again = mixture.sample(5, torch.Generator().manual_seed(3))
    assert torch.equal(again, mixture.sample(5, torch.Generator().manual_seed(3)))


def test_empirical_weights_of_moments_that_were_added():
    parts = [Moments.from_rows(Z[UNEVEN][i::2], np.searchsorted([0, 1, 5, 7], Y[UNEVEN][i::2]), 4) for i in range(2)]
    added = GaussianMixture(weights="empirical").fit_moments(parts[0] + parts[1])  # the fourth class has no sample
    whole = GaussianMixture(weights="empirical").fit(Z[UNEVEN], Y[UNEVEN])
    np.testing.assert_allclose(added.energy(Z), whole.energy(Z), rtol=1e-9)


def test_scale_is_its_formula_and_els_where_nothing_is_active():
    prior = ScaledActivations(*HEAD, percentile=75).fit(Z)
    z = np.maximum(Z[:40], 0)
    z[7] = 0
    largest = np.sort(z, axis=1)[:, -3:].sum(axis=1)
    ratio = np.divide(z.sum(axis=1), largest, out=np.zeros(40), where=largest > 0)
    expected = -logsumexp(np.exp(ratio)[:, None] * (z @ HEAD[0].T) + HEAD[1], axis=1)
    np.testing.assert_allclose(prior.energy(z), expected, rtol=1e-10)
    plain, nothing = EnergyLogits(*HEAD).fit(Z), -np.abs(Z[:5])
    np.testing.assert_array_equal(prior.energy(nothing), plain.energy(nothing))
    torch.testing.assert_close(prior.gradient(torch.from_numpy(nothing)), plain.gradient(torch.from_numpy(nothing)))
    assert prior.fit_clone(Z[::2], Y[::2]).percentile == 75
    assert prior.head_weight is None


def test_el_is_minus_logsumexp_of_the_logits():
    weight, bias = RNG.normal(size=(4, 12)), RNG.normal(size=4)
    prior = EnergyLogits(weight, bias).fit(Z)
    np.testing.assert_allclose(prior.energy(Z), -logsumexp(Z @ weight.T + bias, axis=1), rtol=1e-12)


def test_auto_shrinks_where_samples_are_few():
    assert GaussianMixture("auto").fit(Z, Y).covariance_used_ == "empirical"
    assert GaussianMixture("auto").fit(Z[::4], Y[::4]).covariance_used_ == "ledoit-wolf"


def test_a_singular_covariance_still_ranks():
    """Fewer samples than dimensions, and a dead feature: energies stay finite, far points stay far."""
    z = np.c_[RNG.normal(size=(20, 40)), np.zeros(20)]
    mixture = GaussianMixture().fit(z, np.arange(20) % 2)
    assert mixture.floored_ > 0
    near, far = mixture.energy(z), mixture.energy(z + 10)
    assert np.isfinite(near).all()
    assert far.min() > near.max()


@pytest.mark.parametrize(
    ("z", "y", "sentence"),
    [
        (np.full((4, 3), np.nan), [0, 0, 1, 1], "NaN"),
        (np.ones((4, 3)), [0, 0, 1, 1], "do not vary"),
        (np.ones((0, 3)), [], "non-empty"),
        (np.ones((4, 3)), [0, 1], "labels"),
    ],
)
def test_bad_features_give_a_sentence(z, y, sentence):
    with pytest.raises(HeatError, match=sentence):
        GaussianMixture().fit(z, y)


def test_bad_names_and_heads_give_a_sentence():
    with pytest.raises(HeatError, match="ledoit-wolf"):
        GaussianMixture("full")
    with pytest.raises(HeatError, match="weights of a mixture"):
        GaussianMixture(weights="equal")
    with pytest.raises(HeatError, match="percentile of SCALE"):
        ScaledActivations(*HEAD, percentile=100)
    with pytest.raises(HeatError, match="head"):
        EnergyLogits(np.ones((3, 4)), np.ones(2))
    with pytest.raises(HeatError, match="reads 4"):
        EnergyLogits(np.ones((3, 4)), np.ones(3)).fit(Z)


def test_views_normalise_and_project():
    features = Features(RNG.normal(size=(5, 4)).astype(np.float16), None, None, list("abcde"))
    assert np.allclose(np.linalg.norm(View("avg", True).array(features), axis=1), 1)
    np.testing.assert_array_equal(View("avg", False).array(features), features.avg.astype(np.float32))
    points = View("avg", True).project(
        torch.randn(6, 4, generator=torch.Generator().manual_seed(0)) + 1, non_negative=True
    )
    assert (points >= 0).all()
    torch.testing.assert_close(points.norm(dim=1), torch.ones(6))


def test_dice_keeps_the_largest_contributions():
    prior = DirectedSparsity(*HEAD, sparsity=0.75).fit(Z)
    contribution = HEAD[0] * Z.mean(0)
    kept = contribution > np.quantile(contribution, 0.75)
    np.testing.assert_allclose(prior.energy(Z), -logsumexp(Z @ (HEAD[0] * kept).T + HEAD[1], axis=1))
    assert prior.fit_clone(Z[::2], Y[::2]).sparsity == 0.75


def test_vim_leaves_room_outside_where_samples_are_few():
    assert VirtualLogit(*HEAD).fit(Z[:6]).dim_ == 3
    with pytest.raises(HeatError, match="nothing is left"):
        VirtualLogit(*HEAD, dim=11).fit(np.repeat(-np.linalg.pinv(HEAD[0]) @ HEAD[1][:, None], 5, axis=1).T)


def test_soft_knn_is_its_formula_and_looks_as_far_as_k():
    prior = SoftNeighbours(neighbours=8, bank=500).fit(Z)  # the bank holds all 240
    squared = ((Z[:40, None] + 0.5 - Z[None]) ** 2).sum(2)
    expected = -logsumexp(-squared / (2 * prior.width_**2), axis=1) + np.log(len(Z))
    np.testing.assert_allclose(prior.energy(Z[:40] + 0.5), expected, rtol=1e-7)
    own = ((Z[:, None] - Z[None]) ** 2).sum(2)
    np.fill_diagonal(own, np.inf)
    weights = softmax(-own / (2 * prior.width_**2), axis=1)
    perplexity = np.exp(-(weights * np.log(np.maximum(weights, 1e-300))).sum(1).mean())
    assert perplexity == pytest.approx(8, rel=0.01)


def test_soft_knn_ranks_as_knn_and_samples_near_the_data():
    prior = SoftNeighbours(neighbours=5).fit(Z)
    points = Z[:100] + RNG.normal(size=(100, 12)) * np.linspace(2, 8, 100)[:, None]
    fifth = np.sort(np.linalg.norm(points[:, None] - Z[None], axis=2), axis=1)[:, 4]
    assert spearmanr(prior.energy(points), fifth).statistic > 0.9
    z = prior.sample(400, torch.Generator().manual_seed(0)).double().numpy()
    nearest = np.linalg.norm(z[:, None] - Z[None], axis=2).min(1)
    reach = np.median(np.sort(np.linalg.norm(Z[:, None] - Z[None], axis=2), axis=1)[:, 5])
    assert 0.5 * reach < np.median(nearest) < 1.5 * reach


@pytest.mark.parametrize("z", [np.ones((5, 4)), Z[:1, :4]], ids=["constant", "one sample"])
def test_soft_knn_of_degenerate_features_stays_finite(z):
    prior = SoftNeighbours().fit(z)
    assert np.isfinite(prior.energy(Z[:9, :4])).all()
    assert torch.isfinite(prior.sample(3)).all()


def test_a_class_of_one_does_not_end_holding_out():
    rng = np.random.default_rng(0)
    labels = np.r_[np.repeat([0, 1], 20), 2]
    z = rng.normal(size=(41, 30)).astype(np.float32) + 5 * labels[:, None]
    part = fit_prior("gmm", Features(z, z, labels, [str(i) for i in range(41)]), None)
    assert part.held_out
    assert set(labels[part.reference_rows]) == {0, 1}


def test_constant_features_are_refused_whatever_their_rounding():
    z = np.full((50, 8), 0.1) + np.zeros((50, 1))
    with pytest.raises(HeatError, match="do not vary"):
        GaussianMixture().fit(z * 3.3, np.arange(50) % 2)
