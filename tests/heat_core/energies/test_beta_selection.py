import numpy as np
import pytest

from heat_core.energies.beta_selection import add_noise, choose_beta, standard_error
from heat_core.features.features import Features
from heat_core.metrics import auroc

RNG = np.random.default_rng(0)
LABELS = np.repeat([0, 1, 2], 50)
Z = np.abs(RNG.normal(size=(150, 8)) + 5 * LABELS[:, None]).astype(np.float32)
TRAIN = Features(Z, Z * 2, LABELS, [str(i) for i in range(150)])


def test_beta_is_the_one_that_separates():
    """OOD raises one energy of two: the maximum sees it, and the more of it the less the mean does."""
    id_energies = RNG.normal(size=(500, 2))
    ood = RNG.normal(size=(500, 2)) + np.where(RNG.random((500, 1)) < 0.5, [[4, -4]], [[-4, 4]])
    for far in (ood, -ood):
        choice = choose_beta(id_energies, far)
        assert choice.beta >= 1
        chosen = choice.auroc[choice.grid.index(choice.beta)]
        assert max(choice.auroc) - 0.02 < chosen
        assert choice.auroc[choice.grid.index(0.0)] < chosen - 0.1


def test_another_beta_must_earn_it():
    one = RNG.normal(size=(50, 1))  # a single energy composes to itself
    assert choose_beta(one, one + 9).beta == 0.0
    few = RNG.normal(size=(12, 3))  # with few samples any difference is chance
    assert choose_beta(few, few + 0.5).beta == 0.0


def test_the_standard_error_is_that_of_resampled_sets():
    known, unknown = RNG.normal(size=300), RNG.normal(size=200) + 1
    draws = [auroc(RNG.choice(known, 300), RNG.choice(unknown, 200)) for _ in range(400)]
    assert standard_error(auroc(known, unknown), 300, 200) == pytest.approx(np.std(draws), rel=0.2)


def test_noisy_features_are_what_they_say():
    moved = add_noise(TRAIN)
    rows = [int(i) for i in moved.ids]
    assert sorted(rows) == list(range(150))
    assert (moved.avg >= 0).all()
    off = moved.avg - Z[rows]
    np.testing.assert_allclose(off.std(axis=0), 0.5 * Z.std(axis=0), rtol=0.35)
    assert np.array_equal(add_noise(TRAIN, 1).avg, add_noise(TRAIN, 1).avg)
    without = Features(Z, None, LABELS, TRAIN.ids)
    assert add_noise(without).std is None


def test_large_sets_are_sampled():
    z = np.ones((2500, 2), np.float32)
    assert len(add_noise(Features(z, z, None, [str(i) for i in range(2500)]))) == 2000
