"""The layout of the workbench in a real Chromium: what stays where it is, and what is in view at each width."""

import shutil
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from heat_core.analysis.samples import Samples
from heat_core.runs.results_file import ENERGIES
from tests.app.open_workbench import LIVE, TWO_FRAMES, open_page
from tests.browser import NEEDS_CHROMIUM, app_on
from tests.conftest import copy_run

pytestmark = NEEDS_CHROMIUM

MARGINS_AND_TITLE = """() => [
    getComputedStyle(document.querySelector('.stMainBlockContainer')).padding,
    ...Array.from(document.querySelectorAll('h1'), title => getComputedStyle(title).fontSize),
]"""


def test_a_tag_leaves_margins_and_title_as_they_are(served, browser, demo_run):
    address, home = served
    copy_run(demo_run, home / "runs" / "tagged-layout")
    page = open_page(browser, address, "?run=tagged-layout")
    before = page.evaluate(MARGINS_AND_TITLE)
    assert len(before) == 2
    page.locator(".tagging summary").click()
    page.locator(".quick button").first.click()
    page.get_by_test_id("stToast").wait_for(timeout=20_000)
    page.wait_for_function("() => location.search.includes('run=tagged-layout')")
    assert page.evaluate(MARGINS_AND_TITLE) == before
    page.close()


@pytest.fixture
def sized(served, browser, demo_run):
    """Opens the demo in a window of a width."""
    pages = []

    def open_at(width: int, query: str = ""):
        page = open_page(browser, served[0], f"?run={demo_run.id}{query}", width)
        pages.append(page)
        page.locator(".results .cell").first.wait_for(timeout=20_000)
        return page

    yield open_at
    for page in pages:
        page.close()


@pytest.mark.parametrize("widths", [(375,), (1920, 1440, 1280, 960)], ids=["phone", "desktop"])
def test_pictures_are_early_and_the_inspector_in_view(sized, widths):
    page = sized(widths[0])
    for width, layout in product(widths, ("grid", "table")):
        page.set_viewport_size({"width": width, "height": 900})
        page.locator(f"[data-layout={layout}]").click()
        page.wait_for_function(f"() => {LIVE}.state.layout === '{layout}'")
        page.get_by_test_id("stMain").evaluate("main => main.scrollTo(0, 0)")
        inspect_the_third_picture(page)


def inspect_the_third_picture(page) -> None:
    assert page.locator(".results .cell").first.bounding_box()["y"] < 700
    cell = page.locator(".results .cell").nth(2)
    cell.click()
    page.get_by_text("Score breakdown").wait_for(timeout=20_000)
    name = page.locator(".inspector .name").bounding_box()
    assert 0 < name["y"] < 900 - name["height"]
    page.wait_for_function(
        f"() => {{ const sheet = {LIVE}.$('.reasons').getBoundingClientRect(), cell ="
        f" {LIVE}.$('.results [aria-current=true]').getBoundingClientRect();"
        " return cell.bottom <= sheet.top + 40 || cell.right <= sheet.left || cell.left >= sheet.right"
        " || cell.top >= sheet.bottom }"
    )  # it does not cover what was clicked
    page.get_by_role("button", name="Close", exact=True).click()
    page.wait_for_function(f"() => {LIVE}.state.inspected === null")
    assert page.evaluate(f"{LIVE}.$('.live').getRootNode().activeElement.dataset.number !== undefined")


def test_the_chosen_question_is_seen_on_a_narrow_page(sized):
    page = sized(375, "&q=all")
    chosen = page.locator("[data-question=all]").bounding_box()
    assert 0 <= chosen["x"] < 375 - chosen["width"]


def test_the_table_shows_all_of_its_columns(sized):
    page = sized(960, "&layout=table")
    page.locator(".results .cell").first.click()
    page.locator(".facts").wait_for(timeout=20_000)
    for width in (960, 1280, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate(TWO_FRAMES)
        all_columns_are_in_view(page)


def all_columns_are_in_view(page) -> None:
    room, titles = page.evaluate(
        f"() => {{ const v = {LIVE}; return [v.$('.results').getBoundingClientRect().right,"
        " Array.from(v.$('.titles').children, e => [e.textContent, e.getBoundingClientRect().right])] }"
    )
    assert {"True class", "Score", "p-value"} <= {name for name, _ in titles}
    assert all(right <= room for _, right in titles)
    cells, heads = page.evaluate(
        f"['.results .cell', '.titles'].map(row => Array.from({LIVE}.$(row).children, e =>"
        " Math.round(e.getBoundingClientRect().left)))"
    )
    assert cells == heads


def test_a_known_image_taken_for_another_class_is_marked(sized, demo_run):
    samples = Samples(demo_run)
    number = int(np.flatnonzero(samples.is_misclassified)[0])
    truth = samples.true_class[number]
    page = sized(1280, f"&q=all&thr=100&find={samples.ids[number]}")  # every known image is kept
    cell = page.locator(f".results [data-number='{number}']")
    assert cell.locator(".wrong-class").inner_text() == f"✗ is {truth}"
    assert cell.get_attribute("class") == "cell right misclassified"
    right, wrong = page.evaluate(
        f"['right', 'right misclassified'].map(kind => {{ const cell = {LIVE}.$('.results .cell'); cell.className ="
        " `cell ${kind}`; return getComputedStyle(cell.querySelector('.frame')).borderTopColor })"
    )
    assert right != wrong
    assert f"wrong class, it is {truth}" in cell.get_attribute("aria-label")
    cell.click()
    said = page.locator(".inspector .wrong-class")
    said.wait_for(timeout=20_000)
    predicted = demo_run.class_names[samples.predicted[number]]
    assert said.inner_text() == f"✗ Wrong class: it is {truth}, not {predicted}"
    page.locator("[data-layout=table]").click()
    assert f"✗ {truth}" in page.locator(".cell.line").first.inner_text().split("\n")


def test_a_run_without_a_map_says_so_in_its_place(served, browser, demo_run):
    """Where the features are not on this machine either, there is no button."""
    address, home = served
    folder = copy_run(demo_run, home / "runs" / "no-map")
    (folder / "map.npz").unlink()
    features = demo_run.record.features | {"train": str(folder / "gone")}
    replace(demo_run.record, features=features).save(folder / ENERGIES)
    page = open_page(browser, address, "?run=no-map")
    note = page.locator(".no-map")
    note.wait_for(timeout=20_000)
    assert note.inner_text().startswith("This run has no map.")
    assert not note.locator("button").is_visible()
    for part in (".stage", ".tools-bar", ".key"):
        assert not page.locator(part).is_visible()
    assert not page.problems
    page.close()


@pytest.mark.slow
def test_a_button_makes_the_map(browser, demo_run, tmp_path):
    home = shutil.copytree(demo_run.folder.parents[1], tmp_path / "home")
    (home / "runs" / demo_run.id / "map.npz").unlink()
    with app_on(home) as address:
        page = open_page(browser, address)
        page.get_by_role("button", name="Make the map").click()
        page.get_by_test_id("stProgress").wait_for(timeout=30_000)
        page.locator(".no-map", has_text="a job works on this run").wait_for(timeout=20_000)
        page.wait_for_function(f"() => {LIVE}.run.map", timeout=240_000)
        page.locator(".stage").wait_for(timeout=20_000)
        assert not page.locator(".no-map").is_visible()
        assert not page.problems
        page.close()
