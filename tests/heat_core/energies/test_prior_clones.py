"""Priors that are fitted again on other samples: of the same class, with the same settings."""

import numpy as np
import pytest

from heat_core.energies.priors import EnergyLogits, GaussianMixture, prior_class

RNG = np.random.default_rng(0)
Y = np.repeat([0, 1, 5], 80)  # labels need not be consecutive
Z = RNG.normal(size=(240, 12)) + RNG.normal(size=(6, 12))[Y] * 3
HEAD = RNG.normal(size=(3, 12)), RNG.normal(size=3)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("gmm", {"covariance": "auto"}),
        ("knn", {"neighbours": 3}),
        ("el", {}),
        ("dice", {"sparsity": 0.5}),
        ("vim", {"dim": 4}),
        ("scale", {"percentile": 75}),
        ("resflow", {"covariance": "auto", "seed": 2}),
    ],
)
def test_a_clone_of_a_subclass_is_of_its_class_and_settings(name, settings):
    """A held-out energy of the parent class would be another prior's."""
    kind = prior_class(name)

    class Tempered(kind):
        def __init__(self, *args, power: float, **keywords) -> None:
            super().__init__(*args, **keywords)
            self.power = power

        def energy(self, z):
            return self.power * super().energy(z)

    head = HEAD if issubclass(kind, EnergyLogits) else ()
    clone = Tempered(*head, power=3.0, **settings).fit(Z, Y).fit_clone(Z[::2], Y[::2])
    assert type(clone) is Tempered
    expected = 3.0 * kind(*head, **settings).fit(Z[::2], Y[::2]).energy(Z)
    np.testing.assert_allclose(clone.energy(Z), expected, rtol=1e-9)


def test_a_clone_leaves_the_fitted_prior_as_it_is():
    prior = GaussianMixture("auto").fit(Z, Y)
    energies = prior.energy(Z)
    prior.fit_clone(Z[::2] + 1, Y[::2])
    np.testing.assert_array_equal(prior.energy(Z), energies)
    assert prior.covariance == "auto"
