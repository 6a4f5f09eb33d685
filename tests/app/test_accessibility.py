"""Accessibility in a real browser: what axe finds on every page in both themes, stops of Tab, the focus, keys alone."""

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

from heat_core.jobs.jobs import cancel
from heat_core.runs.lock import LOG_FILE
from heat_core.runs.manage import list_runs
from heat_core.runs.scored_images import SCORED, ScoredImages
from tests.app.open_workbench import EXACT, LIVE
from tests.browser import NEEDS_CHROMIUM, app_on

pytestmark = NEEDS_CHROMIUM

SETTLED = "() => !document.querySelector('[data-testid=stStatusWidget], [data-stale=true], [data-testid=stSkeleton]')"
FOCUSED = "(() => { let e = document.activeElement; while (e.shadowRoot?.activeElement) e = e.shadowRoot.activeElement;"


@pytest.fixture(scope="module")
def page(served, browser, demo_run):
    """One page for all tests of this file, on the demo's runs; the newer one has scored images of two cameras."""
    address, home = served
    batch = home / "runs" / demo_run.id / "own" / "20260101-000000"
    batch.mkdir(parents=True)
    demo_run.image("id", str(demo_run.ids("id")[0])).save(batch / "1.png")
    n, rng = 24, np.random.default_rng(0)
    ids = np.array([f"{batch}/1.png#{i}" for i in range(n)])
    scored = ScoredImages(
        ids=ids,
        prior=rng.normal(size=(n, 3)),
        residual=rng.normal(size=(n, 3)),
        predicted=np.zeros(n, int),
        confidence=np.full(n, 0.9),
        avg=rng.normal(size=(n, 128)),
        xy=rng.normal(size=(n, 2)),
        skipped=ids[:0],
        files=np.array([str(batch / "1.png")] * n),
        columns={"camera": np.array(["left", "right"] * (n // 2), object)},
    )
    scored.save(batch / SCORED)
    (batch / LOG_FILE).touch()
    page = browser.new_page()
    page.emulate_media(reduced_motion="reduce")
    page.address, page.run = address, f"run={demo_run.id}"
    yield page
    page.close()


def open_workbench(page, query: str = "") -> None:
    page.goto(f"{page.address}/?{page.run}{query}")
    page.wait_for_function(EXACT, timeout=60_000)


def serious_in(page, part: dict | str | None = None) -> list[str]:
    """What axe calls serious or critical: every rule in the light theme, the contrast in the dark one too.

    `part`: axe's context, where the rest of the page is the business of another test; None = the whole page.
    """
    found = []
    for scheme, rules in (("light", {}), ("dark", {"runOnly": ["color-contrast"]})):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(f"() => getComputedStyle(document.querySelector('.stApp')).colorScheme === '{scheme}'")
        for _ in range(6):  # A page that is drawn anew is faint for a moment.
            page.wait_for_function(SETTLED, timeout=30_000)
            violations = Axe().run(page, part, {"resultTypes": ["violations"]} | rules).response["violations"]
            violations = [v for v in violations if v["impact"] in ("serious", "critical")]
            if not violations:
                break
        found += [f"{scheme} {v['id']}: {node['html'][:200]}" for v in violations for node in v["nodes"]]
    return found


def inspected(page) -> None:
    page.locator(".results .cell").first.click()
    page.get_by_text("Score breakdown").wait_for(timeout=20_000)


def enlarged(page) -> None:
    inspected(page)
    page.keyboard.press("f")
    page.locator(".lightbox .close").wait_for()


def narrowed(page) -> None:
    """A chip, a hidden set, a mark, and no picture that answers."""
    page.locator(".numbers button").nth(1).click()
    page.locator(".breakdown .bar-of").first.click()
    page.locator(".results .cell").first.click(modifiers=["Control"])
    page.locator(".find").fill("no such name")
    page.wait_for_function(f"() => {LIVE}.points.length === 0")


WORKBENCH = {
    "gallery": ("", lambda page: None),
    "table": ("&layout=table", inspected),
    "rows": ("&layout=rows&colour=verdict", lambda page: page.locator(".block .method").first.wait_for()),
    "full size": ("", enlarged),
    "nothing answers": ("", narrowed),
}


@pytest.mark.parametrize("state", WORKBENCH)
def test_axe_finds_nothing_serious_in_the_workbench(page, state):
    query, act = WORKBENCH[state]
    open_workbench(page, query)
    act(page)
    assert serious_in(page) == []


OPEN_MENU = {"include": [{"fromShadowDom": ["*", ".menu[open]"]}]}


def test_axe_finds_nothing_serious_in_open_menus(page):
    open_workbench(page)
    for menu in page.locator(".menu").all():
        menu.locator("summary").click()
        assert menu.get_attribute("open") is not None
        assert serious_in(page, OPEN_MENU) == []
        page.keyboard.press("Escape")


PAGES = {
    "compare, table": "compare?section=table",
    "compare, curves": "compare?section=curves",
    "compare, beta": "compare?section=beta",
    "compare, two runs": "compare?section=versus",
    "runs": "runs",
    "new run": "runs?view=new",
    "studies": "studies",
    "new images": "new_images",
}


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious_on_a_page(page, name):
    path = PAGES[name]
    page.goto(f"{page.address}/{path}{'&' if '?' in path else '?'}{'' if 'run=' in path else page.run}")
    page.get_by_role("heading", level=1).wait_for(timeout=30_000)
    assert serious_in(page) == []


@pytest.mark.parametrize(("path", "name"), [("studies", "Glossary"), ("runs", "Delete")])
def test_axe_finds_nothing_serious_in_a_popover(page, path, name):
    page.goto(f"{page.address}/{path}?{page.run}")
    page.get_by_role("button", name=name).click(timeout=30_000)
    page.get_by_test_id("stPopoverBody").wait_for()
    assert serious_in(page, "[data-testid=stPopoverBody]") == []


def test_axe_finds_nothing_serious_in_an_empty_home(page, home):
    with app_on(home) as address:
        page.goto(address)
        page.get_by_role("heading", level=1).wait_for(timeout=60_000)
        page.get_by_role("progressbar").first.wait_for(timeout=60_000)
        found = serious_in(page)
        for run in list_runs():
            cancel(run)
    assert found == []


def focused(page) -> str:
    """The element with the keyboard's focus: its tag, classes, label and text."""
    return page.evaluate(
        f"{FOCUSED} return `${{e.tagName}}.${{e.className}} ${{e.ariaLabel ?? ''}} ${{e.textContent.trim()}}` }})()"
    )


def tab_to(page, wanted: str, most: int = 60) -> int:
    """Press Tab until the focus is on what is wanted; returns how often."""
    for presses in range(1, most + 1):
        page.keyboard.press("Tab")
        if wanted in focused(page):
            return presses
    raise AssertionError(f"{wanted!r} is not reached with {most} presses of Tab")


def test_the_pictures_are_few_stops_away(page):
    open_workbench(page)
    assert tab_to(page, "Skip to main content") == 1
    page.keyboard.press("Enter")
    assert tab_to(page, "Skip to the pictures") <= 4
    page.keyboard.press("Enter")
    assert "cell" in focused(page)
    open_workbench(page)
    assert tab_to(page, "Skip to the pictures") <= 11
    assert tab_to(page, "cell") <= 28  # through every control of the workbench


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_whatever_has_the_focus_shows_it(page, scheme):
    page.emulate_media(color_scheme=scheme)
    open_workbench(page)
    hidden = set()
    while "cell" not in focused(page):
        page.keyboard.press("Tab")
        outline = page.evaluate(f"{FOCUSED} return getComputedStyle(e).outlineStyle }})()")
        if outline != "solid":
            hidden.add(focused(page))  # Of the choices of the run and its images, the frame takes the primary colour.
    assert [c for c in hidden if "INPUT" not in c or not (" Run " in c or " Images " in c)] == []


def test_keys_alone_do_the_whole_job(page):
    """Another question, β, three pictures, their inspector, a tag, and away; the focus is never lost."""
    open_workbench(page)
    presses = tab_to(page, "Skip to main content") + 1
    page.keyboard.press("Enter")
    presses += tab_to(page, "Missed") + 1
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => location.search.includes('q=')", timeout=20_000)
    assert "Flagged" in focused(page)
    presses += tab_to(page, "Energies combined") + 1
    page.keyboard.press("Enter")
    presses += tab_to(page, ".slider") + 3
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    page.wait_for_function("() => location.search.includes('beta=-')", timeout=20_000)
    presses += tab_to(page, "cell") + 4
    for key in ("Enter", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    page.wait_for_function(f"() => {LIVE}.state.inspected === {LIVE}.run.number[{LIVE}.points[2]]")
    page.wait_for_function(f"() => {LIVE}.$('.results [aria-current=true]')?.matches(':focus')")
    page.get_by_text("Score breakdown").wait_for(timeout=20_000)
    page.keyboard.press("t")
    assert "new-tag" in focused(page)
    page.keyboard.type("odd")
    presses += 3
    page.keyboard.press("Escape")
    assert page.locator(".tagging[open]").count() == 0
    page.wait_for_function(f"() => {LIVE}.$('.results [aria-current=true]')?.matches(':focus')")
    page.keyboard.press("1")
    page.wait_for_function(f"() => {LIVE}.state.tags['new class']?.length === 1", timeout=20_000)
    page.wait_for_function(f"() => {LIVE}.$('.results [aria-current=true]')?.matches(':focus')")
    page.keyboard.press("Escape")
    page.wait_for_function(f"() => {LIVE}.state.inspected === null")
    assert "cell" in focused(page)
    assert presses + 3 <= 55  # β lies in a part that is opened first


def test_a_removed_chip_gives_the_focus_to_the_next(page):
    open_workbench(page)
    for bar in (0, 1):
        page.locator(".breakdown .bar-of").nth(bar).click()
    page.locator(".chip").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_function(f"() => {LIVE}.$('.chips').childElementCount === 1")
    assert "chip" in focused(page)
    page.keyboard.press("Enter")
    page.wait_for_function(f"() => {LIVE}.$('.chips').childElementCount === 0")
    assert "cell" in focused(page)
