"""The workbench as a person uses it, in a real Chromium: β, threshold, map, priors, inspector, links, widths."""

import re

import pytest

from heat_core import Lens
from heat_core.analysis.samples import Samples
from tests.app.open_workbench import (
    EXACT,
    LIVE,
    TWO_FRAMES,
    lasso,
    map_box,
    numbers,
    open_energies,
    open_page,
    selected,
)
from tests.browser import NEEDS_CHROMIUM

pytestmark = NEEDS_CHROMIUM


def press_left(page, slider: str, times: int, address: str) -> None:
    """Move a slider by its keys until the address says so and the numbers are exact."""
    handle = page.locator(slider)
    handle.focus()
    for _ in range(times):
        handle.press("ArrowLeft")
    page.wait_for_function(f"() => location.search.includes('{address}')", timeout=20_000)
    page.wait_for_function(EXACT, timeout=20_000)


def test_beta_moves_everything_and_ends_exact(page, demo_run):
    before = numbers(page)
    samples = Samples(demo_run)
    open_energies(page)
    press_left(page, "input.slider", 20, "beta=-")
    beta = page.evaluate(f"{LIVE}.state.beta")
    assert -1 < beta < 0
    after = numbers(page)
    assert after != before
    expected = demo_run.metrics(Lens(beta), ["heat"])["heat"]
    for row, name in zip(after[1:], demo_run.ood_names, strict=False):
        assert row[2:] == [f"{100 * expected[name]['fpr95']:.1f}", f"{100 * expected[name]['auroc']:.1f}"]
        count = int((samples.flagged("heat", Lens(beta))[samples.dataset == demo_run.datasets.index(name)]).sum())
        assert row[1] == f"{count} / {len(demo_run.ids(name))}"
    page.locator("input.slider").press("Home")
    page.wait_for_function("() => location.search.includes('beta=-inf')", timeout=20_000)
    assert page.locator("input.exactly").input_value() == "−∞"
    assert not page.problems


def test_while_dragging_rough_numbers_are_marked_and_close(page, demo_run):
    """While β is dragged the numbers are marked as rough, and are close to the exact ones."""
    page.evaluate(f"() => {{ const s = {LIVE}.$('.slider'); s.value = 40; s.dispatchEvent(new Event('input')) }}")
    page.wait_for_function(
        "() => document.body && [...heatLive.values()].find(e => e.live).live.$('.note').textContent.includes('≈')"
    )
    rough = numbers(page)[1:4]
    beta = page.evaluate(f"{LIVE}.state.beta")
    expected = demo_run.metrics(Lens(beta), ["heat"])["heat"]
    for row, name in zip(rough, demo_run.ood_names, strict=True):
        assert row[2].startswith("≈ ")
        assert abs(float(row[2].removeprefix("≈ ")) - 100 * expected[name]["fpr95"]) < 1
        assert abs(float(row[3].removeprefix("≈ ")) - 100 * expected[name]["auroc"]) < 0.3


def test_the_threshold_can_be_dragged_and_snaps_back(page):
    line = page.locator("canvas.hist")
    flagged = numbers(page)[0][1]
    line.focus()
    for _ in range(15):
        line.press("ArrowLeft")
    page.wait_for_function("() => location.search.includes('thr=')", timeout=20_000)
    assert "keeps" in line.get_attribute("aria-valuetext")
    assert int(numbers(page)[0][1].split(" / ")[0]) > int(flagged.split(" / ")[0])
    line.press("s")
    page.wait_for_function("() => !location.search.includes('thr=')", timeout=20_000)
    assert numbers(page)[0][1] == flagged


def test_a_false_alarm_rate_sets_the_threshold_at_every_beta(page, demo_run):
    """A false-alarm rate draws the line, and holds while β moves."""
    press_left(page, ".rate .alpha", 12, "alpha=")
    alpha = page.evaluate(f"{LIVE}.state.alpha")
    assert 0.01 < alpha < 0.05
    page.evaluate(
        f"() => {{ const s = {LIVE}.$('.slider'); s.value = 40; s.dispatchEvent(new Event('input'));"
        " s.dispatchEvent(new Event('change')) }"
    )
    page.wait_for_function("() => !location.search.includes('beta=0')", timeout=20_000)
    page.wait_for_function(EXACT, timeout=20_000)
    lens = Lens(page.evaluate(f"{LIVE}.state.beta"), alpha=alpha)
    for row, name in zip(numbers(page), demo_run.datasets, strict=False):
        called = int((demo_run.scores(name, lens) > demo_run.threshold("heat", lens)).sum())
        assert row[1] == f"{called:,} / {len(demo_run.ids(name)):,}"
    page.locator(".results .cell").first.click()
    page.locator(".p-values").wait_for(timeout=20_000)
    sentence = r"[\d.]+ % of known test images look at least this unusual \(p = [\d.]+\)"
    assert re.search(sentence, page.locator(".p-values").inner_text())
    page.locator("canvas.hist").press("s")
    page.wait_for_function("() => !location.search.includes('alpha=')", timeout=20_000)


def test_nothing_scrolls_sideways(served, browser):
    page = open_page(browser, served[0], width=375)
    page.locator(".results .cell").first.click()
    page.get_by_text("Score breakdown").wait_for(timeout=20_000)
    for width in (375, 853, 1024, 1280, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate(TWO_FRAMES)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
        wide = page.evaluate(f"[...{LIVE}.$('.panels').children].map(e => e.scrollWidth - e.clientWidth)")
        assert max(wide) <= 0, width
    page.close()


def test_a_lasso_narrows_the_subset_and_the_link_keeps_it(page):
    lasso(page, 90)
    page.wait_for_function("() => location.search.includes('sel=')", timeout=20_000)
    first = selected(page)
    assert first > 20
    lasso(page, 60, ("Control",))
    page.wait_for_function(f"() => {LIVE}.selected.count < {first}")
    lasso(page, 90, ("Shift",))
    page.wait_for_function(f"() => {LIVE}.selected.count === {first}")
    page.wait_for_timeout(1000)
    url = page.url
    page.reload()
    page.wait_for_function(EXACT, timeout=60_000)
    assert selected(page) == first
    assert page.url == url
    page.locator("canvas.map").focus()
    page.keyboard.press("Escape")
    page.wait_for_function("() => !location.search.includes('sel=')", timeout=20_000)
    page.go_back()
    page.wait_for_function(f"() => {LIVE}.selected.count === {first}", timeout=20_000)
    page.go_forward()
    page.wait_for_function(f"() => {LIVE}.selected.count === 0", timeout=20_000)
    assert not page.problems


def test_the_map_enlarges_to_the_middle_and_works_there(page):
    middle, canvas, button = page.locator(".answers"), page.locator("canvas.map"), page.locator("button.enlarge")
    small = canvas.bounding_box()
    button.click()
    page.wait_for_function(f"() => {LIVE}.$('.map').clientWidth > 1.5 * {small['width']}")
    large, pane = canvas.bounding_box(), middle.bounding_box()
    assert pane["x"] <= large["x"] < large["x"] + large["width"] <= pane["x"] + pane["width"]
    assert large["height"] > 1.5 * small["height"]
    lasso(page, 150)
    page.wait_for_function(f"() => {LIVE}.selected.count > 0")
    count = selected(page)
    page.mouse.move(large["x"] + large["width"] / 2, large["y"] + large["height"] / 2)
    page.mouse.wheel(0, -100)  # the canvas has the focus, so that the wheel zooms
    page.wait_for_function(f"() => {LIVE}.state.viewport.zoom > 1")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(f"{LIVE}.state.viewport.x") < 0.5
    page.keyboard.press("Escape")  # makes the map small again, and leaves the selection
    page.wait_for_function(f"() => {LIVE}.$('.map').clientWidth === {round(small['width'])}")
    assert selected(page) == count
    assert button.get_attribute("aria-pressed") == "false"
    assert page.evaluate(f"{LIVE}.$('.live').getRootNode().activeElement.className") == "map"
    assert not page.problems


def test_a_slow_drag_pans_and_does_not_click(page):
    page.get_by_role("radio", name="Pan").click()
    box = map_box(page)
    before = page.evaluate(f"{LIVE}.state.viewport.x")
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, 41):
        page.mouse.move(x + step, y)
    page.mouse.up()
    assert page.evaluate(f"{LIVE}.state.viewport.x") < before
    page.wait_for_timeout(1000)
    assert "sample=" not in page.url
    assert selected(page) == 0


def test_the_key_says_what_colours_and_crosses_mean(page):
    for colour, said in (
        ("verdict", ["●ID kept", "✚ID flagged by mistake (drawn last)", "✕OOD missed (drawn last)", "◆OOD detected"]),
        ("score", ["typical", "out-of-distribution"]),
    ):
        page.locator("select.colour").select_option(colour)
        page.wait_for_function(f"() => {LIVE}.$('.key').textContent === '{''.join(said)}'")
    ramp = page.evaluate(f"getComputedStyle({LIVE}.$('.key .ramp')).backgroundImage")
    assert ramp.startswith("linear-gradient(90deg, rgb(0, 34, 78)")
    page.locator("select.colour").select_option("class")
    page.wait_for_function(f"() => {LIVE}.$('.key').childElementCount === {LIVE}.run.classes.length")
    assert not page.problems


def test_what_the_view_says_of_itself_cannot_be_written(page):
    for what in ("run", "scores", "isExact", "state", "state.beta"):
        with pytest.raises(Exception, match=r"read only|only a getter"):
            page.evaluate(f"() => {{ 'use strict'; {LIVE}.{what} = 9 }}")


def test_a_point_shows_its_picture_and_a_click_explains_it(page):
    box = map_box(page)
    x, y = page.evaluate(
        f"() => {{ const v = {LIVE}, c = v.$('.map');"
        " const i = v.run.set.findIndex((s, i) => s === 1 && v.scores[i] > v.cutoff);"
        " const w = c.clientWidth, h = c.clientHeight, side = Math.min(w, h) - 28;"
        " return [w / 2 + (v.run.xy[2 * i] / 65535 - 0.5) * side, h / 2 - (v.run.xy[2 * i + 1] / 65535 - 0.5) * side] }"
    )
    page.mouse.move(box["x"] + x, box["y"] + y)
    page.wait_for_function(f"() => {LIVE}.$('.tip img')?.naturalWidth > 0", timeout=20_000)
    assert "predicted as" in page.locator(".tip").inner_text()
    page.mouse.click(box["x"] + x, box["y"] + y)
    page.wait_for_function("() => location.search.includes('sample=')", timeout=20_000)
    page.get_by_text("Nearest known training images").wait_for(timeout=20_000)
    page.locator(".verdicts", has_text="HEAT").wait_for(timeout=20_000)


def test_a_picture_can_be_inspected_by_keyboard(page):
    cell = page.locator(".results .cell").first
    cell.wait_for(timeout=20_000)
    cell.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("() => location.search.includes('sample=')", timeout=20_000)


def test_priors_and_weights_recompose(page, demo_run):
    open_energies(page)
    page.locator(".priors").get_by_label("HEAT-GMM-std").uncheck()
    page.wait_for_function("() => location.search.includes('priors=gmm%2Cel')", timeout=20_000)
    page.wait_for_function(EXACT, timeout=20_000)
    expected = demo_run.metrics(Lens(priors=("gmm", "el")), ["heat"])["heat"]["average"]
    assert numbers(page)[4][2:] == [f"{100 * expected['fpr95']:.1f}", f"{100 * expected['auroc']:.1f}"]
    page.get_by_role("button", name="Weights").click()
    page.get_by_label("weight of EL").fill("3")
    page.keyboard.press("Enter")
    page.wait_for_function("() => location.search.includes('w=1.0%2C3.0')", timeout=20_000)
    page.wait_for_function(EXACT, timeout=20_000)


def test_beta_and_selection_are_kept_over_all_pages(page):
    open_energies(page)
    page.locator("input.exactly").fill("-2")
    page.keyboard.press("Enter")
    page.wait_for_function("() => location.search.includes('beta=-2')", timeout=20_000)
    lasso(page, 60)
    page.wait_for_function("() => location.search.includes('sel=')", timeout=20_000)
    before = selected(page)
    page.get_by_role("link", name="Compare").click()
    page.wait_for_function(
        "() => location.pathname.endsWith('compare') && location.search.includes('beta=-2')", timeout=20_000
    )
    page.get_by_role("link", name="Inspect").click()
    page.wait_for_function(EXACT, timeout=20_000)
    assert (selected(page), page.evaluate(f"{LIVE}.state.beta")) == (before, -2)


def test_weights_are_composed_as_in_python(page, demo_run):
    open_energies(page)
    page.locator("button.weigh").click()
    weight = page.locator(".priors input[type=number]").nth(1)
    weight.fill("3")
    weight.press("Tab")
    page.wait_for_function("() => location.search.includes('w=')", timeout=20_000)
    page.wait_for_function(EXACT, timeout=20_000)
    expected = demo_run.metrics(Lens(weights=(1.0, 3.0, 1.0)), ["heat"])["heat"]
    for row, name in zip(numbers(page)[1:], demo_run.ood_names, strict=False):
        assert row[2:] == [f"{100 * expected[name]['fpr95']:.1f}", f"{100 * expected[name]['auroc']:.1f}"]
    page.locator(".priors input[type=checkbox]").nth(1).uncheck()
    page.wait_for_function("() => location.search.includes('priors=')", timeout=20_000)
    page.wait_for_function(EXACT, timeout=20_000)  # a weight of a prior that takes no part changes nothing
    page.locator(".priors input[type=number]").nth(0).fill("0")
    page.keyboard.press("Tab")
    assert page.locator(".priors input[type=number]").nth(0).input_value() == "0.1"
    assert not page.problems


def test_the_keyboard_stays_on_the_picture_that_was_chosen(page):
    from playwright.sync_api import expect

    cell = page.locator(".results .cell").nth(2)
    cell.focus()
    cell.press("Enter")
    page.wait_for_function("() => location.search.includes('sample=')", timeout=20_000)
    expect(page.locator(".results .cell[aria-current=true]").first).to_be_visible(timeout=20_000)
    page.wait_for_timeout(500)
    active = page.evaluate(
        "() => { let e = document.activeElement; while (e.shadowRoot?.activeElement) e = e.shadowRoot.activeElement;"
        " return e.className }"
    )
    assert "cell" in active
