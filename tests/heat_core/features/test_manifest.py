"""Manifests: what strangers' tables hold."""

import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from heat_core import HeatError
from heat_core.features.manifest import rows_of


def read(path, content: bytes | str | None = None):
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    bad: list[str] = []
    return list(rows_of(path, bad)), bad


def test_paths_are_relative_to_the_manifest_and_any_bytes(tmp_path):
    rows, bad = read(tmp_path / "l.csv", b"\xef\xbb\xbflabel,path\na,x/1.png\n,/abs/2.png\nb,caf\xe9.png\n")
    here = os.fsencode(tmp_path)
    assert rows == [(here + b"/x/1.png", "a"), (b"/abs/2.png", None), (here + b"/caf\xe9.png", "b")]
    assert not bad


def test_lines_may_be_quoted_however_long_the_list_is(tmp_path):
    lines = "".join(f'/x/{i:06d}.png,"two\nlines, {i}"\n' for i in range(60_000))
    rows, bad = read(tmp_path / "l.csv", f"path,label\n{lines}")
    assert not bad
    assert len(rows) == 60_000
    assert {os.path.dirname(path) for path, _ in rows} == {b"/x"}


def test_other_columns_may_be_of_any_kind(tmp_path):
    lines = "".join(f"/x/{i}.png,{i if i < 40_000 else 'abc'},{'' if i < 40_000 else 'é'}\n" for i in range(41_000))
    rows, bad = read(tmp_path / "l.csv", f"path,n,m\n{lines}".encode("latin-1"))
    assert (len(rows), bad) == (41_000, [])


def test_rows_that_are_wrong_are_shown(tmp_path):
    rows, bad = read(tmp_path / "l.csv", "path,label\na.png,x\nb.png,x,y,z\n,x\nc.png,x\n")
    assert len(rows) == 2
    assert bad == ["l.csv: 4 columns instead of 2: b.png,x,y,z", "l.csv, row 2: no path"]


@pytest.mark.parametrize(
    ("columns", "labels"),
    [
        (pa.array(["cat", None]), ["cat", None]),
        (pa.array([3, None]), ["3", None]),
        (pa.array([1.0, np.nan]), ["1", None]),
        (pa.array([b"cat", b""]), ["cat", None]),
        (pa.array(["cat", "dog"]).dictionary_encode(), ["cat", "dog"]),
        (pa.array(["cat", "dog"], pa.large_string()), ["cat", "dog"]),
    ],
)
def test_labels_of_parquet_files_may_be_of_several_kinds(tmp_path, columns, labels):
    pq.write_table(
        pa.table({"path": pa.array(["a.png", "b.png"]).dictionary_encode(), "label": columns}), tmp_path / "l.parquet"
    )
    rows, _ = read(tmp_path / "l.parquet")
    assert [label for _, label in rows] == labels


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("l.csv", "path,path\na,b\n", "more than one column `path`"),
        ("l.csv", "path,label,label\na,b,c\n", "more than one column `label`"),
        ("l.csv", "file,label\na,b\n", "has no column `path`, only file, label"),
        ("l.csv", "path\na.png\n".encode("utf-16"), "l.csv"),
        ("l.csv", b"", "cannot be read as CSV"),
        ("l.parquet", b"PAR1", "cannot be read as PARQUET"),
    ],
)
def test_a_wrong_manifest_is_a_sentence(tmp_path, name, content, sentence):
    with pytest.raises(HeatError, match=sentence):
        read(tmp_path / name, content)


def test_a_path_that_is_no_text_is_a_sentence(tmp_path):
    pq.write_table(pa.table({"path": pa.array([[1], [2]])}), tmp_path / "l.parquet")
    with pytest.raises(HeatError, match="cannot be read as PARQUET"):
        read(tmp_path / "l.parquet")


def test_a_million_rows(tmp_path):
    paths = pa.array([f"images/{i:07d}.jpg" for i in range(1_000_000)])
    pq.write_table(pa.table({"path": paths}), tmp_path / "l.parquet")
    assert sum(1 for _ in rows_of(tmp_path / "l.parquet", [])) == 1_000_000
