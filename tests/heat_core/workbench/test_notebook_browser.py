"""The workbench in JupyterLab, in a real Chromium: what a person does there is read by the next cell."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest

from heat_core import Lens, Run
from heat_core.analysis.questions import Query, question_mask
from heat_core.analysis.samples import Samples
from tests.app.open_workbench import lasso
from tests.browser import NEEDS_CHROMIUM, chromium, free_port
from tests.conftest import copy_run

pytestmark = [*NEEDS_CHROMIUM, pytest.mark.slow]

CELLS = (
    "from heat_core import Run\nview = Run.open('demo').explore()\nview",
    "import json\nprint(json.dumps([view.beta, view.selected.tolist(), view.inspected]))",
    "view.threshold, view.question = 0.5, 'all'\nview.filters = {'set': ['photo patches']}",
    "import heat_core\nheat_core.explore({'id': [0, 1, 2], 'new': [0.5, 3, 4]}, title='Energy')",
)


@contextmanager
def jupyterlab(folder: Path, home: Path):
    """JupyterLab on a folder; yields its address."""
    port = free_port()
    options = ["--no-browser", f"--ServerApp.port={port}", "--IdentityProvider.token=", "--ServerApp.allow_root=True"]
    environment = os.environ | {"HEAT_HOME": str(home), "JUPYTER_CONFIG_DIR": str(folder / "configuration")}
    command = [sys.executable, "-m", "jupyterlab", *options, f"--ServerApp.root_dir={folder}"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(command, env=environment, cwd=folder, **quiet)
    try:
        for _ in range(1200):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=1)
                break
            except urllib.error.URLError:
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/lab/tree/explore.ipynb?reset"
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture
def page(demo_run, tmp_path):
    """A notebook of `CELLS` in JupyterLab, over a copy of the demo's run."""
    copy_run(demo_run, tmp_path / "home" / "runs" / "demo")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook.metadata["kernelspec"] = kernel
    (tmp_path / "lab").mkdir()
    nbformat.write(notebook, tmp_path / "lab" / "explore.ipynb")
    with jupyterlab(tmp_path / "lab", tmp_path / "home") as address, chromium() as browser:
        page = browser.new_page(viewport={"width": 1500, "height": 1000})
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.goto(address)
        yield page


def run_cell(page, number: int) -> None:
    """Run a cell as a person does, and wait until the kernel has finished it."""
    cell = page.locator(".jp-Notebook .jp-CodeCell").nth(number)
    cell.locator(".jp-Editor").first.click()
    page.keyboard.press("Control+Enter")
    cell.locator(".jp-InputPrompt", has_text=re.compile(r"\[\d+\]")).wait_for(timeout=60_000)


def printed(page, number: int):
    """What the cell of that number prints when it is run."""
    run_cell(page, number)
    output = page.locator(".jp-Notebook .jp-CodeCell").nth(number).locator(".jp-OutputArea-output").last
    return json.loads(output.inner_text(timeout=30_000))


def test_the_next_cell_reads_what_was_done(page, demo_run, tmp_path):
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for(timeout=60_000)
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)
    run_cell(page, 0)
    page.locator(".results .cell img[src^='blob:']").first.wait_for(timeout=60_000)
    assert page.locator(".live").evaluate("e => getComputedStyle(e.getRootNode().host).backgroundColor") == (
        "rgb(255, 255, 255)"
    )
    # β: every panel follows, and the kernel knows it.
    page.locator(".energies > summary").click()
    page.locator("input.slider").press("End")
    samples = Samples(Run.open(tmp_path / "home" / "runs" / "demo"))
    missed = int(question_mask(samples, Query("missed"), Lens(float("inf"))).sum())
    page.locator(".questions [data-question=missed] b", has_text=f"{missed}").wait_for(timeout=20_000)
    # The lasso on the map narrows the subset, and its samples are selected.
    page.locator("[data-question=all]").click()
    lasso(page, 70)
    page.locator(".chip", has_text="lasso").wait_for(timeout=20_000)
    page.locator(".results .cell").first.click()
    page.locator(".inspector .waterfall").wait_for(timeout=20_000)
    first = int(page.locator(".results .cell").first.get_attribute("data-number"))
    count = int(page.locator(".results-bar .count").inner_text().split()[0].replace(",", ""))
    beta, selected, inspected = printed(page, 1)
    assert beta == float("inf")
    assert 0 < len(selected) == count < len(samples)
    assert all(samples.find(key) >= 0 for key in selected)
    assert inspected == samples.key(first)
    # Python sets what the page shows.
    run_cell(page, 2)
    page.locator(".chip", has_text="photo patches").wait_for(timeout=20_000)
    assert page.locator("[data-question=all]").get_attribute("aria-checked") == "true"
    # Scores from elsewhere: the page names them, and does not show what is HEAT's alone.
    run_cell(page, 3)
    of_scores = page.locator(".jp-Notebook .jp-CodeCell").nth(3)
    of_scores.locator(".badge-key", has_text="Badges: Energy, from").wait_for(timeout=60_000)
    missed = of_scores.locator("[data-question=missed]")
    assert (missed.inner_text().split(), missed.get_attribute("title")) == (["1", "Missed"], "Missed by Energy")
    assert of_scores.locator(".results .cell .caption").first.inner_text() == "no class given"
    assert not of_scores.locator(".energies").is_visible()
    assert not of_scores.locator(".against").is_visible()
    of_scores.locator(".results .cell").first.click()
    of_scores.locator(".inspector .reason", has_text="Energy finds it more unusual").wait_for(timeout=20_000)
    assert "confidence not given" in of_scores.locator(".inspector .facts").inner_text()
    assert "HEAT" not in of_scores.locator(".live").inner_text()
    assert not page.problems
