"""The page about plugins shows the package that these tests install."""

import re
from pathlib import Path

from tests.heat_core.plugins.conftest import PACKAGE

PAGE = Path(__file__).resolve().parents[3] / "docs" / "plugins.md"


def test_the_page_shows_the_files_of_the_package():
    shown = re.findall(r"```(?:python|toml)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    files = ("heat_diagonal/detector.py", "heat_diagonal/prior.py", "pyproject.toml")
    assert shown == [(PACKAGE / file).read_text(encoding="utf-8") for file in files]
