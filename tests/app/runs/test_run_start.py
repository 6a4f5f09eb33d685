"""Before a run starts: mistakes are refused, doubts are asked about, and the estimate has a source."""

import json

import pytest

from app.runs import run_start
from heat_core import Run
from heat_core.runs.events import RUN_FILE
from heat_core.storage import read_json, write_json
from tests.app.runs.new_run_form import can_start, form
from tests.app.runs.test_runs import labels, press, texts
from tests.app.test_pages import page
from tests.synthetic import synthetic_run

pytestmark = pytest.mark.usefixtures("started")


def test_nonsense_is_refused(home):
    synthetic_run(home / "runs" / "a")
    test = page("runs", view="new")
    assert not can_start(test)
    assert not test.error
    test.text_input(key="new-id").set_value("/no/such/folder").run()
    assert "neither a folder nor a known dataset" in test.error[0].value.replace("\\", "")
    assert not can_start(test)


def test_a_run_starts_and_is_shown(sets, started):
    test = press(form(sets), "Start the run")
    (folder,) = started
    assert Run.open(folder).experiment.ood == {"ood": str(sets / "ood")}
    assert test.query_params["run"] == folder.name
    assert "view" not in test.query_params
    assert test.dataframe[0].value["status"][0] == "queued"
    assert labels(test).count("Start") == 1  # its job is the test's


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"id": "one"}, "needs at least two classes, or none"),
        ({"id_test": "other"}, "has no class of the training set"),
        ({"id": "root"}, "look like the splits of a data set"),
    ],
)
def test_mistakes_are_refused(sets, image_folder, words, sentence):
    image_folder(sets / "other", {"rose": 3, "tulip": 3})
    image_folder(sets / "root", {"train/blue": 2, "test/blue": 2})
    image_folder(sets / "one", {"blue": 3})
    test = form(sets, **words)
    assert sentence in texts(test)
    assert not can_start(test)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"id_test": "train"}, "All images of the ID test set are images of the training set too"),
        ({"ood": "copy"}, "All images of 'copy' are images of the training set too"),
        ({"id_test": "more"}, "The ID test set has classes that the training set lacks ('teal')"),
        ({"id": "unsorted"}, "The training set has no classes: clusters of its features stand for them"),
    ],
)
def test_doubts_are_asked_about(sets, image_folder, started, words, sentence):
    image_folder(sets / "more", {"blue": 3, "red": 3, "teal": 3})
    image_folder(sets / "unsorted", {"": 12})
    (sets / "copy").symlink_to(sets / "train")
    test = form(sets, **words)
    assert sentence in texts(test)
    assert not can_start(test)
    (box,) = [box for box in test.checkbox if box.label == "Keep anyway"]
    box.check().run()
    assert can_start(test)
    box = next(box for box in test.checkbox if box.label == "Keep anyway")
    box.uncheck().run()
    assert not can_start(test)
    next(box for box in test.checkbox if box.label == "Keep anyway").check().run()
    press(test, "Start the run")
    assert len(started) == 1


def test_a_confirmed_warning_confirms_no_other(sets):
    """Confirming one warning confirms no other one."""
    test = form(sets, id_test="train")
    next(box for box in test.checkbox if box.label == "Keep anyway").check().run()
    test.text_input(key="new-ood-0-source").set_value(str(sets / "train")).run()
    test.text_input(key="new-ood-0-name").set_value("again").run()
    assert not can_start(test)


def test_pictures_of_what_goes_in_are_shown(sets):
    test = form(sets)
    (rows,) = [html.body for html in test.get("html") if "heat-row" in html.body]
    assert [rows.count(f">{name}</div>") for name in ("ID training", "ID test", "ood")] == [1, 1, 1]
    assert rows.count("<img") == 10 + 10 + 10


def test_the_estimate_says_what_it_is_based_on(home, sets):
    test = form(sets)
    assert "a rough guess: this backbone has not run here yet" in texts(test)
    assert "guessed for two CPU cores" in texts(test)
    run = synthetic_run(home / "runs" / "before")
    info = read_json(run.folder / RUN_FILE)
    info["experiment"] |= {"backbone": "heat-demo-resnet"}
    write_json(run.folder / RUN_FILE, info)
    event = {"time": 1.0, "stage": "features", "message": "", "images_per_s": 11.0}
    (run.folder / "events.jsonl").write_text(json.dumps(event) + "\n")
    run_start.cached_estimate.clear()
    assert "2 s to extract the features of 22 images (at the speed of before" in texts(test.run()).replace("**", "")
