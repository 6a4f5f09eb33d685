"""Experiments: what is refused, the lines that build them again, and the published settings of an ID set."""

import shlex

import pytest

from heat_core import Experiment, HeatError, run
from heat_core.runs.experiment import demo_experiment
from tests.heat_core.pipeline.test_pipeline import small


@pytest.mark.parametrize(
    ("path", "published"),
    [
        ("imagenet", "imagenet"),
        ("imagenet/train", "imagenet"),
        ("imagenet/a/train", "imagenet"),
        ("imagenet/a/b/train", ""),
        ("ImageNet-1k/train", "imagenet"),
        ("ILSVRC_2012/train", "imagenet"),
        ("CIFAR-10/train", "cifar10"),
        ("cifar100", "cifar100"),
        ("imagenet_user/cats/train", ""),
        ("not-imagenet/train", ""),
        ("imagenet/cifar10", "cifar10"),
    ],
)
def test_published_settings_do_not_depend_on_the_paths_form(tmp_path, monkeypatch, path, published):
    """Published settings do not depend on how the path is typed."""
    folder = tmp_path / "data" / path
    folder.mkdir(parents=True)
    (tmp_path / "elsewhere").symlink_to(folder.parent)

    def found(source) -> str:
        return Experiment(id=str(source), ood={"a": "b"}).id_set

    assert found(folder) == published
    monkeypatch.chdir(folder.parent)
    assert found(folder.name) == published
    assert found(f"./{folder.name}/") == published
    monkeypatch.chdir(folder)
    assert found(".") == published
    assert found(f"../{folder.name}") == published
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert found(folder.name) == published
    assert found(tmp_path / "elsewhere" / folder.name) == published
    monkeypatch.setenv("HOME", str(folder.parent))
    assert found(f"~/{folder.name}") == published


def test_a_datasets_name_has_its_published_settings():
    assert [Experiment(id=name, ood={"a": "b"}).id_set for name in ("cifar10", "cifar100", "svhn")] == [
        "cifar10",
        "cifar100",
        "",
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"priors": []},
        {"priors": ["som"]},
        {"priors": ["el", "el"]},
        {"ood": {}},
        {"preset": "slow"},
        {"covariance": "full"},
        {"mixture_weights": "equal"},
        {"ood": {"average": "demo-unseen-digits"}},
        {"settings": {"lamda": 3}},
    ],
)
def test_an_impossible_experiment_is_refused_first(changes, home):
    """An impossible experiment is refused before anything is written."""
    with pytest.raises(HeatError):
        run(small(**changes))
    assert not home.exists()


@pytest.mark.parametrize("names", [["far", "far/away"], ["id/x"], ["far/away/x", "far/away"]])
def test_a_set_is_not_called_as_an_image_of_another(names):
    """With sets `far` and `far/away`, the key `far/away/1.png` names an image of either; a stored run still opens."""
    experiment = small(ood=dict.fromkeys(names, "demo-unseen-digits"))
    with pytest.raises(HeatError, match=r"called as an image of '(far|id|far/away)' is"):
        experiment.check()
    assert Experiment.from_dict(experiment.to_dict()) == experiment
    small(ood=dict.fromkeys(["far", "farther/x"], "demo-unseen-digits")).check()


def test_command_and_python_lines_build_the_same_experiment():
    from heat_core.cli.experiment_options import experiment_from_options
    from heat_core.cli.parser import build_parser

    weights = {"mixture_weights": "empirical"}
    wanted = small(settings={"lambda_": "5"}, map=True, ood={"a b": "demo-unseen-digits"}, **weights)
    words = shlex.split(wanted.to_command())[3:]
    assert experiment_from_options(build_parser().parse_args(words)) == wanted
    lines = wanted.to_python().replace("result = run(", "built = (").replace("print(result.metrics())", "")
    names: dict = {}
    exec(lines, names)
    assert names["built"] == wanted


def test_the_preset_is_always_written():
    """The default is quick; a run.json without a preset is of the time when it was paper."""
    from heat_core.cli.experiment_options import experiment_from_options
    from heat_core.cli.parser import build_parser

    plain = Experiment(id="a", ood={"b": "c"})
    assert plain.preset == "quick"
    assert "--preset quick" in plain.to_command()
    assert "preset='quick'" in plain.to_python()
    words = ["run", "--id", "a", "--ood", "b=c", "--backbone", plain.backbone]
    assert experiment_from_options(build_parser().parse_args(words)) == plain
    without = {key: value for key, value in plain.to_dict().items() if key != "preset"}
    assert Experiment.from_dict(without).preset == "paper"
    assert Experiment.from_dict(plain.to_dict()).preset == "quick"


def test_demo_experiment_is_valid():
    demo_experiment().check()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"ood": {"a": "made:noise", "b": "made:noise"}}, "'made:noise' is made twice"),
        ({"ood": {"made:noise": "demo-unseen-digits"}}, "'made:noise' is called as a made set is: choose another name"),
        ({"ood": {"made:noise": "made:phase"}}, "'made:noise' is called as a made set is"),
        ({"ood": {"a": "made:noise"}, "backbone": "features"}, "Made sets need images: give --ood folders"),
    ],
)
def test_made_sets_that_are_impossible_are_refused(changes, sentence):
    with pytest.raises(HeatError, match=sentence):
        small(**changes).check()
    small(ood={"a": "made:noise", "made:phase": "made:phase"}).check()
