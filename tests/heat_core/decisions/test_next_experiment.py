"""The run that follows from decisions: images moved, everything else stayed, and no image went through the network."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from heat_core import HeatError, run
from heat_core.analysis.paired import RunDetector
from heat_core.analysis.samples import Samples
from heat_core.cli.main import main
from heat_core.decisions.before_after import compare_before_after
from heat_core.decisions.next_experiment import next_experiment
from heat_core.decisions.store import Decision, add_decision, read_decisions, undo_decision
from heat_core.pipeline.experiment_sets import open_sets
from tests.conftest import make_folder
from tests.synthetic import synthetic_run


def keys(made, name, count):
    return [f"{name}/{sample}" for sample in made.ids(name)[:count]]


def following(made):
    return next_experiment(made, read_decisions(made.folder))


def test_images_move_and_no_image_is_read_again(decided_run, networks_runs):
    made = decided_run
    add_decision(made.folder, "new-class", keys(made, "other", 11), "crystals")
    add_decision(made.folder, "remove", keys(made, "third", 1))
    add_decision(made.folder, "ignore", keys(made, "id", 1))
    proposal = following(made)
    assert proposal.sentences[0] == "11 images into the new class 'crystals', 2 of them as its test images."
    assert proposal.sentences[1] == "Left out: 1 of 'third', 1 of the ID test set."
    child = run(proposal.experiment)
    assert networks_runs == []  # every feature was kept
    assert child.experiment.parent == made.id
    assert child.class_names == ["a", "b", "crystals"]
    before = {name: set(made.ids(name)) for name in made.datasets} | {"train": set(made.training_ids)}
    after = {name: set(child.ids(name)) for name in child.datasets} | {"train": set(child.training_ids)}
    decided = set(made.ids("other")[:11])
    held_out = after["id"] - before["id"]
    assert len(held_out) == 2
    assert held_out < decided
    assert after["train"] == before["train"] | (decided - held_out)
    assert before["id"] - after["id"] == {made.ids("id")[0]}
    assert after["other"] == before["other"] - decided
    assert before["third"] - after["third"] == {made.ids("third")[0]}
    for name, moved in (("other", "id"), ("other", "other"), ("third", "third"), ("id", "id")):
        old, new = made.features(name), child.features(moved)
        for sample in set(old.ids) & set(new.ids):
            rows = old.ids.index(sample), new.ids.index(sample)
            np.testing.assert_array_equal(old.avg[rows[0]], new.avg[rows[1]])


def test_images_of_shifted_sets_get_classes_there(decided_run, tmp_path):
    make_folder(tmp_path / "rainy-days", {"a": 4, "b": 4})
    made = run(replace(decided_run.experiment, shifted={"rain": str(tmp_path / "rainy-days")}))
    ids = made.ids("rain").tolist()
    add_decision(made.folder, "remove", [f"rain/{ids[0]}"])
    add_decision(made.folder, "add-to-class", [f"rain/{ids[1]}", f"rain/{ids[2]}"], "b")
    proposal = following(made)
    assert proposal.sentences[:2] == (
        "2 images that were known get the class 'b' where they are.",
        "Left out: 1 of 'rain'.",
    )
    assert not proposal.commands
    assert (proposal.experiment.id, proposal.experiment.id_test) == (made.experiment.id, made.experiment.id_test)
    assert list(proposal.experiment.shifted) == ["rain"]
    assert list(proposal.experiment.ood) == ["other", "third"]
    sets = open_sets(proposal.experiment)
    assert sets["rain"].ids == ids[1:]
    assert [sets["rain"].class_names[i] for i in sets["rain"].labels] == ["b", "b", "a", *["b"] * 4]
    assert (len(sets["train"]), sets["id"].ids) == (len(made.training_ids), made.ids("id").tolist())

    add_decision(made.folder, "new-class", [f"rain/{sample}" for sample in ids[3:8]], "crystals")
    proposal = following(made)
    assert "5 images leave the shifted set 'rain' for the new class 'crystals'." in proposal.sentences
    sets = open_sets(proposal.experiment)
    assert sets["rain"].ids == ids[1:3]
    assert len(sets["train"]) == len(made.training_ids) + 4
    child = run(proposal.experiment)
    found = compare_before_after(RunDetector(Samples(child), "heat"), RunDetector(Samples(made), "heat"), 50)
    (crystals,) = found.classes
    assert (len(crystals.numbers), crystals.scored_before) == (1, 0)  # it was known before, and no OOD image


def test_before_and_after_are_matched_whatever_the_set(decided_run):
    made = decided_run
    add_decision(made.folder, "new-class", keys(made, "other", 10), "crystals")
    child = run(following(made).experiment)
    found = compare_before_after(RunDetector(Samples(child), "heat"), RunDetector(Samples(made), "heat"), 50)
    (crystals,) = found.classes
    assert crystals.name == "crystals"
    assert set(child.ids("id")[crystals.numbers]) == set(child.ids("id")) - set(made.ids("id"))
    assert len(crystals.numbers) == crystals.scored_before == 2
    missed = ~Samples(made).flagged("heat")
    numbers = [Samples(made).find(f"other/{child.ids('id')[n]}") for n in crystals.numbers]
    assert crystals.known_before == missed[numbers].sum()
    assert found.left == 8  # the training images of the new class
    assert [(pair.name, len(pair.first)) for pair in found.sets][:3] == [("id", 10), ("other", 10), ("third", 12)]
    wrong = {name: (Samples(r).is_misclassified[:10]) for name, r in (("after", child), ("before", made))}
    rate = found.rates["misclassified"]
    assert (rate.first, rate.second) == (100 * wrong["after"].mean(), 100 * wrong["before"].mean())
    assert found.changes["wrong-right"].tolist() == np.flatnonzero(wrong["before"] & ~wrong["after"]).tolist()


def test_known_images_get_another_class_where_they_are(decided_run):
    made = decided_run
    test_image, train_image = made.ids("id")[0], made.training_ids[0]
    add_decision(made.folder, "add-to-class", [f"id/{test_image}", f"train/{train_image}"], "b")
    add_decision(made.folder, "add-to-class", keys(made, "third", 3), "b")
    proposal = following(made)
    assert proposal.sentences[:2] == (
        "3 images into the class 'b', none of them for testing, since there are fewer than 5.",
        "2 images that were known get the class 'b' where they are.",
    )
    sets = open_sets(proposal.experiment)
    for name, sample in (("id", test_image), ("train", train_image)):
        images = sets[name]
        assert images.class_names[images.labels[images.ids.index(sample)]] == "b"
    assert set(sets["id"].ids) == set(made.ids("id"))
    assert set(sets["train"].ids) == set(made.training_ids) | set(made.ids("third")[:3])
    assert proposal.experiment.ood["other"] == made.experiment.ood["other"]  # what does not change keeps its source


def test_no_training_image_becomes_a_test_image(decided_run):
    made = decided_run
    add_decision(made.folder, "new-class", [f"train/{sample}" for sample in made.training_ids[:20]], "crystals")
    assert following(made).sentences[0] == (
        "20 images into the new class 'crystals', none of them for testing, since all are training images of this run, "
        "on which a network or its head may have been trained."
    )
    copied = Path(made.experiment.ood["other"], made.ids("other")[0])
    plain = copied.read_bytes()
    copied.write_bytes(Path(made.experiment.id, made.training_ids[0]).read_bytes())
    try:
        add_decision(made.folder, "add-to-class", keys(made, "other", 5), "crystals")
        assert "none of them for testing, since all but 4 are training images" in following(made).sentences[0]
        add_decision(made.folder, "add-to-class", keys(made, "other", 11), "crystals")
        proposal = following(made)
    finally:
        copied.write_bytes(plain)
    assert proposal.sentences[0] == "30 images into the new class 'crystals', 2 of them as its test images."
    sets = open_sets(proposal.experiment)
    held_out = set(sets["id"].ids) - set(made.ids("id"))
    assert len(held_out) == 2
    assert held_out < set(made.ids("other")[1:11])


def test_no_decision_is_hashed_for_each_of_its_images(decided_run, monkeypatch):
    """A decision holds the keys of all its images, so that a hash for each of them would take quadratic time."""
    add_decision(decided_run.folder, "new-class", keys(decided_run, "other", 11), "crystals")
    monkeypatch.setattr(Decision, "__hash__", None)
    assert following(decided_run).sentences[0].startswith("11 images into the new class 'crystals'")


def test_the_split_stays_although_files_were_added(decided_run):
    made = decided_run
    known = made.experiment.id
    os.link(f"{known}/a/003.png", f"{known}/a/000-new.png")  # every fifth would now be another image
    try:
        add_decision(made.folder, "new-class", keys(made, "other", 5), "crystals")
        sets = open_sets(following(made).experiment)
    finally:
        os.unlink(f"{known}/a/000-new.png")
    assert set(sets["train"].ids) - set(made.training_ids) < set(made.ids("other"))
    assert len(set(sets["id"].ids) - set(made.ids("id"))) == 1


@pytest.mark.parametrize(
    ("decisions", "sentence"),
    [
        ([], "No decision holds"),
        ([("add-to-class", "other", 3, "c")], "no class 'c', it has a, b"),
        ([("remove", "other", 20, ""), ("remove", "third", 12, "")], "No OOD set would be left"),
        ([("new-class", "other", 5, "null")], "read in another way"),
    ],
)
def test_what_cannot_be_gives_a_sentence(decided_run, decisions, sentence):
    for action, name, count, of_class in decisions:
        add_decision(decided_run.folder, action, keys(decided_run, name, count), of_class)
    with pytest.raises(HeatError, match=sentence):
        following(decided_run)


def test_runs_of_features_are_refused(tmp_path):
    made = synthetic_run(tmp_path / "run")
    add_decision(made.folder, "remove", ["near/near-000001"])
    with pytest.raises(HeatError, match="folders of features"):
        following(made)


def test_the_command_line_lists_exports_and_goes_on(decided_run, tmp_path, capsys):
    made = decided_run
    add_decision(made.folder, "new-class", keys(made, "other", 5), "crystals", author="Ann")
    add_decision(made.folder, "remove", keys(made, "other", 1), author="Ben")
    undo_decision(made.folder, 2)
    assert main(["decisions", made.id, "--export", str(tmp_path / "out.csv"), "--next"]) == 0
    printed = capsys.readouterr().out
    assert "Add as class crystals" in printed
    assert "undone" in printed
    assert "5 images into the new class 'crystals', 1 of them as its test images." in printed
    assert f"--parent {made.id}" in printed
    rows = (tmp_path / "out.csv").read_text().splitlines()
    assert len(rows) == 6
    assert rows[1].split(",")[5] == f"{made.experiment.ood['other']}/000.png"
