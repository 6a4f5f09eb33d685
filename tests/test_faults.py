"""The short version of tests/faults: damaged files, killed jobs, what they leave, and who may be asked to stop."""

import errno
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from heat_core import HeatError, Run
from heat_core.jobs import jobs
from heat_core.locks import remove_leftovers
from heat_core.pipeline.pipeline import continue_without_map
from heat_core.pipeline.provenance import require_same_features, require_same_head
from heat_core.pipeline.umap_process import Projector
from heat_core.runs.creation import new_run
from heat_core.runs.experiment import demo_experiment
from heat_core.runs.lock import ProcessIdentity, run_lock, working_process
from heat_core.storage import read_npz, write_checked_json, write_json, write_npz
from tests.conftest import copy_run
from tests.faults.damage import answer, damages, files_of, judge, questions
from tests.synthetic import synthetic_run

FILES = ("beta.json", "energies.npz", "map.npz", "notes.json", "run.json", "events.jsonl")


@pytest.fixture(scope="module")
def damaged_home(tmp_path_factory):
    return tmp_path_factory.mktemp("damaged")


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_gives_a_sentence_or_the_same_answer(name, damaged_home, monkeypatch):
    """No traceback, and no other answer, for whatever is done to one file."""
    monkeypatch.setenv("HEAT_HOME", str(damaged_home / name))
    folder = synthetic_run(damaged_home / name / "runs" / "run").folder
    write_checked_json(folder / "beta.json", {"beta": "0.5"})
    write_json(folder / "notes.json", {"id/id-000003": {"note": "odd", "tags": ["x"], "time": 0.0}})
    (folder / "events.jsonl").write_text('{"time": 1.0, "stage": "done", "message": "Finished."}\n')
    asked = {k: v for k, v in questions(folder, None).items() if k in ("show", "show auto", "compare", "list")}
    before = {question: answer(words) for question, words in asked.items()}
    assert all(status == 0 for status, _ in before.values())
    content, harmful = (folder / name).read_bytes(), []
    for what, new in damages(folder / name, thorough=name != "energies.npz"):
        if new == content:
            continue
        (folder / name).unlink() if new is None else (folder / name).write_bytes(new)
        for question, words in asked.items():
            found = judge(before[question], answer(words))
            if found.kind == "traceback" or (found.kind == "different" and question != "list"):
                harmful.append((what, question, found))
        (folder / name).write_bytes(content)
    assert not harmful


def test_every_file_of_a_run_is_among_those_that_are_damaged(demo_run):
    # `score` and a resumed job read the head and inputs.json; tests/app/test_damage.py damages findings.npz.
    known = {*FILES, "head.npz", "inputs.json", "findings.npz"}
    assert {p.name for p in files_of(demo_run.folder) if p.suffix != ".safetensors"} <= known


@pytest.mark.slow
def test_a_killed_job_resumes_to_the_same_numbers(tmp_path, monkeypatch):
    """A killed job leaves no partial files and resumes to the same numbers."""
    from tests.faults.kill import kill_at_random

    tally = kill_at_random(2, tmp_path)
    assert (tally.failed, tally.wrong, tally.left) == ([], [], [])


# ---- what is left, and what is removed -------------------------------------------------------------------------------


def dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_what_dead_processes_left_is_removed_and_nothing_else(tmp_path):
    dead, alive = dead_process(), os.getppid()
    left = [f".energies.npz.{dead}.tmp", f"map-input-{dead}.npz", f".avg.npy.{os.getpid()}.tmp"]
    kept = [f".energies.npz.{alive}.tmp", f"map-input-{alive}.npz", "energies.npz", ".hidden", "x.tmp"]
    for name in (*left, *kept):
        (tmp_path / name).write_text("x")
    (tmp_path / f".new-{dead}-abcd").mkdir()
    (tmp_path / f".new-{dead}-abcd" / "run.json").write_text("{}")
    remove_leftovers(tmp_path, tmp_path / "none")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(kept)


def test_a_run_appears_under_its_name_only_as_a_run(home, monkeypatch):
    def full(path, content):
        raise HeatError("no space")

    monkeypatch.setattr("heat_core.runs.creation.write_json", full)
    with pytest.raises(HeatError, match="no space"):
        new_run(demo_experiment())
    assert all(p.name.startswith(".new-") for p in (home / "runs").iterdir())


def test_runs_of_one_second_get_names_of_their_own(home):
    folders = []
    threads = [threading.Thread(target=lambda: folders.append(new_run(demo_experiment()))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(folders)) == 8
    assert all((folder / "run.json").exists() for folder in folders)


# ---- cancel ----------------------------------------------------------------------------------------------------------


def test_another_process_with_a_jobs_old_number_is_not_stopped(home, monkeypatch):
    """An unrelated process that has the number of an ended job is not asked to stop."""
    folder = new_run(demo_experiment())
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        with run_lock(folder):
            # as a killed job left it, whose number the stranger has now, before the new holder has said who it is
            write_json(folder / "job.pid", {"pid": stranger.pid, "began": "another time"})
            assert working_process(folder) is None
            with pytest.raises(HeatError, match="has only begun"):
                jobs.cancel(Run.open(folder), patience=0.3)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_holder_that_has_not_said_who_it_is_gives_a_sentence(home):
    folder = new_run(demo_experiment())
    with run_lock(folder):
        (folder / "job.pid").unlink()
        with pytest.raises(HeatError, match="has only begun"):
            jobs.cancel(Run.open(folder), patience=0.2)


def test_the_holder_itself_is_asked(home):
    folder = new_run(demo_experiment())
    code = (
        "import sys, time, pathlib\nfrom heat_core.runs.lock import run_lock\n"
        "with run_lock(pathlib.Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    jobs.cancel(Run.open(folder), patience=20)
    assert holder.wait(20) == -signal.SIGTERM
    assert ProcessIdentity(holder.pid, 1.0).is_running is False


# ---- resumed with other inputs ---------------------------------------------------------------------------------------


def test_a_resumed_run_refuses_what_changed_in_any_column(tmp_path, demo_run):
    train = demo_run.features("train")
    require_same_features(tmp_path, {"train": train})
    require_same_features(tmp_path, {"train": train, "id": demo_run.features("id")})
    from dataclasses import replace

    for column in ("avg", "std", "labels"):
        values = np.array(getattr(train, column))
        values[5] = values[6] + 1
        with pytest.raises(HeatError, match=rf"\({column}: .*start a new run"):
            require_same_features(tmp_path, {"train": replace(train, **{column: values})})
    with pytest.raises(HeatError, match="std"):
        require_same_features(tmp_path, {"train": replace(train, std=None)})
    require_same_head(tmp_path, demo_run.head)
    with pytest.raises(HeatError, match="weight"):
        require_same_head(tmp_path, (demo_run.head[0] * 2, demo_run.head[1]))


# ---- the map is auxiliary --------------------------------------------------------------------------------------------


def test_a_map_that_cannot_be_had_does_not_end_the_run(tmp_path):
    said = []
    with Projector() as projector:
        projector.child.kill()
        projector.child.wait()
        write_npz(tmp_path / projector.input, {"reduced": np.zeros((9, 3))})

        def ask() -> None:
            for _ in range(3):  # the pipe of a process that just ended may take a line
                projector.fit(tmp_path, 0)
            projector.wait()

        assert not continue_without_map(ask, lambda stage, message="", **more: said.append(message))
    assert "The run goes on without its map" in said[0]


def test_jobs_wait_without_spinning():
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"):
        assert name in jobs.ENVIRONMENT


def test_components_of_a_map_are_equal_on_any_threads(tmp_path, demo_run):
    """The components of a map do not depend on the number of threads."""
    code = (
        "import sys, pathlib\nfrom heat_core import Run\nfrom heat_core.runs.feature_map import write_points\n"
        "run = Run.open(sys.argv[1])\n"
        "write_points(pathlib.Path(sys.argv[2]), run.features('train'), [run.features('id')])"
    )
    for count in ("1", "2"):
        limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), count)
        words = [sys.executable, "-c", code, str(demo_run.folder), str(tmp_path / f"{count}.npz")]
        subprocess.run(words, env=os.environ | limits, check=True)
    one, two = (read_npz(tmp_path / f"{count}.npz")["reduced"] for count in ("1", "2"))
    np.testing.assert_array_equal(one, two)


def test_a_read_only_home_can_be_looked_at(demo_run, home, monkeypatch, capsys):
    """As a user who may not write there: the lock cannot be opened for writing, and no file may be made."""
    from heat_core.__main__ import main

    copy_run(demo_run, home / "runs" / "mine")
    before = sorted(p.name for p in (home / "runs" / "mine").iterdir())
    monkeypatch.setattr("filelock.FileLock.acquire", _refuse)
    assert main(["list"]) == 0
    assert "mine" in capsys.readouterr().out
    assert main(["job", "mine"]) == 2
    assert "change its permissions" in capsys.readouterr().err
    assert sorted(p.name for p in (home / "runs" / "mine").iterdir()) == before


def _refuse(*args, **keywords):
    raise PermissionError(13, "Permission denied")


def test_too_little_memory_is_a_sentence(home, monkeypatch, capsys):
    from heat_core.__main__ import main

    def no_room(*args, **keywords):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr("heat_core.pipeline.pipeline.open_source", no_room)
    assert main(["demo"]) == 2
    assert "There is not enough memory" in capsys.readouterr().err


def test_work_is_refused_where_torch_would_leave_no_memory(home, monkeypatch, capsys):
    """Work is refused where no memory is left once torch is loaded.

    An import that runs out of memory may never return, so the memory is checked before it.
    """

    from heat_core.__main__ import main

    def no_room(*_):
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    monkeypatch.setattr("heat_core.memory.mmap.mmap", no_room)
    assert main(["demo"]) == 2
    assert "There is not enough memory" in capsys.readouterr().err
    assert not list(home.glob("runs/*"))
