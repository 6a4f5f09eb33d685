"""Record the workbench while a hand moves β from −∞ over 0 to +∞: `python -m assets.record_beta HEAT_HOME`.

HEAT_HOME is a folder in which `heat demo` has run. Called in the clone, it writes assets/beta.webp. Every frame is the
page in Chromium once it has settled at that β: what takes longest on the page waits 90 ms after the last change, and a
frame lasts 100 ms. So that scores, pictures and metrics fit in one frame, the controls of the map, the groups and the
search field are hidden, the map is lower than on the page, and the slider stands above the histogram.
"""

import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page

from tests.app.open_workbench import EXACT, LIVE
from tests.browser import app_on, chromium

PICTURE = Path(__file__).with_name("beta.webp")
VIEWPORT = {"width": 960, "height": 1100}
FRAME_MS, REST_MS, QUALITY = 100, 1200, 55
STEPS = 22  # frames from one end of the slider to its middle
HANDLE = 16  # CSS pixels, the width of the slider's handle
LAYOUT = (
    ".tools-bar, .key, .find, .note, .groups { display: none !important } .stage { height: 176px !important }"
    " .energies { order: -1 }"
)
SETTLED = f"""() => {LIVE}.stats.painted === {LIVE}.state
  && [...{LIVE}.$('.results').querySelectorAll('img')].every(image => image.complete)"""
PREPARE = f"""css => {{
  const live = {LIVE}, style = document.createElement('style');
  style.textContent = css;
  live.$('.live').append(style);
  const cursor = document.createElement('div');
  cursor.id = 'hand';
  cursor.style = 'position: fixed; z-index: 999999; pointer-events: none; filter: drop-shadow(0 1px 2px #0008)';
  cursor.innerHTML = `<svg width="22" height="30" viewBox="0 0 22 30">
    <path d="M2 1v21l5-4.600 3.500 8 4-1.700-3.500-8h7z" fill="#111" stroke="#fff" stroke-width="1.600"/></svg>`;
  document.body.append(cursor);
}}"""
MOVE = "([x, y]) => Object.assign(document.getElementById('hand').style, { left: `${x}px`, top: `${y}px` })"


def ease(steps: int) -> np.ndarray:
    """Return shares of a way from 0 to 1, slow at its ends, without its start."""
    shares = np.arange(1, steps + 1) / steps
    return shares - np.sin(2 * np.pi * shares) / (2 * np.pi)


class Recorder:
    """Frames of a page on which the mouse drags the slider of β."""

    def __init__(self, page: Page) -> None:
        self.page, self.frames, self.durations = page, [], []
        page.locator(".energies > summary").click()
        page.evaluate(PREPARE, LAYOUT)
        page.wait_for_timeout(300)  # until the canvases have their new sizes
        top, bottom = page.locator(".headline").bounding_box(), page.locator("details.sets").bounding_box()
        height = bottom["y"] + bottom["height"] - top["y"] + 20
        self.clip = {"x": 16, "y": top["y"] - 12, "width": VIEWPORT["width"] - 32, "height": height}
        self.slider, self.shift = page.locator("input.slider").bounding_box(), 0.0

    def move(self, position: float) -> None:
        """Move the mouse to a position of the slider, from -1 to 1."""
        span = self.slider["width"] - HANDLE
        x = self.slider["x"] + HANDLE / 2 + (position - self.shift + 1) / 2 * span
        y = self.slider["y"] + self.slider["height"] / 2
        self.page.mouse.move(x, y)
        self.page.evaluate(MOVE, [x, y])

    def capture(self, duration: int = FRAME_MS, until: str = SETTLED) -> None:
        """Add the page as a frame once it has settled."""
        self.page.wait_for_function(until)
        picture = Image.open(io.BytesIO(self.page.screenshot(clip=self.clip, scale="css"))).convert("RGB")
        self.frames.append(picture)
        self.durations.append(duration)

    def drag(self, start: float, end: float) -> None:
        """Drag the handle from one position to another, a frame for each step."""
        for share in ease(STEPS):
            self.move(start + (end - start) * share)
            self.capture()


def record(page: Page) -> Recorder:
    """Record −∞, the way to 0, where the hand lets go and the numbers become exact, and the way to +∞."""
    recorder = Recorder(page)
    recorder.move(0)
    page.mouse.down()
    recorder.shift = float(page.locator("input.slider").input_value()) / 100  # what the rounding to pixels adds
    recorder.move(-1)
    recorder.capture(REST_MS)
    recorder.drag(-1, 0)
    page.mouse.up()
    recorder.capture(REST_MS, EXACT)
    page.mouse.down()
    recorder.drag(0, 1)
    page.mouse.up()
    recorder.capture(REST_MS, EXACT)
    return recorder


def main(home: Path) -> None:
    """Record the run of a HEAT_HOME, and write the picture."""
    with app_on(home) as address, chromium() as browser:
        page = browser.new_page(viewport=VIEWPORT, color_scheme="light")
        page.add_init_script("localStorage.setItem('heat-guide-read', 'yes')")
        page.goto(address)
        page.wait_for_function(EXACT, timeout=60_000)
        recorder = record(page)
    first, *others = recorder.frames
    first.save(
        PICTURE, save_all=True, append_images=others, duration=recorder.durations, loop=0, quality=QUALITY, method=6
    )
    seconds, size = sum(recorder.durations) / 1000, PICTURE.stat().st_size
    print(f"{PICTURE.name}: {len(recorder.frames)} frames, {seconds:.1f} s, {first.size}, {size:,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
