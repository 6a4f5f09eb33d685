"""Runs: the list, the name and end of a run, and buttons that follow its job."""

import json
import subprocess
import sys
import types

import pytest
from streamlit.testing.v1 import AppTest

from app.common.faults import UNEXPECTED
from heat_core import Run
from heat_core.jobs import jobs
from heat_core.runs.events import RUN_FILE
from heat_core.runs.lock import run_lock
from heat_core.runs.manage import list_runs
from heat_core.storage import read_json, write_json
from tests.app.test_pages import page
from tests.synthetic import synthetic_run


@pytest.fixture(autouse=True)
def no_jobs(monkeypatch):
    """Jobs that load forever, ended with the test."""
    started, popen = [], subprocess.Popen

    def open_sleeping_process(arguments, **options):
        started.append(popen([sys.executable, "-c", "import time; time.sleep(60)"]))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", open_sleeping_process)
    yield started
    for process in started:
        process.kill()
        process.wait()


def make(home, name: str, created: float = 0.0, status: str = "done", **more) -> Run:
    """A run with a status of its own."""
    run = synthetic_run(home / "runs" / name, with_map=more.pop("with_map", True))
    info = read_json(run.folder / RUN_FILE) | {"created": created, "status": status}
    info["experiment"] |= {"name": more.pop("title", "")}
    write_json(run.folder / RUN_FILE, info | more)
    return Run.open(run.folder)


@pytest.fixture
def three(home) -> list[Run]:
    return [make(home, name, created) for name, created in (("oldest", 1.0), ("middle", 2.0), ("newest", 3.0))]


def labels(test: AppTest) -> list[str]:
    return [button.label for button in test.button]


def press(test: AppTest, label: str) -> AppTest:
    (button,) = [b for b in test.button if b.label == label]
    button.click().run()
    assert not any(UNEXPECTED in error.value for error in test.error), test.error
    assert not test.exception
    return test


def texts(test: AppTest) -> str:
    shown = (*test.error, *test.warning, *test.info, *test.caption, *test.markdown, *test.subheader, *test.toast)
    return "\n".join(e.value.replace("\\", "") for e in shown)


# ---- the list --------------------------------------------------------------------------------------------------------


def test_the_list_says_what_each_run_is_newest_first(home, three):
    make(home, "named", 4.0, title="roses", seconds=61.4)
    test = page("runs")
    frame = test.dataframe[0].value
    assert list(frame["name"]) == ["roses", "newest", "middle", "oldest"]
    assert list(frame.iloc[0][["status", "backbone", "ID", "OOD sets", "preset"]]) == [
        "done",
        "features",
        "known",
        "near, far",
        "quick",
    ]
    assert frame.iloc[0]["seconds"] == 61.4
    assert frame["created"].is_monotonic_decreasing
    assert test.query_params["run"] == "named"
    assert "roses" in test.subheader[0].value


@pytest.mark.parametrize("value", ["much", None, [], 1e300, float("nan"), True])
def test_odd_numbers_of_a_run_are_left_out(home, value):
    make(home, "odd", seconds=value)
    info = home / "runs" / "odd" / RUN_FILE
    write_json(info, read_json(info) | {"created": value if isinstance(value, float) else 0})
    test = page("runs")
    assert len(test.dataframe[0].value) == 1
    assert not test.error


def test_the_address_and_the_sidebar_choose(three):
    test = page("runs", run="middle")
    assert test.subheader[0].value == "middle"
    test.selectbox(key="run-choice").set_value("oldest").run()
    assert test.subheader[0].value == "oldest"
    assert test.query_params["run"] == "oldest"


def test_damaged_runs_are_said_and_do_not_hide_the_form(home):
    (home / "runs" / "broken").mkdir(parents=True)
    (home / "runs" / "broken" / RUN_FILE).write_text("{")
    test = page("runs")
    assert "broken" in test.error[0].value
    assert "Start the run" in labels(test)
    assert [path.name for path in (home / "runs").iterdir()] == ["broken"]  # a home of damaged runs is not empty
    synthetic_run(home / "runs" / "fine")
    test = page("runs")
    assert not test.error
    assert "broken" in texts(test)


def test_an_empty_home_shows_the_demo_that_begins(home):
    test = page("runs")
    assert list(test.dataframe[0].value["status"]) == ["queued"]
    assert "Cancel" in labels(test)
    assert "Resume" not in labels(test)


# ---- name and end ----------------------------------------------------------------------------------------------------


def test_rename_changes_what_the_list_shows(three):
    test = page("runs", run="middle")
    test.text_input(key="rename-middle").set_value("asters").run()
    assert list(test.dataframe[0].value["name"]) == ["newest", "asters", "oldest"]
    assert test.subheader[0].value == "asters"
    assert test.query_params["run"] == "middle"
    assert Run.open("middle").experiment.name == "asters"


def test_delete_leads_to_the_newest_of_the_others(three):
    test = press(page("runs", run="middle"), "Delete it")
    assert [run.id for run in list_runs()] == ["newest", "oldest"]
    assert list(test.dataframe[0].value["name"]) == ["newest", "oldest"]
    assert not test.warning
    assert test.query_params["run"] == "newest"
    assert "middle is deleted" in texts(test)


def test_a_run_that_is_worked_on_is_not_deleted(three):
    run = Run.open("middle")
    test = page("runs", run="middle")
    with run_lock(run.folder):
        press(test, "Delete it")
        assert "A job works on run middle" in texts(test)
        assert run.folder.exists()


def test_after_the_last_run_the_demo_begins_again(home):
    make(home, "only")
    test = press(page("runs", run="only"), "Delete it")
    assert [run.experiment.name for run in list_runs()] == ["demo"]
    assert not test.warning


# ---- the job ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["cancelled", "failed", "running"])
def test_after_resume_and_cancel_the_page_shows_the_new_state(home, no_jobs, status):
    make(home, "a", status=status, error="No room." if status == "failed" else None)
    test = page("runs")
    assert "Cancel" not in labels(test)
    assert {"cancelled": "was cancelled", "failed": "No room.", "running": "was interrupted"}[status] in texts(test)
    press(test, "Resume")
    assert len(no_jobs) == 1
    assert "Resume" not in labels(test)
    assert test.dataframe[0].value["status"][0] == "queued"
    assert "was cancelled" not in texts(test)
    press(test, "Cancel")
    assert no_jobs[0].wait(5) != 0
    assert "Cancel" not in labels(test)
    assert "Resume" in labels(test)
    assert test.dataframe[0].value["status"][0] == ("failed" if status == "failed" else "cancelled")


def test_a_run_that_no_process_works_on_can_be_started(home, no_jobs):
    make(home, "a", status="queued")
    test = page("runs")
    assert "no job works on it" in texts(test)
    press(test, "Start")
    assert "Cancel" in labels(test)
    assert "no job works on it" not in texts(test)


def test_a_running_job_can_be_cancelled_through_all_its_stages(home):
    run = make(home, "a", status="running")
    (run.folder / "energies.npz").unlink()
    with run_lock(run.folder):
        for stage in ("start", "features", "priors"):
            event = {"time": 1.0, "stage": stage, "message": "at it", "done": 1, "total": 4}
            (run.folder / "events.jsonl").write_text(json.dumps(event) + "\n")
            test = page("runs")
            assert "Cancel" in labels(test)
            assert not {"Resume", "Start", "HTML report"} & set(labels(test))


def test_what_an_earlier_job_said_is_no_progress_of_this_one(home):
    run = make(home, "a", status="running", started=10.0)
    events = [{"time": t, "stage": s, "message": m} for t, s, m in ((5.0, "residual", "old"), (11.0, "map", "new"))]
    with run_lock(run.folder):
        for said, shown in ((events[:1], "loading torch"), (events, "new")):
            (run.folder / "events.jsonl").write_text("".join(json.dumps(e) + "\n" for e in said))
            (progress,) = page("runs").get("progress")
            assert shown in progress.proto.text


def test_a_finished_run_without_a_map_offers_one(home, monkeypatch):
    make(home, "with", 2.0)
    make(home, "without", 1.0, with_map=False)
    assert "Make the map" not in labels(page("runs", run="with"))
    test = page("runs", run="without")
    assert not {"Cancel", "Resume", "Start"} & set(labels(test))
    made = []
    monkeypatch.setattr(jobs, "start_map", lambda run: made.append(run.id), raising=False)
    press(test, "Make the map")
    assert made == ["without"]


def test_no_report_is_made_before_it_is_requested(home, monkeypatch):
    make(home, "a")
    asked = []
    report = types.SimpleNamespace(to_html=lambda run, lens: asked.append((run.id, lens.beta)) or "<html>")
    monkeypatch.setitem(sys.modules, "heat_core.reporting.report", report)
    test = page("runs")
    assert [b.proto.label for b in test.get("download_button")][-1] == "HTML report"
    assert asked == []


def test_what_a_job_printed_is_shown_where_it_ended_badly(home):
    run = make(home, "a", status="failed", error="No.")
    (run.folder / "job.log").write_text("Traceback \x1b[31m ![x](http://evil)\n")
    assert any("Traceback \\x1b[31m" in code.value for code in page("runs").code)
    write_json(run.folder / RUN_FILE, read_json(run.folder / RUN_FILE) | {"status": "done"})
    assert not any("Traceback" in code.value for code in page("runs").code)
