"""Runs in a real Chromium with a real job: cancel and resume without a reload, a click in the list, what was typed."""

import re

import pytest

from heat_core.jobs.jobs import cancel
from heat_core.runs.manage import list_runs
from tests.browser import NEEDS_CHROMIUM, app_on
from tests.synthetic import synthetic_run

pytestmark = NEEDS_CHROMIUM


@pytest.fixture
def page(home, browser):
    page = browser.new_page()
    page.set_viewport_size({"width": 1280, "height": 1400})
    with app_on(home) as page.address:
        yield page
    page.close()
    for run in list_runs():
        if run.is_active:
            cancel(run)


@pytest.mark.slow
def test_the_buttons_follow_the_job_without_a_reload(page, home):
    """From an empty HEAT_HOME, whose demo is the job."""
    from playwright.sync_api import expect

    page.goto(f"{page.address}/runs")
    page.evaluate("window.sameDocument = true")
    stop, go, badge = (
        page.get_by_role("button", name="Cancel"),
        page.get_by_role("button", name="Resume"),
        page.get_by_test_id("stBadge").or_(page.locator(".stMarkdownBadge")).first,
    )
    expect(stop).to_be_enabled(timeout=60_000)  # while the job still loads
    expect(go).to_have_count(0)
    stop.click()
    expect(go).to_be_enabled(timeout=30_000)
    expect(stop).to_have_count(0)
    expect(page.get_by_text("This run was cancelled")).to_be_visible()
    assert list_runs()[0].status == "cancelled"

    go.click()
    expect(stop).to_be_enabled(timeout=30_000)
    expect(page.get_by_text("This run was cancelled")).to_have_count(0)
    expect(badge).to_have_text(re.compile("queued|running"))
    expect(badge).to_have_text("running", timeout=120_000)  # nobody has touched the page
    expect(stop).to_be_enabled()
    expect(go).to_have_count(0)
    expect(page.get_by_text(re.compile("^(Features|Priors) ·")).first).to_be_visible(timeout=120_000)
    stop.click()
    expect(go).to_be_enabled(timeout=30_000)
    expect(badge).to_have_text("cancelled")
    assert not list_runs()[0].is_active
    assert page.evaluate("window.sameDocument")  # all of it without a reload


@pytest.mark.slow
def test_a_click_chooses_and_what_was_typed_stays(page, home):
    from playwright.sync_api import expect

    for name in ("first", "second", "third"):
        synthetic_run(home / "runs" / name)
    page.goto(f"{page.address}/runs?run={list_runs()[-1].id}")  # whose row is clicked last
    heading = page.get_by_role("heading", level=3).first
    expect(heading).to_have_text(list_runs()[-1].id, timeout=60_000)
    table = page.get_by_test_id("stDataFrame").first
    for row, name in enumerate([run.id for run in list_runs()]):
        table.click(position={"x": 90, "y": 35 * (row + 1) + 17})
        expect(heading).to_have_text(name, timeout=20_000)
        page.wait_for_function("name => location.search.includes(`run=${name}`)", arg=name, timeout=20_000)
    table.click(position={"x": 90, "y": 35 * 3 + 17})  # the chosen one again: one is always chosen
    expect(heading).to_have_text(list_runs()[2].id)
    for row in (1, 2):
        table.click(position={"x": 17, "y": 35 * row + 17})  # a tick chooses nothing
    expect(page.get_by_role("button", name="Compare 2 runs")).to_be_enabled(timeout=20_000)
    expect(heading).to_have_text(list_runs()[2].id)

    page.get_by_role("button", name="New run").or_(page.get_by_role("radio", name="New run")).first.click()
    known = page.get_by_role("textbox", name="Known images (ID), training")
    known.fill("/no/such/folder")
    known.press("Enter")
    expect(page.get_by_text("neither a folder nor a known dataset")).to_be_visible(timeout=20_000)
    page.get_by_role("link", name="Studies").click()
    expect(page.get_by_role("heading", name="Studies", exact=True)).to_be_visible(timeout=20_000)
    page.get_by_role("link", name="Runs", exact=True).click()
    expect(known).to_have_value("/no/such/folder", timeout=20_000)


def test_an_old_address_leads_to_its_part_of_the_page(page, home):
    from playwright.sync_api import expect

    synthetic_run(home / "runs" / "first")
    page.goto(f"{page.address}/train?run=first")
    expect(page.get_by_role("heading", name="Runs", exact=True)).to_be_visible(timeout=60_000)
    page.goto(f"{page.address}/setup")
    expect(page.get_by_role("heading", name="New run", exact=True)).to_be_visible(timeout=60_000)
