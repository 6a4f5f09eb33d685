"""The run that a page shows where nothing names one: the newest finished one; and the labels of runs."""

import re

from filelock import FileLock

from app.common.run_picker import run_labels
from heat_core import Run
from heat_core.runs.events import RUN_FILE
from heat_core.runs.manage import list_runs
from heat_core.runs.results_file import ENERGIES, RunRecord
from heat_core.storage import read_json, write_json
from tests.app.test_pages import page
from tests.synthetic import synthetic_run

PAGES = ("inspect", "compare", "new_images", "studies", "runs")


def run_of_day(home, day: int, name: str, **info):
    """The folder of a finished run of that day, whose `run.json` says `info` besides."""
    folder = synthetic_run(home / "runs" / name).folder
    write_json(folder / RUN_FILE, read_json(folder / RUN_FILE) | {"created": 86_400.0 * day} | info)
    return folder


def cancelled_run(home, day: int, name: str):
    """The folder of a run whose job was cancelled before it had any numbers."""
    folder = run_of_day(home, day, name, status="cancelled")
    (folder / ENERGIES).unlink()
    return folder


def shown(name: str, **query: str) -> str:
    return page(name, **query).selectbox(key="run-choice").value


def test_pages_open_the_newest_run_that_can_be_looked_at(home):
    run_of_day(home, 1, "old")
    run_of_day(home, 2, "finished")
    cancelled_run(home, 3, "cancelled")
    (run_of_day(home, 4, "damaged") / ENERGIES).write_bytes(b"damaged")
    without = run_of_day(home, 5, "no-residual") / ENERGIES
    RunRecord.load(without).with_priors(()).save(without)
    assert {name: shown(name) for name in PAGES} == dict.fromkeys(PAGES, "finished")


def test_a_run_that_is_worked_on_does_not_hide_a_finished_one(home):
    run_of_day(home, 1, "finished")
    folder = cancelled_run(home, 2, "started")
    assert shown("inspect", run="started") == "started"
    with FileLock(folder / "job.lock"):  # as its job holds it
        assert shown("inspect") == "finished"
        (home / "runs" / "finished" / ENERGIES).unlink()
        assert shown("inspect") == "started"


def test_labels_have_name_and_date_and_tell_runs_apart(home):
    run_of_day(home, 1, "20261129-224643-roses")
    names = {"20261129-224643-roses": "", "b": "asters", "c": "asters", "d": "asters"}
    for name in list(names)[1:]:
        folder = run_of_day(home, 2 + (name == "d"), name)
        info = read_json(folder / RUN_FILE)
        info["experiment"]["name"] = names[name]
        write_json(folder / RUN_FILE, info)
    labels = run_labels([Run.open(name) for name in names])
    assert re.fullmatch(r"roses · [12] Jan 1970, \d\d:00", labels["20261129-224643-roses"])
    assert labels["b"] == f"{labels['c'].removesuffix('c')}b"  # of one minute: their ids are added
    assert labels["d"].startswith("asters · ")
    assert not labels["d"].endswith("d")
    assert len(set(labels.values())) == 4
    test = page("compare", run="c")
    assert test.selectbox(key="run-choice").options == [labels[run.id] for run in list_runs()]
    assert test.selectbox(key="run-choice").value == "c"


def test_where_none_can_be_looked_at_the_newest_is_shown(home):
    cancelled_run(home, 1, "old")
    cancelled_run(home, 2, "new")
    test = page("inspect")
    assert test.selectbox(key="run-choice").value == "new"
    assert "resume it on the Runs page" in test.info[0].value


def test_the_run_that_is_shown_instead_is_named(home):
    run_of_day(home, 1, "finished")
    cancelled_run(home, 2, "cancelled")
    test = page("compare", run="20200101-000000-gone")
    assert test.warning[0].value.endswith("no longer exists; finished is shown.")
