"""The Studies page: requested, watched, cancelled and resumed in a real Chromium; its numbers lead to their images."""

import re

import pytest

from heat_core.jobs.jobs import cancel
from heat_core.runs.lock import is_active
from heat_core.runs.manage import list_runs
from heat_core.studies.execution import run_study
from heat_core.studies.request import StudyRequest, list_studies, new_study
from tests.browser import NEEDS_CHROMIUM, app_on
from tests.heat_core.studies.conftest import base  # noqa: F401 (a fixture)

pytestmark = NEEDS_CHROMIUM


@pytest.fixture
def page(home, browser):
    page = browser.new_page()
    page.set_viewport_size({"width": 1280, "height": 1400})
    with app_on(home) as page.address:
        yield page
    page.close()
    for study in list_studies():
        if is_active(study.folder):
            cancel(study)


@pytest.mark.slow
def test_a_study_is_requested_cancelled_and_resumed(page, home, base):  # noqa: F811
    from playwright.sync_api import expect

    from heat_core import run

    base.settings |= {"epochs": 40, "updates": 200, "width": 64}
    done = run(base, home / "runs" / "mine") if (home / "runs").exists() else run(base)
    page.goto(f"{page.address}/studies?run={done.id}")
    box = page.get_by_role("combobox", name="Study", exact=True)
    box.click(timeout=60_000)
    page.get_by_role("option", name=re.compile("How few training images")).click()
    expect(page.get_by_text(re.compile("^12 runs, 0 of them finished"))).to_be_visible(timeout=30_000)
    page.get_by_role("button", name="Start the study").click()
    stop, go = page.get_by_role("button", name="Cancel"), page.get_by_role("button", name="Resume")
    expect(stop).to_be_enabled(timeout=60_000)
    expect(page.get_by_text(re.compile("share of the training images|How much it takes")).first).to_be_visible(
        timeout=120_000
    )  # the figure is there before the study is done
    stop.click()
    expect(go).to_be_enabled(timeout=60_000)
    finished = {r.id for r in list_runs() if r.status == "done"}
    assert finished
    go.click()
    expect(stop).to_be_enabled(timeout=60_000)
    expect(page.get_by_test_id("stMarkdownBadge").or_(page.locator(".stMarkdownBadge")).first).to_have_text(
        "done", timeout=180_000
    )  # nobody has touched the page
    assert finished <= {r.id for r in list_runs() if r.status == "done"}
    assert list_studies()[0].info["status"] == "done"
    assert page.evaluate("location.search").count("study=share-") == 1


@pytest.mark.slow
def test_given_names_are_text_and_numbers_link_to_images(page, home, base):  # noqa: F811
    from playwright.sync_api import expect

    study = new_study(StudyRequest("priors", base, (0,)))
    run_study(study)
    page.goto(f"{page.address}/studies?study={study.id}")
    tables = page.locator(".heat-table")
    expect(tables.first).to_be_visible(timeout=60_000)
    expect(tables.first.get_by_text("<b>away</b>")).to_be_visible()
    expect(page.get_by_text(re.compile(r"HEAT-GMM against GMM: [+-]\d")).first).to_be_visible()
    tables.first.get_by_role("link").first.click()
    page.wait_for_url(re.compile(r"run=study-"), timeout=30_000)
    assert "/studies" not in page.url
    expect(page.get_by_role("radio", name=re.compile("missed by GMM$"))).to_be_checked(timeout=60_000)
