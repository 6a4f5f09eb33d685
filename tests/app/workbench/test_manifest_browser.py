"""What a list says of its images, in a real Chromium: bars that narrow, columns of the table, the inspector."""

import numpy as np
import pytest

from heat_core import Run
from heat_core.analysis.samples import Samples
from heat_core.runs.results_file import ENERGIES
from tests.app.open_workbench import EXACT, LIVE, open_page, shown_numbers
from tests.browser import NEEDS_CHROMIUM, app_on
from tests.conftest import copy_run

pytestmark = NEEDS_CHROMIUM
NAME = "**site** <b>"


@pytest.fixture(scope="module")
def listed(demo_run, tmp_path_factory):
    """(address, run): the demo, as if its sets came from a list."""
    home = tmp_path_factory.mktemp("listed-home")
    copy_run(demo_run, home / "runs" / demo_run.id)
    record = Run.open(home / "runs" / demo_run.id).record
    for number, found in enumerate(record.sets[:2]):
        sites = np.resize(np.array(["<i>north</i>", "south", ""], object), len(found))
        object.__setattr__(found, "columns", {NAME: sites, "n": np.arange(len(found)) + number / 2})
    record.save(home / "runs" / demo_run.id / ENERGIES)
    with app_on(home) as address:
        yield address, Run.open(home / "runs" / demo_run.id)


@pytest.mark.slow
def test_what_a_list_says_narrows_sorts_and_is_shown(listed, browser):
    address, run = listed
    samples, page = Samples(run), open_page(browser, address, f"?run={run.id}&q=all")
    titles = page.locator("select.facet option").all_text_contents()
    assert NAME in titles
    assert "n" not in titles  # of many values
    page.locator("select.facet").select_option(label=NAME)
    page.locator(".breakdown .bar-of", has_text="<i>north</i>").click()
    page.wait_for_function("() => location.search.includes('column')", timeout=20_000)
    wanted = np.flatnonzero(samples.columns[NAME] == "<i>north</i>")
    assert sorted(shown_numbers(page)) == wanted.tolist()
    assert page.locator(".chip").first.inner_text() == f"{NAME}: <i>north</i> ✕"
    page.reload()
    page.wait_for_function(EXACT, timeout=60_000)
    assert sorted(shown_numbers(page)) == wanted.tolist()
    page.locator("[data-layout=table]").click()
    page.locator(".titles button", has_text="site").click()
    page.wait_for_function("() => location.search.includes('order=column')", timeout=20_000)
    line = page.locator(".cell.line").first
    assert "<i>north</i>" in line.inner_text().split("\n")
    number = int(line.get_attribute("data-number"))
    line.click()
    said = page.locator(".inspector .said")
    said.wait_for(timeout=20_000)
    row = float(samples.columns["n"][number])
    assert said.inner_text().split("\n") == [NAME, "<i>north</i>", "n", f"{row:g}"]
    page.locator(".chip", has_text="site").click()
    page.wait_for_function(f"() => {LIVE}.points.length === {len(samples)}")
    assert not page.problems
    page.close()
