"""The detectors of a run: the slow ones come after the residuals, one by one, and change no number."""

from dataclasses import replace

import numpy as np
import pytest

from heat_core import Experiment, HeatError, Run, run
from heat_core.detectors import Context, in_table_order, load
from heat_core.energies.corrected_prior import CorrectedPrior
from heat_core.energies.settings import settings_for
from heat_core.pipeline.sources import open_source
from heat_core.runs.creation import new_run
from heat_core.runs.experiment import ID, TRAIN
from heat_core.runs.results_file import ENERGIES, RunRecord

SLOW = ["ebm", "ensemble", "gram", "mds", "odin", "adascale-a"]
SETTINGS = {"width": 16, "updates": 6, "epochs": 3, "langevin_steps": 2}


def experiment(**changes) -> Experiment:
    base = {
        "id": "demo-digits",
        "ood": {"unseen": "demo-unseen-digits"},
        "id_test": "demo-digits",
        "backbone": "heat-demo-resnet",
        "preset": "quick",
        "limit": 12,
        "map": False,
        "settings": SETTINGS,
        "priors": ["gmm", "el"],
        "detectors": ["msp", *SLOW, "knn"],
    }
    return Experiment(**base | changes)


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """A run with every slow detector, and at each of its events which rows and corrected priors were on disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEAT_HOME", str(tmp_path_factory.mktemp("watched")))
        folder, seen = new_run(experiment()), []

        def watch(event):
            record = RunRecord.load(folder / ENERGIES) if (folder / ENERGIES).exists() else None
            seen.append((event, list(record.titles) if record else [], record.scale.priors if record else ()))

        yield run(experiment(), folder, watch), seen


def counted(monkeypatch) -> list[str]:
    """Names of what is fitted or trained from now on, appended as it happens."""
    done: list[str] = []

    def count(kind, method: str, name) -> None:
        before = getattr(kind, method)

        def after(self, *args, **keywords):
            done.append(name(self))
            return before(self, *args, **keywords)

        monkeypatch.setattr(kind, method, after)

    for slow in SLOW:
        count(load(slow), "fit_features", lambda _, slow=slow: slow)
    count(CorrectedPrior, "train", lambda part: f"residual of {part.name}")
    return done


def test_who_is_slow():
    slow = {name for name, kind in in_table_order().items() if kind.slow}
    assert slow == {*SLOW, "adascale-l", "combood", "mm-plus-plus"}


def test_residuals_are_on_disk_before_the_first_slow_row(watched):
    done, seen = watched
    late = [(event, rows) for event, rows, _ in seen if event["stage"] == "detectors"]
    assert late
    for _, rows, priors in seen[seen.index(next(s for s in seen if s[0]["stage"] == "detectors")) :]:
        assert priors == ("gmm", "el")
        assert {"msp", "knn", "gmm"} <= set(rows)
    assert all(not set(SLOW) & set(rows) for event, rows, _ in seen if event["stage"] not in ("detectors", "done"))
    assert [e["stage"] for e, *_ in seen].index("beta") < [e["stage"] for e, *_ in seen].index("detectors")
    for i, name in enumerate(SLOW):  # one by one: a row is there when its detector is said to be done
        of_this = [(event, rows) for event, rows in late if event["detector"] == name]
        assert [set(rows) & set(SLOW) for _, rows in of_this[:-1]] == [set(SLOW[:i])] * (len(of_this) - 1)
        assert set(SLOW[: i + 1]) <= set(of_this[-1][1])
        assert [(e["done"], e["total"]) for e, _ in of_this] == [(i, 6)] * (len(of_this) - 1) + [(i + 1, 6)]
    assert list(done.record.titles)[-5:] == ["gram", "ensemble", "ebm", "gmm", "gmm-std"]  # at their places


def test_events_say_what_is_left(watched):
    _, seen = watched
    events = [event for event, *_ in seen if event["stage"] == "detectors"]
    timed = {event["detector"] for event in events if "eta" in event}
    assert timed == set(SLOW)
    assert all(event["eta"] >= 0 for event in events if "eta" in event)
    images = [event for event in events if "dataset" in event]
    assert {event["dataset"] for event in images if event["detector"] == "odin"} == {"id", "unseen"}
    assert {event["dataset"] for event in images if event["detector"] == "gram"} == {"train", "id", "unseen"}
    odin = [event["eta"] for event in images if event["detector"] == "odin"]
    assert {event["dataset"] for event in images if event["detector"] == "adascale-a"} == {"train", "id", "unseen"}
    assert odin[0] > 0
    assert odin[-1] == 0
    assert [e for e in watched[0].events() if e["stage"] == "detectors"] == events  # kept as they were told


def test_scores_are_those_of_the_order_before(watched, tmp_path, monkeypatch):
    """Every column in one pass, every detector fitted before anything else, in a home without features."""
    done, _ = watched
    monkeypatch.setenv("HEAT_HOME", str(tmp_path / "another"))
    e = experiment().with_absolute_paths()
    source = open_source(e)
    context = Context(e.id_set, settings_for("gmm", e.preset, e.settings), e.seed, source.backbone)
    fitted = {name: load(name).for_run(context).with_head(done.head) for name in ("msp", *SLOW, "knn")}
    columns = [c for detector in fitted.values() for c in detector.fit_columns(source.backbone)]
    train = source.features(TRAIN, columns)
    for detector in fitted.values():
        detector.fit_with_head(train, done.head)
    columns = [c for detector in fitted.values() for c in detector.test_columns(source.backbone)]
    for name in (ID, "unseen"):
        features = source.features(name, list(dict.fromkeys(columns)))
        np.testing.assert_array_equal(features.avg, done.features(name).avg)
        for method, detector in fitted.items():
            np.testing.assert_array_equal(detector.score_features(features), done.detector_scores(name, method), method)


@pytest.mark.parametrize("at", ["gram: scoring", "gram: done", "mds: fitting"])
def test_a_run_cut_off_in_the_slow_part_repeats_nothing(watched, home, monkeypatch, at):
    folder, (name, message) = new_run(experiment()), at.split(": ")

    def cut(event):
        if event.get("detector") == name and event["message"].endswith(message):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(experiment(), folder, cut)
    cancelled = Run.open(folder)
    assert cancelled.status == "cancelled"
    finished = ["ebm", "ensemble", *([] if at == "gram: scoring" else ["gram"])]
    assert [row for row in cancelled.record.titles if row in SLOW] == [*finished[2:], "ensemble", "ebm"]
    assert cancelled.priors == ["gmm", "el"]

    fits, first = counted(monkeypatch), []
    again = run(
        experiment(), folder, lambda event: first.append((event, list(RunRecord.load(folder / ENERGIES).titles)))
    )
    assert fits == [name for name in SLOW if name not in finished]
    assert all(
        set(finished) <= set(rows) for event, rows in first if event["stage"] in ("residual", "beta", "detectors")
    )
    assert again.record.titles == watched[0].record.titles
    for dataset in again.datasets:
        np.testing.assert_array_equal(again.energies(dataset), watched[0].energies(dataset))
        for row in again.record.titles:
            np.testing.assert_array_equal(again.detector_scores(dataset, row), watched[0].detector_scores(dataset, row))

    fits.clear()
    run(experiment(), folder)
    assert fits == []


@pytest.mark.parametrize("what", ["damaged", "other samples"])
def test_scores_that_are_not_of_these_samples_are_made_again(home, monkeypatch, what):
    once = experiment(detectors=["ensemble"])
    done = run(once)
    scores, path = done.detector_scores("id", "ensemble"), done.folder / ENERGIES
    if what == "damaged":
        path.write_bytes(path.read_bytes()[:-40])
    else:
        record = RunRecord.load(path)
        sets = [replace(s, ids=s.ids[::-1]) for s in record.sets]
        replace(record, sets=sets).save(path)
    fits = counted(monkeypatch)
    again = run(once, done.folder)
    assert fits == ["ensemble"]
    np.testing.assert_array_equal(again.detector_scores("id", "ensemble"), scores)


def test_a_slow_detector_that_fails_is_tried_again(home, monkeypatch):
    """A slow detector that cannot be fitted is left out, and tried again on the next start."""

    def refuse(self, train):
        raise HeatError("it has no mind to.")

    messages, once = [], experiment(detectors=["ensemble", "odin"])
    with monkeypatch.context() as patch:
        patch.setattr(load("ensemble"), "fit_features", refuse)
        done = run(once, on_event=lambda event: messages.append(event["message"]))
    assert done.status == "done"
    assert done.left_out == {"ensemble": "ensemble is left out: it has no mind to."}
    assert any(done.left_out["ensemble"] in message for message in messages)
    assert "ensemble" not in done.detectors
    assert "odin" in done.detectors
    again = run(once, done.folder)
    assert again.left_out == {}
    assert "ensemble" in again.detectors
