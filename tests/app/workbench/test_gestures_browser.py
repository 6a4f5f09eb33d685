"""Gestures on the results in a real Chromium: ranges, undoing, menus, what is left when the question changes, Back."""

from urllib.parse import quote

import numpy as np
import pytest

from heat_core import Lens
from heat_core.analysis.notes import read_notes
from heat_core.analysis.samples import Samples
from tests.app.open_workbench import LIVE, open_energies, open_page, shown_numbers
from tests.browser import NEEDS_CHROMIUM
from tests.conftest import copy_run

pytestmark = NEEDS_CHROMIUM

SELECTED = f"[...{LIVE}.state.selectedSamples]"
FOCUSED = f"{LIVE}.$('.live').getRootNode().activeElement?.dataset.number"
OPEN_MENUS = f"Array.from({LIVE}.$('.live').querySelectorAll('.menu[open] > summary'), e => e.textContent)"


@pytest.mark.parametrize("layout", ["grid", "table", "rows"])
def test_shift_selects_a_range_from_the_anchor(page, layout):
    """A click anchors; Shift-click and Shift+arrows move the range's other end; Ctrl-click adds and removes one."""
    page.locator(f"[data-layout={layout}]").click()
    shown = shown_numbers(page)

    def click(place: int, *modifiers: str) -> list[int]:
        page.locator(f".results [data-number='{shown[place]}']").first.click(modifiers=modifiers)
        return sorted(page.evaluate(SELECTED))

    assert click(1) == []
    assert click(3, "Shift") == sorted(shown[1:4])
    assert click(0, "Shift") == sorted(shown[:2])  # the range is from the same anchor
    assert click(4, "Control") == sorted([*shown[:2], shown[4]])
    assert click(3, "Shift") == sorted([*shown[:2], *shown[3:5]])  # what was selected before the range stays
    page.locator(".deselect", has_text="4 selected ✕").wait_for()
    assert page.locator(f".results [data-number='{shown[4]}']").first.get_attribute("aria-selected") == "true"
    assert page.evaluate(f"{LIVE}.state.inspected") == shown[1]
    page.locator(".deselect").click()
    assert page.evaluate(SELECTED) == []
    assert click(1) == []
    for key, place, expected in (("ArrowRight", 2, shown[1:3]), ("ArrowRight", 3, shown[1:4]), ("k", 2, shown[1:3])):
        page.keyboard.press(f"Shift+{key}")
        assert page.evaluate(f"{LIVE}.state.inspected") == shown[place]
        assert sorted(page.evaluate(SELECTED)) == sorted(expected)
        page.wait_for_function(f"() => {FOCUSED} === '{shown[place]}'", timeout=20_000)
    page.keyboard.press("End")
    assert page.evaluate(f"{LIVE}.state.inspected") == shown[-1]
    page.keyboard.press("Escape")  # closes the inspector, and the next one deselects
    assert len(page.evaluate(SELECTED)) == 2
    page.keyboard.press("Escape")
    assert page.evaluate(SELECTED) == []
    assert not page.problems


def test_undo_restores_the_tags_that_were(served, browser, demo_run):
    """Tags are marks on the pictures; undoing leaves the tag to a sample that had it before."""
    address, home = served
    folder = copy_run(demo_run, home / "runs" / "undone")
    samples = Samples(demo_run)
    page = open_page(browser, address, "?run=undone&q=all")
    shown = shown_numbers(page)
    undo, cell = page.locator("button.undo"), page.locator(".results .cell")

    def tagged(count: int) -> set[int]:
        page.wait_for_function(f"() => ({LIVE}.state.tags.known ?? []).length === {count}", timeout=20_000)
        return {samples.find(key) for key, note in read_notes(folder).items() if "known" in note["tags"]}

    assert not undo.is_visible()
    cell.nth(1).click()
    page.keyboard.press("2")  # known
    assert tagged(1) == {shown[1]}
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("2")
    assert tagged(3) == set(shown[:3])
    mark = cell.nth(2).locator(".tag-mark")
    mark.wait_for(timeout=20_000)
    assert mark.inner_text() == "K"
    assert cell.nth(2).get_attribute("aria-label").endswith(", tagged known")
    assert undo.get_attribute("title") == "Undo: 2 tagged “known” (Ctrl+Z)"
    page.keyboard.press("Control+z")
    assert tagged(1) == {shown[1]}
    mark.wait_for(state="detached", timeout=20_000)
    undo.click()
    assert tagged(0) == set()
    assert not undo.is_visible()
    assert not page.problems
    page.close()


def test_one_menu_is_open_at_a_time(page):
    page.locator(".tagging > summary").click()
    assert page.evaluate(OPEN_MENUS) == ["Tag"]
    page.locator(".menu > summary", has_text="Methods").click()
    assert page.evaluate(OPEN_MENUS) == ["Methods shown"]
    page.locator(".methods input").first.focus()  # a press inside leaves it open
    page.locator(".methods label").first.click()
    assert page.evaluate(OPEN_MENUS) == ["Methods shown"]
    page.keyboard.press("Escape")
    assert page.evaluate(OPEN_MENUS) == []
    page.locator(".menu > summary", has_text="Export").click()
    page.get_by_role("heading", level=1).click()  # outside the workbench
    assert page.evaluate(OPEN_MENUS) == []
    assert not page.problems


def test_a_sample_is_left_with_the_question_that_held_it(page):
    page.locator(".results .cell").first.click()
    number = shown_numbers(page)[0]
    page.wait_for_function("() => location.search.includes('sample=')", timeout=20_000)
    page.locator("[data-question=all]").click()
    assert page.evaluate(f"{LIVE}.state.inspected") == number
    page.locator("[data-question=flagged]").click()
    page.wait_for_function("() => !location.search.includes('sample=')", timeout=20_000)
    assert page.evaluate(f"{LIVE}.state.inspected") is None
    assert page.locator(".findings").is_visible()
    assert page.locator(".inspector").inner_text() == ""
    assert not page.problems


def test_a_sample_that_beta_takes_out_is_said_to_be_outside(served, browser, demo_run):
    samples = Samples(demo_run)
    detected = samples.flagged("heat", Lens(np.inf)) & ~samples.flagged("heat") & samples.is_ood
    key = quote(samples.key(int(np.flatnonzero(detected)[0])))
    page = open_page(browser, served[0], f"?run={demo_run.id}&sample={key}")
    page.locator(".facts").wait_for(timeout=20_000)
    outside = page.get_by_text("not among those that answer the question")
    assert outside.count() == 0
    open_energies(page)
    page.locator("input.slider").press("End")
    outside.wait_for(timeout=20_000)
    assert not page.problems
    page.close()


def test_an_empty_result_says_so(page):
    empty = page.locator(".empty")
    assert not empty.is_visible()
    page.locator("[data-question=tagged]").click()
    empty.wait_for(timeout=20_000)
    assert empty.inner_text() == "No image answers this question."
    page.locator("[data-question=all]").click()
    page.locator(".find").fill("there is no such name")
    empty.wait_for(timeout=20_000)
    assert "take one off" in empty.inner_text()
    page.locator(".find").fill("")
    empty.wait_for(state="hidden", timeout=20_000)
    assert not page.problems


def test_the_menu_of_orders_names_the_order_that_is_shown(page):
    order = page.locator("select.order")
    chosen = "select => select.selectedOptions[0].textContent"
    assert order.evaluate(chosen) == "most confident first"
    page.locator(".results .cell").first.click()
    page.get_by_role("button", name="Similar images").click()
    page.wait_for_function("() => location.search.includes('like=')", timeout=20_000)
    assert order.evaluate(chosen) == "most similar first"
    order.select_option("unusual")
    page.wait_for_function("() => !location.search.includes('like=')", timeout=20_000)
    assert order.evaluate(chosen) == "most out-of-distribution"
    page.locator("[data-layout=table]").click()
    page.locator(".titles button", has_text="Score").click()
    page.wait_for_function("() => location.search.includes('order=score')", timeout=20_000)
    assert order.evaluate(chosen) == "by a column of the table"


def test_one_step_back_leaves_compare(served, browser, demo_run):
    address, home = served
    copy_run(demo_run, home / "runs" / "gone-back")
    page = open_page(browser, address, "?run=gone-back")
    page.wait_for_function("() => location.search.includes('beta=')", timeout=20_000)
    start = page.url
    page.get_by_role("link", name="Compare", exact=True).click()
    page.wait_for_function("() => location.pathname === '/compare' && location.search.includes('beta=')")
    page.locator(".heat-cards").wait_for(timeout=20_000)
    page.go_back()
    page.wait_for_function(f"() => location.href === '{start}'", timeout=20_000)
    page.locator(".results .cell").first.wait_for(timeout=20_000)
    page.go_forward()
    page.wait_for_function("() => location.pathname === '/compare' && location.search.includes('beta=')")
    page.close()
