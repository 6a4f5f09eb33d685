"""One pass through the app in a real Chromium, from an empty HEAT_HOME."""

import json

import pytest

from tests.browser import CHROMIUM, app_on, chromium

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium chromium-driver"),
]


@pytest.fixture
def page(home):
    with app_on(home) as address, chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(address)
        yield page


def test_open_demo_finishes_move_beta_map_gallery(page):
    from playwright.sync_api import expect

    expect(page.get_by_role("heading", name="Which images does this model not know?")).to_be_visible(timeout=60_000)
    page.get_by_role("link", name="Explore").click()
    numbers = page.get_by_test_id("stMetricValue")
    expect(numbers).to_have_count(4, timeout=180_000)  # three OOD sets and the average, once a residual is trained
    expect(page.get_by_test_id("stProgress")).to_have_count(0, timeout=240_000)  # the job is done

    before = numbers.all_inner_texts()
    slider = page.get_by_role("slider").first
    slider.focus()
    for _ in range(5):
        slider.press("ArrowLeft")
        page.wait_for_timeout(300)
    page.wait_for_function("() => location.search.includes('beta=-0.7')", timeout=30_000)
    page.wait_for_function(
        "before => JSON.stringify([...document.querySelectorAll('[data-testid=stMetricValue]')].map(e => e.innerText))"
        " !== before",
        arg=json.dumps(before, separators=(",", ":"), ensure_ascii=False),
        timeout=20_000,
    )

    page.get_by_role("link", name="Map").click()
    expect(page.get_by_role("heading", name="Where do they lie?")).to_be_visible(timeout=20_000)
    expect(page.locator(".js-plotly-plot .scatterlayer .trace")).to_have_count(5, timeout=20_000)
    expect(page.get_by_text("points shown")).to_be_visible()

    page.get_by_role("link", name="Gallery").click()
    expect(page.locator(".cell img").first).to_be_visible(timeout=20_000)
    assert page.locator(".cell.right .mark").count() > 0
    assert all(page.locator(".cell img").evaluate_all("images => images.map(i => i.naturalWidth > 0)"))
    assert "beta=-0.7" in page.url  # the same composition on every page
    assert page.get_by_text("Traceback").count() == 0


def test_widgets_show_the_look_on_every_page(demo_run, home):
    """Two pages in a row that share a widget: the second one's is new, and must not start at its default."""
    import shutil

    from playwright.sync_api import expect

    for name in ("a", "b"):
        shutil.copytree(demo_run.folder, home / "runs" / name)
    with app_on(home) as address, chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{address}/explore?run=a&beta=2.5&det=el")
        for name in ("Map", "Explore", "Gallery", "Explore"):
            page.get_by_role("link", name=name, exact=True).click()
            expect(page.get_by_role("textbox", name="exactly")).to_have_value("2.5", timeout=20_000)
        expect(page.get_by_text("Scores · EL")).to_be_visible()
        expect(page.get_by_role("combobox", name="Detector in the figures")).to_have_value("EL")
        for name in ("Gallery", "Train", "Map"):
            page.get_by_role("link", name=name, exact=True).click()
            expect(page.get_by_role("combobox", name="Run")).to_have_value("a", timeout=20_000)
