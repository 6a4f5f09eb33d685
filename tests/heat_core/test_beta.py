import numpy as np
import pytest

from heat_core.beta import GRID, choose_beta, perturbed
from heat_core.features import Features

RNG = np.random.default_rng(0)
LABELS = np.repeat([0, 1, 2], 50)
Z = np.abs(RNG.normal(size=(150, 8)) + 5 * LABELS[:, None]).astype(np.float32)
TRAIN = Features(Z, Z * 2, LABELS, [str(i) for i in range(150)])


def test_beta_is_the_one_that_separates():
    """OOD raises one energy of two: the maximum sees it, and the more of it the less the mean does."""
    id_energies = RNG.normal(size=(500, 2))
    ood = RNG.normal(size=(500, 2)) + np.where(RNG.random((500, 1)) < 0.5, [[4, -4]], [[-4, 4]])
    choice = choose_beta(id_energies, {"one": ood})
    assert choice.beta > 1
    assert max(choice.auroc) == choice.auroc[choice.grid.index(choice.beta)]
    assert choose_beta(id_energies, {"one": -ood}).beta > 1


def test_of_equals_the_one_closest_to_zero():
    one = RNG.normal(size=(50, 1))  # a single energy composes to itself
    assert choose_beta(one, {"far": one + 9}).beta == 0.0
    assert 0.0 in GRID


def test_perturbed_features_are_what_they_say():
    made = perturbed(TRAIN)
    assert set(made) == {"mixed", "crossed", "noisy"}
    mixed = made["mixed"]
    np.testing.assert_allclose(mixed.std, 2 * mixed.avg, rtol=1e-5)  # both columns mix the same two images
    own = LABELS[[int(i) for i in mixed.ids]]
    assert np.abs(mixed.avg.mean(1) - 5 * own).min() > 1  # far from its own class: the other half is of another one
    crossed = made["crossed"].avg
    assert all(np.isin(crossed[:, d], Z[:, d]).all() for d in range(8))
    assert (made["noisy"].avg >= 0).all()
    assert np.array_equal(perturbed(TRAIN, 1)["noisy"].avg, perturbed(TRAIN, 1)["noisy"].avg)


def test_two_classes_are_enough_and_columns_stay_apart():
    pair = Features(Z[:100], Z[:100], LABELS[:100], TRAIN.ids[:100])
    assert len(perturbed(pair)["mixed"]) == pytest.approx(100)


def test_large_sets_are_sampled():
    z = np.ones((2500, 2), np.float32)
    large = Features(z, z, np.arange(2500) % 2, [str(i) for i in range(2500)])
    assert {len(f) for f in perturbed(large).values()} == {2000}
