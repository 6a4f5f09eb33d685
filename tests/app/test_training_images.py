"""The Inspect page on training images, and the job that measures a run that was made without."""

import pytest

from heat_core import Run
from heat_core.jobs.jobs import start_findings
from heat_core.pipeline.measurements.measurements_file import FINDINGS, is_measured
from tests.app.test_pages import page
from tests.conftest import copy_run


@pytest.fixture
def run(demo_run, tmp_path, monkeypatch) -> Run:
    """A copy of the demo, which a test may change."""
    home = tmp_path / "copied"
    monkeypatch.setenv("HEAT_HOME", str(home))
    return Run.open(copy_run(demo_run, home / "runs" / demo_run.id))


def _choices(test):
    return {box.label: box for box in test.selectbox}


def test_training_images_are_a_choice_of_the_page(run):
    test = page("inspect", run=run.id)
    assert not test.exception
    assert _choices(test)["Images"].options == ["Test and OOD sets", "Training images"]
    test = page("inspect", run=run.id, images="training")
    assert not test.exception
    assert not test.error
    assert _choices(test)["Images"].value == "training"
    assert test.session_state["query-scope"] == f"{run.id}/training"


def test_a_run_without_measurements_offers_the_job(run):
    (run.folder / FINDINGS).unlink()
    test = page("inspect", run=run.id)
    assert "Images" not in _choices(test)
    assert "Measure images" in [button.label for button in test.button]
    assert start_findings(run).wait() == 0
    assert is_measured(run)
    assert "Images" in _choices(page("inspect", run=run.id))
