"""What a row judges by is kept with the run; and what is known to fail on a network is said beside the numbers."""

import csv
import io

import numpy as np
import pytest

from heat_core import Experiment, Lens, Run, run
from heat_core.analysis.comparison import compare
from heat_core.analysis.comparison_rows import entries_of
from heat_core.reporting.tables import to_csv, to_html, to_markdown
from heat_core.runs.results_file import ENERGIES, RunRecord
from heat_core.runs.row_names import evidence_of
from heat_core.storage import read_json, write_json
from tests.synthetic import synthetic_run

SHAPING, EL = "Made for activations after a ReLU", "Known to fail on many such networks: EL"


@pytest.mark.parametrize(
    ("row", "composed", "evidence"),
    [
        ("msp", (), "logits"),
        ("mine", (), ""),  # nobody said
        ("el", (), "logits"),
        ("gmm-std", (), "features"),
        ("soft-knn", (), "features"),
        ("knn", (), "gradients"),  # what the run kept of the detector, not what a prior of that name would be
        ("dice", (), "both"),
        ("scale", (), "both"),
        ("vim", (), "both"),
        ("heat-gmm", (), "features"),
        ("heat-el", (), "both"),  # its residual reads the features
        ("heat-gmm+knn", (), "features"),
        ("heat-gmm+el", (), "both"),
        ("heat", ("gmm", "gmm-std"), "features"),
        ("heat", ("gmm", "el"), "both"),
        ("heat-oracle", (), ""),
        ("heat", ("gmm", "oracle"), ""),
    ],
)
def test_what_a_row_judges_by(row, composed, evidence):
    assert evidence_of(row, {"msp": "logits", "knn": "gradients"}, composed) == evidence


def test_a_table_says_it_of_every_row_that_is_known(tmp_path):
    """An earlier run kept nothing of its detectors: those show nothing, its priors and HEAT do."""
    before = synthetic_run(tmp_path / "run")
    table = compare(entries_of(before, lens=Lens(priors=("gmm", "gmm-std")), subsets=True), replicates=10)
    kinds = dict(zip(table.labels, table.evidence, strict=True))
    assert (kinds["MSP"], kinds["EL"], kinds["GMM"], kinds["HEAT-EL"]) == ("", "logits", "features", "both")
    assert [kinds[label] for label in ("HEAT-GMM+GMM-std", "HEAT-GMM+EL")] == ["features", "both"]

    sorted_table = table.best_first()
    assert dict(zip(sorted_table.labels, sorted_table.evidence, strict=True)) == kinds
    head, *lines = to_markdown(table).splitlines()
    assert head.startswith("|  | evidence | near |")
    assert {len(line.split("|")) for line in (head, *lines)} == {7}
    assert next(line for line in lines if line.startswith("| EL |")).startswith("| EL | logits |")
    rows = list(csv.DictReader(io.StringIO(to_csv(table))))
    assert {(row["row"], row["evidence"]) for row in rows} == set(kinds.items())
    page = to_html(table)
    assert "<th>EL<small>logits</small></th>" in page
    assert "<th>MSP</th>" in page


def over_files(folder, weights, image_folder, **changes) -> Run:
    experiment = Experiment(
        id=str(image_folder(folder / "known", {"a": 10, "b": 10})),
        ood={"other": str(image_folder(folder / "other", {"": 6}))},
        weights=str(weights),
        preset="quick",
        settings={"epochs": 1, "updates": 2, "width": 8},
        map=False,
        **changes,
    )
    return run(experiment)


@pytest.mark.parametrize("priors", [["el"], ["el", "scale"]])
def test_shaping_on_a_vit_is_noted(tmp_path, weights_of, image_folder, priors):
    """A note says that a ViT is none of the networks that shaping was made for."""
    shaping = ["ash-s", "react", "scale", "dice"]
    done = over_files(
        tmp_path,
        weights_of("test_vit"),
        image_folder,
        backbone="test_vit",
        priors=priors,
        detectors=["msp", "knn", "gradnorm", *(shaping if len(priors) == 1 else [])],
    )
    shaped, el = done.record.notes
    assert shaped.startswith(f"Some features are below zero. {SHAPING}")
    assert shaped.endswith("ASH-S, ReAct, SCALE, DICE." if len(priors) == 1 else "those of ViTs: SCALE.")
    assert el.startswith("test_vit has no feature maps")
    assert EL in el
    heard = [event["message"] for event in done.events() if event["stage"] == "priors"]
    assert {shaped, el} <= set(heard)

    kept = Run.open(done.folder).record
    assert kept.notes == done.record.notes
    assert (kept.evidence["msp"], kept.evidence["knn"], kept.evidence["gradnorm"]) == (
        "logits",
        "features",
        "gradients",
    )
    (detectors, columns) = ([row for row, _ in found] for found in (kept.evidence.items(), kept.titles.items()))
    assert set(detectors) <= set(columns)


def test_a_cnn_gets_no_such_note(tmp_path, weights_of, image_folder):
    done = over_files(
        tmp_path,
        weights_of("resnet10t"),
        image_folder,
        backbone="resnet10t",
        image_size=64,
        priors=["el", "scale"],
        detectors=["ash-s", "react", "dice"],
    )
    assert done.record.notes == ()
    assert done.record.evidence == {"ash-s": "both", "react": "both", "dice": "both"}


def test_given_features_below_zero_are_noted_where_shaped(tmp_path):
    """Given features below zero are noted where a detector shapes them."""
    rng = np.random.default_rng(0)
    for name in ("known", "other"):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "avg.npy", rng.normal(size=(40, 6)).astype(np.float32))
    np.save(tmp_path / "known" / "labels.npy", np.arange(40) % 2)
    asked = Experiment(
        str(tmp_path / "known"), {"other": str(tmp_path / "other")}, backbone="features", preset="quick", map=False
    )
    settings = {"priors": ["gmm"], "settings": {"epochs": 1, "updates": 2, "width": 8}}
    notes = [
        run(Experiment(**asked.to_dict() | settings | {"detectors": d})).record.notes for d in (["react"], ["msp"])
    ]
    assert [SHAPING in note for note in notes[0]] == [True]  # whether EL's network was a ViT, features do not say
    assert notes[1] == ()


def test_older_runs_open_and_unknown_evidence_is_shown_as_text(tmp_path):
    """A run from before evidence was recorded opens, and the evidence of an unknown detector is shown as text."""
    made = synthetic_run(tmp_path / "run")
    record = RunRecord.load(made.folder / ENERGIES)
    assert record.evidence == {}
    RunRecord(**vars(record) | {"evidence": {"msp": "<b>|=1"}}).save(made.folder / ENERGIES)
    table = compare(entries_of(Run.open(made.folder), ["msp"]), replicates=10)
    assert table.evidence == ["<b>|=1"]
    assert "<small>&lt;b&gt;|=1</small>" in to_html(table)
    assert r"\<b\>\|=1" in to_markdown(table)


def test_a_run_without_class_weights_is_described_as_earlier(tmp_path):
    """The description of a run without class weights is the one that earlier versions wrote."""
    made = synthetic_run(tmp_path / "run")
    assert "mixture_weights" not in made.info["experiment"]
    assert made.experiment.mixture_weights == "uniform"
    info = read_json(made.folder / "run.json")
    info["experiment"] |= {"mixture_weights": "empirical"}
    write_json(made.folder / "run.json", info)
    assert Run.open(made.folder).experiment.mixture_weights == "empirical"
