"""One pass through the app in a real Chromium, from an empty HEAT_HOME."""

import re

import pytest

from tests.browser import NEEDS_CHROMIUM, app_on
from tests.conftest import copy_run

pytestmark = NEEDS_CHROMIUM


@pytest.fixture
def page(home, browser):
    page = browser.new_page()
    with app_on(home) as address:
        page.goto(address)
        yield page
    page.close()


LIVE = "[...heatLive.values()].find(e => e.live).live"


@pytest.mark.slow
def test_open_demo_finishes_inspect_compare(page):
    from playwright.sync_api import expect

    expect(page.get_by_role("heading", name="Which images does this model not know?")).to_be_visible(timeout=60_000)
    page.wait_for_function("() => [...(globalThis.heatLive ?? [])].some(([_, e]) => e.live?.isExact)", timeout=180_000)
    expect(page.get_by_test_id("stProgress")).to_have_count(0, timeout=240_000)  # the job is done
    page.wait_for_function(f"() => {LIVE}.run.k === 3 && {LIVE}.run.map && {LIVE}.isExact", timeout=60_000)
    before = page.locator(".numbers tbody").inner_text()
    page.locator(".energies > summary").click()
    slider = page.locator("input.slider")
    slider.focus()
    for _ in range(5):
        slider.press("ArrowLeft")
    page.wait_for_function("() => location.search.includes('beta=-')", timeout=30_000)
    page.wait_for_function(f"() => {LIVE}.isExact", timeout=20_000)
    assert page.locator(".numbers tbody").inner_text() != before
    page.locator("[data-question=all]").click()
    expect(page.locator(".results .cell img").first).to_be_visible(timeout=20_000)
    page.wait_for_function(f"() => [...{LIVE}.$('.results').querySelectorAll('img')].some(i => i.naturalWidth > 0)")
    beta = page.evaluate(f"{LIVE}.state.beta")

    page.get_by_role("link", name="Compare", exact=True).click()
    expect(page.get_by_role("heading", name="Compare", exact=True)).to_be_visible(timeout=20_000)
    expect(page.locator(".heat-table tbody tr").first).to_be_visible(timeout=60_000)
    assert f"beta={beta:g}" in page.url  # the same composition on every page
    assert page.get_by_text("Traceback").count() == 0


def test_widgets_show_the_look_on_every_page(demo_run, home, server, browser):
    """Two pages in a row that share a widget: the second one's is new, and must not start at its default."""

    from playwright.sync_api import expect

    for name in ("a", "b"):
        copy_run(demo_run, home / "runs" / name)  # of one name and date, so that their labels end in their ids
    page = browser.new_page()
    page.goto(f"{server(home)}/compare?run=a&beta=2.5")
    for name in ("Runs", "Compare", "Inspect", "Compare"):
        page.get_by_role("link", name=name, exact=True).click()
        expect(page.get_by_role("combobox", name="Run", exact=True)).to_have_value(re.compile(" · a$"), timeout=30_000)
    expect(page.get_by_role("textbox", name="Exact value")).to_have_value("2.5", timeout=20_000)
    page.close()
