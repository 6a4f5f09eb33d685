"""What the tests of the pages share."""

from functools import cache

import pytest
from streamlit.components.v2 import manifest_scanner

from tests.app.open_workbench import copies, open_page
from tests.browser import app_on, chromium

# AppTest reads the metadata of all installed packages each time that it draws a page: 0.3 s, the page itself 0.05 s.
manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)


@pytest.fixture
def demo_home(demo_run, monkeypatch):
    monkeypatch.setenv("HEAT_HOME", str(demo_run.folder.parents[1]))


@pytest.fixture(scope="module")
def served(demo_run, tmp_path_factory):
    """(address, HEAT_HOME) of the app on copies of the demo's run."""
    home = tmp_path_factory.mktemp("live-home")
    copies(demo_run, home)
    with app_on(home) as address:
        yield address, home


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(served, browser):
    page = open_page(browser, served[0])
    yield page
    page.close()
