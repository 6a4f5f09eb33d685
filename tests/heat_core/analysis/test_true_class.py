"""True classes of samples: where they are known, whom the classifier takes for another, and where they are told."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest

from heat_core import Run
from heat_core.analysis.explanation import describe_sample
from heat_core.analysis.new_images import NewImages
from heat_core.analysis.questions import Query, sort_samples
from heat_core.analysis.samples import Samples
from heat_core.reporting.export import to_csv
from heat_core.runs.results_file import ENERGIES
from heat_core.runs.scored_images import ScoredImages
from tests.synthetic import CLASSES, synthetic_run


def relabelled(folder, accuracy=0.5, **sets) -> Run:
    """A run of three ID images and three of each OOD set, with other ids, labels and predictions."""
    run = synthetic_run(folder, {name: 3 for name in sets if name != "id"}, known=3)
    records = [
        replace(record, ids=np.array(ids), labels=None if labels is None else np.array(labels), predicted=np.arange(3))
        for record, (ids, labels) in zip(run.record.sets, sets.values(), strict=True)
    ]
    replace(run.record, sets=records, accuracy=accuracy).save(folder / ENERGIES)
    return Run.open(folder)


@pytest.fixture
def run(tmp_path):
    return relabelled(
        tmp_path / "run",
        id=(["a/0", "a/1", "a/2"], [0, 2, 2]),
        folders=(["fox/0", "fox/1", "elk/0"], [1, 1, 0]),
        mixed=(["day/0", "day/1", "night/0"], [0, 1, 1]),  # its folders are no classes
        flat=(["0", "1", "2"], [0, 1, 1]),
        unlabelled=(["fox/0", "fox/1", "elk/0"], None),
    )


def test_true_classes_are_those_that_the_run_knows(run):
    samples = Samples(run)
    assert samples.true_class.tolist() == ["cat", "owl", "owl", "fox", "fox", "elk", *[""] * 9]
    assert samples.is_misclassified.tolist() == [False, True, False, *[False] * 12]  # taken for cat, dog, owl
    assert "Predicted as dog" in describe_sample(samples, 1, ["gmm"])
    assert "confidence), true class owl. GMM" in describe_sample(samples, 1, ["gmm"])
    assert "true class" not in describe_sample(samples, 9, ["gmm"])
    by_class = sort_samples(samples, np.arange(6), Query(order="true:asc"))
    assert samples.true_class[by_class].tolist() == ["cat", "elk", "fox", "fox", "owl", "owl"]


def test_labels_that_are_not_the_runs_misclassify_nobody(tmp_path):
    """Where ID test has labels of its own, they are named by its folders, and the classifier cannot be judged."""
    samples = Samples(relabelled(tmp_path / "run", None, id=(["x/0", "x/1", "y/0"], [0, 0, 1]), far=(["0"] * 3, None)))
    assert samples.true_class.tolist() == ["x", "x", "y", "", "", ""]
    assert not samples.is_misclassified.any()


def test_new_images_have_no_true_class(run):
    scored = ScoredImages(
        ids=np.array(["new.png"]),
        predicted=np.array([0]),
        confidence=np.array([0.5]),
        prior=np.zeros((1, 3)),
        residual=np.zeros((1, 3)),
        avg=np.zeros((1, 4), np.float32),
        xy=np.empty((0, 2), np.float32),
        skipped=np.array([], str),
    )
    samples = NewImages(run, scored)
    assert samples.true_class.tolist() == ["cat", "owl", "owl", ""]
    assert samples.is_misclassified.tolist() == [False, True, False, False]


def test_the_csv_has_a_column_of_true_classes(tmp_path):
    column = {"true_class": np.array(["stated"] * 5, object)}
    run = synthetic_run(tmp_path / "run", {"near": 4}, known=5, columns={"id": column})
    head, *rows = csv.reader(io.StringIO(to_csv(Samples(run), range(9))))
    assert head[:4] == ["set", "id", "path", "taken_for"]  # the columns of earlier versions keep their places
    assert head[-6:-1] == ["true_class", "note", "tags", "p", "threshold"]
    told = [row[head.index("true_class")] for row in rows]
    assert told == [*(CLASSES[label] for label in run.labels("id")), *[""] * 4]
    assert [row[-1] for row in rows] == ["stated"] * 5 + [""] * 4  # a column of the list by the same name stays
    assert head[-1] not in head[:-1]
