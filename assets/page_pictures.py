"""Make the pictures of the app's pages: `python -m assets.page_pictures HEAT_HOME`.

HEAT_HOME is a folder in which `heat demo` and the study of docs/evidence/demo.md have run, and where no new images
have been scored. Called in the clone, it writes assets/*.png. The new images are images of the demo's sets, which are
written to HEAT_HOME/new-images.
"""

import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from heat_core.data.demo.demo_sets import load_demo_set
from tests.app.open_workbench import EXACT
from tests.browser import app_on, chromium

FOLDER = Path(__file__).parent
WIDTH = 1280
NEW_IMAGES = {"demo-digits": 40, "demo-unseen-digits": 24, "demo-photo-patches": 24}  # set → how many of it
NOT_BUSY = "() => !document.querySelector('[data-testid=stStatusWidget], [data-testid=stSkeleton], [data-stale=true]')"


def picture(page: Page, name: str, height: int, *, photographs: bool = False) -> None:
    """Write the window as a picture once the page is complete; without photographs, 256 colours are enough."""
    page.set_viewport_size({"width": WIDTH, "height": height})
    page.mouse.move(WIDTH - 4, height - 4)
    page.wait_for_timeout(1500)  # for transitions, which nothing reports
    page.wait_for_function(NOT_BUSY)
    file = FOLDER / f"{name}.png"
    page.screenshot(path=file)
    if not photographs:
        Image.open(file).convert("RGB").quantize(256).save(file, optimize=True)
    print(f"{file.name}: {WIDTH} × {height}, {file.stat().st_size:,} bytes")


def inspect(page: Page) -> None:
    """Draw Inspect with its second picture inspected."""
    page.wait_for_function(EXACT, timeout=60_000)
    page.locator(".results [data-number]").nth(1).click()
    page.locator(".waterfall").wait_for()
    picture(page, "inspect", 1080, photographs=True)


def compare(page: Page) -> None:
    """Draw Compare with intervals."""
    page.get_by_text("HEAT-EL").last.wait_for()
    picture(page, "compare", 1060)


def new_images(page: Page, home: Path) -> None:
    """Score a folder of new images, and draw what the page says of them."""
    folder = home / "new-images"
    folder.mkdir(exist_ok=True)
    for name, count in NEW_IMAGES.items():
        for i, pixels in enumerate(load_demo_set(name, "test")[0][::9][:count]):
            Image.fromarray(pixels).resize((128, 128)).save(folder / f"{name.removeprefix('demo-')}-{i:02d}.png")
    page.get_by_role("textbox", name="Or a folder or list on this machine").fill(str(folder))
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Score", exact=True).click()
    page.wait_for_function(EXACT, timeout=120_000)
    page.locator(".results [data-number]").first.click()
    page.locator(".waterfall").wait_for()
    picture(page, "new-images", 1000, photographs=True)


def studies(page: Page) -> None:
    """Draw Studies with the tables of the last study."""
    page.get_by_text("FPR95").first.wait_for()
    picture(page, "studies", 1250)


def runs(page: Page) -> None:
    """Draw Runs with the demo's training curves."""
    page.get_by_text("Hybrid energy along the chains").first.wait_for()
    picture(page, "runs", 1000)


def main(home: Path) -> None:
    """Write the picture of every page."""
    run = next(path.name for path in sorted((home / "runs").iterdir()) if path.name.endswith("-demo"))
    with app_on(home) as address, chromium() as browser:
        page = browser.new_page(viewport={"width": WIDTH, "height": 900}, color_scheme="light")
        page.set_default_timeout(60_000)
        page.add_init_script("localStorage.setItem('heat-guide-read', 'yes')")
        pages = {"": inspect, "compare": compare, "studies": studies, "runs": runs}
        for name, draw in pages.items():
            page.goto(f"{address}/{name}?run={run}")
            draw(page)
        page.goto(f"{address}/new_images?run={run}")
        new_images(page, home)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
