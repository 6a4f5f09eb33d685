"""Compare on two runs whose every text is hostile: all of it is shown, and no request leaves the page."""

import pytest

from app.common.faults import UNEXPECTED
from tests.app.test_hostile import RUN, hostile_run, page, visit, written  # noqa: F401 (page is a fixture)
from tests.browser import APP, NEEDS_CHROMIUM, streamlit_on
from tests.conftest import copy_run

pytestmark = NEEDS_CHROMIUM
OTHER = "other ![x](http://127.0.0.1:9/o.png)"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The app's address, and the first of the runs."""
    home = tmp_path_factory.mktemp("hostile")
    run = hostile_run(home / "runs" / RUN)
    copy_run(run, home / "runs" / OTHER.replace("/", ":"))
    with streamlit_on(APP, home, HEAT_HOME=str(home)) as address:
        yield address, run


@pytest.mark.parametrize(
    ("section", "shown"),
    [
        ("table", ["near", "far", "title-msp", "title-gmm", "row", "reason", "note"]),
        ("curves", ["near", "title-msp"]),
        ("beta", ["near"]),
        ("versus", ["near", "far"]),
    ],
)
def test_a_section_shows_hostile_names_without_requests(section, shown, served, page):  # noqa: F811
    more = {"runs": OTHER.replace("/", ":")} if section == "table" else {}
    text = visit(page, served[0], "compare", run=RUN, section=section, det="msp", subsets="yes", **more)
    assert UNEXPECTED not in text
    assert [where for where in shown if written(where) not in text] == []
