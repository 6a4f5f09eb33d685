"""What is said about the networks of the run that follows from decisions, and the command that trains one on."""

import shlex
from dataclasses import fields, replace

import pytest
import torch

from heat_core import run
from heat_core.__main__ import main
from heat_core.backbones.resnet_recipe import TrainingRecipe, TrainingRecord, read_training_record
from heat_core.backbones.timm_models import small_resnet
from heat_core.decisions.next_experiment import next_experiment
from heat_core.decisions.retraining import Retraining, plan_retraining
from heat_core.decisions.store import add_decision, read_decisions
from heat_core.digests import digest_of_file
from heat_core.training.checkpoints import write_weights
from tests.conftest import make_folder
from tests.heat_core.decisions.conftest import experiment_over

pytestmark = pytest.mark.usefixtures("one_thread")


def test_the_command_trains_a_network_of_train_backbone_on(decided_run, tmp_path, capsys):
    file = tmp_path / "my net.safetensors"
    given = {"width": 0.125, "image_size": 16, "epochs": 2, "batch_size": 8, "lr": 0.0123456789, "weight_decay": 1e-05}
    given |= {"label_smoothing": 0.1, "precision": "fp32", "seed": 3}
    recipe = TrainingRecipe("resnet10t", **given, initial_weights="digest of an earlier file")
    assert given.keys() == {f.name for f in fields(TrainingRecipe)} - {"architecture", "initial_weights"}
    torch.manual_seed(0)
    record = TrainingRecord(recipe, ["a", "b"], (0.5,) * 3, (0.2,) * 3, "", "fp32", 20, 0.5, 10)
    write_weights(file, small_resnet(recipe, 2).state_dict(), record)

    add_decision(decided_run.folder, "new-class", [f"other/{i}" for i in decided_run.ids("other")[:5]], "crystals")
    proposal = next_experiment(decided_run, read_decisions(decided_run.folder))
    assert proposal.sentences[-1].startswith("heat-demo-resnet itself stays as it is, with a head that is fitted anew")
    with_file = replace(proposal.experiment, backbone="resnet10t", weights=str(file))
    plan = plan_retraining(with_file)
    (sentence,), (command,) = plan.sentences, plan.commands
    assert sentence.startswith(
        "resnet10t itself stays as it is. The command train-backbone for my net.safetensors continues its training"
    )
    words = shlex.split(command)
    out = tmp_path / "my net-continued.safetensors"
    assert words == [
        *["heat", "train-backbone", "--initial-weights", str(file), "--arch", "resnet10t", "--width", "0.125"],
        *[
            "--image-size",
            "16",
            "--epochs",
            "2",
            "--batch-size",
            "8",
            "--lr",
            "0.0123456789",
            "--weight-decay",
            "1e-05",
        ],
        *["--label-smoothing", "0.1", "--precision", "fp32", "--seed", "3"],
        *["--id", proposal.experiment.id, "--out", str(out)],
    ]
    assert main(words[1:]) == 0
    assert "Classes taken over: 2 (a, b); new: 1 (crystals); no longer there: 0." in capsys.readouterr().err
    assert read_training_record(out).class_names == ["a", "b", "crystals"]
    assert read_training_record(out).test_images == 11
    assert read_training_record(out).recipe == replace(recipe, initial_weights=digest_of_file(file))


def test_two_networks_are_told_apart_and_no_class_says_nothing(decided_run, tmp_path):
    made = replace(decided_run.experiment, second_backbone="resnet18", second_weights=str(tmp_path / "gone"))
    (sentence,) = plan_retraining(made).sentences
    assert sentence.startswith("heat-demo-resnet itself stays")
    add_decision(decided_run.folder, "ignore", [f"other/{decided_run.ids('other')[0]}"])
    proposal = next_experiment(decided_run, read_decisions(decided_run.folder))
    assert not any("itself stays" in sentence for sentence in proposal.sentences)


def test_commands_are_lines_of_their_own(decided_run, monkeypatch, capsys):
    command = "heat train-backbone --out '/my  net-continued.safetensors'"
    plan = Retraining(("It is trained on.",), (command,))
    monkeypatch.setattr("heat_core.decisions.next_experiment.plan_retraining", lambda *_: plan)
    add_decision(decided_run.folder, "new-class", [f"other/{i}" for i in decided_run.ids("other")[:5]], "crystals")
    assert main(["decisions", decided_run.id, "--next"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-3:-1] == ["It is trained on.", command]
    assert lines[-1].startswith("python -m heat_core run ")


def test_no_command_without_classes_of_the_test_images(tmp_path, home, monkeypatch):
    for name, counts in (("known", {"a": 20, "b": 20}), ("flat", {"": 6}), ("other", {"": 10})):
        make_folder(tmp_path / name, counts)
    ood = {"other": str(tmp_path / "other"), "noise": "made:noise"}
    made = run(experiment_over(tmp_path, id_test=str(tmp_path / "flat"), ood=ood, priors=["gmm"]))
    record = TrainingRecord(TrainingRecipe("resnet10t"), ["a", "b"], (0.5,) * 3, (0.2,) * 3, "", "fp32", 20, 0.5, 10)
    monkeypatch.setattr("heat_core.decisions.retraining.read_training_record", lambda _: record)

    def with_weights(following, has_test_classes):
        return plan_retraining(replace(following, weights="net.safetensors"), has_test_classes)

    monkeypatch.setattr("heat_core.decisions.next_experiment.plan_retraining", with_weights)
    add_decision(made.folder, "new-class", [f"other/{sample}" for sample in made.ids("other")[:5]], "crystals")
    proposal = next_experiment(made, read_decisions(made.folder))
    assert proposal.commands == ()
    assert proposal.experiment.ood["noise"] == "made:noise"
    assert "except that the images of 'noise' are made anew from the ID test images, and" in proposal.sentences[-2]
    assert "no command that continues its training, since train-backbone measures" in proposal.sentences[-1]
