"""A prior of one's own: what the table asks of it, and what happens where it gives what cannot be used."""

from dataclasses import replace

import numpy as np
import pytest

from heat_core import Guard, HeatError, pack, run
from heat_core.detectors import register
from heat_core.energies.names import all_priors, second_priors
from heat_core.energies.priors import EnergyLogits, GaussianMixture, Prior, PriorSpec, register_prior
from heat_core.energies.settings import settings_for
from heat_core.runs.row_names import ordered_titles
from tests.heat_core.detectors.test_register import FarFromTheMean, experiment

SPEC = PriorSpec("Mine <b>", evidence="features", place=15)


class Mine(GaussianMixture):
    """A mixture that stands for a prior of one's own."""


def test_a_registered_prior_is_in_all_that_the_table_gives():
    assert register_prior("mine", SPEC)(Mine) is Mine
    assert all_priors()[-1] == "mine"
    assert second_priors()[-1] == "mine@b"
    assert list(ordered_titles({}, ["gmm", "mine", "el"]).items()) == [
        ("mine", "Mine <b>"),
        ("el", "EL"),
        ("gmm", "GMM"),
    ]
    assert settings_for("mine", "paper") == settings_for("el", "paper")  # raw features, as EL reads
    register_prior("normalised", replace(SPEC, normalised=True))(Mine)
    assert settings_for("normalised", "paper") == settings_for("gmm", "paper")
    register_prior("stated", replace(SPEC, trained_as="gmm-std"))(Mine)
    assert settings_for("stated", "released") == settings_for("gmm-std", "released")


def test_one_of_logits_reads_no_second_encoder():
    register_prior("of-logits", replace(SPEC, evidence="logits"))(EnergyLogits)
    assert "of-logits@b" not in second_priors()
    with pytest.raises(HeatError, match="no prior 'of-logits@b'"):
        settings_for("of-logits@b", "quick")


@pytest.mark.parametrize(
    ("name", "spec", "kind", "sentence"),
    [
        ("Mine", SPEC, Mine, "is no name for a prior"),
        ("heat-mine", SPEC, Mine, "is no name for a prior"),
        ("gmm", SPEC, Mine, "already a prior 'gmm'"),
        ("soft-knn", SPEC, Mine, "already a prior 'soft-knn'"),
        ("react", SPEC, Mine, "'react' is the name of a detector"),
        ("far", SPEC, Mine, "'far' is the name of a detector"),
        ("mine", replace(SPEC, evidence="gradients"), Mine, "evidence of the prior mine is 'gradients': choose among"),
        ("mine", replace(SPEC, column="xyz"), Mine, "column of the prior mine is 'xyz'"),
        ("mine", replace(SPEC, trained_as="knn"), Mine, "trained_as of the prior mine is 'knn'"),
        ("mine", replace(SPEC, title=""), Mine, "needs a title"),
        ("mine", SPEC, FarFromTheMean, "FarFromTheMean is no Prior"),
        ("mine", SPEC, type("Half", (Prior,), {"fit": Mine.fit}), "Half has no energy, gradient, sample"),
    ],
)
def test_what_cannot_be_a_prior_is_refused(name, spec, kind, sentence):
    register("far")(FarFromTheMean)
    before = all_priors()
    with pytest.raises(HeatError, match=sentence):
        register_prior(name, spec)(kind)
    assert all_priors() == before


def test_a_detector_cannot_have_the_name_of_a_registered_prior():
    register_prior("mine", SPEC)(Mine)
    with pytest.raises(HeatError, match="'mine' is the name of a prior"):
        register("mine")


def fail(*_, **__):
    raise ZeroDivisionError("by zero")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"fit": fail}, "mine is left out: ZeroDivisionError: by zero."),
        ({"for_run": classmethod(fail)}, "mine is left out: ZeroDivisionError: by zero."),
        ({"energy": lambda _, z: z}, "mine is left out: its energy is (12, 8): it must be an array (12,)."),
        ({"energy": lambda _, z: z[:, 0] * np.nan}, "mine is left out: its energy has values that are NaN"),
        ({"gradient": lambda _, z: z[:1]}, "The residual of mine is left out: its gradient is (1, 8)"),
        ({"gradient": lambda _, z: z / 0}, "The residual of mine is left out: its gradient has values that are NaN"),
        ({"sample": lambda *_, **__: None}, "The residual of mine is left out: its sample is NoneType"),
        ({"sample": fail}, "The residual of mine is left out: ZeroDivisionError: by zero."),
    ],
)
def test_what_it_cannot_give_leaves_it_out(tmp_path, changes, sentence):
    register_prior("mine", replace(SPEC, normalised=True))(type("Bad", (Mine,), changes))
    settings = {"start": "prior"} | experiment(tmp_path, []).settings
    done = run(experiment(tmp_path, ["msp"], priors=["mine", "gmm"], settings=settings))
    assert done.status == "done"
    assert done.priors == ["gmm"]
    assert done.left_out["mine"].startswith(sentence)
    assert done.left_out["mine"].endswith("(This comes from the module abc.)")  # where `type` makes classes
    assert type(done).open(done.folder).left_out == done.left_out
    assert ("mine" in done.record.titles) == sentence.startswith("The residual")


class KeptElsewhere(Mine):
    """Its energy reads an attribute that no guard has."""

    def fit(self, z, y):
        self.shift = 50.0
        return super().fit(z, y)

    def energy(self, z):
        return super().energy(z) + self.shift


class Defaulted(KeptElsewhere):
    """A prior that computes other energies once it is restored from its constants."""

    shift = 0.0


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (type("Bare", (Mine,), {"scoring_dtypes": {}}), "Bare cannot be stored in a guard: it has no scoring_dtypes"),
        (type("Absent", (Mine,), {"scoring_dtypes": {"x": np.float32}}), "Absent cannot be stored .* no x in _const"),
        (KeptElsewhere, "mine cannot be packed: restored from its constants .* has no attribute 'shift'"),
        (Defaulted, "mine cannot be packed: restored from its constants .* computes other energies"),
    ],
)
def test_what_a_guard_cannot_hold_is_refused_when_it_is_packed(tmp_path, kind, sentence):
    register_prior("mine", replace(SPEC, normalised=True))(kind)
    done = run(experiment(tmp_path, [], priors=["mine", "gmm"]))
    assert done.priors == ["mine", "gmm"]
    with pytest.raises(HeatError, match=sentence):
        pack(done, tmp_path / "guard.safetensors")
    assert not (tmp_path / "guard.safetensors").exists()


def test_a_guard_whose_prior_fails_says_where_it_comes_from(tmp_path, monkeypatch):
    register_prior("mine", replace(SPEC, normalised=True))(Mine)
    done = run(experiment(tmp_path, [], priors=["mine"]))
    pack(done, tmp_path / "guard.safetensors")
    guard, z = Guard.load(tmp_path / "guard.safetensors"), done.features("unknown").avg
    np.testing.assert_allclose(guard.of_features(z).score, done.scores("unknown"), rtol=1e-4, atol=1e-4)
    monkeypatch.setattr(Mine, "energy", fail)
    with pytest.raises(HeatError, match=r"by zero\. \(This comes from the module tests\.heat_core\.plugins"):
        guard.of_features(z)
