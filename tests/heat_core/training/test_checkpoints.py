"""Checkpoints of a training: it is resumed from them, and none of another training is taken."""

import os
import signal
import subprocess
import sys
from dataclasses import asdict, replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from heat_core import HeatError
from heat_core.backbones.registry import load_backbone
from heat_core.data.datasets import open_dataset
from heat_core.errors import Cancelled
from heat_core.training import training
from heat_core.training.checkpoints import checkpoint_path, lock_training
from heat_core.training.training import train
from tests.heat_core.training.small_training import CPU, SMALL, trained

pytestmark = pytest.mark.usefixtures("one_thread")


CHILD = """
import sys, torch
from pathlib import Path
from heat_core.data.datasets import open_dataset
from heat_core.backbones.resnet_recipe import TrainingRecipe
from heat_core.training.training import train
torch.set_num_threads(1)
sets = [open_dataset(folder) for folder in sys.argv[1:3]]
def report(r):
    print(r["epoch"], flush=True)
    if r["epoch"] == int(sys.argv[4]):
        sys.stdin.read()
train(*sets, TrainingRecipe(**eval(sys.argv[5])), Path(sys.argv[3]), torch.device("cpu"), report)
"""


def test_killed_after_an_epoch_and_resumed_gives_the_same_bytes(folders, tmp_path):
    whole, killed = tmp_path / "whole.safetensors", tmp_path / "killed.safetensors"
    words = [sys.executable, "-c", CHILD, *folders, str(killed), "1", repr(asdict(SMALL))]
    child = subprocess.Popen(words, env=os.environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "1\n"
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert not killed.exists()

    reports, said = [], []
    trained(folders, killed, on_progress=reports.append, report=said.append)
    assert [r["epoch"] for r in reports] == [2, 3]
    assert said == ["Training continues after epoch 1 of 3, in fp32."]
    trained(folders, whole)
    assert whole.read_bytes() == killed.read_bytes()


def stopped_after(epoch: int):
    """A listener that cancels the training once an epoch is kept."""

    def listen(report) -> None:
        if report["epoch"] == epoch:
            raise Cancelled

    return listen


def test_a_checkpoint_of_other_settings_is_refused(folders, tmp_path):
    """A checkpoint of other settings is refused, and the sentence names what differs."""
    out = tmp_path / "net.safetensors"
    with pytest.raises(Cancelled):
        trained(folders, out, on_progress=stopped_after(1))
    before = checkpoint_path(out).read_bytes()
    with pytest.raises(HeatError, match=r"another training \(epochs 3, not 4; lr 0.05, not 0.1\): move it away"):
        trained(folders, out, replace(SMALL, epochs=4, lr=0.1))
    with pytest.raises(HeatError, match="other training images"):
        train(open_dataset(folders[0]).limited(12), open_dataset(folders[1]), SMALL, out, CPU)
    assert checkpoint_path(out).read_bytes() == before


def test_a_finished_training_is_not_done_again(folders, tmp_path):
    """A finished training is not done again, and files that it did not write are kept."""
    out, said, reports = tmp_path / "net.safetensors", [], []
    made = trained(folders, out, replace(SMALL, epochs=1))
    assert trained(folders, out, replace(SMALL, epochs=1), on_progress=reports.append, report=said.append) == made
    assert (said, reports) == ([f"{out} is already trained."], [])
    with pytest.raises(HeatError, match="epochs 1, not 3"):
        trained(folders, out)
    foreign = tmp_path / "foreign.safetensors"
    save_file({"x": torch.ones(1)}, foreign)
    with pytest.raises(
        HeatError, match=r"foreign.safetensors is of another training \(train-backbone did not make it\)"
    ):
        trained(folders, foreign)
    assert list(load_file(foreign)) == ["x"]


def test_a_loss_that_is_no_number_ends_the_training(folders, tmp_path, monkeypatch):
    """A loss that is no number ends the training and keeps the last good epoch."""
    out, real = tmp_path / "net.safetensors", training.one_cycle
    monkeypatch.setattr(training, "one_cycle", lambda progress: 1e30 if progress > 0.4 else real(progress))
    with pytest.raises(HeatError, match=r"diverged in epoch 2, .* \(epoch 1 is kept in .*partial.safetensors\)"):
        trained(folders, out)
    assert not out.exists()
    assert load_backbone("resnet10t", str(checkpoint_path(out))).head[0].shape == (2, 64)
    monkeypatch.setattr(training, "one_cycle", lambda _: 1e30)
    with pytest.raises(HeatError, match=r"diverged in epoch 1, .*no epoch is kept.*learning rate below 0.05"):
        trained(folders, tmp_path / "other.safetensors")


def test_two_trainings_of_one_file_at_the_same_time_are_refused(folders, tmp_path):
    out = tmp_path / "net.safetensors"
    with lock_training(out), pytest.raises(HeatError, match="Another process trains"):
        trained(folders, out)
    with lock_training(out):
        pass
