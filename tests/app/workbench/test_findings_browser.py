"""The findings of the workbench in a real Chromium: headline, slices, values left out, breakdown, decisions."""

import numpy as np
import pytest

from heat_core import Lens
from heat_core.analysis.questions import Query
from heat_core.analysis.samples import Samples
from heat_core.decisions.store import read_decisions
from heat_core.findings.slices import find_slices
from tests.app.open_workbench import EXACT, LIVE, break_down, open_energies, open_page, shown_numbers
from tests.browser import NEEDS_CHROMIUM
from tests.conftest import copy_run

pytestmark = NEEDS_CHROMIUM


def sentence(page) -> str:
    return page.locator(".headline .finding").inner_text()


def test_the_headline_follows_beta_and_its_slices_narrow(page, demo_run):
    samples = Samples(demo_run)
    found = find_slices(samples, Query())
    page.locator(".top-slices button").first.wait_for(timeout=20_000)
    assert sentence(page) == page.locator(".findings .finding").inner_text() == found.sentence()
    first, link = found.slices[0], page.locator(".top-slices button").first
    assert page.locator(".findings .share-row").count() == len(found.slices)
    assert page.locator(".findings .tested").inner_text().startswith(f"{len(found.slices)} of {found.tested} groups")
    for part in (page.locator(".headline"), page.locator(".findings .share-row").first):
        box = part.bounding_box()
        assert box["y"] + box["height"] < 900 - 300
    link.click()
    page.wait_for_function("count => [...heatLive.values()][0].live.points.length === count", arg=first.bad)
    assert sentence(page).startswith(f"{first.bad} of {first.n} missed, {100 * first.rate:.1f} %")
    assert page.locator(".overall-share").inner_text() == f"{100 * found.rate:.1f} % without the filters"
    assert link.get_attribute("aria-pressed") == "true"
    link.click()
    page.wait_for_function("count => [...heatLive.values()][0].live.points.length === count", arg=found.bad)
    open_energies(page)
    page.locator("input.slider").press("Home")
    page.wait_for_function("() => location.search.includes('beta=-inf')", timeout=20_000)
    page.wait_for_function(EXACT, timeout=20_000)
    page.wait_for_function(f"() => !{LIVE}.$('.top-slices').classList.contains('stale')", timeout=20_000)
    assert sentence(page) == find_slices(samples, Query(), Lens(-np.inf)).sentence()
    assert not page.problems


def test_values_are_left_out_by_keys_and_by_alt_click(page, demo_run):
    samples = Samples(demo_run)
    page.locator("[data-question=all]").click()
    break_down(page, "set")
    name = demo_run.ood_names[0]
    row = page.locator(".breakdown .share-row", has=page.locator(f"[data-value='{name}']"))
    row.get_by_role("button", name=f"not {name}").press("Enter")
    page.wait_for_function("() => location.search.includes('not=')", timeout=20_000)
    outside = np.flatnonzero(samples.dataset != samples.datasets.index(name))
    assert sorted(shown_numbers(page)) == outside.tolist()
    assert page.locator(".chip").first.inner_text() == f"not {name} ✕"
    page.reload()
    page.wait_for_function(EXACT, timeout=60_000)
    assert sorted(shown_numbers(page)) == outside.tolist()
    row.locator(".bar-of").click(modifiers=["Alt"])
    page.wait_for_function("() => !location.search.includes('not=')", timeout=20_000)
    assert len(shown_numbers(page)) == len(samples)
    assert not page.problems


@pytest.mark.parametrize("question", ["misclassified", "looks-known"])
def test_a_breakdown_shows_rates_sorted_by_lift(page, question):
    page.locator(f"[data-question={question}]").click()
    page.wait_for_function(f"() => location.search.includes('q={question}')", timeout=20_000)
    break_down(page, "seen")
    rates = [float(text.removesuffix(" %")) for text in page.locator(".breakdown b").all_inner_texts()]
    lifts = [float(text.removesuffix(" × overall")) for text in page.locator(".breakdown .lift").all_inner_texts()]
    assert len(rates) > 1
    assert rates == sorted(rates, reverse=True)
    assert lifts == sorted(lifts, reverse=True)


def test_a_decision_is_stored_said_and_taken_back(served, browser, demo_run):
    address, home = served
    folder = copy_run(demo_run, home / "runs" / "decided")
    page = open_page(browser, address, "?run=decided")
    page.locator(".top-slices button").first.click()
    page.wait_for_function("() => location.search !== '?run=decided'", timeout=20_000)
    count = page.evaluate(f"{LIVE}.points.length")
    page.locator(".deciding summary").click()
    page.locator(".deciding .new-class").fill("crystals")
    page.locator("[data-decide=new-class]").click()
    line = page.locator(".decided")
    line.get_by_role("button", name="Run again").wait_for(timeout=20_000)
    assert line.locator("b").inner_text() == "1 decision"
    (decision,) = read_decisions(folder)
    assert (decision.action, decision.name, len(decision.samples)) == ("new-class", "crystals", count)
    page.wait_for_function(f"() => Object.values({LIVE}.state.decisions.numbers)[0]?.length === {count}")
    line.get_by_role("button", name="Undo").click()
    line.wait_for(state="hidden", timeout=20_000)
    assert not page.problems
    page.close()
