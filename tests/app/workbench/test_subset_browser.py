"""Subsets of samples as a person works with them, in a real Chromium: questions, cross-filters, keys, tags, files."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from heat_core import Lens
from heat_core.analysis.notes import read_notes
from heat_core.analysis.questions import Query, best_prior, question_mask, sort_samples
from heat_core.analysis.samples import Samples
from tests.app.open_workbench import EXACT, LIVE, break_down, lasso, open_energies, open_page, shown_numbers
from tests.browser import NEEDS_CHROMIUM

pytestmark = NEEDS_CHROMIUM


def test_it_opens_on_the_surest_mistakes_of_heat(page, demo_run):
    samples = Samples(demo_run)
    wanted = sort_samples(samples, np.flatnonzero(question_mask(samples, Query())), Query())
    assert shown_numbers(page) == wanted.tolist()
    chosen = page.locator(".questions [aria-checked=true]").inner_text()
    assert chosen.split() == [str(len(wanted)), "Missed"]
    first = page.locator(".results .cell").first
    first.wait_for(timeout=20_000)
    assert int(first.get_attribute("data-number")) == wanted[0]
    page.wait_for_function(f"() => {LIVE}.$('.results img').naturalWidth > 0", timeout=20_000)
    baseline = best_prior(samples)
    assert page.locator("select.baseline").input_value() == baseline
    heat, base = samples.flagged("heat"), samples.flagged(baseline)
    gained, lost = int((samples.is_ood & heat & ~base).sum()), int((samples.is_ood & ~heat & base).sum())
    compared = [page.locator(f"[data-question={name}]").inner_text().split() for name in ("gained", "lost")]
    assert compared == [[f"+{gained:,}", "caught"], [f"−{lost:,}", "lost"]]

    page.locator("select.baseline").select_option(label="Fisher's method")  # as the β of HEAT moves, this one stands
    open_energies(page)
    page.locator("input.exactly").fill("2")
    page.keyboard.press("Enter")
    page.wait_for_function("() => location.search.includes('base=fisher') && location.search.includes('beta=2')")
    heat, base = samples.flagged("heat", Lens(2.0)), samples.flagged("fisher")
    gained, lost = int((samples.is_ood & heat & ~base).sum()), int((samples.is_ood & ~heat & base).sum())
    page.wait_for_function(EXACT, timeout=60_000)
    compared = [page.locator(f"[data-question={name}]").inner_text().split() for name in ("gained", "lost")]
    assert compared == [[f"+{gained:,}", "caught"], [f"−{lost:,}", "lost"]]
    assert not page.problems


def test_a_bar_of_the_breakdown_narrows_grid_map_and_address(page, demo_run):
    samples = Samples(demo_run)
    page.locator("[data-question=all]").click()
    page.wait_for_function(f"() => {LIVE}.points.length === {len(samples)}")
    break_down(page, "seen")
    page.locator(".breakdown .bar-of").first.click()
    page.wait_for_function("() => location.search.includes('seen=')", timeout=20_000)
    value = page.evaluate(f"{LIVE}.state.query.values.seen[0]")
    wanted = np.flatnonzero(samples.predicted == demo_run.class_names.index(value))
    assert sorted(shown_numbers(page)) == wanted.tolist()
    assert page.evaluate(f"{LIVE}.subset.mask.reduce((a, b) => a + b, 0)") == len(wanted)
    break_down(page, "set")
    page.locator(".breakdown .bar-of").last.click()
    page.wait_for_function(f"() => {LIVE}.points.length < {len(wanted)}")
    assert page.locator(".chip").count() == 3  # both, and what takes all off
    page.locator(".chip", has_text="Predicted class").click()
    page.wait_for_function("() => !location.search.includes('seen=') && location.search.includes('set=')")
    page.locator(".chip", has_text="Set:").click()
    page.wait_for_function(f"() => {LIVE}.points.length === {len(samples)}")
    assert not page.problems


def test_brush_lasso_and_search_narrow_one_another(page, demo_run):
    """Each narrows the others, and can be taken off again."""
    samples = Samples(demo_run)
    page.locator("[data-question=all]").click()
    box = page.locator("canvas.hist").bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.72 * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], y)
    page.mouse.move(box["x"] + 0.95 * box["width"], y)
    page.mouse.up()
    page.wait_for_function("() => location.search.includes('brush=')", timeout=20_000)
    low, high = page.evaluate(f"{LIVE}.state.query.brush")
    scores = samples.scores("heat")
    brushed = set(np.flatnonzero((scores >= low) & (scores <= high)).tolist())
    assert abs(len(brushed) - page.evaluate(f"{LIVE}.points.length")) <= 1  # float32 at the edges
    lasso(page, 110)
    page.wait_for_function("() => location.search.includes('sel=')", timeout=20_000)
    both = set(shown_numbers(page))
    assert both <= brushed
    assert both
    words = page.locator(".chip", has_text="Lasso").inner_text()
    assert "caught" in words
    assert "missed" in words
    needle = str(samples.ids[min(both)])[-2:]
    page.locator(".find").fill(needle)
    page.wait_for_function("() => location.search.includes('find=')", timeout=20_000)
    assert set(shown_numbers(page)) == {i for i in both if needle in str(samples.ids[i])}
    url = page.url
    page.reload()
    page.wait_for_function(EXACT, timeout=60_000)
    assert page.url == url
    assert page.locator(".chip").count() == 4
    page.locator(".chip.all").click()
    page.wait_for_function("() => !/brush|find|sel=/.test(location.search)", timeout=20_000)
    assert page.evaluate(f"{LIVE}.points.length") == len(samples)
    assert not page.problems


def test_the_table_begins_with_score_and_p(page, demo_run):
    """Every column sorts: p, which falls while the score rises, as the score does, the other way round."""
    samples = Samples(demo_run)
    page.locator("[data-layout=table]").click()
    titles = page.locator(".titles button")
    titles.first.wait_for()
    fixed = ["Score", "p-value", "Name", "Set", "Predicted class", "Confidence", "True class"]
    assert titles.all_inner_texts()[:7] == fixed
    titles.nth(0).click()
    page.wait_for_function("() => location.search.includes('order=score%3Adesc')", timeout=20_000)
    wanted = sort_samples(samples, np.flatnonzero(question_mask(samples, Query())), Query(order="score:desc"))
    assert shown_numbers(page) == wanted.tolist()
    assert titles.all_inner_texts()[:2] == ["Score ▼", "p-value ▲"]
    titles.nth(1).click()
    page.wait_for_function("() => location.search.includes('order=score%3Aasc')", timeout=20_000)
    assert shown_numbers(page) == wanted[::-1].tolist()
    assert titles.all_inner_texts()[:2] == ["Score ▲", "p-value ▼"]
    line, last = page.locator(".cell.line").first.inner_text().split("\n"), wanted[-1]
    known = samples.scores("heat")[~samples.is_ood]
    p_value = (1 + int((known >= samples.scores("heat")[last]).sum())) / (len(known) + 1)
    assert line[:3] == [f"{samples.scores('heat')[last]:.2f}", line[1], str(samples.ids[last])]
    assert float(line[1]) == float(f"{p_value:.2g}")
    page.locator(".cell.line").nth(1).click()
    page.wait_for_function("() => location.search.includes('sample=')", timeout=20_000)
    assert not page.problems


def test_what_changes_nothing_in_the_grid_leaves_it_as_it_stands(served, browser, demo_run):
    """A grid that is made anew loses the click that falls on it meanwhile."""
    page = open_page(browser, served[0], f"?run={demo_run.id}&q=all")
    page.evaluate(f"globalThis.made = [...{LIVE}.$('.results .inner').children]")
    page.locator(".results .cell").nth(1).click()
    number = shown_numbers(page)[1]
    page.wait_for_function(f"() => {LIVE}.state.inspected === {number} && {LIVE}.isExact", timeout=20_000)
    assert page.evaluate(f"made.length > 0 && made.every((row, i) => row === {LIVE}.$('.results .inner').children[i])")
    assert not page.problems
    page.close()


def test_keys_move_select_tag_and_enlarge(served, browser, demo_run):
    page = open_page(browser, served[0], f"?run={demo_run.id}&q=all")
    page.locator(".results .cell").first.click()
    shown = shown_numbers(page)
    looked = f"{LIVE}.state.inspected"
    page.locator(".results").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate(looked) == shown[1]
    page.keyboard.press("j")
    assert page.evaluate(looked) == shown[2]
    page.keyboard.press("k")
    assert page.evaluate(looked) == shown[1]
    page.keyboard.press("ArrowDown")
    assert (
        page.evaluate(looked) == shown[1 + page.evaluate(f"Math.floor(({LIVE}.$('.results').clientWidth + 8) / 120)")]
    )
    page.keyboard.press(" ")
    assert page.evaluate(f"[...{LIVE}.state.selectedSamples]") == [page.evaluate(looked)]
    page.keyboard.press("f")
    page.wait_for_function(f"() => {LIVE}.$('dialog.lightbox').open && {LIVE}.$('.lightbox img').naturalWidth > 0")
    page.keyboard.press("Escape")
    page.wait_for_function(f"() => !{LIVE}.$('dialog.lightbox').open")
    number = page.evaluate(looked)
    page.locator(".results").focus()
    page.keyboard.press("2")  # known
    page.wait_for_function(f"() => {LIVE}.state.tags.known?.length === 1", timeout=20_000)
    assert page.evaluate(f"{LIVE}.state.tags.known") == [number]
    page.keyboard.press("t")
    page.keyboard.type("odd one")
    page.keyboard.press("Enter")
    page.wait_for_function(f"() => {LIVE}.state.tags['odd one']?.length === 1", timeout=20_000)
    folder = served[1] / "runs" / demo_run.id
    assert read_notes(folder)[Samples(demo_run).key(number)]["tags"] == ["known", "odd one"]
    (folder / "notes.json").unlink()
    assert not page.problems
    page.close()


def test_a_bulk_tag_becomes_the_ood_set_of_a_new_run(served, browser, demo_run):
    """Samples are tagged together, and two clicks make them an OOD set of a new run."""
    page = open_page(browser, served[0], f"?run={demo_run.id}")
    count = page.evaluate(f"{LIVE}.points.length")
    page.locator(".tagging summary").click()
    page.locator(".quick button", has_text="new class").click()
    page.wait_for_function(f"() => {LIVE}.state.tags['new class']?.length === {count}", timeout=20_000)
    page.locator("[data-question=tagged]").click()
    break_down(page, "tag")
    page.locator(".breakdown .bar-of").first.click()
    page.locator(".deciding summary").click()
    page.locator(".as-ood").click()
    page.wait_for_function("() => location.pathname.endsWith('/runs')", timeout=30_000)
    page.get_by_text("are the OOD set").wait_for(timeout=20_000)
    (folder,) = (served[1] / "sets").iterdir()
    assert len(list(folder.glob("*.png"))) == count
    assert "new-class" in folder.name
    (served[1] / "runs" / demo_run.id / "notes.json").unlink()
    assert not page.problems
    page.close()


@pytest.mark.parametrize("what", ["rows", "histogram", "map"])
def test_figures_can_be_saved_as_svg_and_png(page, what):
    page.locator(".results .cell img").first.wait_for(timeout=20_000)
    page.locator(".doing", has_text="Export").locator("summary").click()
    for kind, start in (("svg", b"<svg"), ("png", b"\x89PNG")):
        with page.expect_download(timeout=30_000) as got:
            page.locator(f"[data-save='{what} {kind}']").click()
        content = Path(got.value.path()).read_bytes()
        assert content.startswith(start)
        if kind == "svg":
            assert (b"data:image/" in content) == (what == "rows")  # its pictures are inside
            assert ElementTree.fromstring(content).tag.endswith("svg")
    assert not page.problems


def test_an_export_is_the_subset(page, demo_run):
    break_down(page, "seen")
    page.locator(".breakdown .bar-of").first.click()
    page.wait_for_function("() => location.search.includes('seen=')", timeout=20_000)
    count = page.evaluate(f"{LIVE}.points.length")
    page.locator(".doing", has_text="Export").locator("summary").click()
    with page.expect_download(timeout=30_000) as got:
        page.locator("[data-take=csv]").click()
    lines = Path(got.value.path()).read_text().splitlines()
    assert len(lines) == count + 1
    assert lines[0].startswith("set,id,path,taken_for,confidence,score_")


def test_of_five_hundred_pictures_only_visible_ones_are_drawn(page):
    """Five hundred pictures are there; only the visible ones are drawn."""
    page.locator("[data-question=all]").click()
    page.wait_for_function(f"() => {LIVE}.points.length > 500")
    page.wait_for_timeout(500)
    drawn = page.locator(".results .cell").count()
    assert 0 < drawn < 120
    page.evaluate("() => document.querySelector('.stMain').scrollBy(0, 30 * 158)")  # the page alone scrolls
    page.wait_for_timeout(400)
    assert 0 < page.locator(".results .cell").count() < 120
    numbers_drawn = page.evaluate(
        f"Array.from({LIVE}.$('.results').querySelectorAll('.cell'), c => Number(c.dataset.number))"
    )
    assert set(numbers_drawn) <= set(shown_numbers(page)[60:])


def test_more_like_this_fills_the_grid(page, demo_run):
    page.locator(".results .cell").first.click()
    page.get_by_role("button", name="Similar images").click()
    page.wait_for_function("() => location.search.includes('like=')", timeout=20_000)
    page.wait_for_function(f"() => {LIVE}.points.length === 101", timeout=20_000)
    assert shown_numbers(page)[0] == page.evaluate(f"{LIVE}.state.inspected")


def test_few_pictures_keep_their_rows(served, browser):
    page = open_page(browser, served[0], "?layout=rows&methods=el,gmm,heat")
    page.locator(".block .method").first.wait_for(timeout=20_000)
    page.wait_for_timeout(500)  # the exact line may have drawn them anew
    boxes = [m.bounding_box() for m in page.locator(".block").first.locator(".method").all()]
    assert len({round(b["x"]) for b in boxes}) == 1
    assert len({round(b["y"]) for b in boxes}) == 3
    page.close()
