"""What an experiment will cost: counted, and at the pace that earlier runs had on this machine."""

import json
from dataclasses import replace

import numpy as np
import pytest

from heat_core import Experiment, HeatError
from heat_core.data import datasets
from heat_core.energies.settings import settings_for
from heat_core.jobs import throughput
from heat_core.jobs.estimate import estimate
from heat_core.runs.events import RUN_FILE
from heat_core.runs.results_file import HEAD_FILE
from heat_core.storage import read_json, write_json, write_npz
from tests.synthetic import CLASSES, synthetic_run

DIM = 64
SIZES = {"train": 20, "id": 60, "far": 50}
SETS = (("demo-digits", "train"), ("demo-digits", "test"), ("demo-photo-patches", "test"))
DEMO = Experiment(
    id="demo-digits", id_test="demo-digits", ood={"far": "demo-photo-patches"}, backbone="net", preset="quick"
)


def earlier(home, name: str, events: list[dict], created: float = 0.0, **experiment):
    """A finished run of the backbone `net` that reported these events."""
    run = synthetic_run(home / "runs" / name)
    info = read_json(run.folder / RUN_FILE)
    info["experiment"] |= {"backbone": "net", "preset": "quick"} | experiment
    write_json(run.folder / RUN_FILE, info | {"created": created})
    write_npz(run.folder / HEAD_FILE, {"weight": np.zeros((len(CLASSES), DIM)), "bias": np.zeros(len(CLASSES))})
    (run.folder / "events.jsonl").write_text("".join(json.dumps({"message": ""} | e) + "\n" for e in events))
    return run


def epochs(prior: str, times: list[float], of: int = 15, **last) -> list[dict]:
    """What training reports: that it begins at the first time, then an epoch at each."""
    begun = {"stage": "residual", "prior": prior, "time": times[0]}
    done = [begun | {"time": t, "epoch": i, "epochs": of} for i, t in enumerate(times[1:], start=1)]
    return [begun, *done[:-1], done[-1] | last]


def test_nothing_is_known_at_first(home):
    found = estimate(DEMO)
    assert found.samples == sum(len(datasets.open_dataset(*s)) for s in SETS)
    assert (found.extraction_like, found.training_like, found.downloads) == ("", "", False)
    assert found.extraction == found.samples / 100
    assert found.training > 0


def test_images_a_second_are_of_the_last_run_with_the_backbone(home):
    """Images a second are those of the last run with the same backbone."""
    pictures = {"stage": "features", "time": 0.0}
    earlier(home, "old", [pictures | {"images_per_s": 10.0}], created=1.0)
    earlier(home, "new", [pictures | {"images_per_s": r} for r in (3.0, 40.0)], created=2.0)
    earlier(home, "other size", [pictures | {"images_per_s": 5.0}], created=3.0, image_size=99)
    earlier(home, "other backbone", [pictures | {"images_per_s": 6.0}], created=4.0, backbone="other")
    found = estimate(DEMO)
    assert (found.extraction_like, found.extraction) == ("new", found.samples / 40)
    assert estimate(replace(DEMO, backbone="other")).extraction_like == "other backbone"


def test_the_same_training_takes_as_long_as_last_time(home):
    """Two seconds an epoch of fifteen: thirty seconds for a prior whose settings and features are the same."""
    earlier(home, "before", epochs("gmm", [0.0, 2.0, 4.0, 6.0]))
    same = replace(DEMO, priors=["gmm"])
    found = estimate(same, SIZES)
    assert found.training_like == "before"
    assert found.training == pytest.approx(30)
    twice = replace(same, settings={"updates": 2 * settings_for("gmm", "quick").updates})
    assert estimate(twice, SIZES).training == pytest.approx(60)
    both = replace(same, priors=["gmm", "gmm-std"])
    assert estimate(both, SIZES).training == pytest.approx(60)


def test_only_whole_epochs_count(home):
    """The job was interrupted for a thousand seconds, and the last epoch saturated at its first update."""
    again = epochs("gmm", [1000.0, 1002.0, 1004.0, 1004.1], saturated=True)
    earlier(home, "resumed", [*epochs("gmm", [0.0, 2.0]), {"stage": "start", "time": 900.0}, *again])
    assert estimate(replace(DEMO, priors=["gmm"]), SIZES).training == pytest.approx(30)


def test_a_run_of_the_same_preset_is_asked_first(home):
    earlier(home, "quick", epochs("gmm", [0.0, 2.0]), created=1.0)
    earlier(home, "paper", epochs("gmm", [0.0, 500.0], of=20), created=2.0, preset="paper")
    assert throughput.training_throughput("quick").run == "quick"
    assert throughput.training_throughput("paper").run == "paper"
    assert throughput.training_throughput("released").run == "paper"


@pytest.mark.parametrize(
    "events",
    [
        [],
        [{"stage": "residual", "prior": "gmm", "time": 0.0}],
        epochs("gmm", [5.0, 5.0, 4.0]),
        epochs("gmm", [0.0, 1.0], of=0),
        epochs("unheard-of", [0.0, 1.0]),
        [{"stage": "features", "time": 0.0, "images_per_s": 0.0}],
    ],
)
def test_a_run_that_measured_nothing_is_not_used(home, events):
    earlier(home, "before", events)
    found = estimate(DEMO)
    assert (found.extraction_like, found.training_like) == ("", "")


def test_a_damaged_run_is_not_used(home):
    run = earlier(home, "before", epochs("gmm", [0.0, 2.0]))
    (run.folder / HEAD_FILE).unlink()
    assert estimate(DEMO).training_like == ""


def test_sets_that_would_be_downloaded_are_not_counted(home, monkeypatch):
    monkeypatch.setattr(datasets, "open_torchvision", pytest.fail)
    found = estimate(Experiment(id="cifar10", ood={"far": "demo-photo-patches"}, backbone="net"))
    assert found.downloads
    assert found.samples == len(datasets.open_dataset("demo-photo-patches"))
    with pytest.raises(HeatError, match="neither a folder nor a known dataset"):
        estimate(replace(DEMO, ood={"far": "/no/such"}))


def test_limits_of_the_sets_count(home):
    assert estimate(replace(DEMO, limit=5, limit_test=3, limit_ood=2)).samples == 6 * 5 + 6 * 3 + 2
    assert estimate(replace(DEMO, id_test=None, limit=5)).samples == 6 * 5 + 6 * 5 + 5
