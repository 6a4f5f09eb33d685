"""Given text in Markdown: `escape_markdown` shows it exactly, and all of the app's code calls it."""

import ast
import json

import pytest

from app.common.text import escape_markdown
from heat_core.names import printable
from heat_core.reporting.plotly_text import escape_plotly
from tests.app.sinks import Reader, bare_sinks
from tests.browser import CHROMIUM, ROOT, chromium, streamlit_on


def test_no_text_of_the_app_reaches_markdown_unescaped():
    assert not bare_sinks(sorted((ROOT / "app").rglob("*.py")))


@pytest.mark.parametrize(
    "line",
    [
        "st.title(name)",
        "st.table(frame)",
        "st.table({name: len(run.ids(name)) for name in run.datasets})",
        "st.table({name: 1})",
        "st.table(data=[name])",
        'st.write("a", name)',
        "st.write_stream(names)",
        'st.info("a", title=name)',
        "st.page_link('page.py', label=name)",
        "st.menu_button('of', names)",
        "st.time_input(name)",
        "st.tabs([name])",
        "st.tabs(names)",
        "st.expander(name)",
        "st.popover('of', help=name)",
        "st.status(name)",
        "st.spinner(name)",
        "st.badge(name)",
        "st.image(picture, name)",
        "st.exception(error)",
        "st.latex('x', help=name)",
        "st.download_button(name, content)",
        "st.Page('page.py', title=name)",
        "st.checkbox('of', False, None, name)",
        "st.radio('of', NAMES, captions=names)",
        "st.column_config.TextColumn(name)",
        "st.column_config.NumberColumn('n', help=name)",
        "st.column_config.MarkdownColumn()",
        "st.column_config.LinkColumn('n')",
        "@st.cache_data(show_spinner=name)\ndef f():\n    pass",
        "@st.dialog(name)\ndef f():\n    pass",
        "st.error(str(error))",
        'st.markdown(f"**{name}**")',
        'st.info("a" + name)',
        'st.caption(", ".join(names))',
        'st.button("go", help=name)',
        'st.sidebar.metric(name, "1")',
        "st.pills('of', names)",
        "st.radio('of', names, format_func=str)",
        "st.segmented_control('of', names, format_func=lambda n: n)",
        "x = name\nst.subheader(x)",
        "def show(text):\n    st.info(text)\nshow(name)",
        "def text():\n    return name\nst.info(text())",
        'st.progress(0.5, text=f"{name!r}")',
        'st.toast(f"{name:>5}")',
        'st.info(" ".join(run.name for run in runs))',
        'st.info(" ".join(run.name for run in RUNS))',
        'st.info(" ".join(term.note for term in TERMS))',
        'st.info(" ".join(term.name for term in TERMS for term in runs))',
        'for term in runs:\n    x = term.name\nst.info(" ".join(x for term in TERMS))',
        'for term in runs:\n    x = term\nst.info(" ".join(x for term in TERMS))',
        'st.info(" ".join(name for name in TITLES.get(name, name)))',
    ],
)
def test_the_reader_finds_a_bare_sink(line):
    assert Reader().read(ast.parse(line), "x.py")


def test_the_reader_accepts_escaped_text():
    lines = (
        "st.title(escape_markdown(name))\n"
        'st.caption(f"{share:.1%} of {escape_markdown(name)}, {len(names)}, {count:,}" if name else "none")\n'
        "st.pills('of', names, format_func=lambda n: escape_markdown(n))\n"
        "def show(text):\n    st.info(text)\nshow('a')\n"
        'st.markdown(" · ".join(f"{escape_markdown(n)} {c:d}" for n, c in pairs))\n'
        'st.markdown(" ".join(f"{term.name} {term.meaning}" for term in TERMS))\n'
        'st.markdown(" ".join(f"{name} {title}" for name, title in TITLES.items()))\n'
    )
    assert not Reader().read(ast.parse(lines), "x.py")


NASTY = [
    "![x](http://127.0.0.1:9/a.png)",
    "[session ended: sign in](https://evil.example)",
    "https://evil.example/x?y",
    "HTTPS://EVIL.example",
    "(www.evil.example)",
    "WWW.evil.example",
    "a@b.example.com",
    "mailto:a@b.cc",
    "<http://evil.example>",
    "<img src=http://127.0.0.1:9/b.png>",
    "`code`",
    "``a`` `",
    "``` x",
    "**b** __u__ ~~s~~",
    "$x^2$ and $$y$$",
    "&amp; &lt;img&gt; &#33;[x](http://127.0.0.1:9/e)",
    ":red[x] :blue-background[y] :rainbow[z]",
    ":material/home: :material_home: :smile: :+1: :streamlit:",
    ":color[x]{foreground=red}",
    ":help[x] :shimmer[x]",
    "a -> b <- c <-> d -- e >= f <= g",
    "# head",
    "- item",
    "+ item",
    "1. one",
    "2) two",
    "> quote",
    "---",
    "***",
    "===",
    "xmpp:a@b.cc/x",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "a\n\n    code\n\nb",
    "    indented",
    "tab\there",
    "~=",
    "->",
    "[^1] [^1]: x",
    "[ref]\n\n[ref]: http://evil.example",
    "\\![x](http://e.example)\\",
    "a\\",
    "é 猫 🙂",
    "\ud800 lone \udcff",
    "rtl \u202e gnp",
    "nul \x00 esc \x1b[31m",
    "- [ ] task",
    "::name[x]{a=b}",
    ":::box\nx\n:::",
    "a<br>b",
    "</div><script>alert(1)</script>",
    "C:\\path\\file",
    "x:http://evil.example",
    "ftp://evil.example/a",
    "{{x}} {x}",
]


@pytest.mark.parametrize("text", NASTY)
def test_escaped_text_is_one_line_that_reads_the_same(text):
    shown = escape_markdown(text)
    shown.encode()
    assert "\n" not in shown
    unescaped = "".join(c for i, c in enumerate(shown) if c != "\\" or (i and shown[:i].endswith("\\")))
    assert unescaped.replace("\u2060", "").replace("\\", "") == printable(" ".join(text.split())).replace("\\", "")


def test_escaped_for_plotly_is_no_html_and_no_field():
    assert escape_plotly('<a href="http://x">&amp;%{y}') == '&lt;a href="http://x"&gt;&amp;amp;%\u2060{y}'
    escape_plotly("\ud800").encode()


SCRIPT = """
import json, sys
import streamlit as st
from app.common.text import escape_markdown
for i, text in enumerate(json.load(open(sys.argv[1]))):
    with st.container(key=f"c{i}"):
        st.markdown(escape_markdown(text))
        st.error(escape_markdown(text))
        st.subheader(f"x {escape_markdown(text)}")
        st.metric(escape_markdown(text), escape_markdown(text))
        st.button(escape_markdown(text), key=f"b{i}")
        st.pills("of", [text], format_func=escape_markdown, key=f"p{i}")
        st.radio("of", [text], format_func=escape_markdown, key=f"r{i}")
st.markdown("![x](/control.png)")
st.text("all drawn")
"""
MARKUP = """e => [...e.querySelectorAll('a,img,code,pre,strong,em,del,ul,ol,hr,blockquote,table,sup,script,.katex,h4')]
  .filter(x => !(x.getAttribute('href') ?? '').startsWith('#')).map(x => x.outerHTML)"""


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium chromium-driver")
def test_streamlit_shows_plain_text_to_the_letter(tmp_path):
    (tmp_path / "texts.json").write_text(json.dumps(NASTY))
    (tmp_path / "script.py").write_text(SCRIPT)
    options = ("--server.address", "127.0.0.1", "--server.headless", "true", "--browser.gatherUsageStats", "false")
    running = streamlit_on(
        tmp_path / "script.py", tmp_path, *options, "--", str(tmp_path / "texts.json"), PYTHONPATH=str(ROOT)
    )
    with running as address, chromium() as browser:
        page = browser.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)
        page.wait_for_function(
            "n => ['stAlert', 'stHeading', 'stMetric', 'stButton', 'stButtonGroup', 'stRadio'].every("
            "kind => document.querySelectorAll(`[data-testid=${kind}]`).length >= n)",
            arg=len(NASTY),
            timeout=60_000,
        )
        for i, text in enumerate(NASTY):
            box = page.locator(f".st-key-c{i}")
            assert box.evaluate(MARKUP) == [], text
            shown = box.evaluate("e => e.innerText").replace("\u2060", "").replace("\n", " ")
            assert shown.count(printable(" ".join(text.split()))) >= 6, (text, shown)
    assert any(url.endswith("/control.png") for url in asked)  # a picture would have been asked for
    assert all(url.startswith((address, "data:", "blob:")) for url in asked)
