"""Folders for the form of a new run, and jobs that are not started."""

import pytest

from app.runs import run_start


@pytest.fixture
def started(monkeypatch):
    """The folders whose jobs were started."""
    folders = []
    monkeypatch.setattr("app.runs.run_start.start", folders.append)
    monkeypatch.setattr("app.common.run_picker.start", lambda folder: None)
    run_start.cached_overview.clear()
    run_start.cached_estimate.clear()
    return folders


@pytest.fixture
def sets(tmp_path, image_folder):
    image_folder(tmp_path / "train", {"blue": 6, "red": 6})
    image_folder(tmp_path / "test", {"blue": 3, "red": 3})
    image_folder(tmp_path / "ood", {"": 4})
    return tmp_path
