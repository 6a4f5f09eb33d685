"""What a job reports, the status it leaves behind, and the lock that proves that it lives."""

import json
import subprocess
import sys
import time

import pytest

from heat_core import HeatError
from heat_core.errors import Cancelled, describe_error
from heat_core.progress import no_progress
from heat_core.runs.events import RUN_FILE, read_events, record_job
from heat_core.runs.lock import ProcessIdentity, is_alive, working_process
from heat_core.storage import read_json, write_json

VERSIONS = {"heat_core": "1.2.3"}


@pytest.fixture
def folder(tmp_path):
    """A run that waits, queued."""
    path = tmp_path / "20260101-digits"
    path.mkdir()
    write_json(path / RUN_FILE, {"format": 1, "status": "queued", "created": 5.0, "error": "of the last time"})
    return path


def status(folder) -> str:
    return read_json(folder / RUN_FILE)["status"]


def ignore(event) -> None:
    """An `on_event` that does nothing."""


def test_events_are_read_in_order_without_a_cut_one(folder):
    """Events are read in order, and one that was cut off is left out."""
    assert read_events(folder) == []
    events = [{"time": 1.0, "stage": "start", "message": "Using cpu. ☃"}, {"time": 2.0, "stage": "beta", "message": ""}]
    whole = "".join(json.dumps(e) + "\n" for e in events)
    for cut in ('{"time": 3.0, "stage": "resi', "{", '{"time": 3.0, "stage": "map"'):
        (folder / "events.jsonl").write_text(whole + cut, encoding="utf-8")
        assert read_events(folder) == events
    (folder / "events.jsonl").write_text('{"time": 0.5, "st\n' + whole, encoding="utf-8")
    assert read_events(folder) == events


def test_a_job_that_ends_well_is_running_then_done(folder):
    heard, began = [], time.time()
    with record_job(folder, heard.append, VERSIONS) as progress:
        info = read_json(folder / RUN_FILE)
        assert info["status"] == "running"
        assert info["versions"] == VERSIONS
        assert working_process(folder) == ProcessIdentity.current()
        assert info["error"] is None
        assert (info["format"], info["created"]) == (1, 5.0)
        assert began <= info["started"] <= time.time()
        progress("features", "id: 3 of 7 ☃", dataset="id", done=3, total=7)
        assert [e["message"] for e in read_events(folder)] == ["id: 3 of 7 ☃"]  # already on disk
        progress("map")
    info = read_json(folder / RUN_FILE)
    assert info["status"] == "done"
    assert 0 <= info["seconds"] <= time.time() - began
    assert heard == read_events(folder)
    assert [e["stage"] for e in heard] == ["features", "map", "done"]
    assert heard[0] == {"stage": "features", "message": "id: 3 of 7 ☃", "dataset": "id", "done": 3, "total": 7} | {
        "time": heard[0]["time"]
    }
    assert heard[1]["message"] == ""
    assert heard[2]["message"] == "Finished in 0 s."
    assert began <= heard[0]["time"] <= heard[2]["time"] <= time.time()


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (HeatError("Give a labels.npy with at least two classes."), "Give a labels.npy with at least two classes."),
        (KeyError("avg"), "Unexpected error: KeyError: 'avg'."),
        (MemoryError("17 GB"), describe_error(MemoryError())),
    ],
    ids=["a person's", "a bug", "memory"],
)
def test_a_job_that_fails_leaves_its_sentence(folder, error, sentence):

    def job():
        with record_job(folder, ignore, VERSIONS) as progress:
            progress("start", "Using cpu.")
            raise error

    with pytest.raises(type(error)):
        job()
    info = read_json(folder / RUN_FILE)
    assert (info["status"], info["error"]) == ("failed", sentence)
    assert [(e["stage"], e["message"]) for e in read_events(folder)] == [("start", "Using cpu."), ("failed", sentence)]
    assert not is_alive(folder)


@pytest.mark.parametrize("stop", [Cancelled, KeyboardInterrupt])
def test_a_job_that_is_stopped_is_cancelled(folder, stop):
    with pytest.raises(stop), record_job(folder, ignore, VERSIONS):
        raise stop
    assert status(folder) == "cancelled"
    assert read_json(folder / RUN_FILE)["error"] is None
    (event,) = read_events(folder)
    assert event["stage"] == "cancelled"
    assert "what was finished is kept" in event["message"]
    assert not is_alive(folder)


def test_a_restarted_run_keeps_its_events_and_drops_its_error(folder):
    """A run that is started again drops its error and keeps its events."""
    with pytest.raises(HeatError), record_job(folder, ignore, VERSIONS):
        raise HeatError("No.")
    with record_job(folder, ignore, {"heat_core": "2.0"}):
        pass
    info = read_json(folder / RUN_FILE)
    assert (info["status"], info["error"], info["versions"]) == ("done", None, {"heat_core": "2.0"})
    assert [e["stage"] for e in read_events(folder)] == ["failed", "done"]


def test_a_second_job_on_the_same_run_is_refused(folder):
    """A second job on the same run is refused and changes nothing."""
    with record_job(folder, ignore, VERSIONS) as progress:
        before = read_json(folder / RUN_FILE)
        with (
            pytest.raises(HeatError, match="Run 20260101-digits is being worked on by another process"),
            record_job(folder, ignore, {"heat_core": "other"}),
        ):
            pytest.fail("two jobs at once")
        assert read_json(folder / RUN_FILE) == before
        assert is_alive(folder)
        progress("map", "still here")
    assert [e["stage"] for e in read_events(folder)] == ["map", "done"]
    with record_job(folder, ignore, VERSIONS):  # and afterwards it may
        pass


def test_a_run_is_alive_while_its_lock_is_held(folder):
    assert not is_alive(folder)
    with record_job(folder, ignore, VERSIONS):
        assert is_alive(folder)
        assert is_alive(folder)
    assert not is_alive(folder)


def test_the_lock_ends_with_its_process(folder):
    """Also when it is killed: the status is then still running, and the free lock shows that it is not."""
    code = (
        "import sys, time, pathlib\n"
        "from heat_core.runs.events import record_job\n"
        "with record_job(pathlib.Path(sys.argv[1]), lambda event: None, {}):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(60)\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        assert is_alive(folder)
        with pytest.raises(HeatError, match="another process"), record_job(folder, ignore, VERSIONS):
            pytest.fail("two jobs at once")
        found = working_process(folder)
        assert found is not None
        assert found.pid == holder.pid
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    assert not is_alive(folder)
    assert status(folder) == "running"


def test_a_folder_that_describes_no_run_keeps_no_lock(tmp_path):
    with pytest.raises(HeatError, match=r"run\.json is missing"), record_job(tmp_path, ignore, VERSIONS):
        pytest.fail("nothing to work on")
    assert not is_alive(tmp_path)
    assert not (tmp_path / RUN_FILE).exists()


def test_an_error_of_the_listener_fails_the_job(folder):
    def deaf(event):
        raise HeatError("The page is gone.")

    with pytest.raises(HeatError, match="page is gone"), record_job(folder, deaf, VERSIONS) as progress:
        progress("start")
    assert read_json(folder / RUN_FILE)["error"] == "The page is gone."
    assert status(folder) == "failed"


def test_silent_progress_takes_what_progress_takes(capsys):
    assert no_progress("features", "id: 1 of 2", dataset="id", done=1) is None
    assert capsys.readouterr() == ("", "")
