"""The workbench as a person uses it, in a real Chromium: questions, cross-filters, keys, tags, links."""

import math
import shutil
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from heat_core import Lens
from heat_core.analysis.notes import read_notes
from heat_core.analysis.questions import Query, answers, arrange, best_prior
from heat_core.analysis.samples import Samples
from tests.browser import CHROMIUM, app_on, chromium

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium chromium-driver"),
]
LIVE = "[...heatLive.values()].find(e => e.live).live"
EXACT = f"() => globalThis.heatLive && [...heatLive.values()].some(e => e.live) && {LIVE}.isExact"


@pytest.fixture(scope="module")
def served(demo_run, tmp_path_factory):
    """(address, HEAT_HOME) of the app on a copy of the demo's run."""
    home = tmp_path_factory.mktemp("live-home")
    shutil.copytree(demo_run.folder, home / "runs" / demo_run.id)
    shutil.copytree(demo_run.folder, home / "runs" / "20200101-000000-older")
    with app_on(home) as address:
        yield address, home


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(served, browser):
    page = open_page(browser, served[0])
    yield page
    page.close()


def open_page(browser, address: str, query: str = ""):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.goto(f"{address}/{query}")
    page.wait_for_function(EXACT, timeout=60_000)
    return page


def numbers(page) -> list[list[str]]:
    rows = page.locator(".numbers tbody tr").all()
    return [[cell.inner_text() for cell in row.locator("td").all()] for row in rows]


def lasso(page, radius: float, keys: tuple[str, ...] = (), shift: float = 0.0) -> None:
    page.locator("canvas.map").scroll_into_view_if_needed()
    box = page.locator("canvas.map").bounding_box()
    x, y = box["x"] + box["width"] / 2 + shift, box["y"] + box["height"] / 2
    page.mouse.move(x + radius, y)
    page.mouse.down()
    for i in range(1, 25):
        page.mouse.move(x + radius * math.cos(i * math.pi / 12), y + radius * math.sin(i * math.pi / 12))
    for key in keys:
        page.keyboard.down(key)
    page.mouse.up()
    for key in keys:
        page.keyboard.up(key)


def selected(page) -> int:
    return page.evaluate(f"{LIVE}.selected.count")


def test_beta_moves_everything_and_ends_exact(page, demo_run):
    before = numbers(page)
    samples = Samples(demo_run)
    slider = page.locator("input.slider")
    slider.focus()
    for _ in range(20):
        slider.press("ArrowLeft")
    page.wait_for_function("() => location.search.includes('beta=-')", timeout=20_000)
    page.wait_for_function(EXACT, timeout=20_000)
    beta = page.evaluate(f"{LIVE}.state.beta")
    assert -1 < beta < 0
    after = numbers(page)
    assert after != before
    expected = demo_run.metrics(Lens(beta), ["heat"])["heat"]
    for row, name in zip(after[1:], demo_run.ood_names, strict=False):
        assert row[2:] == [f"{100 * expected[name]['fpr95']:.1f}", f"{100 * expected[name]['auroc']:.1f}"]
        count = int((samples.flagged("heat", Lens(beta))[samples.dataset == demo_run.datasets.index(name)]).sum())
        assert row[1] == f"{count} / {len(demo_run.ids(name))}"
    slider.press("Home")
    page.wait_for_function("() => location.search.includes('beta=-inf')", timeout=20_000)
    assert page.locator("input.exactly").input_value() == "−∞"
    assert not page.problems


def test_while_dragging_the_numbers_are_marked_as_rough_and_close(page, demo_run):
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


def keys_shown(page) -> list[int]:
    """The numbers of the samples in the middle, in order, as far as they are drawn."""
    return page.evaluate(f"Array.from({LIVE}.points, i => {LIVE}.run.number[i])")


def test_it_opens_on_the_surest_mistakes_of_heat(page, demo_run):
    samples = Samples(demo_run)
    wanted = arrange(samples, np.flatnonzero(answers(samples, Query())), Query())
    assert keys_shown(page) == wanted.tolist()
    chosen = page.locator(".questions [aria-checked=true]").inner_text()
    assert chosen.split() == [str(len(wanted)), "Missed", "by", "HEAT"]
    first = page.locator(".results .cell").first
    first.wait_for(timeout=20_000)
    assert int(first.get_attribute("data-number")) == wanted[0]
    page.wait_for_function(f"() => {LIVE}.$('.results img').naturalWidth > 0", timeout=20_000)
    baseline = best_prior(samples)
    assert page.locator("select.baseline").input_value() == baseline
    heat, base = samples.flagged("heat"), samples.flagged(baseline)
    gained, lost = int((samples.is_ood & heat & ~base).sum()), int((samples.is_ood & ~heat & base).sum())
    assert page.locator(".gains").inner_text() == f"+{gained} −{lost}"
    assert not page.problems


def test_a_bar_of_the_breakdown_narrows_grid_map_and_address(page, demo_run):
    samples = Samples(demo_run)
    page.locator("[data-question=all]").click()
    page.wait_for_function(f"() => {LIVE}.points.length === {len(samples)}")
    page.locator("[data-facet=seen] .bar-of").first.click()
    page.wait_for_function("() => location.search.includes('seen=')", timeout=20_000)
    value = page.evaluate(f"{LIVE}.state.ask.values.seen[0]")
    wanted = np.flatnonzero(samples.predicted == demo_run.class_names.index(value))
    assert sorted(keys_shown(page)) == wanted.tolist()
    assert page.evaluate(f"{LIVE}.subset.mask.reduce((a, b) => a + b, 0)") == len(wanted)
    page.locator("[data-facet=set] .bar-of").last.click()
    page.wait_for_function(f"() => {LIVE}.points.length < {len(wanted)}")
    assert page.locator(".chip").count() == 3  # both, and what takes all off
    page.locator(".chip", has_text="Taken for").click()
    page.wait_for_function("() => !location.search.includes('seen=') && location.search.includes('set=')")
    page.locator(".chip", has_text="Set:").click()
    page.wait_for_function(f"() => {LIVE}.points.length === {len(samples)}")
    assert not page.problems


def test_brush_lasso_and_search_narrow_one_another_and_can_be_taken_off(page, demo_run):
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
    low, high = page.evaluate(f"{LIVE}.state.ask.brush")
    scores = samples.scores("heat")
    brushed = set(np.flatnonzero((scores >= low) & (scores <= high)).tolist())
    assert abs(len(brushed) - page.evaluate(f"{LIVE}.points.length")) <= 1  # float32 at the edges
    lasso(page, 110)
    page.wait_for_function("() => location.search.includes('sel=')", timeout=20_000)
    both = set(keys_shown(page))
    assert both <= brushed
    assert both
    words = page.locator(".chip", has_text="Lasso").inner_text()
    assert "caught" in words
    assert "missed" in words
    needle = str(samples.ids[min(both)])[-2:]
    page.locator(".find").fill(needle)
    page.wait_for_function("() => location.search.includes('find=')", timeout=20_000)
    assert set(keys_shown(page)) == {i for i in both if needle in str(samples.ids[i])}
    url = page.url
    page.reload()
    page.wait_for_function(EXACT, timeout=60_000)
    assert page.url == url
    assert page.locator(".chip").count() == 4
    page.locator(".chip.all").click()
    page.wait_for_function("() => !/brush|find|sel=/.test(location.search)", timeout=20_000)
    assert page.evaluate(f"{LIVE}.points.length") == len(samples)
    assert not page.problems


def test_the_table_sorts_by_its_columns(page, demo_run):
    samples = Samples(demo_run)
    page.locator("[data-layout=table]").click()
    page.locator(".titles button", has_text="score").click()
    page.wait_for_function("() => location.search.includes('order=score%3Adesc')", timeout=20_000)
    wanted = arrange(samples, np.flatnonzero(answers(samples, Query())), Query(order="score:desc"))
    assert keys_shown(page) == wanted.tolist()
    page.locator(".titles button", has_text="score").click()
    page.wait_for_function("() => location.search.includes('order=score%3Aasc')", timeout=20_000)
    assert keys_shown(page) == wanted[::-1].tolist()
    line = page.locator(".cell.line").first.inner_text().split("\n")
    assert str(samples.ids[wanted[-1]]) in line
    page.locator(".cell.line").nth(1).click()
    page.wait_for_function("() => location.search.includes('sample=')", timeout=20_000)
    assert not page.problems


def test_keys_move_mark_tag_and_enlarge(served, browser, demo_run):
    page = open_page(browser, served[0], f"?run={demo_run.id}&q=all")
    page.locator(".results .cell").first.click()
    shown = keys_shown(page)
    looked = f"{LIVE}.state.looked"
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
    assert page.evaluate(f"[...{LIVE}.state.marked]") == [page.evaluate(looked)]
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


def test_a_bulk_tag_becomes_the_ood_set_of_a_new_run_in_two_clicks(served, browser, demo_run):
    page = open_page(browser, served[0], f"?run={demo_run.id}")
    count = page.evaluate(f"{LIVE}.points.length")
    page.locator(".tagging summary").click()
    page.locator(".quick button", has_text="new class").click()
    page.wait_for_function(f"() => {LIVE}.state.tags['new class']?.length === {count}", timeout=20_000)
    page.locator("[data-question=tagged]").click()
    page.locator("[data-facet=tag] .bar-of").first.click()
    page.locator(".doing", has_text="New run").locator("summary").click()
    page.locator(".as-ood").click()
    page.wait_for_function("() => location.pathname.endsWith('/runs')", timeout=30_000)
    page.get_by_text("are the OOD set").wait_for(timeout=20_000)
    (folder,) = (served[1] / "sets").iterdir()
    assert len(list(folder.glob("*.png"))) == count
    assert "new-class" in folder.name
    (served[1] / "runs" / demo_run.id / "notes.json").unlink()
    assert not page.problems
    page.close()


@pytest.mark.parametrize("old", ["live", "gallery", "map", "explore", "own", "train", "setup"])
def test_old_addresses_lead_to_the_new_place(served, browser, demo_run, old):
    from app.moved import NEW_PLACE

    page = browser.new_page()
    page.goto(f"{served[0]}/{old}?run={demo_run.id}&beta=-2")
    new = NEW_PLACE[old]
    path = {"inspect": "/"}.get(new, f"/{new}")
    page.wait_for_function(f"() => location.pathname === '{path}' && location.search.includes('run=')", timeout=30_000)
    page.wait_for_selector("h1", timeout=30_000)
    if new in ("inspect", "compare"):
        page.wait_for_function("() => location.search.includes('beta=-2')", timeout=30_000)
    page.close()


@pytest.mark.parametrize("what", ["rows", "histogram", "map"])
def test_figures_can_be_saved_as_svg_and_png(page, what):
    page.locator(".results .cell img").first.wait_for(timeout=20_000)
    page.locator(".doing", has_text="Take along").locator("summary").click()
    for kind, start in (("svg", b"<svg"), ("png", b"\x89PNG")):
        with page.expect_download(timeout=30_000) as got:
            page.locator(f"[data-save='{what} {kind}']").click()
        content = Path(got.value.path()).read_bytes()
        assert content.startswith(start)
        if kind == "svg":
            assert (b"data:image/" in content) == (what == "rows")  # its pictures are inside
            assert ElementTree.fromstring(content).tag.endswith("svg")
    assert not page.problems


def test_what_is_taken_along_is_the_subset(page, demo_run):
    page.locator("[data-facet=seen] .bar-of").first.click()
    page.wait_for_function("() => location.search.includes('seen=')", timeout=20_000)
    count = page.evaluate(f"{LIVE}.points.length")
    page.locator(".doing", has_text="Take along").locator("summary").click()
    with page.expect_download(timeout=30_000) as got:
        page.locator("[data-take=csv]").click()
    lines = Path(got.value.path()).read_text().splitlines()
    assert len(lines) == count + 1
    assert lines[0].startswith("set,id,path,taken_for,confidence,score_")


def test_five_hundred_pictures_are_there_and_only_those_in_sight_are_drawn(page):
    page.locator("[data-question=all]").click()
    page.wait_for_function(f"() => {LIVE}.points.length > 500")
    page.wait_for_timeout(500)
    drawn = page.locator(".results .cell").count()
    assert 0 < drawn < 120
    page.evaluate(f"() => {{ const r = {LIVE}.$('.results'); r.scrollTop = 30 * 158 }}")
    page.wait_for_timeout(400)
    assert 0 < page.locator(".results .cell").count() < 120
    numbers_drawn = page.evaluate(
        f"Array.from({LIVE}.$('.results').querySelectorAll('.cell'), c => Number(c.dataset.number))"
    )
    assert set(numbers_drawn) <= set(keys_shown(page)[60:])


@pytest.mark.parametrize("width", [375, 1024, 1280, 1920])
def test_nothing_scrolls_sideways(served, browser, width):
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(served[0])
    page.wait_for_function(EXACT, timeout=60_000)
    page.locator(".results .cell").first.click()
    page.get_by_text("What the score is made of").wait_for(timeout=20_000)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    wide = page.evaluate(f"[...{LIVE}.$('.panels').children].map(e => e.scrollWidth - e.clientWidth)")
    assert max(wide) <= 0
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


def test_a_slow_hand_pans_and_does_not_click(page):
    page.get_by_role("radio", name="Pan").click()
    page.locator("canvas.map").scroll_into_view_if_needed()
    box = page.locator("canvas.map").bounding_box()
    before = page.evaluate(f"{LIVE}.state.where.x")
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, 41):
        page.mouse.move(x + step, y)
    page.mouse.up()
    assert page.evaluate(f"{LIVE}.state.where.x") < before
    page.wait_for_timeout(1000)
    assert "sample=" not in page.url
    assert selected(page) == 0


def test_the_key_says_what_colours_and_crosses_mean(page):
    for colour, said in (
        ("verdict", ["●ID kept", "✚ID flagged by mistake (drawn last)", "✕OOD missed (drawn last)", "◆OOD caught"]),
        ("score", ["typical", "out-of-distribution"]),
    ):
        page.locator("select.colour").select_option(colour)
        page.wait_for_function(f"() => {LIVE}.$('.key').textContent === '{''.join(said)}'")
    ramp = page.evaluate(f"getComputedStyle({LIVE}.$('.key .ramp')).backgroundImage")
    assert ramp.startswith("linear-gradient(90deg, rgb(0, 34, 78)")
    page.locator("select.colour").select_option("class")
    page.wait_for_function(f"() => {LIVE}.$('.key').childElementCount === {LIVE}.run.classes.length")
    assert not page.problems


@pytest.mark.parametrize("what", ["run", "scores", "isExact", "state", "state.beta"])
def test_what_the_view_says_of_itself_cannot_be_written(page, what):
    with pytest.raises(Exception, match=r"read only|only a getter"):
        page.evaluate(f"() => {{ 'use strict'; {LIVE}.{what} = 9 }}")


def test_a_point_shows_its_picture_and_a_click_explains_it(page):
    page.locator("canvas.map").scroll_into_view_if_needed()
    box = page.locator("canvas.map").bounding_box()
    x, y = page.evaluate(
        f"() => {{ const v = {LIVE}, c = v.$('.map');"
        " const i = v.run.set.findIndex((s, i) => s === 1 && v.scores[i] > v.line);"
        " const w = c.clientWidth, h = c.clientHeight, side = Math.min(w, h) - 28;"
        " return [w / 2 + (v.run.xy[2 * i] / 65535 - 0.5) * side, h / 2 - (v.run.xy[2 * i + 1] / 65535 - 0.5) * side] }"
    )
    page.mouse.move(box["x"] + x, box["y"] + y)
    page.wait_for_function(f"() => {LIVE}.$('.tip img')?.naturalWidth > 0", timeout=20_000)
    assert "taken for" in page.locator(".tip").inner_text()
    page.mouse.click(box["x"] + x, box["y"] + y)
    page.wait_for_function("() => location.search.includes('sample=')", timeout=20_000)
    page.get_by_text("Nearest known training images").wait_for(timeout=20_000)
    page.locator(".verdicts", has_text="HEAT").wait_for(timeout=20_000)


def test_more_like_this_fills_the_grid(page, demo_run):
    page.locator(".results .cell").first.click()
    page.get_by_role("button", name="More like this").click()
    page.wait_for_function("() => location.search.includes('like=')", timeout=20_000)
    page.wait_for_function(f"() => {LIVE}.points.length === 101", timeout=20_000)
    assert keys_shown(page)[0] == page.evaluate(f"{LIVE}.state.looked")


def test_a_picture_can_be_inspected_by_keyboard(page):
    cell = page.locator(".results .cell").first
    cell.wait_for(timeout=20_000)
    cell.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("() => location.search.includes('sample=')", timeout=20_000)


def test_few_pictures_keep_their_rows(served, browser):
    page = open_page(browser, served[0], "?layout=rows&methods=el,gmm,heat")
    page.locator(".block .method").first.wait_for(timeout=20_000)
    boxes = [m.bounding_box() for m in page.locator(".block").first.locator(".method").all()]
    assert len({round(b["x"]) for b in boxes}) == 1
    assert len({round(b["y"]) for b in boxes}) == 3
    page.close()


def test_priors_and_weights_recompose(page, demo_run):
    page.locator(".composed summary").click()
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


def test_beta_and_selection_survive_a_walk_through_the_pages(page):
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


def test_a_run_deleted_under_an_open_page_gives_a_sentence(served, browser):
    address, home = served
    page = open_page(browser, address, "?run=20200101-000000-older")
    shutil.rmtree(home / "runs" / "20200101-000000-older")
    page.locator("input.slider").focus()
    page.keyboard.press("ArrowLeft")
    page.get_by_text("This run was deleted").wait_for(timeout=20_000)
    assert page.get_by_text("Traceback").count() == 0
    page.close()


def test_weights_are_composed_as_in_python(page, demo_run):
    page.locator(".composed summary").click()
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
