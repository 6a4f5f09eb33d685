"""Addresses and sessions of the workbench in a real Chromium."""

import shutil

import pytest

from tests.app.open_workbench import LIVE, lasso, open_page, selected
from tests.browser import NEEDS_CHROMIUM

pytestmark = NEEDS_CHROMIUM


@pytest.mark.parametrize("old", ["inspect", "live", "gallery", "map", "explore", "own", "train", "setup"])
def test_old_addresses_redirect_to_the_new_page(served, browser, demo_run, old):
    from app.server.redirects import NEW_PLACE

    page = browser.new_page()
    page.goto(f"{served[0]}/{old}?run={demo_run.id}&beta=-2")
    new = NEW_PLACE[old]
    path = {"inspect": "/"}.get(new, f"/{new}")
    page.wait_for_function(f"() => location.pathname === '{path}' && location.search.includes('run=')", timeout=30_000)
    page.wait_for_selector("h1", timeout=30_000)
    if new in ("inspect", "compare"):
        page.wait_for_function("() => location.search.includes('beta=-2')", timeout=30_000)
    page.close()


def test_two_sessions_do_not_disturb_each_other(page, served, browser):
    other = open_page(browser, served[0], "?beta=3")
    page.locator("input.exactly").fill("-2")
    page.keyboard.press("Enter")
    page.wait_for_function("() => location.search.includes('beta=-2')", timeout=20_000)
    lasso(page, 60)
    page.wait_for_function("() => location.search.includes('sel=')", timeout=20_000)
    other.locator("input.slider").focus()
    other.keyboard.press("ArrowRight")
    other.wait_for_function(
        "() => !location.search.includes('beta=3&') && location.search.includes('beta=3')", timeout=20_000
    )
    assert selected(other) == 0
    assert page.evaluate(f"{LIVE}.state.beta") == -2
    assert "beta=-2" in page.url
    other.close()


def test_a_run_deleted_under_an_open_page_gives_a_sentence(served, browser):
    address, home = served
    page = open_page(browser, address, "?run=20200101-000000-older")
    shutil.rmtree(home / "runs" / "20200101-000000-older")
    page.locator("input.slider").focus()
    page.keyboard.press("ArrowLeft")
    page.get_by_text("This run was deleted").wait_for(timeout=20_000)
    assert page.get_by_text("Traceback").count() == 0
    page.close()
