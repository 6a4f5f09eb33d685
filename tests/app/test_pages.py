"""Every page by AppTest, on the finished demo."""

import subprocess
import sys
import time

import pytest
from streamlit.testing.v1 import AppTest

from app.common.faults import UNEXPECTED
from heat_core.jobs.jobs import cancel
from heat_core.runs.manage import list_runs
from tests.browser import ROOT
from tests.conftest import copy_run

PAGES = ROOT / "app" / "app_pages"


def page(name: str, **query: str) -> AppTest:
    test = AppTest.from_file(str(PAGES / f"{name}.py"), default_timeout=60)
    for key, value in query.items():
        test.query_params[key] = value
    test.run()
    assert not any(UNEXPECTED in error.value for error in test.error), test.error
    return test


@pytest.mark.parametrize("name", ["inspect", "compare", "new_images", "studies", "runs"])
def test_page_draws_without_an_error(name, demo_home):
    test = page(name)
    assert not test.exception, test.exception
    assert not test.error
    assert len(test.title) == 1


def test_a_run_that_is_gone_gives_a_sentence(demo_home):
    test = page("compare", run="20200101-000000-gone")
    assert "no longer exists" in test.warning[0].value
    assert not test.exception


def test_a_damaged_run_gives_a_sentence_not_a_traceback(demo_run, home, monkeypatch):

    folder = home / "runs" / demo_run.id
    copy_run(demo_run, folder)
    (folder / "energies.npz").write_bytes((folder / "energies.npz").read_bytes()[:1000])
    for name in ("inspect", "compare", "new_images"):
        test = page(name)
        assert "damaged" in test.error[0].value
        assert not test.exception


@pytest.mark.slow
def test_the_first_page_does_not_import_torch(home):
    code = (
        "import sys\nfrom streamlit.testing.v1 import AppTest\n"
        f"test = AppTest.from_file({str(PAGES.parent / 'main.py')!r}, default_timeout=60).run()\n"
        "assert not test.exception, test.exception\nprint('torch' in sys.modules)"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert output.stdout.strip().endswith("False")
    # The page has started the demo in a process of its own, which must not compete with the tests that follow.
    until = time.monotonic() + 60
    while list_runs()[0].status != "running" and time.monotonic() < until:
        time.sleep(0.2)
    cancel(list_runs()[0])
