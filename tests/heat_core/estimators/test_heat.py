"""HEAT on arrays: the numbers of a run, every kind of array, and sentences that name what is wrong."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from heat_core import HEAT, Experiment, Guard, HeatError, run
from heat_core.metrics import METRICS, evaluate

TINY = {"width": 8, "hidden_layers": 1, "epochs": 1, "updates": 2, "batch_size": 16, "langevin_steps": 1}
ALL = ("gmm", "gmm-std", "el", "dice", "knn", "vim", "scale", "resflow")
RNG = np.random.default_rng(0)
CENTRES = 2 * RNG.random((3, 6)) + 0.5


def samples(n: int, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features after a ReLU of three classes, their std, and their classes."""
    y = np.arange(n) % 3
    z = np.maximum(CENTRES[y] + shift + 0.3 * RNG.normal(size=(n, 6)), 0).astype(np.float32)
    return z, (0.5 * z + 0.1 * RNG.random((n, 6)) + shift).astype(np.float32), y


Z, STD, Y = samples(120)
TEST, TEST_STD, TEST_Y = samples(40)
OOD, OOD_STD, _ = samples(30, shift=1.0)
HEAD = (CENTRES - CENTRES.mean(axis=0), -0.5 * (CENTRES**2).sum(axis=1))


def quick(*priors: str, **parameters) -> HEAT:
    return HEAT(priors or ("gmm",), settings=TINY, **parameters)


@pytest.fixture(scope="module")
def fitted() -> HEAT:
    return quick("gmm", "gmm-std", "el").fit(Z, Y, std=STD, head=HEAD)


@pytest.mark.parametrize("labelled", [True, False], ids=["classes", "clusters"])
@pytest.mark.parametrize("own_head", [True, False], ids=["own head", "fitted head"])
def test_a_run_and_the_class_have_the_same_bits(tmp_path, labelled, own_head):
    if own_head and not labelled:
        pytest.skip("a run without classes does not use a head of its own")
    sets = {"train": (Z, STD, Y), "test": (TEST, TEST_STD, TEST_Y), "ood": (OOD, OOD_STD, None)}
    for name, (z, std, y) in sets.items():
        folder = tmp_path / name
        folder.mkdir()
        np.save(folder / "avg.npy", z)
        np.save(folder / "std.npy", std)
        if labelled and y is not None:
            np.save(folder / "labels.npy", y)
        if own_head and name == "train":
            np.savez(folder / "head.npz", weight=HEAD[0], bias=HEAD[1])
    priors = ALL if labelled else ("gmm", "gmm-std", "knn")
    e = Experiment(
        id=str(tmp_path / "train"),
        id_test=str(tmp_path / "test"),
        ood={"ood": str(tmp_path / "ood")},
        backbone="features",
        priors=list(priors),
        detectors=[],
        preset="quick",
        settings=TINY,
        map=False,
        seed=3,
    )
    done = run(e)
    heat = quick(*priors, seed=3).fit(Z, Y if labelled else None, std=STD, head=done.head if own_head else None)
    for name, (z, std, _) in (("id", sets["test"]), ("ood", sets["ood"])):
        np.testing.assert_array_equal(heat.ood_score(z, std=std), done.detector_scores(name, "heat"))
        for prior, energies in heat.energies(z, std=std).items():
            i = done.priors.index(prior)
            standardised = (energies - done.scale.mean[i]) / done.scale.spread[i]
            np.testing.assert_array_equal(standardised, done.energies(name)[:, i], err_msg=prior)
    heat.calibrate(TEST, std=TEST_STD).save(tmp_path / "guard.safetensors")
    guard = Guard.load(tmp_path / "guard.safetensors")
    np.testing.assert_array_equal(guard.of_features(OOD, OOD_STD).score, heat.ood_score(OOD, std=OOD_STD))
    np.testing.assert_array_equal(guard.of_features(OOD, OOD_STD).p_value, heat.p_value(OOD, std=OOD_STD))


def test_signs_threshold_and_p_values(fitted):
    heat = clone(fitted).fit(Z, Y, std=STD, head=HEAD).calibrate(TEST, std=TEST_STD)
    scores = heat.ood_score(OOD, std=OOD_STD)
    known = np.sort(heat.ood_score(TEST, std=TEST_STD))
    assert scores.mean() > known.mean()
    np.testing.assert_array_equal(heat.score_samples(OOD, std=OOD_STD), -scores)
    assert heat.offset_ == -known[-2]  # 5 % of 41: two ranks from above
    np.testing.assert_array_equal(heat.predict(OOD, std=OOD_STD), np.where(scores > known[-2], -1, 1))
    expected = [(1 + (known >= s).sum()) / 41 for s in scores]
    np.testing.assert_allclose(heat.p_value(OOD, std=OOD_STD), expected)


def test_beta_and_weights_change_after_the_fit(fitted):
    heat = fitted.set_params(beta=np.inf)
    energies = np.column_stack([*heat.energies(OOD, std=OOD_STD).values()])
    standardised = heat.model_.scale.standardise(energies)
    np.testing.assert_array_equal(heat.ood_score(OOD, std=OOD_STD), standardised.max(axis=1))
    heat.set_params(beta=0.0, weights=[1, 0, 0])
    np.testing.assert_array_equal(heat.ood_score(OOD, std=OOD_STD), standardised[:, 0])
    heat.set_params(weights=None)


def test_p_values_and_threshold_follow_beta(fitted):
    """The calibration keeps energies, so that nothing is compared with scores of another β."""
    heat = clone(fitted).fit(Z, Y, std=STD, head=HEAD).calibrate(TEST, std=TEST_STD)
    changed = heat.set_params(beta=5.0, alpha=0.1).p_value(OOD, std=OOD_STD), heat.offset_
    again = heat.calibrate(TEST, std=TEST_STD)
    np.testing.assert_array_equal(changed[0], again.p_value(OOD, std=OOD_STD))
    assert changed[1] == again.offset_ == -np.sort(heat.ood_score(TEST, std=TEST_STD))[-4]


def test_evaluation_has_intervals_around_the_metrics(fitted):
    found = fitted.evaluate((TEST, TEST_STD), {"far": (OOD, OOD_STD), "near": (TEST[:20], TEST_STD[:20])})
    scores = {"far": fitted.ood_score(OOD, std=OOD_STD), "near": fitted.ood_score(TEST[:20], std=TEST_STD[:20])}
    plain = evaluate(fitted.ood_score(TEST, std=TEST_STD), scores)
    assert list(found) == ["far", "near", "average"]
    for name, metrics in found.items():
        assert list(metrics) == list(METRICS)
        for key, (value, low, high) in metrics.items():
            assert value == plain[name][key]
            assert 0 <= low <= high <= 1
    assert found["near"]["auroc"].low < found["near"]["auroc"].value < found["near"]["auroc"].high


@pytest.mark.parametrize(
    "kind",
    [
        lambda z: torch.tensor(z, requires_grad=True),
        lambda z: z.tolist(),
        lambda z: pd.DataFrame(z, columns=[f"f{i}" for i in range(6)]),
        lambda z: z.astype(np.float64),
        lambda z: np.asfortranarray(z),
    ],
    ids=["tensor", "list", "data frame", "float64", "column-major"],
)
def test_what_holds_the_numbers_does_not_matter(kind):
    plain, held = quick("gmm", "el").fit(Z, Y), quick("gmm", "el").fit(kind(Z), Y.tolist())
    np.testing.assert_allclose(held.ood_score(kind(OOD)), plain.ood_score(OOD), atol=0.01)


def test_half_precision_is_taken():
    half = quick().fit(Z.astype(np.float16), Y).ood_score(OOD.astype(np.float16))
    np.testing.assert_allclose(half, quick().fit(Z, Y).ood_score(OOD), atol=0.1)


def test_labels_may_be_texts():
    names = np.array(["cat", "ant", "bee"])
    heat = quick("gmm", "el").fit(Z, names[Y])
    assert heat.classes_.tolist() == heat.class_names_ == ["ant", "bee", "cat"]
    np.testing.assert_allclose(heat.ood_score(OOD), quick("gmm", "el").fit(Z, Y).ood_score(OOD), rtol=1e-4)


def test_the_default_priors_are_those_that_can_be_fitted():
    default = HEAT(settings=TINY)
    assert clone(default).fit(Z, Y, std=STD).model_.scale.priors == ("gmm", "gmm-std", "el")
    assert clone(default).fit(Z, Y).model_.scale.priors == ("gmm", "el")
    assert clone(default).fit(Z).model_.scale.priors == ("gmm",)
    assert clone(default).fit(Z, head=HEAD).model_.scale.priors == ("gmm", "el")


def test_a_pipeline_and_a_clone(fitted):
    pipeline = make_pipeline(StandardScaler(), quick("gmm"))
    scaled = StandardScaler().fit(Z)
    found = pipeline.fit(Z, Y).score_samples(OOD)
    np.testing.assert_array_equal(found, -quick().fit(scaled.transform(Z), Y).ood_score(scaled.transform(OOD)))
    assert pipeline.predict(OOD).shape == (30,)
    assert repr(clone(fitted)).startswith("HEAT(priors=('gmm', 'gmm-std', 'el'),")


def test_a_head_whose_rows_are_the_labels_numbers():
    """A class of the head may have no sample."""
    heat = quick("gmm", "el").fit(Z[Y > 0], Y[Y > 0], head=HEAD)
    assert heat.class_names_ == ["0", "1", "2"]
    assert np.isfinite(heat.ood_score(OOD)).all()


NAN = np.where(np.arange(6) == 2, np.nan, Z)
WRONG_FITS = {
    "z is one row": ({"z": Z[0], "y": Y}, r"^z must be an \(N, D\) array of numbers, not of shape \(6,\)"),
    "z is missing": ({"z": None, "y": Y}, r"^z must be an \(N, D\) array"),
    "z is empty": ({"z": Z[:0]}, "^z: Found array with 0 sample"),
    "z has NaN": ({"z": NAN, "y": Y}, "^z has NaN or infinity in 120 of 120 rows, first in row 0"),
    "z are texts": ({"z": [["a"] * 6] * 9}, "^z: could not convert string"),
    "y is short": ({"z": Z, "y": Y[:9]}, "^y has 9 rows and z 120"),
    "y is a matrix": ({"z": Z, "y": STD}, r"^y must be \(N,\) labels"),
    "y has NaN": ({"z": Z, "y": np.where(Y == 0, np.nan, Y)}, "^y has NaN or infinity"),
    "y has one class": ({"z": Z, "y": 0 * Y}, "^y has one class"),
    "std is short": ({"z": Z, "y": Y, "std": STD[:9]}, "^std has 9 rows and z 120"),
    "std has NaN": ({"z": Z, "y": Y, "std": NAN}, "^std has NaN or infinity"),
    "std is missing": ({"z": Z, "y": Y}, "^std is missing: the prior gmm-std reads it"),
    "head is one matrix": ({"z": Z, "y": Y, "std": STD, "head": HEAD[0]}, "^head must be a pair"),
    "head reads others": ({"z": Z[:, :5], "y": Y, "std": STD, "head": HEAD}, "^head reads 6 features, and z has 5"),
    "head has two rows": (
        {"z": Z, "y": Y, "std": STD, "head": (HEAD[0][:2], HEAD[1][:2])},
        r"^head has 2 rows, and y 3 classes \(0, 1, 2\)",
    ),
    "no classifier": ({"z": Z, "std": STD}, "^y is missing: the prior el reads the logits of a classifier"),
}


@pytest.mark.parametrize("case", WRONG_FITS)
def test_a_wrong_argument_is_named(case):
    arguments, sentence = WRONG_FITS[case]
    with pytest.raises(HeatError, match=sentence):
        quick("gmm", "gmm-std", "el").fit(**arguments)


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"priors": ("gmm", "nothing")}, "There is no prior 'nothing'"),
        ({"priors": ("gmm", "gmm")}, "A prior was named twice"),
        ({"priors": ()}, "needs at least one prior"),
        ({"preset": "slow"}, "There is no preset 'slow'"),
        ({"settings": {"epoch": 3}}, "Unknown setting 'epoch'"),
        ({"alpha": 5}, "α is 5"),
        ({"beta": np.nan}, "β must be a number"),
        ({"weights": (1, 2)}, "The weights of 1 priors"),
    ],
)
def test_wrong_parameters_are_refused_before_the_training(parameters, sentence):
    with pytest.raises(HeatError, match=sentence):
        HEAT(**({"priors": ("gmm",)} | parameters)).fit(Z, Y)


def test_wrong_samples_are_refused_by_name(fitted):
    for arguments, sentence in (
        ({"z": OOD}, "^std is missing: the prior gmm-std reads it"),
        ({"z": OOD, "std": OOD_STD[:, :5]}, "^std has 5 features, and had 6 in fit"),
        ({"z": OOD[:, :5], "std": OOD_STD}, "^z: X has 5 features, but HEAT is expecting 6"),
        ({"z": OOD[:9], "std": OOD_STD}, "^std has 30 rows and z 9"),
    ):
        with pytest.raises(HeatError, match=sentence):
            fitted.ood_score(**arguments)
    with pytest.raises(HeatError, match="HEAT is not calibrated yet"):
        fitted.p_value(OOD, std=OOD_STD)
    with pytest.raises(HeatError, match="HEAT is not calibrated yet"):
        fitted.save("guard.safetensors")
    with pytest.raises(HeatError, match="HEAT is not fitted yet"):
        quick().ood_score(OOD)


@pytest.mark.slow
def test_the_quick_preset_finds_what_is_far(tmp_path):
    """All priors of the paper, without a shortened training."""
    z, z_std, y = (np.tile(part, (5, 1)) if part.ndim == 2 else np.tile(part, 5) for part in (Z, STD, Y))
    z, z_std = (np.hstack([part] * 3)[:, :16] + 0.05 * RNG.random((600, 16)) for part in (z, z_std))
    w, b = np.hstack([HEAD[0]] * 3)[:, :16], HEAD[1]
    far, far_std = (np.roll(part[:200], 4, axis=1) for part in (z, z_std))  # activations of other channels

    heat = HEAT(priors=("gmm", "gmm-std", "el"), preset="quick", beta=0.0).fit(z, y, std=z_std, head=(w, b))
    assert heat.ood_score(far, std=far_std).shape == (200,)
    assert list(heat.energies(far, std=far_std)) == ["gmm", "gmm-std", "el"]
    found = heat.evaluate((z[300:], z_std[300:]), {"textures": (far, far_std)})
    assert found["textures"]["auroc"].value > 0.99
    assert np.median(heat.calibrate(z[300:], std=z_std[300:]).p_value(far, std=far_std)) < 0.01
    heat.save(tmp_path / "guard.safetensors")
    np.testing.assert_array_equal(
        Guard.load(tmp_path / "guard.safetensors").of_features(far, far_std).score, heat.ood_score(far, std=far_std)
    )
