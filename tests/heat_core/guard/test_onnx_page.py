"""The page of the documents that scores pictures in a browser with a guard's ONNX file, in Chromium."""

import shutil
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image

from heat_core.guard.onnx_file import write_onnx
from tests.browser import NEEDS_CHROMIUM, ROOT, chromium

pytestmark = [*NEEDS_CHROMIUM, pytest.mark.slow]
RUNTIME = "onnxruntime-web@1.23.0"


class QuietHandler(SimpleHTTPRequestHandler):
    """A handler that prints no line for each request."""

    def log_message(self, *_) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def site(tmp_path_factory, two_encoders):
    """Address of a folder with the page, the runtime of npm, and the guard as `guard.onnx`."""
    folder = tmp_path_factory.mktemp("site")
    if shutil.which("npm") is None:
        pytest.skip("needs npm, which comes with Node.js")
    command = ["npm", "install", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund", RUNTIME]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        done = None
    if done is None or done.returncode:
        pytest.skip(f"needs {RUNTIME}, and npm could not install it: no connection to npm's registry?")
    shutil.copy(ROOT / "docs" / "examples" / "onnx_page.html", folder / "index.html")
    write_onnx(two_encoders[2], folder / "guard.onnx")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}/index.html"
    server.shutdown()


def pictures_in(folder):
    """Pictures that are reduced, enlarged, upright and wide, as PNG, which every decoder reads alike."""
    rng = np.random.default_rng(0)
    for i, (width, height) in enumerate([(300, 200), (61, 97), (32, 32), (20, 24)]):
        pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        pixels[: height // 2] = np.linspace(0, 255, width)[None, :, None]
        Image.fromarray(pixels).save(folder / f"{i} <b>.png")
    return sorted(folder.glob("*.png"))


def test_pictures_have_the_scores_of_python(site, two_encoders, tmp_path):
    folder, address = site
    paths, guard = pictures_in(tmp_path), two_encoders[2]
    (tmp_path / "broken.png").write_bytes(b"no picture")
    Image.new("RGBA", (20, 20), (200, 10, 10, 40)).save(tmp_path / "clear.png")
    expected = guard(paths)
    with chromium() as browser:
        page, errors = browser.new_page(), []
        page.on("pageerror", lambda error: errors.append(error))
        page.goto(address)
        page.set_input_files("#pictures", paths[0])
        page.get_by_text("Choose a guard first.").wait_for()
        page.set_input_files("#guard", tmp_path / "broken.png")
        page.get_by_text("it is no guard of HEAT Explorer").wait_for()
        page.set_input_files("#guard", folder / "guard.onnx")
        page.get_by_text("2 classes").wait_for()
        page.set_input_files("#pictures", [*paths, tmp_path / "broken.png", tmp_path / "clear.png"])
        page.get_by_text("scored pictures are unknown").wait_for()
        found = page.evaluate("rows.map(({score, p, predicted}) => [score, p, predicted])")
        rows = page.locator("tbody tr").all_inner_texts()
    assert not errors
    np.testing.assert_allclose([score for score, _, _ in found], expected.score, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose([p for _, p, _ in found], expected.p_value, atol=1.5 / (1 + len(guard.calibration)))
    assert [predicted for _, _, predicted in found] == list(expected.predicted_class)
    assert rows[0].count("0 <b>.png") == 1
    assert "has no score" in rows[-2]
    assert "transparent pixels" in rows[-1]
    verdicts = ["unknown" if score > guard.threshold else "known" for score in expected.score]
    assert [row.split("\t")[-1].strip() for row in rows[:4]] == verdicts
