import json

import numpy as np
import pytest

from heat_core import HeatError, Lens, Run
from heat_core.__main__ import main
from heat_core.cli import run_verbs
from heat_core.detectors import BASIC as DEFAULT
from heat_core.detectors import in_table_order

WORDS = [
    "run",
    "--id",
    "demo-digits",
    "--id-test",
    "demo-digits",
    "--backbone",
    "heat-demo-resnet",
    "--preset",
    "quick",
    "--limit",
    "30",
    "--set",
    "updates=6",
    "epochs=3",
    "langevin_steps=2",
    "--no-map",
    "--name",
    "cli",
]


def last_json(capsys) -> dict:
    return json.loads(capsys.readouterr().out.strip().splitlines()[-1])


def test_run_list_show(capsys, home):
    assert (
        main([*WORDS, "--ood", "far=demo-photo-patches", "near=demo-unseen-digits", "--priors", "gmm", "el", "--json"])
        == 0
    )
    result = last_json(capsys)
    assert set(result) == {"run", "metrics"}
    assert {"msp", "maxlogit", "el", "gmm", "gmm-std", "knn", "heat-gmm", "heat-el", "heat"} == set(result["metrics"])
    assert set(result["metrics"]["heat"]) == {"far", "near", "average"}
    assert set(result["metrics"]["heat"]["far"]) == {"fpr95", "auroc", "aupr_in", "aupr_out"}

    assert main(["list"]) == 0
    assert "cli" in capsys.readouterr().out

    assert main(["show", result["run"], "--json"]) == 0
    assert last_json(capsys) == result
    assert main(["show", result["run"], "--beta", "inf", "--priors", "el", "--json"]) == 0
    shown = last_json(capsys)["metrics"]
    assert shown["heat"] == shown["heat-el"]

    assert main(["job", result["run"]]) == 0  # a finished run: nothing is trained again
    assert "already trained" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "detectors"), [([], DEFAULT), (["--detectors"], []), (["--detectors", "msp", "react"], ["msp", "react"])]
)
def test_the_demo_takes_detectors(monkeypatch, words, detectors):
    asked = []

    def stop(experiment, **_):
        asked.append(experiment)
        raise HeatError("stop")

    monkeypatch.setattr(run_verbs, "run_experiment", stop)
    assert main(["demo", *words]) == 2
    assert [list(asked[0].detectors), asked[0].name] == [list(detectors), "demo"]


def test_all_detectors_and_their_comparison(capsys, home):
    words = [
        *WORDS,
        "--ood",
        "far=demo-photo-patches",
        "near=demo-unseen-digits",
        "--group",
        "far=far",
        "near=near",
        "--detectors",
        "all",
        "--priors",
        "el",
        "dice",
        "knn",
        "vim",
        "scale",
        "resflow",
        "--json",
    ]
    assert main(words) == 0
    result = last_json(capsys)
    expected = {
        "odin",
        "knn",
        "ssd",
        "mahalanobis",
        "mds",
        "vim",
        "residual",
        "dice",
        "react",
        "gradnorm",
        "gram",
        "kl-matching",
        "openmax",
        "ebm",
        "ensemble",
        "heat-dice",
        "heat-knn",
        "heat-vim",
        "heat-scale",
        "heat-resflow",
        "ssd-plus",
        "soft-knn",
        "resflow",
        *("adascale-a", "adascale-l", "ash-s", "combood", "core", "fdbd", "gen", "mds-plus-plus", "nci", "nnguide"),
        *("mm-plus-plus", "ras", "rmds", "rmds-plus-plus", "scale", "she"),
    }
    assert expected < set(result["metrics"])
    for row in result["metrics"].values():
        assert all(0 <= v <= 1 for cell in row.values() for v in cell.values())
    scores = Run.open(result["run"]).detector_scores
    assert not np.array_equal(scores("far", "knn"), scores("far", "soft-knn"))

    assert main(["show", result["run"], "--beta", "auto"]) == 0
    assert f"β = {Run.open(result['run']).suggested_beta:g}" in capsys.readouterr().out
    for kind, sign in {"markdown": "| near · near |", "latex": r"\begin{tabular}", "csv": "row,group,set"}.items():
        assert main(["compare", result["run"], "--detectors", "el", "heat", "--subsets", "--format", kind]) == 0
        assert sign in capsys.readouterr().out
    assert main(["compare", result["run"], result["run"], "--metric", "fpr95", "--detectors", "heat"]) == 0
    assert capsys.readouterr().out.count("HEAT · cli") == 2


def test_every_method_is_listed_with_what_it_judges_by(capsys):
    assert main(["detectors"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["name", "title", "reads", "judges", "by", "source"]
    found = {line.split()[0]: line[head.index("judges by") :].split()[0] for line in lines}
    assert list(found.items()) == [(name, kind.evidence) for name, kind in in_table_order().items()]
    assert (found["gen"], found["rmds-plus-plus"], found["gradnorm"]) == ("logits", "features", "gradients")


def test_a_detector_that_cannot_run_is_null_with_a_reason(capsys, home, weights_of):
    words = [*WORDS, "--backbone", "test_vit", "--weights", str(weights_of("test_vit"))]
    assert (
        main([*words, "--ood", "far=demo-photo-patches", "--priors", "el", "--detectors", "gram", "knn", "--json"]) == 0
    )
    out = capsys.readouterr().out
    assert "gram is left out: Gram needs the feature maps of a convolutional network" in out
    metrics = json.loads(out.splitlines()[-1])["metrics"]
    assert metrics["gram"]["far"] == {"fpr95": None, "auroc": None, "aupr_in": None, "aupr_out": None}
    assert metrics["gram"]["average"]["auroc"] is None
    assert metrics["knn"]["far"]["auroc"] is not None


@pytest.mark.slow
def test_demo(demo_run, demo_output):
    metrics = json.loads((demo_output / "output.txt").read_text(encoding="utf-8").splitlines()[-1])["metrics"]
    assert metrics["heat"]["average"]["auroc"] == pytest.approx(
        demo_run.metrics()["heat"]["average"]["auroc"], abs=1e-3
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["show", "nothing"], "There is no run"),
        ([*WORDS, "--ood", "demo-photo-patches"], "NAME=DIR"),
        ([*WORDS, "--ood", "made:nois"], "'made:nois' should read NAME=DIR, or be one of made:shuffled, made:phase"),
        ([*WORDS, "--ood", "a=/no/such/folder"], "neither a folder nor a known dataset"),
        ([*WORDS, "--ood", "a=demo-photo-patches", "a=demo-unseen-digits"], "used twice"),
        ([*WORDS, "--ood", "a=demo-photo-patches", "--priors", "som"], "no prior"),
        ([*WORDS, "--ood", "a=demo-photo-patches", "--detectors", "oracle"], "no detector"),
        ([*WORDS, "--ood", "a=demo-photo-patches", "--group", "b=near"], "The group of"),
        ([*WORDS, "--ood", "a=demo-photo-patches", "--group", "a=close"], "near, mid or far"),
        ([*WORDS, "--ood", "a=demo-photo-patches", "--backbone", "resnet5000"], "timm has no model"),
        ([*WORDS, "--ood", "a=demo-photo-patches", "--clusters", "4"], "and this one has some: leave it out"),
        ([*WORDS, "--ood", "a=demo-photo-patches", "--clusters", "1"], "clusters must be at least 2"),
        ([*WORDS, "--ood", "a=demo-photo-patches", "--limit", "0"], "at least 1"),
    ],
)
def test_mistakes_end_in_one_sentence(words, sentence, capsys):
    assert main(words) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert "Traceback" not in error


@pytest.mark.parametrize("beta", ["-inf", "-1e6", "-1e-8", "-3"])
def test_every_beta_can_be_given(beta, demo_run, capsys):
    assert main(["show", str(demo_run.folder), "--beta", beta, "--json"]) == 0
    assert last_json(capsys)["metrics"]["heat"] == demo_run.metrics(Lens(float(beta)))["heat"]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--batch-size", "0"),
        ("--seed", "-1"),
        ("--seed", str(2**64)),
        ("--limit", "0"),
        ("--set", "starts_are_negatives=maybe"),
        ("--set", "adam_beta1=7"),
        ("--set", "noise_start=nan"),
        ("--set", "step_end=-1"),
        ("--id-test", ""),
        ("--weights", ""),
    ],
)
def test_impossible_values_are_refused_before_the_run(option, value, capsys, home):
    words = [
        "run",
        "--id",
        "demo-digits",
        "--backbone",
        "heat-demo-resnet",
        "--preset",
        "quick",
        "--ood",
        "x=demo-photo-patches",
    ]
    assert (
        main(
            [
                *words,
                f"{option}={value}" if value.startswith("-") else option,
                *([] if value.startswith("-") else [value]),
            ]
        )
        == 2
    )
    assert "heat_core:" in capsys.readouterr().err
    assert not list(home.glob("runs/*"))


def test_a_list_option_given_twice_adds_up():
    from heat_core.cli.experiment_options import experiment_from_options
    from heat_core.cli.parser import build_parser

    words = "run --id a --backbone b --ood x=1 --ood y=2 made:noise --group x=near --group y=far"
    words += " --set width=8 --set updates=5 --priors gmm --priors el --detectors knn --detectors vim"
    asked = experiment_from_options(build_parser().parse_args(words.split()))
    assert asked.ood == {"x": "1", "y": "2", "made:noise": "made:noise"}
    assert asked.groups == {"x": "near", "y": "far"}
    assert asked.settings == {"width": "8", "updates": "5"}
    assert (asked.priors, asked.detectors) == (["gmm", "el"], ["knn", "vim"])
    for verb in ("show r", "score r x.png"):
        assert build_parser().parse_args(f"{verb} --priors gmm --priors el".split()).priors == ["gmm", "el"]
    assert build_parser().parse_args(["compare", "r", "--detectors", "knn", "--detectors", "vim"]).detectors == [
        "knn",
        "vim",
    ]


def test_what_is_not_given_is_as_the_experiment_has_it():
    from heat_core import Experiment
    from heat_core.cli.experiment_options import experiment_from_options
    from heat_core.cli.parser import build_parser

    words = ["run", "--id", "a", "--ood", "x=1", "--backbone", "resnet50.a1_in1k"]
    assert experiment_from_options(build_parser().parse_args(words)) == Experiment(id="a", ood={"x": "1"})
    assert experiment_from_options(build_parser().parse_args([*words, "--detectors"])).detectors == []


def test_a_prior_named_twice_is_refused(demo_run, capsys):
    assert main(["show", str(demo_run.folder), "--priors", "gmm", "gmm"]) == 2
    assert "named twice" in capsys.readouterr().err


def test_the_front_page_names_every_verb(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    page = capsys.readouterr().out
    for verb in ("demo", "run", "job", "list", "show", "findings", "compare", "report", "score", "detectors"):
        assert f"\n  {verb} " in page
