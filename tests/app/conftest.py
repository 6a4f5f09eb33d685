"""What the tests of the pages share."""

from functools import cache
from pathlib import Path

import pytest
from streamlit.components.v2 import manifest_scanner

from tests.app.open_workbench import copies, open_page
from tests.browser import app_on, chromium

# AppTest reads the metadata of all installed packages each time that it draws a page: 0.3 s, the page itself 0.05 s.
manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)


@pytest.fixture
def demo_home(demo_run, monkeypatch):
    monkeypatch.setenv("HEAT_HOME", str(demo_run.folder.parents[1]))


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """One app for all modules: lead it to a HEAT_HOME, which gives its address. Its own HEAT_HOME is a link."""
    link = tmp_path_factory.mktemp("app") / "home"
    link.symlink_to(tmp_path_factory.mktemp("empty"))
    with app_on(link) as address:

        def lead_to(home: Path) -> str:
            link.unlink()
            link.symlink_to(home)
            return address

        yield lead_to


@pytest.fixture(scope="module")
def served(server, demo_run, tmp_path_factory):
    """(address, HEAT_HOME) of the app on copies of the demo's run."""
    home = tmp_path_factory.mktemp("live-home")
    copies(demo_run, home)
    return server(home), home


@pytest.fixture(scope="module")
def browser():
    """A browser as one person has it: Streamlit's scripts, 5 MB, are fetched and compiled once for all of its pages."""
    with chromium() as browser:
        yield browser.new_context(viewport={"width": 1280, "height": 900})


@pytest.fixture
def page(served, browser):
    page = open_page(browser, served[0])
    yield page
    page.close()
