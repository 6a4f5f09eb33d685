"""CSV files as people and spreadsheets write them: quotes, delimiters, decimal commas, compression."""

import gzip
import os

import numpy as np
import pytest

from heat_core import HeatError
from heat_core.data.datasets import from_files, open_dataset
from heat_core.guard.table import write_table
from heat_core.guard.verdicts import Verdicts
from tests.conftest import make_folder


@pytest.fixture
def folder(tmp_path):
    """A folder with 12 images, `i/000.png` and so on."""
    make_folder(tmp_path / "i", {"": 12})
    return tmp_path


def listed(folder, notes: dict[int, str], name: str = "l.csv", newline: str = "\n") -> str:
    """A list of the 12 images, with these texts in the column `note` of some rows; returns its path."""
    lines = [f"i/{n:03d}.png,{'ab'[n % 2]},{notes.get(n, 'ok')}" for n in range(12)]
    (folder / name).write_bytes(newline.join(["path,label,note", *lines, ""]).encode())
    return str(folder / name)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_quote_that_is_never_closed_is_refused(folder, newline):
    source = listed(folder, {5: '"5 inch screw'}, newline=newline)
    with pytest.raises(HeatError, match=r"l\.csv, row 7: a quote opens a cell there and is never closed"):
        open_dataset(source)
    with pytest.raises(HeatError, match="row 7: a quote opens"):
        from_files([folder / "l.csv"])


@pytest.mark.parametrize(
    ("first", "last"), [('"5 inch screw', '"3 inch screw'), ('"5 inch', 'a 3" screw'), ('"5"" screw', '3"')]
)
def test_rows_inside_a_quoted_cell_are_refused(folder, first, last):
    """A quote that a later row closes would hide the rows between."""
    with pytest.raises(HeatError, match=r"l\.csv, row 5: a quote opens a cell there that holds 4 further rows"):
        open_dataset(listed(folder, {3: first, 7: last}))


def test_a_quote_in_an_early_column_is_refused(folder):
    (folder / "l.csv").write_text('note,path\n"5 inch,i/000.png\nok,i/001.png\nok,i/002.png\n5 inch",i/003.png\n')
    with pytest.raises(HeatError, match="row 2: a quote opens a cell there that holds 3 further rows"):
        open_dataset(str(folder / "l.csv"))


def test_a_quote_open_in_the_header_or_the_last_row_is_refused(folder):
    long = 'path,"label\n' + "i/000.png,a\n" * 20_000
    for text, row in (
        (long, 1),
        ('path,"label\ni/000.png,a\ni/001.png,b\n', 1),
        ('path,label\ni/000.png,a\ni/001.png,"b\n', 3),
    ):
        (folder / "l.csv").write_text(text)
        with pytest.raises(HeatError, match=rf"l\.csv, row {row}: a quote opens a cell there and is never closed"):
            open_dataset(str(folder / "l.csv"))


def test_quotes_behind_a_space_are_quotes(folder):
    (folder / "l.csv").write_text('"label", "path", n\n"red", "i/000.png", "x"\n"a ""b""",i/001.png,x "y"\n')
    images = open_dataset(str(folder / "l.csv"))
    assert (images.ids, images.class_names) == (["i/000.png", "i/001.png"], ['a "b"', "red"])


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ('"two\nlines"', "two\\nlines"),
        ('"two, \n\nlines, with commas"', "two, \\n\\nlines, with commas"),
        ('"a ""quoted"" text\nof ""two"" lines"', 'a "quoted" text\\nof "two" lines'),
        ('5" screw', '5" screw'),
        ('5" and "6"', '5" and "6"'),
        ('"5"" screw"', '5" screw'),
        ('""', ""),
    ],
)
def test_quotes_and_lines_in_cells_are_read(folder, cell, value):
    images = open_dataset(listed(folder, {5: cell, 11: cell}))
    assert len(images) == 12
    assert images.columns["note"].tolist() == [value if n in (5, 11) else "ok" for n in range(12)]
    assert images.notes == ()


@pytest.mark.parametrize("line", ["sep=;", "SEP=|", '"sep=,"', "\ufeffsep=\t"])
def test_a_first_line_may_name_the_delimiter(folder, line):
    rows = [["path", "label"], ["i/000.png", "a"], ["", "b"], ["i/001.png", "b", "c"], ["i/002.png", '"a, b"']]
    delimiter = line.strip('"')[-1]
    (folder / "l.csv").write_text("\r\n".join([line, *map(delimiter.join, rows)]), "utf-8")
    images = open_dataset(str(folder / "l.csv"))
    assert images.class_names == ["a", "a, b"]
    assert "l.csv, row 3: no path" in images.notes[-1]
    assert "l.csv, row 4: 3 columns instead of 2" in images.notes[-1]


def test_decimal_commas_are_numbers_beside_semicolons(folder):
    lines = [
        "path;t;pair;label;n;m",
        "i/000.png;0,5;1,2;1,5;1;1,234",
        "i/001.png;-21;3,4 5;2,5;2;2",
        "i/002.png;NA;;;3;5,678",
    ]
    (folder / "l.csv").write_text("\n".join(lines))
    columns = from_files([folder / "l.csv"]).columns
    np.testing.assert_array_equal(columns["t"], [0.5, -21, np.nan])
    assert columns["pair"].tolist() == ["1,2", "3,4 5", ""]
    assert columns["m"].tolist() == [1.234, 2, 5.678]
    assert columns["label"].tolist() == ["1,5", "2,5", ""]
    assert columns["n"].tolist() == [1, 2, 3]
    (folder / "l.csv").write_text('path,t\ni/000.png,"1,234"\ni/001.png,"0,5"\n')
    assert open_dataset(str(folder / "l.csv")).columns["t"].tolist() == ["1,234", "0,5"]
    (folder / "l.tsv").write_text("path\tt\tm\ni/000.png\t1,5\t1,234\ni/001.png\t1,234\t2,345\n")
    columns = open_dataset(str(folder / "l.tsv")).columns
    assert columns["t"].tolist() == [1.5, 1.234]
    assert columns["m"].tolist() == ["1,234", "2,345"]  # which may be thousands


@pytest.mark.parametrize(
    "lines",
    [
        ["path;x;y;w;h", "i/000.png;0,5;1;20,25;9"],
        ["path;xmin;ymin;xmax;ymax", "i/000.png;0,5;1;20,75;10"],
        ["path;box", 'i/000.png;"0,5; 1; 20,25; 9"'],
        ["path;box", "i/000.png;0,5 1 20,25 9"],
    ],
)
def test_boxes_may_have_decimal_commas(folder, lines):
    (folder / "l.csv").write_text("\n".join(lines))
    assert from_files([folder / "l.csv"]).boxes.tolist() == [[0.5, 1, 20.25, 9]]


@pytest.mark.parametrize("name", ["l.tsv", "l.csv.gz", "L.TSV.GZ"])
def test_tables_with_tabs_and_compressed_tables_are_read(folder, name):
    delimiter = "\t" if "tsv" in name.lower() else ","
    text = "path,label\ni/000.png,a; b\ni/001.png,c\n,d\n".replace(",", delimiter).encode()
    (folder / name).write_bytes(gzip.compress(text) if name.lower().endswith(".gz") else text)
    images = open_dataset(str(folder / name), "test")
    assert images.name.lower() == "l"
    assert images.class_names == ["a; b", "c"]
    assert images.notes == (f"1 of its rows are left out: {name}, row 4: no path.",)


def test_a_damaged_compressed_table_is_a_sentence(folder):
    whole = gzip.compress(b"path\n" + b"".join(b"i/%03d.png\n" % n for n in range(12)))
    for content in (whole[:-12], b"path\ni/000.png\n"):
        (folder / "l.csv.gz").write_bytes(content)
        with pytest.raises(HeatError, match=r"l\.csv\.gz cannot be read as CSV"):
            open_dataset(str(folder / "l.csv.gz"))


def test_the_escape_of_an_own_table_is_undone(folder):
    """Paths and texts that were escaped for spreadsheets come back from the table of `heat score`."""
    for name in ("-1.png", "=1+1.png", "'x.png", "'-y.png"):
        os.link(folder / "i" / "000.png", folder / name)
    texts = {"-t": ["-1", "+2", "@x", " =3", "'q", "5"], "n": ["-1", "", "-2.5", "0", "1", "2"]}
    paths = ["-1.png", "=1+1.png", "'x.png", "i/000.png", "i/001.png", "i/002.png"]
    numbers, energies = np.zeros(6), np.zeros((6, 1))
    classes = np.zeros(6, int)
    verdicts = Verdicts(paths, numbers, numbers, classes, numbers, energies, energies, ("gmm",), ["=cat"], [""] * 6)
    write_table(verdicts, np.zeros(6, bool), folder / "own.csv", {name: np.array(v) for name, v in texts.items()})
    assert "'-1.png" in (folder / "own.csv").read_text()
    images = from_files([folder / "own.csv"])
    assert images.ids == [str(folder / path) for path in paths]
    assert images.columns["-t"].tolist() == ["-1", "+2", "@x", "=3", "'q", "5"]
    assert images.columns["predicted"].tolist() == ["=cat"] * 6
    np.testing.assert_array_equal(images.columns["n"], [-1, np.nan, -2.5, 0, 1, 2])


def test_a_quote_of_another_table_stays(folder):
    os.link(folder / "i" / "000.png", folder / "'-y.png")
    (folder / "l.csv").write_text("path,note\n'-y.png,'-1\n")
    images = open_dataset(str(folder / "l.csv"))
    assert (images.ids, images.columns["note"].tolist()) == (["'-y.png"], ["'-1"])


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("l.xlsx", b"PK\3\4", "is a spreadsheet: save it as CSV in UTF-8"),
        ("l.csv", b"PK\3\4\0", "holds a spreadsheet: save it as CSV in UTF-8"),
        ("l.jsonl", '{"path": "a"}'.encode("utf-16"), "is written in UTF-16: save it as JSON Lines in UTF-8"),
    ],
)
def test_files_in_other_formats_are_refused_with_a_remedy(folder, name, content, sentence):
    (folder / name).write_bytes(content)
    for read in (open_dataset, lambda path: from_files([path])):
        with pytest.raises(HeatError, match=sentence):
            read(folder / name)
