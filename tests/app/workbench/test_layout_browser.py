"""The layout of the workbench in a real Chromium: what stays where it is, and what is in view at each width."""

import shutil

from tests.app.open_workbench import open_page
from tests.browser import NEEDS_CHROMIUM

pytestmark = NEEDS_CHROMIUM

MARGINS_AND_TITLE = """() => [
    getComputedStyle(document.querySelector('.stMainBlockContainer')).padding,
    ...Array.from(document.querySelectorAll('h1'), title => getComputedStyle(title).fontSize),
]"""


def test_a_tag_leaves_margins_and_title_as_they_are(served, browser, demo_run):
    address, home = served
    shutil.copytree(demo_run.folder, home / "runs" / "tagged-layout")
    page = open_page(browser, address, "?run=tagged-layout")
    before = page.evaluate(MARGINS_AND_TITLE)
    assert len(before) == 2
    page.locator(".tagging summary").click()
    page.locator(".quick button").first.click()
    page.get_by_test_id("stToast").wait_for(timeout=20_000)
    page.wait_for_function("() => location.search.includes('run=tagged-layout')")
    assert page.evaluate(MARGINS_AND_TITLE) == before
    page.close()
