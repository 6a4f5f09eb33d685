"""A score taken apart: the parts add up to it, through any lens; and the training images nearest to a sample."""

import numpy as np
import pytest

from heat_core import HeatError, Lens
from heat_core.analysis.explanation import explain
from tests.synthetic import synthetic_run

LENSES = [
    Lens(),
    Lens(0.7),
    Lens(-3.0),
    Lens(1e-9),
    Lens(200.0),
    Lens(float("inf")),
    Lens(float("-inf")),
    Lens(2.0, ("el", "gmm")),
    Lens(0.0, ("gmm-std",)),
    Lens(0.0, weights=(1, 2, 5)),
    Lens(-1.5, weights=(0.2, 0, 3)),
    Lens(float("inf"), weights=(1, 0, 2)),
    Lens(1.0, ("el", "gmm"), (0, 4), threshold=0.3),
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return synthetic_run(tmp_path_factory.mktemp("runs") / "run")


def explanation_of(run, name: str, row: int, lens: Lens = LENSES[0]):
    return explain(run, run.prior_energies(name)[row], run.residual_energies(name)[row], lens)


@pytest.mark.parametrize("lens", LENSES, ids=str)
def test_the_parts_add_up_to_the_score_of_the_sample(finished, lens):
    for name in finished.datasets:
        scores = finished.scores(name, lens)
        for row in (0, 7, len(scores) - 1):
            told = explanation_of(finished, name, row, lens)
            assert told.score == pytest.approx(scores[row], abs=1e-12)
            parts = sum(p.from_prior + p.from_residual for p in told.contributions)
            assert parts + told.from_beta == pytest.approx(scores[row], abs=1e-12)
            assert sum(p.influence for p in told.contributions) == pytest.approx(1)
            assert all(0 <= p.influence <= 1 for p in told.contributions)


def test_a_part_holds_the_energies_of_its_prior(finished):
    lens = Lens(0.5, ("el", "gmm"))
    told = explanation_of(finished, "far", 3, lens)
    assert [p.prior for p in told.contributions] == ["el", "gmm"]
    for part in told.contributions:
        k = finished.priors.index(part.prior)
        assert part.prior_energy == finished.prior_energies("far")[3, k]
        assert part.residual == finished.residual_energies("far")[3, k]
        assert part.hybrid == part.prior_energy + part.residual
        assert part.standardised == pytest.approx(finished.energies("far")[3, k])
        assert part.from_prior + part.from_residual == pytest.approx(part.influence * part.standardised)
        assert part.from_residual == pytest.approx(part.influence * part.residual / finished.scale.spread[k])


def test_at_beta_zero_the_influence_is_the_weight(finished):
    told = explanation_of(finished, "id", 0, Lens(weights=(1, 2, 5)))
    assert [p.influence for p in told.contributions] == pytest.approx([1 / 8, 2 / 8, 5 / 8])
    assert told.from_beta == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("beta", [-2.0, 0.5, 4.0])
def test_what_beta_adds_is_the_entropy_of_the_influence(finished, beta):
    """(H - log K) / β for equal weights."""
    told = explanation_of(finished, "near", 5, Lens(beta))
    share = np.array([p.influence for p in told.contributions])
    entropy = -(share * np.log(share)).sum()
    assert told.from_beta == pytest.approx((entropy - np.log(3)) / beta)
    assert abs(told.from_beta) > 1e-6


@pytest.mark.parametrize("beta", [float("inf"), float("-inf")])
def test_at_an_infinite_beta_the_extreme_prior_has_all_the_say(finished, beta):
    told = explanation_of(finished, "near", 5, Lens(beta))
    standardised = finished.energies("near")[5]
    extreme = standardised.argmax() if beta > 0 else standardised.argmin()
    assert [p.influence for p in told.contributions] == np.eye(3)[extreme].tolist()
    assert told.from_beta == pytest.approx(0, abs=1e-12)
    assert told.score == pytest.approx(standardised[extreme])


def test_a_prior_of_weight_0_takes_no_part(finished):
    lens, without = Lens(1.5, weights=(2, 0, 1)), Lens(1.5, ("gmm", "el"), (2, 1))
    told = explanation_of(finished, "far", 0, lens)
    assert [p.prior for p in told.contributions] == ["gmm", "el"]
    assert told == explanation_of(finished, "far", 0, without)


def test_a_scale_with_a_mean_and_a_spread_adds_up_too(finished, tmp_path):
    """The other runs here have mean 0 and standard deviation 1, one prior's deviation is 0."""
    run = synthetic_run(tmp_path / "run", seed=3)
    run.record.scale.mean[:] = [5, -2, 0.25]
    run.record.scale.std[:] = [0.5, 0, 8]
    for lens in LENSES:
        told = explanation_of(run, "far", 1, lens)
        assert told.score == pytest.approx(run.scores("far", lens)[1], abs=1e-9)
        assert sum(p.from_prior + p.from_residual for p in told.contributions) + told.from_beta == pytest.approx(
            told.score
        )
        for part in told.contributions:
            mean, spread = {"gmm": (5, 0.5), "gmm-std": (-2, 1), "el": (0.25, 8)}[part.prior]
            assert part.standardised == pytest.approx((part.hybrid - mean) / spread)
            assert part.from_prior == pytest.approx(part.influence * (part.prior_energy - mean) / spread)
            assert part.from_residual == pytest.approx(part.influence * part.residual / spread)


def test_a_prior_that_the_run_has_not_got_gives_a_sentence(finished):
    with pytest.raises(HeatError, match="no residual for 'vim'"):
        explanation_of(finished, "id", 0, Lens(priors=("gmm", "vim")))
