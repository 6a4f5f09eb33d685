"""Given names in tables: no format's own characters get through, and every format gives the names back."""

import html
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from heat_core.analysis.comparison import Cell, Comparison
from heat_core.analysis.comparison_rows import ScoreSource
from heat_core.reporting.tables import markdown_text, to_csv, to_html, to_latex, to_markdown
from tests.heat_core.reporting.named_tables import NAMES, read_back, table


def one_line(text: str) -> str:
    return " ".join(text.split())


# ---- Markdown --------------------------------------------------------------------------------------------------------


def cells_of(line: str) -> list[str]:
    """A Markdown row's cells: a bar ends one, unless a backslash is before it that is not itself escaped."""
    cells = re.findall(r"((?:\\.|[^|\\])*)\|", line)
    assert "".join(f"{cell}|" for cell in cells) == line
    assert cells[0] == ""
    return [cell.strip() for cell in cells[1:]]


def unmarked(cell: str) -> str:
    """What Markdown shows of a cell; nothing of its markup may stand without a backslash."""
    bare = re.sub(r"\\[!-/:-@\[-`{-~]", "", cell)
    assert not set(bare) & set("\\`*_[]<>#|~$&"), cell
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", cell)


@pytest.mark.parametrize("name", NAMES)
def test_markdown_rows_have_equal_cells_and_the_names(name):
    """Markdown has as many cells in every row, and shows the names."""
    lines = to_markdown(table(name, name, name)).splitlines()
    assert len(lines) == 4
    head, rule, *body = [cells_of(line) for line in lines]
    assert {len(row) for row in (head, rule, *body)} == {4}
    assert rule == ["---"] * 4
    assert unmarked(head[1]) == one_line(f"{name} · {name}" if name else name)
    assert unmarked(head[3]) == "average"
    assert unmarked(body[0][0]) == one_line(name)
    assert body[0][1:] == ["**97.2**", "**50.0**", "**-3.5**"]
    assert body[1][1:] == ["<u>12.3</u>", "<u>100.0</u>", "<u>0.0</u>"]


def test_markdown_text_leaves_plain_names_alone():
    assert markdown_text("unseen digits, 2nd · β") == "unseen digits, 2nd · β"


# ---- LaTeX -----------------------------------------------------------------------------------------------------------

_TEX_CHARACTERS = {
    r"\textbackslash{}": "\\",
    r"\textasciitilde{}": "~",
    r"\textasciicircum{}": "^",
    r"\textless{}": "<",
    r"\textgreater{}": ">",
    r"\textbar{}": "|",
    r"$\beta$": "β",
} | {rf"\{c}": c for c in "&_%#${}"}
_TEX = re.compile("|".join(re.escape(written) for written in sorted(_TEX_CHARACTERS, key=len, reverse=True)))


def printed(cell: str) -> str:
    """What LaTeX prints of a text; none of its own characters may stand unescaped."""
    cell = cell.removeprefix("{}")  # before what LaTeX would take for an argument
    assert not set(_TEX.sub("", cell)) & set("\\{}$&#^_%~<>|\n"), cell
    return _TEX.sub(lambda found: _TEX_CHARACTERS[found[0]], cell)


def tex_cells(line: str) -> list[str]:
    """A row's cells: & ends one, unless a backslash is before it."""
    assert line.endswith(r" \\")
    return [cell.strip() for cell in re.split(r"(?<!\\)&", line.removesuffix(r" \\"))]


@pytest.mark.parametrize("name", NAMES)
def test_latex_rows_have_equal_cells_and_the_names(name):
    """LaTeX has as many cells in every row, and prints the names."""
    lines = to_latex(table(name, name, name)).splitlines()
    assert [lines[i] for i in (0, 1, 4, 7, 8)] == [
        r"\begin{tabular}{lccc}",
        r"\toprule",
        r"\midrule",
        r"\bottomrule",
        r"\end{tabular}",
    ]
    groups, names, *body = [tex_cells(lines[i]) for i in (2, 3, 5, 6)]
    spans = [re.fullmatch(r"\\multicolumn\{(\d)\}\{c\}\{(.*)\}", group).groups() for group in groups[1:]]
    assert sum(int(n) for n, _ in spans) == 3
    assert printed(spans[0][1]) == one_line(name)
    assert [printed(cell) for cell in names] == ["", one_line(name), "other", "average"]
    assert printed(body[0][0]) == one_line(name)
    assert body[0][1:] == [r"\textbf{97.2}", r"\textbf{50.0}", r"\textbf{-3.5}"]
    assert body[1] == ["HEAT", r"\underline{12.3}", r"\underline{100.0}", r"\underline{0.0}"]


@pytest.mark.parametrize("bad", ["a & b", "50%", "#1", "a_b", "x^2", "{", "~", "\\alpha", "$x$", "a|b"])
def test_the_checkers_find_what_is_not_escaped(bad):
    with pytest.raises(AssertionError):
        printed(bad)


@pytest.mark.parametrize("bad", ["a`b", "*b*", "_i_", "[x]", "<b>", "#1", "a&b", "~~x~~", "$x$", "a\\b"])
def test_the_checker_of_markdown_finds_what_is_not_escaped(bad):
    with pytest.raises(AssertionError):
        unmarked(bad)


@pytest.mark.parametrize("name", ["[5pt] x", "*starred", "[ours]"])
def test_a_label_is_no_argument_of_the_line_before(name):
    latex = to_latex(table(name))
    assert not re.search(r"(\\\\|\\midrule)\s*[*\[]", latex)


# ---- HTML ------------------------------------------------------------------------------------------------------------


class Cells(HTMLParser):
    """The rows of a page's table, as texts of cells and how many columns each spans; and every tag."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[list]] = []
        self.tags: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append(["", int(dict(attrs).get("colspan", 1))])

    def handle_data(self, data):
        if self.rows and self.rows[-1]:
            self.rows[-1][-1][0] += data


@pytest.mark.parametrize("name", NAMES)
def test_html_shows_the_names_and_runs_nothing(name):
    page = to_html(table(name, name, name), missing={name: name})
    found = Cells(page)
    assert found.tags <= {"style", "div", "table", "thead", "tbody", "tr", "th", "td", "span", "small"}
    assert {sum(span for _, span in row) for row in found.rows} == {4}
    *groups, names, first, second, missing = ([text for text, _ in row] for row in found.rows)
    assert groups == ([["", "", name]] if name else [])  # no line for groups where none has a name
    assert names == ["", "average", name, "other"]
    assert first[0] == missing[0] == name
    assert missing[1] == f"– {name}"
    assert second[0] == "HEAT"
    assert html.escape(name) in page


def test_cells_that_are_not_there_are_dashes_and_no_lines():
    full = table()
    empty = Comparison(full.metric, full.labels, full.columns, [[None, *row[1:]] for row in full.cells])
    assert [cells_of(line)[1] for line in to_markdown(empty).splitlines()[2:]] == ["–", "–"]
    assert [tex_cells(line)[1] for line in to_latex(empty).splitlines()[5:7]] == ["--", "--"]
    assert len(read_back(to_csv(empty))) == 1 + 4
    assert [row[2][0] for row in Cells(to_html(empty)).rows[-2:]] == ["–", "–"]


# ---- marks and links -------------------------------------------------------------------------------------------------


def test_every_format_marks_the_same_cells():
    """Two rows share the first place, one is the second: bold, bold and underlined, whatever the numbers print as."""
    cells = [[Cell(90.04, 90, 91, 1, True)], [Cell(90.01, 89, 91, 1, True)], [Cell(90.0, 90, 90, 2, False)]]
    cells.append([Cell(80.0, 80, 80, 3, False)])
    shown = Comparison("auroc", ["a", "b", "c", "d"], [("", "average")], cells)
    markdown = [cells_of(line)[1] for line in to_markdown(shown).splitlines()[2:]]
    assert markdown == ["**90.0**", "**90.0**", "<u>90.0</u>", "80.0"]
    latex = [tex_cells(line)[1] for line in to_latex(shown).splitlines()[5:9]]
    assert latex == [r"\textbf{90.0}", r"\textbf{90.0}", r"\underline{90.0}", "80.0"]
    page = to_html(shown, intervals=False)
    assert re.findall(r'<span class="value ?(\w*)">', page) == ["first", "first", "second", ""]


@pytest.mark.parametrize("name", ["a&b", "x' onmouseover='y", '"><script>', "è ü"])
def test_a_cell_links_to_the_given_address_alone(name):
    full = table("MSP", name)
    sources = [ScoreSource("run", "msp"), ScoreSource("run", "heat")]
    linked = replace(full, sources=sources, members=[(name,), ("other",), (name, "other")])
    asked = []

    def link(source, sets):
        asked.append((source, sets))
        return f"?det={source.detector}&set={','.join(sets)}" if sets != ("other",) else None

    page = to_html(linked, link=link)
    assert asked == [(s, sets) for s in sources for sets in ((name, "other"), (name,), ("other",))]
    hrefs = [html.unescape(href) for href in re.findall(r'<a href="([^"]*)" target="_self">', page)]
    assert hrefs == [f"?det={s.detector}&set={sets}" for s in sources for sets in (f"{name},other", name)]
    assert Cells(page).tags <= {"style", "div", "table", "thead", "tbody", "tr", "th", "td", "span", "small", "a"}
