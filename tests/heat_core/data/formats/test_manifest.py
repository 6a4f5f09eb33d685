"""Manifests as files: what tables of any origin hold, and what is wrong with their rows."""

import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from heat_core import HeatError
from heat_core.data.formats.manifest import Manifest
from heat_core.data.image_table import whole_column
from heat_core.data.skipped_rows import SkippedRows


def read(path, content: bytes | str | None = None):
    """Paths, column → texts, sentences about bad rows."""
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    bad, manifest = SkippedRows(), Manifest(path)
    blocks = list(manifest.blocks(bad))
    texts = {name: [text for block in blocks for text in block.texts[name]] for name in manifest.names}
    return [path for block in blocks for path in manifest.resolve_paths(block.paths)], texts, bad.sentences()


def table(to, **columns):
    pq.write_table(pa.table(columns), to)
    return read(to)


def test_paths_are_relative_to_the_manifest_and_any_bytes(tmp_path):
    paths, texts, bad = read(tmp_path / "l.csv", b"\xef\xbb\xbflabel,path\na,x/1.png\n,/abs/2.png\nb,caf\xe9.png\n")
    here = os.fsencode(tmp_path)
    assert paths == [here + b"/x/1.png", b"/abs/2.png", here + b"/caf\xe9.png"]
    assert texts == {"label": ["a", "", "b"]}
    assert not bad


def test_lines_may_be_quoted_however_long_the_list_is(tmp_path):
    lines = "".join(f'/x/{i:06d}.png,"two\nlines, {i}"\n' for i in range(60_000))
    paths, texts, bad = read(tmp_path / "l.csv", f"path,label\n{lines}")
    assert not bad
    assert {os.path.dirname(path) for path in paths} == {b"/x"}
    assert texts["label"] == [f"two\\nlines, {i}" for i in range(60_000)]


def test_other_columns_may_be_of_any_kind(tmp_path):
    lines = "".join(f"/x/{i}.png,{i if i < 40_000 else 'abc'},{'' if i < 40_000 else 'é'}\n" for i in range(41_000))
    paths, texts, bad = read(tmp_path / "l.csv", f"path,n,m\n{lines}".encode("latin-1"))
    assert (len(paths), bad) == (41_000, [])
    assert texts["n"][39_999:40_001] == ["39999", "abc"]
    assert set(texts["m"]) == {"", "\\xe9"}


def test_wrong_rows_are_numbered_as_in_a_spreadsheet(tmp_path):
    """Rows that are wrong are named as a spreadsheet counts them."""
    paths, _, bad = read(
        tmp_path / "l.csv", "path,label\na.png,x\nb.png,x,y,z\n,x\nc.png,x\nd\0.png,y\nother.CSV,x\nlast\n"
    )
    assert [os.path.basename(path) for path in paths] == [b"a.png", b"c.png"]
    assert sorted(bad) == [
        "l.csv, row 3: 4 columns instead of 2: b.png,x,y,z",
        "l.csv, row 4: no path",
        "l.csv, row 6: no path",
        "l.csv, row 7: a manifest, no image",
        "l.csv, row 8: 1 columns instead of 2: last",
    ]


def test_of_many_bad_rows_the_first_are_named(tmp_path):
    """Of many bad rows the first are named, and the others are counted."""
    good, few = "".join(f"{i}.png,x\n" for i in range(20_000)), "".join(f",{i}\n" for i in range(20_000))
    broken = "a,b,c\n" * 20_000
    paths, _, bad = read(tmp_path / "l.csv", f"path,label\n{broken}{good}{few}")
    assert len(paths) == 20_000
    assert bad[:2] == [f"l.csv, row {i}: 3 columns instead of 2: a,b,c" for i in (2, 3)]
    assert (len(bad), bad[-1]) == (6, "39,995 further rows")
    pq.write_table(pa.table({"path": pa.nulls(70_000, pa.string())}), tmp_path / "l.parquet")
    assert read(tmp_path / "l.parquet")[2][-2:] == ["l.parquet, row 5: no path", "69,995 further rows"]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_what_spreadsheets_save_is_read(tmp_path, delimiter, newline):
    rows = ["\ufeffPath", "Label ", "LÄNGE"], ['"a, b.png"', '"x; y"', '"0,5"'], ["c.png", "", "1"]
    paths, texts, bad = read(tmp_path / "l.csv", newline.join(map(delimiter.join, rows)) + newline)
    assert [os.path.basename(path) for path in paths] == [b"a, b.png", b"c.png"]
    assert texts == {"label": ["x; y", ""], "LÄNGE": ["0,5" if delimiter == "," else "0.5", "1"]}
    assert not bad


@pytest.mark.parametrize("nothing", ["", "nan", "NaN", "None", "NULL", "<NA>", "NaT", "  "])
def test_what_programs_write_for_nothing_is_nothing(tmp_path, nothing):
    _, texts, _ = read(tmp_path / "l.csv", f"path,label,site\na.png,{nothing},{nothing}\nb.png,none,nano\n")
    assert texts == {"label": ["", "none"], "site": ["", "nano"]}


def test_names_and_texts_are_printable_and_of_bounded_length(tmp_path):
    _, texts, _ = read(
        tmp_path / "l.csv", f'path,"# **new**\nline",<b>\na.png,{"x" * 5000},"\x1b[31mred\u202e"\n'.encode()
    )
    assert list(texts) == ["# **new**\\nline", "<b>"]
    assert texts["# **new**\\nline"] == ["x" * 1000 + "…"]
    assert texts["<b>"] == ["\\x1b[31mred\\u202e"]


def test_columns_without_a_name_twice_named_nested_and_too_many(tmp_path):
    _, texts, _ = read(tmp_path / "l.csv", ",path,site,site,Unnamed: 0,\n0,a.png,one,two,3,4\n")
    assert texts == {"site": ["one"], "site~2": ["two"]}
    columns = [pa.array([text]) for text in ("a.png", "one", "two")]
    pq.write_table(pa.Table.from_arrays(columns, ["path", "site", "site"]), tmp_path / "l.parquet")
    assert read(tmp_path / "l.parquet")[1] == texts
    path = tmp_path / "l.parquet"
    pq.write_table(pa.table({"path": ["a.png"], "emb": [[1.0, 2.0]], "group": [{"a": 1}], "n": [1]}), path)
    assert Manifest(path).notes == ["Columns of lists or objects are left out: group, emb."]
    assert read(path)[1] == {"n": ["1"]}
    (tmp_path / "l.csv").write_text(",".join(["path", *(f"c{i}" for i in range(40))]) + "\n")
    assert Manifest(tmp_path / "l.csv").names == [f"c{i}" for i in range(32)]
    assert Manifest(tmp_path / "l.csv").notes == ["Of its 40 further columns the first 32 are kept."]


@pytest.mark.parametrize(
    ("column", "labels"),
    [
        (pa.array(["cat", None]), ["cat", ""]),
        (pa.array([3, None]), ["3", ""]),
        (pa.array([1.0, np.nan]), ["1", ""]),
        (pa.array([b"cat", b""]), ["cat", ""]),
        (pa.array([b"\xff", b"\xe9"]), ["\\xff", "\\xe9"]),
        (pa.array(["cat", "dog"]).dictionary_encode(), ["cat", "dog"]),
        (pa.array(["cat", None]).dictionary_encode(), ["cat", ""]),
        (pa.array(["cat", "dog"], pa.large_string()), ["cat", "dog"]),
        (pa.array([True, None]), ["true", ""]),
        (pa.array([0, 1], pa.timestamp("s")), ["1970-01-01 00:00:00.000", "1970-01-01 00:00:01.000"]),
        (pa.nulls(2), ["", ""]),
    ],
)
def test_columns_of_parquet_files_may_be_of_several_kinds(tmp_path, column, labels):
    paths = pa.array(["a.png", "b.png"]).dictionary_encode()
    for name in ("label", "other"):
        assert table(tmp_path / "l.parquet", path=paths, **{name: column})[1] == {name: labels}


@pytest.mark.parametrize(
    ("texts", "kind", "values"),
    [
        (["1", "-20"], np.int64, [1, -20]),
        (["1", "", "2.5"], np.float64, [1, np.nan, 2.5]),
        (["1", ""], np.float64, [1, np.nan]),
        (["1e3", ".5"], np.float64, [1000, 0.5]),
        (["007", "1"], object, ["007", "1"]),  # a name
        (["9007199254740993", "1"], object, ["9007199254740993", "1"]),  # float64 would round it
        (["1_000", "1"], object, ["1_000", "1"]),
        (["inf", "1"], object, ["inf", "1"]),
        (["1e999", "1"], object, ["1e999", "1"]),
        (["0x10", "1"], object, ["0x10", "1"]),
        (["١", "1"], object, ["١", "1"]),
        (["", ""], object, ["", ""]),
    ],
)
def test_a_column_is_of_numbers_where_all_of_it_is(texts, kind, values):
    found = whole_column("temperature", [np.array(texts[:1], object), np.array(texts[1:], object)])
    assert found.dtype == kind
    np.testing.assert_array_equal(found, np.array(values, kind))
    assert whole_column("group", [np.array(texts, object)]).dtype == object


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("l.csv", "path,path\na,b\n", "more than one column `path`"),
        ("l.csv", "path,Path\na,b\n", "more than one column `path`"),
        ("l.csv", "path,label,label\na,b,c\n", "more than one column `label`"),
        ("l.csv", "files,label\na,b\n", "has no column `path`, only files, label"),
        ("l.csv", "path\na.png\n".encode("utf-16"), "is written in UTF-16: save it as CSV in UTF-8"),
        ("l.csv", b"", "cannot be read as CSV: it is empty"),
        ("l.csv", b"\n\n", "cannot be read as CSV: it is empty"),
        ("l.csv", 'path\n"' + "x" * 3_000_000, "row 2: a quote opens a cell there and is never closed"),
        ("l.csv", "\0\0\0\0", "has no column `path`"),
        ("l.parquet", b"PAR1", "cannot be read as PARQUET"),
        ("l.parquet", b"", "cannot be read as PARQUET"),
    ],
)
def test_a_wrong_manifest_is_a_sentence(tmp_path, name, content, sentence):
    with pytest.raises(HeatError, match=sentence):
        read(tmp_path / name, content)


def test_a_path_that_is_no_text_is_a_sentence(tmp_path):
    with pytest.raises(HeatError, match="the column of paths holds list<element: int64>"):
        table(tmp_path / "l.parquet", path=pa.array([[1], [2]]))


def test_a_manifest_that_ends_within_a_block_is_a_sentence(tmp_path):
    pq.write_table(pa.table({"path": [f"{i}.png" for i in range(1000)]}), tmp_path / "l.parquet")
    whole = (tmp_path / "l.parquet").read_bytes()
    middle = len(whole) // 4
    (tmp_path / "l.parquet").write_bytes(whole[:middle] + bytes(200) + whole[middle + 200 :])
    with pytest.raises(HeatError, match="cannot be read as PARQUET"):
        read(tmp_path / "l.parquet")
