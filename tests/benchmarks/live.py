"""The workbench in headless Chromium: frames per second while β is dragged, and how long its answers take.

Release → exact numbers; lasso, filter (500 pictures and more) → grid; click → inspector; from page to page.

    python tests/benchmarks/live.py [points …]        (default: 60000 200000)

The run is the embedded demo, its samples repeated with a little noise until there are enough, so that every point has
a picture. The mouse is a real one: Playwright presses, moves and releases it.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from playwright.sync_api import Page

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from heat_core.runs.set_record import SetRecord
from tests.browser import app_on, chromium


def enlarged(home: Path, points: int) -> str:
    """A run folder with `points` samples in `home`; returns its name."""
    from heat_core.runs.feature_map import MAP_FILE
    from heat_core.runs.results_file import ENERGIES
    from heat_core.runs.run import Run
    from heat_core.storage import write_npz

    demo = next(p.parent for p in (home / "runs").glob("*-demo/run.json"))
    run = Run.open(demo)
    folder = home / "runs" / f"large-{points}"
    shutil.copytree(demo, folder)
    rng = np.random.default_rng(0)
    times = points / sum(map(len, run.record.sets))
    picks = [np.resize(np.arange(len(s)), int(np.ceil(len(s) * times))) for s in run.record.sets]

    def repeated(found: SetRecord, pick: np.ndarray) -> SetRecord:
        return SetRecord(
            ids=found.ids[pick],
            labels=None if found.labels is None else found.labels[pick],
            predicted=found.predicted[pick],
            confidence=found.confidence[pick],
            scores={name: scores[pick] for name, scores in found.scores.items()},
            prior=found.prior[pick] + 0.3 * rng.normal(size=(len(pick), found.prior.shape[1])),
            residual=found.residual[pick],
        )

    sets = [repeated(s, pick) for s, pick in zip(run.record.sets, picks, strict=True)]
    replace(run.record, sets=sets).save(folder / ENERGIES)
    xy = [run.map.xy[run.map.dataset == i][pick] for i, pick in enumerate(picks)]
    points_of_map = {
        "xy": np.concatenate([own + 0.2 * rng.normal(size=own.shape) for own in xy]).astype("f4"),
        "dataset": np.concatenate([np.full(len(pick), i) for i, pick in enumerate(picks)]),
        "row": np.concatenate([np.arange(len(pick)) for pick in picks]),
    }
    write_npz(folder / MAP_FILE, points_of_map)
    return folder.name


# In the page: the workbench.
LIVE = "[...heatLive.values()].find(e => e.live).live"
EVERY_FRAME = """(seconds) => new Promise(done => {
  const slider = LIVE.$('.slider'), until = performance.now() + 1000 * seconds, times = [];
  const step = (now) => {
    times.push(now);
    slider.value = 60 * Math.sin(now / 400);
    slider.dispatchEvent(new Event('input'));
    now < until ? requestAnimationFrame(step) : done(times);
  };
  requestAnimationFrame(step);
})""".replace("LIVE", LIVE)
ON_RELEASE = (
    "globalThis.released = null; "
    "addEventListener('pointerup', () => released = performance.now(), {capture: true, once: true})"
)
WATCH_GRID = (
    "globalThis.changed = null; "
    "new MutationObserver(() => changed ??= performance.now()).observe(LIVE.$('.inner'), {childList: true})"
).replace("LIVE", LIVE)


def until(time_of: str) -> str:
    """A promise of the ms from the release to the time that an expression gives; NaN where it gives none in 20 s."""
    return (
        "new Promise(done => { const end = performance.now() + 20000, look = () => { const at = TIME_OF;"
        " if (at) done(at - released); else if (performance.now() > end) done(NaN); else setTimeout(look, 2) };"
        " look() })"
    ).replace("TIME_OF", time_of.replace("LIVE", LIVE))


UNTIL_EXACT = until("LIVE.isExact && performance.now()")
UNTIL_GRID = until("changed")
UNTIL_PICTURES = until("[...LIVE.$('.results').querySelectorAll('img')].every(i => i.complete) && performance.now()")
UNTIL_INSPECTED = until(
    "LIVE.$('.inspector .waterfall') && LIVE.state.sampleDetail?.number === LIVE.state.inspected && performance.now()"
)

# The page scrolls until the row of a sample is in view, before the list has made that row.
SCROLL_TO = """number => {
  const view = LIVE, perRow = Math.floor((view.$('.results').clientWidth + 8) / 120);
  const mark = document.createElement('i');
  mark.style.top = `${158 * Math.floor(view.points.indexOf(view.run.pointOf[number]) / perRow)}px`;
  view.$('.inner').append(mark);
  mark.scrollIntoView({ block: 'center' });
  mark.remove();
}""".replace("LIVE", LIVE)

# Samples of the enlarged run share ids with their copies; these are those that an id finds.
FIRST_OF_THEIR_ID = (
    "(() => { const seen = new Set(), found = []; for (const i of LIVE.points) {"
    " const key = LIVE.run.set[i] + '/' + LIVE.run.ids[i]; if (seen.has(key)) continue; seen.add(key);"
    " found.push(LIVE.run.number[i]); if (found.length === 5) break } return found })()"
).replace("LIVE", LIVE)


def measure(page: Page, address: str, run: str, received: list[int]) -> dict[str, float]:
    page.goto(f"{address}/?run={run}")
    page.locator("canvas.map").wait_for(timeout=60_000)
    page.wait_for_function(
        f"() => globalThis.heatLive && [...heatLive.values()].some(e => e.live) && {LIVE}.isExact", timeout=60_000
    )
    page.wait_for_timeout(3000)
    found = {"points": page.evaluate(f"{LIVE}.run.n"), "MB at opening": sum(received) / 1e6}

    times = np.array(page.evaluate(EVERY_FRAME, 4))
    found |= {"frames/s": 1000 / np.diff(times).mean(), "99 % of frames within ms": np.percentile(np.diff(times), 99)}
    found |= page.evaluate(f"({{'compose ms': {LIVE}.stats.score, 'draw ms': {LIVE}.stats.draw}})")

    page.locator("details.energies > summary").click()
    page.locator("input.slider").scroll_into_view_if_needed()
    slider = page.locator("input.slider").bounding_box()
    y, left, width = slider["y"] + slider["height"] / 2, slider["x"], slider["width"]
    page.mouse.move(left + 0.5 * width, y)
    page.mouse.down()
    for step in range(30):
        page.mouse.move(left + (0.5 + 0.01 * step) * width, y)
    before = sum(received)
    page.evaluate(ON_RELEASE)
    page.mouse.up()
    found["release to exact ms"] = page.evaluate(UNTIL_EXACT)
    page.wait_for_timeout(1500)
    found["kB at release"] = (sum(received) - before) / 1e3

    page.locator("canvas.map").evaluate("map => map.scrollIntoView({ block: 'center' })")
    stage = page.locator("canvas.map").bounding_box()
    before, cx, cy = sum(received), stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2
    page.mouse.move(cx + 60, cy)
    page.mouse.down()
    for angle in np.linspace(0, 2 * np.pi, 40):
        page.mouse.move(cx + 60 * np.cos(angle), cy + 60 * np.sin(angle))
    page.evaluate(ON_RELEASE)
    page.evaluate(WATCH_GRID)
    page.mouse.up()
    found["lasso to grid ms"] = page.evaluate(UNTIL_GRID)
    page.wait_for_timeout(1500)
    found["kB at lasso"] = (sum(received) - before) / 1e3
    page.locator("canvas.map").press("Escape")
    page.wait_for_timeout(1000)
    return found | answers(page)


def answers(page: Page) -> dict[str, float]:
    """What a click is answered in, the median of several."""
    found: dict[str, list[float]] = {
        "filter to grid ms": [],
        "filter to its pictures ms": [],
        "click to inspector ms": [],
    }
    for question in ("all", "missed", "all", "flagged", "all"):
        page.evaluate(ON_RELEASE)
        page.evaluate(WATCH_GRID)
        page.locator(f"[data-question={question}]").click()
        grid = page.evaluate(UNTIL_GRID)
        if page.evaluate(f"{LIVE}.points.length") > 500:
            found["filter to grid ms"].append(grid)
            found["filter to its pictures ms"].append(page.evaluate(UNTIL_PICTURES))
        page.wait_for_timeout(800)
    for number in page.evaluate(FIRST_OF_THEIR_ID):
        cell = page.locator(f".results .cell[data-number='{number}']")
        page.evaluate(SCROLL_TO, number)
        cell.wait_for()
        page.evaluate(ON_RELEASE)
        cell.click()
        found["click to inspector ms"].append(page.evaluate(UNTIL_INSPECTED))
        page.wait_for_timeout(800)
    found |= walk(page)
    return {name: float(np.median(values)) for name, values in found.items()}


def walk(page: Page) -> dict[str, list[float]]:
    """From page to page: until the other page's heading, and back until the workbench shows exact numbers."""
    found: dict[str, list[float]] = {"to another page ms": [], "back to inspect ms": []}
    for name, heading in (("Runs", "Runs"), ("Studies", "Studies"), ("Runs", "Runs")):
        began = time.perf_counter()
        page.get_by_role("link", name=name, exact=True).click()
        page.get_by_role("heading", name=heading, exact=True).wait_for(timeout=30_000)
        found["to another page ms"].append(1000 * (time.perf_counter() - began))
        page.wait_for_timeout(500)
        began = time.perf_counter()
        page.get_by_role("link", name="Inspect", exact=True).click()
        page.wait_for_function(f"() => [...heatLive.values()].some(e => e.live) && {LIVE}.isExact", timeout=30_000)
        found["back to inspect ms"].append(1000 * (time.perf_counter() - began))
        page.wait_for_timeout(500)
    return found


def main(sizes: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        env = os.environ | {"HEAT_HOME": folder}
        subprocess.run([sys.executable, "-m", "heat_core", "demo"], env=env, check=True, capture_output=True)
        os.environ["HEAT_HOME"] = folder
        runs = [enlarged(Path(folder), n) for n in sizes]
        with app_on(Path(folder)) as address, chromium() as browser:
            for run in runs:
                received: list[int] = []
                page = browser.new_page(viewport={"width": 1280, "height": 900})
                page.on("websocket", lambda ws, r=received: ws.on("framereceived", lambda data: r.append(len(data))))
                found = measure(page, address, run, received)
                print(json.dumps({k: round(float(v), 2) for k, v in found.items()}), flush=True)
                page.close()


if __name__ == "__main__":
    main([int(n) for n in sys.argv[1:]] or [60_000, 200_000])
