"""The app under a base path (`--server.baseUrlPath`), as a proxy in front of several services asks for it."""

import csv
import io
import urllib.request

import pytest
from PIL import Image
from streamlit import config

from app.common.file_urls import url_prefix
from app.server import file_routes
from tests.app.open_workbench import LIVE, open_page
from tests.browser import APP, CHROMIUM, ROOT, streamlit_on
from tests.conftest import copy_run


@pytest.mark.parametrize(
    ("base", "path"),
    [("", "/heat-files"), ("heat", "/heat/heat-files"), ("/a/b/", "/a/b/heat-files")],
)
def test_routes_are_where_the_addresses_point(base, path):
    before = config.get_option("server.baseUrlPath")
    config.set_option("server.baseUrlPath", base)
    try:
        assert url_prefix() == path
        assert [route.path for route in file_routes.routes()] == [f"{path}/picture", f"{path}/take"]
    finally:
        config.set_option("server.baseUrlPath", before)


@pytest.fixture(scope="module")
def under_a_path(demo_run, tmp_path_factory):
    """The app's address with a base path of two names, on a copy of the demo's run."""
    home = tmp_path_factory.mktemp("base-path-home")
    copy_run(demo_run, home / "runs" / demo_run.id)
    with streamlit_on(APP, ROOT, "--server.baseUrlPath", "lab/heat", HEAT_HOME=str(home)) as address:
        yield f"{address}/lab/heat"


def test_pictures_and_tables_are_served_below_it(under_a_path, demo_run):
    with urllib.request.urlopen(f"{under_a_path}/heat-files/picture?run={demo_run.id}&set=id&row=0&side=96") as answer:
        assert answer.headers["content-type"] == "image/png"
        assert Image.open(io.BytesIO(answer.read())).size == demo_run.image("id", str(demo_run.ids("id")[0])).size
    with urllib.request.urlopen(f"{under_a_path}/heat-files/take?run={demo_run.id}&kind=csv&of=known&q=all") as answer:
        rows = list(csv.DictReader(io.StringIO(answer.read().decode())))
    assert len(rows) == sum(len(demo_run.ids(name)) for name in demo_run.datasets)


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium chromium-driver")
def test_pages_links_and_redirects_stay_below_it(under_a_path, browser, demo_run):
    page = open_page(browser, under_a_path, f"gallery?run={demo_run.id}&beta=-2&q=all")  # an address of version 0.1
    assert page.evaluate("location.pathname") == "/lab/heat/"
    assert page.evaluate(f"{LIVE}.state.beta") == -2  # it came through the component's messages
    page.wait_for_function(f"() => [...{LIVE}.$('.results').querySelectorAll('img')].some(i => i.naturalWidth > 0)")
    for take, kind in (("csv", "text/csv"), ("zip", "application/zip"), ("report", "text/html")):
        with urllib.request.urlopen(page.evaluate(f"{LIVE}.$('[data-take={take}]').href")) as answer:
            assert answer.headers["content-type"].startswith(kind)
    page.get_by_role("link", name="Compare", exact=True).click()
    page.wait_for_function("() => location.pathname === '/lab/heat/compare'", timeout=30_000)
    page.locator(".heat-table a").first.click()
    page.wait_for_function("() => location.pathname === '/lab/heat/' && location.search.includes('q=')", timeout=30_000)
    assert page.problems == []
    page.close()
