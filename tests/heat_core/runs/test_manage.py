"""Renaming and deleting runs: what is kept, what goes, and what is refused."""

import pytest

from heat_core import HeatError, Run
from heat_core.runs.events import RUN_FILE
from heat_core.runs.lock import run_lock
from heat_core.runs.manage import LONGEST_NAME, damaged_runs, delete, list_runs, rename
from heat_core.storage import read_json
from tests.synthetic import synthetic_run


@pytest.fixture
def run(home) -> Run:
    return synthetic_run(home / "runs" / "20260101-known")


def test_a_new_name_changes_the_name_alone(run):
    before = read_json(run.folder / RUN_FILE)
    renamed = rename(run, "  roses \n and\tdaisies ")
    assert renamed.experiment.name == "roses and daisies"
    assert (renamed.id, renamed.folder) == (run.id, run.folder)
    after = read_json(run.folder / RUN_FILE)
    assert after["experiment"].pop("name") == "roses and daisies"
    assert before["experiment"].pop("name") == ""
    assert after == before
    assert rename(renamed, "").experiment.name == ""


def test_a_name_is_kept_as_it_can_be_printed(run):
    assert rename(run, "a\u202eb\udcff\x1b[31m").experiment.name == r"a\u202eb\xff\x1b[31m"
    assert rename(run, "猫 ☃").experiment.name == "猫 ☃"


def test_a_name_that_is_too_long_is_refused(run):
    rename(run, "a" * LONGEST_NAME)
    with pytest.raises(HeatError, match="201 characters: choose one with at most 200"):
        rename(run, "a" * (LONGEST_NAME + 1))
    assert Run.open(run.folder).experiment.name == "a" * LONGEST_NAME


def test_a_deleted_run_is_gone_and_the_others_stay(run, home):
    other = synthetic_run(home / "runs" / "other")
    delete(run)
    assert [r.id for r in list_runs()] == [other.id]
    assert [path.name for path in (home / "runs").iterdir()] == ["other"]
    assert not damaged_runs()
    with pytest.raises(HeatError, match="is no run"):
        delete(run)


def test_a_run_that_is_worked_on_is_left_as_it_is(run):
    with run_lock(run.folder):
        with pytest.raises(HeatError, match="A job works on run 20260101-known: delete it when it has finished"):
            delete(run)
        with pytest.raises(HeatError, match="A job works on run 20260101-known: rename it when it has finished"):
            rename(run, "new")
    assert Run.open(run.folder).experiment.name == ""
    assert run.record.sets


def test_only_a_run_of_heat_home_is_deleted(run, home, tmp_path):
    elsewhere = synthetic_run(tmp_path / "elsewhere")
    (home / "runs" / "link").symlink_to(elsewhere.folder)
    inner = synthetic_run(run.folder / "inner")
    for stranger in (elsewhere, Run.open(home / "runs" / "link"), inner):
        with pytest.raises(HeatError, match="only runs that lie there are deleted"):
            delete(stranger)
        assert (stranger.folder / RUN_FILE).exists()
    (run.folder / RUN_FILE).unlink()
    with pytest.raises(HeatError, match=r"has no run\.json"):
        delete(run)
    assert run.folder.exists()


def test_a_run_may_be_in_a_linked_heat_home(run, home, tmp_path, monkeypatch):
    (tmp_path / "there").symlink_to(home)
    monkeypatch.setenv("HEAT_HOME", str(tmp_path / "there"))
    delete(list_runs()[0])
    assert not run.folder.exists()
