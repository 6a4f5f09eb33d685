"""Addresses and sessions of the workbench in a real Chromium."""

import csv
import io
import shutil
import zipfile

import pytest

from heat_core.exchange import FORMATS
from tests.app.open_workbench import LIVE, lasso, open_energies, open_page, selected
from tests.browser import NEEDS_CHROMIUM

pytestmark = NEEDS_CHROMIUM


@pytest.fixture(scope="module")
def tab(browser):
    """One page, in which one address after the other is opened."""
    return browser.new_page()


@pytest.mark.parametrize("old", ["inspect", "live", "gallery", "map", "explore", "own", "train", "setup"])
def test_old_addresses_redirect_to_the_new_page(served, tab, demo_run, old):
    from app.server.redirects import NEW_PLACE

    tab.goto(f"{served[0]}/{old}?run={demo_run.id}&beta=-2")
    new = NEW_PLACE[old]
    path = {"inspect": "/"}.get(new, f"/{new}")
    tab.wait_for_function(f"() => location.pathname === '{path}' && location.search.includes('run=')", timeout=30_000)
    tab.wait_for_selector("h1", timeout=30_000)
    if new in ("inspect", "compare"):
        tab.wait_for_function("() => location.search.includes('beta=-2')", timeout=30_000)


def test_two_sessions_do_not_disturb_each_other(page, served, browser):
    other = open_page(browser.browser.new_context(), served[0], "?beta=3")  # another person's browser
    open_energies(page)
    page.locator("input.exactly").fill("-2")
    page.keyboard.press("Enter")
    page.wait_for_function("() => location.search.includes('beta=-2')", timeout=20_000)
    lasso(page, 60)
    page.wait_for_function("() => location.search.includes('sel=')", timeout=20_000)
    open_energies(other)
    other.locator("input.slider").focus()
    other.keyboard.press("ArrowRight")
    other.wait_for_function(
        "() => !location.search.includes('beta=3&') && location.search.includes('beta=3')", timeout=20_000
    )
    assert selected(other) == 0
    assert page.evaluate(f"{LIVE}.state.beta") == -2
    assert "beta=-2" in page.url
    other.context.close()


def test_labels_that_come_back_are_read(page, served):
    """The menu offers every format; a table with labels, uploaded in the review, is shown as decisions."""
    page.locator(".doing summary", has_text="Export").click()
    links = page.locator(".formats a")
    assert links.evaluate_all("links => links.map(a => a.dataset.take)") == list(FORMATS)
    page.wait_for_function("() => location.search.includes('run=')", timeout=20_000)
    link = page.locator("[data-take=yolo]")
    link.focus()  # which writes the address of the subset that is shown
    answer = page.request.get(f"{served[0]}{link.get_attribute('href')}")
    with zipfile.ZipFile(io.BytesIO(answer.body())) as archive:
        rows = list(csv.DictReader(io.StringIO(archive.read("samples.csv").decode())))
    keys = [row["key"] for row in rows[:3]]
    assert len(keys) == 3
    table = "\n".join(["key,label", f"{keys[0]},sign", f"{keys[1]},sign", f"{keys[2]},", "nowhere/x.png,sign"])
    page.get_by_role("button", name="Read labels").click()
    file = {"name": "back.csv", "mimeType": "text/csv", "buffer": table.encode()}
    page.locator("[role=dialog] input[type=file]").set_input_files(file)
    page.get_by_text("Without a label of a person: 1.").wait_for(timeout=20_000)
    page.get_by_text("No image of this run, and left out: 1 (nowhere/x.png).").wait_for(timeout=20_000)
    assert page.locator("[role=dialog]").get_by_text("Add as class sign: 2 images").is_visible()
    assert page.get_by_role("button", name="Record these decisions").is_enabled()
    assert page.problems == []


def test_a_run_deleted_under_an_open_page_gives_a_sentence(served, browser):
    address, home = served
    page = open_page(browser, address, "?run=20200101-000000-older")
    shutil.rmtree(home / "runs" / "20200101-000000-older")
    open_energies(page)
    page.locator("input.slider").focus()
    page.keyboard.press("ArrowLeft")
    page.get_by_text("This run was deleted").wait_for(timeout=20_000)
    assert page.get_by_text("Traceback").count() == 0
    page.close()
