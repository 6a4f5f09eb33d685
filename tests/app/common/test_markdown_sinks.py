"""The table of what Streamlit renders as Markdown is complete, and the example page of CONTRIBUTING keeps to it."""

import ast
import inspect
import re

import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.app.markdown_parameters import OPTIONS, SINKS
from tests.app.sinks import Reader
from tests.browser import ROOT

# Parameters whose description mentions Markdown without being rendered as such.
NOT_RENDERED = {"anchors", "bind", "cursor", "format_func", "options", "pages", "unsafe_allow_html", "width", "wrap"}


def described_as_markdown(function) -> set[str]:
    """The parameters whose description in Streamlit's own documentation mentions Markdown."""
    sections = re.split(r"\n(?=\w+\n-{4,}\n)", inspect.getdoc(function) or "")
    found, name = set(), ""
    for line in next((s for s in sections if s.startswith("Parameters\n")), "").splitlines():
        if start := re.match(r"\*{0,2}(\w+) ?: ", line):
            name = start[1]
        if "arkdown" in line:
            found.add(name)
    return found


def test_every_parameter_that_streamlit_documents_is_a_sink():
    missing, without_options = {}, set()
    for of in (st, st.column_config):
        for name in (name for name in dir(of) if not name.startswith("_")):
            found = described_as_markdown(getattr(of, name))
            if more := found - NOT_RENDERED - {*SINKS.get(name, ()), "help"}:
                missing[name] = more
            if "options" in found and name not in OPTIONS:
                without_options.add(name)
    assert missing == {}
    assert without_options == set()


def test_streamlits_documentation_is_read():
    assert described_as_markdown(st.metric) == {"label", "value", "delta", "help"}
    assert described_as_markdown(st.table) == {"data"}


def examples() -> dict[str, str]:
    """Heading of CONTRIBUTING → its example in Python."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return dict(re.findall(r"## ([^\n]+)\n(?:(?!\n## ).)*?```python\n(.*?)```", text, re.DOTALL))


def test_the_example_page_draws_names_as_text(demo_home, demo_run, tmp_path):
    example = examples()["A page"]
    assert Reader().read(ast.parse(example), "sizes.py") == []
    (tmp_path / "sizes.py").write_text(example, encoding="utf-8")
    page = AppTest.from_file(str(tmp_path / "sizes.py"), default_timeout=60).run()
    assert not page.exception
    shown = page.dataframe[0].value
    assert dict(zip(shown["set"], shown["images"], strict=True)) == {
        name: len(demo_run.ids(name)) for name in demo_run.datasets
    }
