"""Numbers as people have them: tensors of any kind, lists, parameters; what cannot be used is named."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from heat_core import Experiment, HeatError, run
from heat_core.detectors import load
from heat_core.energies.corrected_prior import fit_prior
from heat_core.energies.priors import EnergyLogits, GaussianMixture
from heat_core.features.features import Features
from heat_core.metrics import auroc

RNG = np.random.default_rng(0)
Z, Y = RNG.normal(size=(40, 6)).astype(np.float32), np.arange(40) % 3
HEAD = RNG.normal(size=(3, 6)), RNG.normal(size=3)
IDS = [f"{i}" for i in range(40)]

KINDS = {
    "float32": torch.from_numpy(Z),
    "float16": torch.from_numpy(Z).half(),
    "bfloat16": torch.from_numpy(Z).bfloat16(),
    "float64": torch.from_numpy(Z).double(),
    "with gradient": torch.from_numpy(Z.copy()).requires_grad_(),
    "parameter": nn.Parameter(torch.from_numpy(Z.copy())),
    "list": Z.tolist(),
}


@pytest.mark.parametrize("kind", KINDS)
def test_features_may_be_tensors(kind):
    given = Features(KINDS[kind], KINDS[kind], torch.from_numpy(Y), IDS, ["a", "b", "c"])
    assert isinstance(given.avg, np.ndarray)
    np.testing.assert_allclose(given.avg, Z, atol=0.02)
    plain = Features(np.asarray(given.avg), None, Y, IDS, ["a", "b", "c"])
    for name in ("msp", "knn"):
        scores = [load(name)().fit_with_head(f, HEAD).score_features(f) for f in (given, plain)]
        np.testing.assert_array_equal(*scores)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_features_may_lie_on_a_gpu():
    np.testing.assert_array_equal(Features(torch.from_numpy(Z).cuda(), None, None, IDS).avg, Z)


@pytest.mark.parametrize(
    "labels", [Y.tolist(), tuple(Y.tolist()), torch.from_numpy(Y), Y.astype(float), Y.astype(np.int8)]
)
def test_labels_may_be_lists(labels):
    given = Features(Z, None, labels, IDS, ["a", "b", "c"])
    assert given.labels.dtype.kind == "i"
    np.testing.assert_array_equal(given.labels, Y)
    mixture = fit_prior("gmm", given, HEAD)
    np.testing.assert_array_equal(mixture.reference, fit_prior("gmm", Features(Z, None, Y, IDS), HEAD).reference)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"avg": Z[0]}, r"avg must be an array or tensor of numbers \(N, D\), not float32 \(6,\)"),
        ({"avg": None}, r"avg must be .*not NoneType"),
        ({"avg": "features.npy"}, r"avg must be .*not str"),
        ({"avg": [[1.0], [1.0, 2.0]]}, r"avg must be .*not object"),
        ({"std": Z[None]}, r"std must be .*float32 \(1, 40, 6\)"),
        ({"labels": Y[:, None]}, r"labels must be .*\(N,\), not int64 \(40, 1\)"),
        ({"labels": ["a"] * 40}, r"labels must be .*<U1"),
        ({"labels": Y + 0.5}, "labels must be whole numbers, not 0.5"),
        ({"labels": Y[:39]}, "differ in length"),
    ],
)
def test_a_column_that_cannot_be_used_is_named(changes, sentence):
    with pytest.raises(HeatError, match=sentence):
        Features(**{"avg": Z, "std": None, "labels": None, "ids": IDS} | changes)


def test_a_head_may_be_of_parameters():
    layer = nn.Linear(6, 3)
    plain = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    features = Features(Z, None, Y, IDS, ["a", "b", "c"])
    for name in ("msp", "maxlogit", "she"):
        scores = [
            load(name)().fit_with_head(features, head).score_features(features)
            for head in ((layer.weight, layer.bias), plain)
        ]
        np.testing.assert_array_equal(*scores)
    energies = [EnergyLogits(*head).fit(Z).energy(Z) for head in ((layer.weight, layer.bias), plain)]
    np.testing.assert_array_equal(*energies)
    assert fit_prior("el", features, (layer.weight, layer.bias)).prior.energy(Z) == pytest.approx(energies[0])


@pytest.mark.parametrize(
    ("head", "sentence"),
    [
        (nn.Linear(6, 3), "head must be a pair of weight .* not Linear"),
        (HEAD[0], "head must be a pair"),
        ((HEAD[0], HEAD[1][:2]), r"head has a weight \(3, 6\) and a bias \(2,\)"),
        ((HEAD[1], HEAD[0]), "The weight of head must be"),
    ],
)
def test_a_head_that_is_none_is_refused(head, sentence):
    with pytest.raises(HeatError, match=sentence):
        load("msp")().fit_with_head(Features(Z, None, None, IDS), head)


def test_priors_take_tensors_and_refuse_other_shapes():
    plain = GaussianMixture().fit(Z, Y)
    given = GaussianMixture().fit(torch.from_numpy(Z.copy()).requires_grad_(), torch.from_numpy(Y))
    np.testing.assert_array_equal(given.energy(Z), plain.energy(Z))
    np.testing.assert_array_equal(plain.energy(Z[:2].tolist()), plain.energy(Z[:2].astype(float)))
    for wrong in (Z[0], Z[:, :4]):
        with pytest.raises(HeatError, match="z "):
            plain.energy(wrong)
    with pytest.raises(HeatError, match=r"non-empty \(N, D\) array of numbers"):
        GaussianMixture().fit(np.array([["a", "b"]]), Y[:1])
    with pytest.raises(HeatError, match="The head reads 6 features, and these have 4"):
        load("msp")().fit_with_head(Features(Z, None, None, IDS), HEAD).score_features(
            Features(Z[:, :4], None, None, IDS)
        )


def test_metrics_take_tensors_and_name_what_is_no_number():
    known, ood = torch.arange(5.0, requires_grad=True), torch.arange(3, 8)
    assert auroc(known, ood) == auroc(np.arange(5.0), np.arange(3, 8))
    assert auroc([0.0, 1.0], [2, 3]) == 1.0
    with pytest.raises(HeatError, match="The OOD scores must be numbers, not <U1"):
        auroc([0.0], ["a"])


def test_an_experiment_takes_paths_and_numbers_of_numpy():
    given = Experiment(
        id=Path("a"), ood={"x": Path("b")}, priors=("gmm",), detectors=("msp",), seed=np.int64(3), share=np.float64(0.5)
    )
    plain = Experiment(id="a", ood={"x": "b"}, priors=["gmm"], detectors=["msp"], seed=3, share=0.5)
    assert given == plain
    given.check()
    with pytest.raises(HeatError, match="numbers must be whole"):
        Experiment(id="a", ood={"x": "b"}, limit="3").check()
    with pytest.raises(HeatError, match="ood, shifted and groups must name texts"):
        Experiment(id="a", ood=["b"]).check()


def test_a_module_that_was_not_wrapped_is_refused(tmp_path):
    with pytest.raises(
        HeatError, match=r"Linear is no wrapped module: name it in the experiment, or give Backbone\.wrap"
    ):
        run(Experiment(id="a", ood={"x": "b"}), backbone=nn.Linear(2, 2))
