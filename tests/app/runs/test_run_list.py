"""The list of runs: metrics, the text filter, ticked runs that open in Compare, and the way to Inspect."""

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.runs.run_list import mean_metrics
from heat_core import Run
from heat_core.runs.results_file import ENERGIES, RunRecord
from tests.app.runs.test_runs import labels, make, press, texts
from tests.app.test_pages import PAGES, page
from tests.synthetic import synthetic_run

pytestmark = pytest.mark.usefixtures("started")


@pytest.fixture
def three(home) -> list[Run]:
    """Runs of three names; the newest is first in the list."""
    titles = {"a": "roses", "b": "asters in spring", "c": "roses in spring"}
    return [make(home, name, float(i + 1), title=title) for i, (name, title) in enumerate(titles.items())]


def app_on_runs() -> AppTest:
    """The whole app, which shows the Runs page."""
    main = AppTest.from_file(str(PAGES.parent / "main.py"), default_timeout=60).run()
    main.switch_page("app_pages/runs.py").run()
    assert not main.exception
    return main


def tick(test: AppTest, *rows: int) -> AppTest:
    """Tick rows of the table by their positions."""
    test.session_state[f"runs-table-{test.session_state['runs-table']}"] = {"selection": {"rows": list(rows)}}
    test.run()
    assert not test.exception
    return test


def names(test: AppTest) -> list[str]:
    return list(test.dataframe[0].value["name"])


def test_metrics_are_those_of_heat_over_the_sets(home):
    run = make(home, "a", 1.0)
    row = run.metrics(detectors=["heat"])["heat"]["average"]
    assert mean_metrics(run) == pytest.approx((100 * row["auroc"], 100 * row["fpr95"]))
    frame = page("runs").dataframe[0].value
    assert (frame["auroc"][0], frame["fpr95"][0]) == pytest.approx((100 * row["auroc"], 100 * row["fpr95"]))
    assert f"AUROC **{100 * row['auroc']:.1f} %**" in texts(page("runs"))


def test_runs_without_results_have_no_metrics(home):
    make(home, "a", 3.0)
    (make(home, "none", 2.0, status="cancelled").folder / ENERGIES).unlink()
    (make(home, "damaged", 1.0).folder / ENERGIES).write_bytes(b"damaged")
    without = make(home, "no-residual", 0.0).folder / ENERGIES
    RunRecord.load(without).with_priors(()).save(without)
    frame = page("runs", run="a").dataframe[0].value.set_index("name")
    assert np.isfinite(frame.loc["a", ["auroc", "fpr95"]].astype(float)).all()
    assert frame.loc[["none", "damaged", "no-residual"], ["auroc", "fpr95"]].isna().all(axis=None)


def test_the_filter_keeps_runs_with_every_word(home, three):
    synthetic_run(home / "runs" / "d", ood={"sea": 40})
    test = page("runs", run="c")
    assert names(test) == ["roses in spring", "asters in spring", "roses", "d"]
    for text, found in {
        "ROSES": ["roses in spring", "roses"],
        "spring rose": ["roses in spring"],
        "sea": ["d"],
        "done far": ["roses in spring", "asters in spring", "roses"],
        "tulips": [],
    }.items():
        test.text_input(key="runs-filter").set_value(text).run()
        assert names(test) == found
        assert f"{len(found)} of 4 runs" in texts(test)
        assert test.query_params["run"] == "c"  # the run below the list stays
        assert not test.exception


def test_ticked_runs_open_in_compare(three):
    test = app_on_runs()
    (button,) = [b for b in test.button if b.label.startswith("Compare")]
    assert button.disabled
    tick(test, 1, 2)
    press(test, "Compare 2 runs")
    assert test.title[0].value == "Compare"
    assert (test.query_params["run"], test.query_params["runs"]) == ("b", "a")
    assert test.multiselect(key="choice-runs").value == ["a"]
    assert test.query_params["against"] == "a"  # the other run of the section "Two runs"


def test_ticks_survive_the_filter_and_the_chosen_run_is_first(three):
    test = app_on_runs()
    tick(test, 0, 2)
    test.text_input(key="runs-filter").set_value("asters").run()
    tick(test, 0)
    test.text_input(key="runs-filter").set_value("").run()
    test.selectbox(key="run-choice").set_value("a").run()
    press(test, "Compare 3 runs")
    assert (test.query_params["run"], test.query_params["runs"]) == ("a", "c,b")


def test_ticked_runs_without_results_are_counted(home, three):
    (home / "runs" / "b" / ENERGIES).unlink()
    test = tick(app_on_runs(), 0, 1)
    assert "1 of the ticked runs has no results yet." in texts(test)
    assert [b.disabled for b in test.button if b.label == "Compare"] == [True]


def test_a_finished_run_leads_to_inspect(home, three):
    test = app_on_runs()
    press(test, "Inspect")
    assert test.session_state["page"] == "Inspect"
    assert test.query_params["run"] == "c"
    (make(home, "none", 9.0, status="cancelled").folder / ENERGIES).unlink()
    assert "Inspect" not in labels(page("runs", run="none"))
