"""Starting and stopping: a job that still loads is worked on and can be cancelled; no run waits forever."""

import subprocess
import sys
import time

import pytest

from heat_core import Experiment, HeatError, Run
from heat_core.jobs import jobs
from heat_core.runs.creation import new_run
from heat_core.runs.events import RUN_FILE, record_job
from heat_core.runs.lock import is_active, record_starting_process, run_lock, starting_process
from heat_core.storage import read_json, write_json

WAITS = "import time; time.sleep(60)"


@pytest.fixture
def folder(home):
    """A new run that was never started."""
    return new_run(Experiment(id="demo-digits", ood={"far": "demo-photo-patches"}, backbone="heat-demo-resnet"))


@pytest.fixture
def loading(folder, monkeypatch):
    """The process of a job that loads for as long as the test takes."""
    started = []

    def spawn(arguments, log):
        started.append(subprocess.Popen([sys.executable, "-c", WAITS]))
        return started[-1]

    monkeypatch.setattr(jobs, "spawn", spawn)
    yield jobs.start(folder)
    for process in started:
        process.kill()
        process.wait()


def _left(folder, status: str) -> Run:
    """The run as an earlier job left it."""
    write_json(folder / RUN_FILE, read_json(folder / RUN_FILE) | {"status": status})
    return Run.open(folder)


def test_a_run_that_was_never_started_waits(folder):
    run = Run.open(folder)
    assert (run.status, run.is_active) == ("queued", False)
    with pytest.raises(HeatError, match="not running"):
        jobs.cancel(run)


@pytest.mark.parametrize("before", ["queued", "running", "cancelled", "failed"])
def test_a_job_that_loads_is_worked_on_and_queued_again(folder, loading, before):
    run = _left(folder, before)
    assert (run.status, run.is_active, run.is_alive) == ("queued", True, False)
    with pytest.raises(HeatError, match="being worked on already"):
        jobs.start(folder)


@pytest.mark.parametrize(
    ("before", "after"), [("queued", "cancelled"), ("running", "cancelled"), ("failed", "failed"), ("done", "done")]
)
def test_a_job_that_loads_is_cancelled_at_once(folder, loading, before, after):
    began = time.monotonic()
    assert jobs.cancel(_left(folder, before))
    assert time.monotonic() - began < 5
    assert loading.wait(5) != 0
    run = Run.open(folder)
    assert (run.status, run.is_active) == (after, False)
    with pytest.raises(HeatError, match="not running"):
        jobs.cancel(run)


def test_a_job_that_ended_while_it_loaded_is_not_waited_for(folder, loading):
    loading.kill()
    until = time.monotonic() + 5
    while is_active(folder) and time.monotonic() < until:  # nobody has asked how it ended: it is a zombie
        time.sleep(0.02)
    run = Run.open(folder)
    assert (run.status, run.is_active) == ("queued", False)


def test_the_lock_takes_over_from_the_announcement(folder, loading):
    with record_job(folder, lambda event: None, {}):
        assert starting_process(folder) is None
        assert Run.open(folder).status == "running"
    assert (Run.open(folder).status, is_active(folder)) == ("done", False)


def test_between_the_lock_and_its_first_word_a_run_is_queued(folder):
    _left(folder, "cancelled")
    with run_lock(folder):
        assert Run.open(folder).status == "queued"
    assert Run.open(folder).status == "cancelled"


def test_another_process_with_the_number_of_a_job_is_not_ended(folder):
    stranger = subprocess.Popen([sys.executable, "-c", WAITS])
    try:
        record_starting_process(folder, stranger.pid)
        content = read_json(folder / "job.starting")
        write_json(folder / "job.starting", content | {"began": "another boot 1"})
        assert not is_active(folder)
        with pytest.raises(HeatError, match="not running"):
            jobs.cancel(Run.open(folder))
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_job_waits_while_the_lock_is_checked(folder):
    """Looking whether a lock is held holds it for a moment."""
    looks = (
        "import sys, time\nfrom filelock import FileLock\nwith FileLock(sys.argv[1]):\n    print('held', flush=True)\n"
    )
    looker = subprocess.Popen(
        [sys.executable, "-c", looks + "    time.sleep(0.3)\n", str(folder / "job.lock")],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert looker.stdout.readline() == "held\n"
    with run_lock(folder):
        pass
    looker.wait()
    looker.stdout.close()
