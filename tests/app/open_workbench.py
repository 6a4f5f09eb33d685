"""The workbench in a real browser: what the tests of it share."""

import math
from pathlib import Path

from tests.conftest import copy_run

LIVE = "[...heatLive.values()].find(e => e.live).live"
TWO_FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
EXACT = f"() => globalThis.heatLive && [...heatLive.values()].some(e => e.live) && {LIVE}.isExact"


def copies(demo_run, home: Path) -> None:
    """Two copies of a run in a HEAT_HOME: its own name, and an older one."""
    for name in (demo_run.id, "20200101-000000-older"):
        copy_run(demo_run, home / "runs" / name)


def open_page(browser, address: str, query: str = "", width: int = 1280):
    page = browser.new_page()
    page.set_viewport_size({"width": width, "height": 900})
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.goto(f"{address}/{query}")
    page.wait_for_function(EXACT, timeout=60_000)
    return page


def open_energies(page) -> None:
    """Open the part of the page that combines the energies, which holds β."""
    page.locator(".energies > summary").click()


def break_down(page, facet: str) -> None:
    page.locator("select.facet").select_option(facet)
    page.locator(f".breakdown[data-facet='{facet}']").wait_for(timeout=20_000)


def numbers(page) -> list[list[str]]:
    rows = page.locator(".numbers tbody tr").all()
    return [[cell.inner_text() for cell in row.locator("td").all()] for row in rows]


def map_box(page) -> dict[str, float]:
    """Bring the whole map into view; returns where it is."""
    page.locator("canvas.map").evaluate("map => map.scrollIntoView({ block: 'center' })")
    return page.locator("canvas.map").bounding_box()


def lasso(page, radius: float, keys: tuple[str, ...] = (), shift: float = 0.0) -> None:
    box = map_box(page)
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


def shown_numbers(page) -> list[int]:
    """The numbers of the samples in the middle, in order, as far as they are drawn."""
    return page.evaluate(f"Array.from({LIVE}.points, i => {LIVE}.run.number[i])")
