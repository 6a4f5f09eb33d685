"""The loop in a real browser: decide on images, run again, and see what changed, in few clicks and without a path."""

import re

import pytest

from heat_core.analysis.questions import Query
from heat_core.decisions.store import read_decisions
from heat_core.runs.manage import list_runs
from heat_core.workbench.view_state import ViewState, to_query_params
from tests.app.open_workbench import open_page
from tests.browser import NEEDS_CHROMIUM, app_on
from tests.heat_core.decisions.conftest import decided_run, finished_run  # noqa: F401 (fixtures)

pytestmark = [*NEEDS_CHROMIUM, pytest.mark.slow]


def test_from_the_finding_to_the_comparison(request, home, browser):
    from playwright.sync_api import expect

    made = request.getfixturevalue("decided_run")
    clicks = 0

    def click(target, timeout=60_000) -> None:
        nonlocal clicks
        clicks += 1
        target.click(timeout=timeout)

    finding = ViewState(query=Query("all", values=(("set", ("other",)),)))
    query = "&".join(f"{key}={value}" for key, value in to_query_params(finding).items())
    with app_on(home) as address:
        page = open_page(browser, address, f"?run={made.id}&{query}")
        clicks += 1  # the filter of the address, which is a click on the finding
        click(page.locator(".deciding > summary"))
        page.locator("input.new-class").fill("crystals")
        page.keyboard.press("Enter")
        expect(page.locator(".decided b")).to_have_text("1 decision", timeout=20_000)
        (decision,) = read_decisions(made.folder)
        assert (decision.title, len(decision.samples)) == ("Add as class crystals", 20)

        page.locator(".decided .review").click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_text("Add as class crystals")).to_be_visible(timeout=20_000)
        expect(dialog.get_by_text("20 images")).to_be_visible()
        dialog.get_by_role("button", name="Undo").click()
        expect(dialog.get_by_text("undone by")).to_be_visible(timeout=20_000)
        page.keyboard.press("Escape")
        expect(page.locator(".decided")).to_be_hidden(timeout=20_000)
        page.locator(".deciding > summary").click()
        page.locator("input.new-class").fill("crystals")
        page.keyboard.press("Enter")

        click(page.locator(".decided .run-again"))
        moved = "20 images into the new class 'crystals', 4 of them as its test images."
        expect(page.get_by_text(moved)).to_be_visible(timeout=60_000)
        expect(page.get_by_text("heat-demo-resnet itself stays as it is")).to_be_visible()
        click(page.get_by_role("button", name="Start the run"))
        click(page.get_by_role("button", name="Compare with its parent"), timeout=240_000)  # a run is trained
        expect(page.get_by_text("New test images of crystals")).to_be_visible(timeout=60_000)
        expect(page.get_by_text(re.compile(r"Known: \d of 4"))).to_be_visible()
        expect(page.get_by_text("16 images that B scored")).to_be_visible()
        page.close()
    assert clicks <= 6
    child = list_runs()[0]
    assert child.experiment.parent == made.id
    assert child.ood_names == ["third"]
