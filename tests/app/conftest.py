"""What the tests of the pages share."""

import pytest


@pytest.fixture
def demo_home(demo_run, monkeypatch):
    monkeypatch.setenv("HEAT_HOME", str(demo_run.folder.parents[1]))
