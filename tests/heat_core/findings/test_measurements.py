"""What is measured of a run's images: planted faults are found, and files are checked."""

import json

import numpy as np
import pytest
from PIL import Image

from heat_core import HeatError, Run
from heat_core.analysis.measured.quality_facets import quality_facets
from heat_core.analysis.questions import Query, question_mask, questions_of
from heat_core.analysis.samples import Samples
from heat_core.cli.main import main
from heat_core.findings.training_images import TrainingImages
from heat_core.pipeline.build_guard import build_guard
from heat_core.pipeline.make_map import features_in_order
from heat_core.pipeline.measurements.image_quality import quality_of
from heat_core.pipeline.measurements.label_issues import find_label_issues, held_out_probabilities
from heat_core.pipeline.measurements.measurements_file import FINDINGS, Measurements, is_measured, read_measurements
from tests.conftest import copy_run


@pytest.fixture(scope="session")
def measured(planted_run):
    """The planted run after `heat findings`."""
    assert not is_measured(planted_run)  # it was made without a map, as the runs of studies are
    assert main(["findings", str(planted_run.folder)]) == 0
    return Run.open(planted_run.folder)


def _answers(samples, question):
    return {str(samples.key(int(i))) for i in np.flatnonzero(question_mask(samples, Query(question)))}


def test_planted_images_answer_the_questions(measured):
    samples = Samples(measured)
    assert {"mislabelled", "looks-known", "duplicates", "misclassified"} < set(questions_of(samples))
    assert _answers(samples, "mislabelled") == {"id/red/wrong.png"}
    assert "id/red/wrong.png" in _answers(samples, "misclassified")
    assert _answers(samples, "duplicates") == {"other/a.png", "other/b.jpg", "other/copy.jpg"}
    nearby = samples.measurements[1].has_one_class_nearby
    assert nearby[measured.ids("other").tolist().index("like-red.png")]


def test_what_looks_known_fulfils_every_condition(measured):
    samples = Samples(measured)
    scores, nearby = samples.scores("heat"), np.concatenate([m.has_one_class_nearby for m in samples.measurements])
    expected = {
        samples.key(i)
        for i in range(len(samples))
        if samples.is_ood[i]
        and scores[i] <= samples.threshold("heat")
        and (1 + (scores[~samples.is_ood] >= scores[i]).sum()) / (1 + (~samples.is_ood).sum()) > 0.1
        and samples.confidence[i] >= 0.9
        and nearby[i]
    }
    assert _answers(samples, "looks-known") == expected


def test_neighbours_are_those_of_a_plain_search(measured):
    train, unit = measured.features("train"), lambda z: z / np.linalg.norm(z, axis=1, keepdims=True)
    for name, of_set in zip(measured.datasets, read_measurements(measured).sets, strict=True):
        cosine = unit(np.float64(measured.features(name).avg)) @ unit(np.float64(train.avg)).T
        nearest = np.argsort(-cosine, axis=1)[:, :10]
        expected = (train.labels[nearest] == measured.predicted(name)[:, None]).sum(axis=1) >= 9
        np.testing.assert_array_equal(of_set.has_one_class_nearby, expected)


def test_training_images_are_samples(measured):
    samples = TrainingImages(measured)
    assert samples.datasets == ["id", "train"]
    assert samples.sizes == [25, 51]
    assert _answers(samples, "mislabelled") == {"train/red/wrong.png"}
    assert "train/red/wrong.png" in _answers(samples, "misclassified")
    assert _answers(samples, "duplicates") == {"train/blue/03.png"}
    assert list(questions_of(samples)) == ["unknown", "known", "misclassified", "mislabelled", "duplicates", "all"]
    number = samples.find("train/blue/03.png")
    assert (samples.true_class[number], samples.image(number).size) == ("blue", (32, 32))
    np.testing.assert_array_equal(samples.features(number), measured.features_of("train", "blue/03.png"))
    verdicts = build_guard(measured).score_features(features_in_order(measured, "train"))
    np.testing.assert_allclose(samples.scores("heat")[samples.is_ood], verdicts.score, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(samples.predicted[samples.is_ood], verdicts.predicted)


def test_quality_of_known_pictures():
    def quality(pixels):
        return quality_of(Image.fromarray(np.asarray(pixels, np.uint8)))

    assert quality(np.zeros((20, 30, 3))) == (0, 0, 0, 30, 20, 1)
    brightness, contrast, sharpness, *_, grey = quality(np.full((8, 8, 3), (255, 0, 0)))
    assert (brightness, contrast, sharpness, grey) == (76 / 255, 0, 0, 0)  # grey is 0.299 red
    board = np.indices((10, 10)).sum(axis=0) % 2 * 255
    brightness, contrast, sharpness, *_ = quality(np.repeat(board[:, :, None], 3, axis=2))
    assert (brightness, contrast) == (0.5, 0.5)
    assert sharpness == (4 * 255) ** 2  # the Laplacian is ±4 × 255
    assert quality(np.zeros((600, 300, 3)))[3:5] == (300, 600)
    assert quality([[[9, 9, 9]]])[2] == 0  # there are no inner pixels


def test_quality_facets_have_fixed_bounds(measured):
    samples = Samples(measured)
    facets = quality_facets(samples)
    assert facets["size"].names == ("below 64 px", "64 to 255 px")
    assert facets["kind"].names == ("JPEG", "PNG")
    assert facets["kind"].counts(samples.is_ood).tolist() == [2, 14]
    assert facets["aspect"].names == ("square",)
    sharpness = np.concatenate([m.quality[:, 2] for m in samples.measurements])
    blurred = facets["sharpness"].mask_of(["blurred"])
    np.testing.assert_array_equal(blurred, sharpness < np.quantile(sharpness, 0.1))


def test_wrong_labels_are_found_without_having_seen_them():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 60)
    z = np.eye(8)[labels] * 6 + rng.normal(size=(180, 8))
    wrong = np.arange(5, 180, 30)
    given = labels.copy()
    given[wrong] = (labels[wrong] + 1) % 3
    is_issue, own = find_label_issues(given, held_out_probabilities(z.astype(np.float32), given))
    assert set(np.flatnonzero(is_issue)) <= set(wrong)  # confident learning leaves out those that it is not sure of
    assert is_issue.sum() >= 4
    assert own[wrong].max() < 0.2 < 0.5 < np.median(own)


def test_a_class_of_one_image_has_no_held_out_probability():
    labels = np.array([0] * 10 + [1] * 10 + [2])
    z = np.eye(3, dtype=np.float32)[labels] + np.random.default_rng(0).normal(0, 0.1, (21, 3)).astype(np.float32)
    probabilities = held_out_probabilities(z, labels)
    assert probabilities[20, 2] == 0
    assert probabilities.sum(axis=1) == pytest.approx(np.ones(21))
    find_label_issues(labels, probabilities)


def test_a_file_that_is_not_of_the_run_is_not_used(measured, tmp_path):
    run = Run.open(copy_run(measured, tmp_path / "runs" / "copy"))
    path = run.folder / FINDINGS
    whole = read_measurements(run)
    Measurements(whole.sets[:1], whole.train).save(path)
    assert "is not of this run's images" in read_measurements(run).notes[0]
    path.write_bytes(path.read_bytes()[:-50])
    assert "damaged" in read_measurements(run).notes[0]
    samples = Samples(run)
    assert "duplicates" not in questions_of(samples)
    assert list(quality_facets(samples)) == ["kind"]
    with pytest.raises(HeatError, match="have no scores yet"):
        TrainingImages(run)


def test_the_command_line_prints_findings(measured, capsys):
    assert main(["findings", str(measured.folder), "--question", "duplicates", "--json"]) == 0
    out = capsys.readouterr().out
    assert "duplicates: 3 of 41 near-duplicates, 7.3 % (2.5–19.4)" in out
    content = json.loads(out.splitlines()[-1])
    assert [f["bad"] for f in content["findings"] if f["question"] == "mislabelled"] == [1]
    assert main(["findings", str(measured.folder), "--question", "pretty"]) == 2
    assert "--question 'pretty': choose among missed" in capsys.readouterr().err
