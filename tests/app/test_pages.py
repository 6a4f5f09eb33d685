"""Every page by AppTest, on the finished demo."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.faults import UNEXPECTED
from heat_core import Lens
from heat_core.runs.jobs import cancel
from heat_core.runs.run import list_runs

PAGES = Path(__file__).resolve().parents[2] / "app" / "app_pages"


def page(name: str, **query: str) -> AppTest:
    test = AppTest.from_file(str(PAGES / f"{name}.py"), default_timeout=60)
    for key, value in query.items():
        test.query_params[key] = value
    test.run()
    assert not any(UNEXPECTED in error.value for error in test.error), test.error
    return test


@pytest.mark.parametrize("name", ["live", "explore", "compare", "map", "gallery", "own", "runs"])
def test_page_draws_without_an_error(name, demo_home):
    test = page(name)
    assert not test.exception, test.exception
    assert not test.error
    assert len(test.title) == 1


def test_beta_moves_the_numbers_and_the_address(demo_home, demo_run):
    test = page("explore", run=demo_run.id)
    before = [m.value for m in test.metric]
    test.select_slider(key="beta_slider").set_value(float("-inf")).run()
    after = [m.value for m in test.metric]
    assert before != after
    assert test.query_params["beta"] == "-inf"
    expected = demo_run.metrics(Lens(float("-inf")))["heat"]["average"]
    assert after[-1] == f"{100 * expected['fpr95']:.1f} / {100 * expected['auroc']:.1f}"


def test_beta_can_be_typed_and_a_wrong_one_changes_nothing(demo_home):
    test = page("explore", beta="2.5")
    assert test.text_input(key="beta_box").value == "2.5"
    test.text_input(key="beta_box").set_value("−∞").run()
    assert test.query_params["beta"] == "-inf"
    test.text_input(key="beta_box").set_value("much").run()
    assert test.query_params["beta"] == "-inf"
    assert not test.exception


def test_the_link_reopens_the_view(demo_home, demo_run):
    test = page("gallery", run=demo_run.id, set="photo patches", filter="missed by EL", beta="-1")
    assert test.selectbox(key="choice-set").value == "photo patches"
    assert test.selectbox(key="choice-filter").value == "missed by EL"
    assert test.text_input(key="beta_box").value == "−1"


def test_gallery_filters_agree_with_the_scores(demo_home, demo_run):
    test = page("gallery", set="photo patches")
    missed = int((demo_run.detector_scores("photo patches", "el") <= demo_run.threshold("el")).sum())
    assert "missed by EL" in test.selectbox(key="choice-filter").options
    assert any(f"missed by EL {missed} ·" in c.value for c in test.caption)
    test.selectbox(key="choice-filter").set_value("missed by EL").run()
    assert any(f"of {missed}**" in c.value for c in test.caption)
    assert test.query_params["filter"] == "missed by EL"


def test_compare_shows_every_row_in_its_group(demo_home, demo_run):
    test = page("compare", run=demo_run.id)
    (table,) = [h.body for h in test.get("html") if "heat-table" in h.body]
    assert all(f">{group}</th>" in table for group in ("near", "mid", "far"))
    assert table.count("<tr") == len(demo_run.detectors) + 2
    best = max(m["average"]["auroc"] for m in demo_run.metrics().values())
    assert f'<span class="first">{100 * best:.1f}</span>' in table
    test.toggle[0].set_value(True).run()
    assert "HEAT-GMM+EL" in test.get("html")[0].body
    assert not test.exception


def test_a_run_that_is_gone_gives_a_sentence(demo_home):
    test = page("explore", run="20200101-000000-gone")
    assert "no longer exists" in test.warning[0].value
    assert not test.exception


def test_a_damaged_run_gives_a_sentence_not_a_traceback(demo_run, home, monkeypatch):
    import shutil

    folder = home / "runs" / demo_run.id
    shutil.copytree(demo_run.folder, folder)
    (folder / "energies.npz").write_bytes((folder / "energies.npz").read_bytes()[:1000])
    for name in ("explore", "map", "gallery"):
        test = page(name)
        assert "damaged" in test.error[0].value
        assert not test.exception


def test_the_first_page_does_not_import_torch(home):
    code = (
        "import sys\nfrom streamlit.testing.v1 import AppTest\n"
        f"test = AppTest.from_file({str(PAGES.parent / 'main.py')!r}, default_timeout=60).run()\n"
        "assert not test.exception, test.exception\nprint('torch' in sys.modules)"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert output.stdout.strip().endswith("False")
    # The page has started the demo in a process of its own, which must not compete with the tests that follow.
    until = time.monotonic() + 60
    while list_runs()[0].status != "running" and time.monotonic() < until:
        time.sleep(0.2)
    cancel(list_runs()[0])
