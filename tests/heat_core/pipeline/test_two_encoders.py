"""Two encoders beside each other: priors of both feature spaces, composed as one."""

import numpy as np
import pytest

from heat_core import Experiment, HeatError, Run, run
from heat_core.__main__ import main
from heat_core.backbones.registry import load_backbone
from heat_core.data.datasets import open_dataset
from heat_core.energies.priors import GaussianMixture
from heat_core.features.extraction import extract
from tests.conftest import make_known_and_other, save_network


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    make_known_and_other(folder)
    first, second = save_network(folder, "resnet10t"), save_network(folder, "test_vit")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEAT_HOME", str(folder / "home"))
        words = ["run", "--id", str(folder / "known"), "--ood", f"other={folder / 'other'}", "--no-map", "--detectors"]
        words += [
            "--backbone",
            "resnet10t",
            "test_vit",
            "--weights",
            str(first),
            str(second),
            "--image-size",
            "32",
            "0",
        ]
        words += ["--priors", "gmm@a", "gmm@b", "knn@b", "el@a", "--preset", "paper", "--set", "epochs=1"]
        words += ["--name", "two"]
        assert main(words) == 0
        (one,) = (folder / "home" / "runs").iterdir()
        yield Run.open(one), folder


def test_priors_of_both_spaces_are_composed(made):
    found, _ = made
    assert found.priors == ["gmm", "gmm@b", "knn@b", "el"]
    assert {"gmm", "gmm@b", "knn@b", "heat-gmm@b", "heat"} <= set(found.detectors)
    assert found.title("heat-gmm+gmm@b") == "HEAT-GMM+GMM@b"
    assert np.isfinite(found.scores("other")).all()
    assert found.experiment.second_backbone == "test_vit"


def test_the_second_prior_reads_the_second_encoder(made):
    found, folder = made
    backbone = load_backbone("test_vit", str(folder / "test_vit.safetensors"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEAT_HOME", str(folder / "again"))
        images = open_dataset(str(folder / "known"), "train")
        train, other = extract(backbone, images.split()[0]), extract(backbone, open_dataset(str(folder / "other")))

    def unit(z):
        z = np.asarray(z, dtype=np.float32)
        return z / np.linalg.norm(z, axis=1, keepdims=True)

    mixture = GaussianMixture("auto").fit(unit(train.avg), train.labels)
    np.testing.assert_allclose(found.detector_scores("other", "gmm@b"), mixture.energy(unit(other.avg)), rtol=1e-4)


def test_the_command_and_the_python_that_do_the_same(made):
    found, _ = made
    e = found.experiment
    words = e.to_command().split()
    assert words[words.index("--backbone") + 1 : words.index("--weights")] == ["resnet10t", "test_vit"]
    assert words[words.index("--image-size") + 1] == "32"
    assert "second_backbone='test_vit'" in e.to_python()
    assert Experiment.from_dict(e.to_dict()) == e


def test_without_a_second_encoder_nothing_is_written_of_one():
    assert not [key for key in Experiment(id="a", ood={"b": "c"}).to_dict() if key.startswith("beside")]
    of_two = Experiment.from_options({"id": "a", "ood": {"b": "c"}, "backbone": ["x", "y"], "weights": ["-", "w"]})
    assert (of_two.weights, of_two.second_weights, of_two.priors) == (None, "w", ["gmm", "gmm@b", "el"])


def test_a_resumed_run_refuses_other_weights_of_the_second(made):
    from safetensors.torch import load_file, save_file

    found, folder = made
    path = folder / "test_vit.safetensors"
    kept = path.read_bytes()
    save_file({name: values + 0.01 for name, values in load_file(path).items()}, path)
    with pytest.raises(HeatError, match="avg@b"):
        run(found.experiment, found.folder)
    path.write_bytes(kept)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"priors": ["gmm@b"]}, "There is no prior 'gmm@b'"),
        ({"second_backbone": "test_vit", "priors": ["el@b"]}, "There is no prior 'el@b'"),
        ({"second_backbone": "test_vit", "backbone": "features"}, "A second encoder reads images"),
        ({"second_weights": "w"}, "are of a second encoder"),
        ({"second_backbone": ""}, "second_backbone is empty"),
        ({"priors": ["gmm", "gmm@a"]}, "named twice"),
    ],
)
def test_impossible_values_give_a_sentence(changes, why):
    with pytest.raises(HeatError, match=why):
        Experiment(**{"id": "a", "ood": {"b": "c"}} | changes).check()


def test_three_networks_are_too_many(capsys):
    assert main(["run", "--id", "a", "--ood", "b=c", "--backbone", "x", "y", "z"]) == 2
    assert "--backbone takes one value, or two" in capsys.readouterr().err
