"""Compare: its sections, what every number leads to, and figures that the browser saves."""

import html
import re
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.common.faults import UNEXPECTED
from heat_core import Lens
from heat_core.analysis import facets
from heat_core.analysis.questions import filter_mask, question_mask
from heat_core.analysis.samples import Samples
from heat_core.analysis.selections import load_selection
from heat_core.runs.results_file import ENERGIES, RunRecord
from heat_core.runs.run import Run
from heat_core.workbench.view_state import from_query_params
from tests.browser import CHROMIUM, ROOT
from tests.synthetic import synthetic_run

PAGE = ROOT / "app" / "app_pages" / "compare.py"
FIVE = {"textures": 40, "medical images": 50, "aerial & space": 30, "<b>odd</b>": 30, "cells": 60}
TEN = {f"set number {i} with a name that is long": 30 for i in range(9)} | {"x" * 70: 30}
needs_browser = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium chromium-driver"),
]


@pytest.fixture
def runs(home) -> list[Run]:
    """Two runs on the same sets, whose detectors miss some of each."""
    made = []
    for seed, name in ((1, "first"), (2, "second")):
        run = synthetic_run(home / "runs" / name, FIVE, known=200, seed=seed)
        made.append(harder(run))
    return made


def harder(run: Run) -> Run:
    """The same run, whose sets lie closer to the known images."""
    record = RunRecord.load(run.folder / ENERGIES)
    for found in record.sets[1:]:
        found.prior[:] -= 1.4
    record.save(run.folder / ENERGIES)
    return Run.open(run.folder)


def page(**query: str) -> AppTest:
    test = AppTest.from_file(str(PAGE), default_timeout=60)
    for key, value in query.items():
        test.query_params[key] = value
    return drawn(test.run())


def drawn(test: AppTest) -> AppTest:
    assert not test.exception, test.exception
    assert not any(UNEXPECTED in error.value for error in test.error), test.error
    return test


def body(test: AppTest, kind: str) -> str:
    (found,) = [h.body for h in test.get("html") if f'class="{kind}' in h.body]
    return found


def led(href: str, run: Run) -> np.ndarray:
    """The samples that Inspect shows at an address."""
    address = urlsplit(html.unescape(href))
    query = dict(parse_qsl(address.query))
    assert (address.path, query["run"]) == ("./", run.id)  # relative: the server may have a base path
    view, samples = from_query_params(query, run), Samples(run)
    named = {"set": facets.by_set(samples)}
    return question_mask(samples, view.query, view.lens()) & filter_mask(samples, view.query, named, view.lens())


@pytest.mark.parametrize("section", ["table", "curves", "beta", "versus"])
def test_every_section_draws(runs, section):
    test = page(run="first", section=section, beta="-2")
    assert not test.error
    assert test.query_params["section"] == section
    assert len(test.title) == 1
    assert len(test.select_slider) == 1  # one control for β, whatever is shown


def test_the_section_is_in_the_address(runs):
    test = page(run="first")
    drawn(test.button_group(key="choice-section").set_value("curves").run())
    assert test.query_params["section"] == "curves"
    assert len(test.get("plotly_chart")) == 2


def test_cards_show_heat_and_lead_to_what_it_misses(runs):
    test = page(run="first", beta="-1")
    cards = re.findall(r'<a class="\w*" href="([^"]*)" target="_self">(.*?)</a>', body(test, "heat-cards"))
    run, samples = runs[0], Samples(runs[0])
    missed = samples.is_ood & ~samples.flagged("heat", Lens(-1.0))
    assert len(cards) == 6
    metrics = run.metrics(Lens(-1.0), ["heat"])["heat"]
    for (href, shown), name in zip(cards, ["average", *FIVE], strict=True):
        wanted = missed & (True if name == "average" else samples.dataset == run.datasets.index(name))
        assert html.escape(name) in shown
        assert f"{100 * metrics[name]['fpr95']:.1f}" in shown
        assert f"{100 * metrics[name]['auroc']:.1f}" in shown
        assert f"{wanted.sum()} of" in shown
        np.testing.assert_array_equal(led(href, run), wanted)


def test_beta_moves_the_numbers_and_the_address(runs):
    test = page(run="first")
    before = body(test, "heat-cards")
    drawn(test.select_slider(key="beta_slider").set_value(float("-inf")).run())
    assert body(test, "heat-cards") != before
    assert test.query_params["beta"] == "-inf"


def test_beta_can_be_typed_and_a_wrong_one_changes_nothing(runs):
    test = page(run="first", beta="2.25", section="beta")
    assert test.text_input(key="beta_box").value == "2.25"
    test.text_input(key="beta_box").set_value("−∞").run()
    assert test.query_params["beta"] == "-inf"
    test.text_input(key="beta_box").set_value("much").run()
    assert test.query_params["beta"] == "-inf"
    drawn(test)


def test_every_cell_leads_to_what_its_row_misses(runs):
    test = page(run="first", runs="second", subsets="yes", beta="0.5", sel="000000000000", off='["cells"]')
    table = body(test, "heat-table")
    rows = re.findall(r"<tr class=[^>]*><th>(.*?)(?:<small>\w+</small>)?</th>(.*?)</tr>", table)
    labels = [html.unescape(label) for label, _ in rows]
    assert labels[:4] == ["MSP · first", "MSP · second", "GMM · first", "GMM · second"]
    sets = ["average", *FIVE]
    for label, cells in rows:
        title, _, name = html.unescape(label).rpartition(" · ")
        run = next(r for r in runs if r.id == name)
        samples = Samples(run)
        row = next((d for d in run.detectors if run.title(d) == title), "heat")
        priors = {"HEAT-GMM+GMM-std": ("gmm", "gmm-std"), "HEAT-GMM+EL": ("gmm", "el")}.get(title)
        priors = ("gmm-std", "el") if title == "HEAT-GMM-std+EL" else priors
        missed = samples.is_ood & ~samples.flagged(row, Lens(0.5, priors))
        hrefs = re.findall(r'<a href="([^"]*)"', cells)
        assert len(hrefs) == len(sets)
        for href, column in zip(hrefs, sets, strict=True):
            wanted = missed & (True if column == "average" else samples.dataset == run.datasets.index(column))
            np.testing.assert_array_equal(led(href, run), wanted, err_msg=f"{label} {column}")
            assert "sel=" not in href
            assert "off=" not in href


def test_combined_p_values_are_rows_when_chosen(runs):
    test = page(run="first")
    assert "Fisher" not in body(test, "heat-table")
    assert test.multiselect(key="choice-rows").options[-2:] == ["Fisher's method", "Harmonic mean p"]
    test.multiselect(key="choice-rows").set_value(["heat", "fisher"]).run()
    fisher = body(test, "heat-table").partition("Fisher&#x27;s method")[2]
    assert f"{runs[0].metrics(detectors=['fisher'])['fisher']['average']['auroc'] * 100:.1f}" in fisher
    assert "<a href" not in fisher  # Inspect does not show these scores
    drawn(test)


def test_a_row_that_arrives_is_in_the_table_at_the_next_look(runs):
    test = page(run="first")
    before = body(test, "heat-table").count("<tr")
    record = RunRecord.load(runs[0].folder / ENERGIES)
    for found in record.sets:
        found.scores["odin"] = found.scores["msp"][::-1].copy()
    object.__setattr__(record, "titles", record.titles | {"odin": "ODIN"})
    record.save(runs[0].folder / ENERGIES)
    drawn(test.run())
    assert body(test, "heat-table").count("<tr") == before + 1
    assert "<th>ODIN</th>" in body(test, "heat-table")


def test_before_the_first_residual_there_is_a_table_and_no_beta(runs):
    record = RunRecord.load(runs[0].folder / ENERGIES)
    for found in record.sets:
        object.__setattr__(found, "prior", found.prior[:, :0])
        object.__setattr__(found, "residual", found.residual[:, :0])
    object.__setattr__(record, "scale", record.scale.select(()))
    object.__setattr__(record, "temperatures", ())
    record.save(runs[0].folder / ENERGIES)
    for section in ("table", "curves", "beta", "versus"):
        test = page(run="first", section=section)
        assert not test.select_slider
        assert "not trained yet" in test.info[0].value


def test_a_run_alone_is_compared_with_none(home):
    synthetic_run(home / "runs" / "alone", FIVE)
    test = page(run="alone", section="versus")
    assert "no other run" in test.info[0].value


def test_a_count_of_two_runs_is_kept_as_a_selection(runs, monkeypatch):
    gone = {}
    monkeypatch.setattr(
        "app.compare.sample_links.st.switch_page", lambda where, query_params: gone.update(query_params, page=where)
    )
    test = page(run="first", section="versus", against="second", **{"against-det": "gmm"})
    button = test.button(key="versus-textures-first")
    a, b = (Samples(run) for run in runs)
    wanted = a.is_correct("heat") & ~b.is_correct("gmm") & (a.dataset == 1)
    assert button.label == str(wanted.sum())
    button.click().run()
    assert gone["page"] == "app_pages/inspect.py"
    assert (gone["run"], gone["q"]) == ("first", "all")
    np.testing.assert_array_equal(load_selection(runs[0].folder, gone["sel"]), np.flatnonzero(wanted))


# ---- in a browser ----------------------------------------------------------------------------------------------------


@pytest.fixture
def view(browser):
    page = browser.new_page()
    page.set_default_timeout(60_000)
    yield page
    page.close()


class TestInABrowser:
    pytestmark = needs_browser

    def test_a_figure_is_saved_as_png_and_svg_by_a_click(self, server, view, runs, home):
        view.goto(f"{server(home)}/compare?run=first&section=curves")
        for n, name in enumerate(("histogram", "roc")):
            view.locator(".js-plotly-plot .main-svg").nth(0).wait_for()
            for kind in ("PNG", "SVG", "PNG"):
                with view.expect_download() as saved:
                    view.get_by_role("button", name=kind, exact=True).nth(n).click()
                assert saved.value.suggested_filename == f"first-{name}.{kind.lower()}"
                content = Path(saved.value.path()).read_bytes()
                if kind == "PNG":
                    assert content.startswith(b"\x89PNG")
                else:
                    text = "".join(ElementTree.fromstring(content).itertext())
                    assert ("last bin" in text) == (name == "histogram")

    def test_ten_sets_scroll_in_their_own_box_and_row_names_stay(self, server, view, home):
        synthetic_run(home / "runs" / "ten", TEN, known=60)
        view.emulate_media(color_scheme="dark")
        address = server(home)
        for width in (1024, 1280, 1920):
            view.set_viewport_size({"width": width, "height": 900})
            view.goto(f"{address}/compare?run=ten")
            table = view.locator(".heat-table")
            table.wait_for()
            assert view.evaluate("document.documentElement.scrollWidth <= innerWidth")
            main = view.locator("[data-testid=stMain]")
            assert main.evaluate("e => e.scrollWidth <= e.clientWidth")
            head = table.locator("thead tr").last.locator("th")
            assert head.nth(1).inner_text() == "average"
            name = table.locator("tbody th").last
            before = name.bounding_box()["x"]
            table.evaluate("e => e.scrollLeft = 1e6")
            assert name.bounding_box()["x"] == before
            ground = name.evaluate("e => getComputedStyle(e).backgroundColor")
            assert ground == view.locator(".stApp").evaluate("e => getComputedStyle(e).backgroundColor")
            cards = view.locator(".heat-cards a")
            assert cards.count() == 11
            boxes = [cards.nth(i).bounding_box() for i in range(11)]
            edge = main.bounding_box()
            assert all(b["x"] + b["width"] <= edge["x"] + edge["width"] for b in boxes)

    def test_a_cell_opens_its_images_beside_a_second_run(self, server, view, runs, home):
        """A cell opens its images, and the rows of the second run are visible."""
        view.goto(f"{server(home)}/compare?run=first&runs=second")
        table = view.locator(".heat-table")
        table.wait_for()
        box = table.bounding_box()
        for label in ("HEAT · first", "HEAT · second"):
            row = table.locator("tbody tr", has_text=label).last
            row.scroll_into_view_if_needed()
            average = row.locator("td").first.bounding_box()
            assert box["x"] < average["x"]
            assert average["x"] + average["width"] <= box["x"] + box["width"]
        link = table.locator("tbody tr", has_text="GMM · second").first.locator("td a").nth(1)
        link.focus()
        view.keyboard.press("Enter")
        view.wait_for_url(lambda url: "run=second" in url and "compare" not in url)
        query = dict(parse_qsl(urlsplit(view.url).query))
        assert (query["q"], query["base"], query["set"]) == ("missed-by-baseline", "gmm", '["textures"]')
        assert len(view.context.pages) == 1
