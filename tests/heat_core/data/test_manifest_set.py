"""Manifests as sets of images: which rows are meant by a role and a name, and what is known of them."""

import os
import sys

import numpy as np
import pytest

from heat_core import HeatError
from heat_core.data import manifest_set
from heat_core.data.datasets import from_files, open_dataset
from heat_core.data.image_set import require_classes
from tests.browser import ROOT
from tests.conftest import make_folder


@pytest.fixture
def write(tmp_path):
    """Writes `l.csv` from lines, with every image that they may name beside it."""
    make_folder(tmp_path / "i", {"": 12})

    def written(*lines: str, name: str = "l.csv") -> str:
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8", errors="surrogateescape")
        return str(tmp_path / name)

    return written


def image(n: int) -> str:
    return f"i/{n:03d}.png"


def rows(header: str, *cells: str) -> list[str]:
    """A line an image, with the given cells behind its path."""
    return [header, *(f"{image(n)},{cell}" for n, cell in enumerate(cells))]


def numbers(images) -> list[int]:
    """Which images are in a set."""
    return [int(os.path.basename(sample)[:3]) for sample in images.ids]


def test_labels_are_classes_in_their_natural_order(write):
    images = open_dataset(write(*rows("path,label", "10", "9", '"a, b"', "9", '"# **x**\n<b>"')), "train")
    assert images.class_names == ["9", "10", "# **x**\\n<b>", "a, b"]
    assert images.labels.tolist() == [1, 0, 3, 0, 2]
    assert images.ids == [image(n) for n in range(5)]
    assert images.open(0).size == (32, 32)
    assert images.name == "l"
    assert not images.notes


def test_further_columns_stay_with_the_samples(write):
    """Further columns stay with the samples in every part of the set."""
    lines = rows("path,label,Camera,time,t,group", "a,x,2024-01-01,1,7", "b,,2024-01-02,,7", "a,y,,2.5,8", "b,x,,3,8")
    images = open_dataset(write(*lines), "train")
    assert {name: values.tolist() for name, values in images.columns.items() if name != "t"} == {
        "label": ["a", "b", "a", "b"],
        "Camera": ["x", "", "y", "x"],
        "time": ["2024-01-01", "2024-01-02", "", ""],
        "group": ["7", "7", "8", "8"],  # a name, though it is written as a number
    }
    np.testing.assert_array_equal(images.columns["t"], [1, np.nan, 2.5, 3])
    for part, kept in ((images.subset(np.array([2, 1]), "x"), [2, 1]), (images.limited(1), [0, 1])):
        assert part.columns["Camera"].tolist() == images.columns["Camera"][kept].tolist()
        assert [p.name for p in part.files] == [image(n)[2:] for n in kept]
    assert images.select([image(3), image(0)]).columns["Camera"].tolist() == ["x", "x"]


def test_a_row_without_a_label_is_left_out_for_training_alone(write):
    lines = rows("path,label", "a", "", "nan", "b")
    train = open_dataset(write(*lines), "train")
    assert numbers(train) == [0, 3]
    assert train.notes == ("2 of its rows are left out: l.csv, row 3: no label; l.csv, row 4: no label.",)
    test = open_dataset(write(*lines), "test")
    assert (numbers(test), test.labels) == ([0, 1, 2, 3], None)
    assert test.notes == ("2 of its rows have no label, so that the set is taken without classes.",)
    assert open_dataset(write(*rows("path,label", "", "")), "train").labels is None


@pytest.mark.parametrize("lines", [rows("path,label", "a", "a"), rows("path,label", "", ""), rows("path,n", "1", "2")])
def test_the_sentence_about_classes_names_manifest_columns(write, lines):
    with pytest.raises(HeatError, match="needs at least two classes: give each of its rows a class, in the column"):
        require_classes(open_dataset(write(*lines), "train"))


def test_split_says_which_rows_train_and_which_test(write):
    source = write(*rows("path,SPLIT", "train", "test", "Training set", "val2017", "oops", "", "train"))
    train, test = open_dataset(source, "train"), open_dataset(source, "test")
    assert (numbers(train), numbers(test)) == ([0, 2, 6], [1, 3])
    assert (train.has_test_rows, test.has_test_rows) == (True, False)
    odd = "Its column `split` says oops (1), nothing (1), which is no split: these rows are left out."
    assert train.notes == ("Its splits 'train' and 'Training set' are taken together.", odd)
    assert train.columns["split"].tolist() == ["train", "Training set", "train"]
    assert numbers(open_dataset(write(*rows("path,split", "", "")), "train")) == [0, 1]  # it says none


@pytest.mark.parametrize(("role", "has"), [("train", "test"), ("test", "train")])
def test_a_split_that_is_not_there_is_a_sentence(write, role, has):
    with pytest.raises(HeatError, match=rf"l\.csv has no rows for {role}ing: its column `split` says {has} \(2\)\."):
        open_dataset(write(*rows("path,split", has, has)), role)


def test_one_manifest_may_hold_several_sets(write):
    source = write(*rows("path,set,split", "id,train", "textures,", "ID,test", "**far**,test", ",", "textures,"))
    assert numbers(open_dataset(source, "train")) == [0]
    assert numbers(open_dataset(source, "test")) == [2]
    assert numbers(open_dataset(source, "test", set_name="Textures ")) == [1, 5]
    found = open_dataset(source, "test", set_name="**far**")
    assert numbers(found) == [3]
    assert found.notes == ("1 of its rows have no set, and belong to none.",)
    assert "set" not in found.columns
    with pytest.raises(HeatError, match=r"l\.csv has no set 'cars': its column `set` says textures \(2\), id \(1\),"):
        open_dataset(source, "test", set_name="cars")


def test_sets_may_be_called_after_the_splits(write):
    source = write(*rows("path,set", "train", "test", "places", "val", "train"))
    train, test = open_dataset(source, "train"), open_dataset(source, "test")
    assert (numbers(train), numbers(test)) == ([0, 4], [1, 3])
    assert train.has_test_rows
    assert numbers(open_dataset(source, "test", set_name="places")) == [2]
    assert not open_dataset(write(*rows("path,set", "train", "places")), "train").has_test_rows


def test_sets_of_which_none_is_known_are_a_sentence(write):
    source = write(*rows("path,set", "cars", "places"))
    with pytest.raises(HeatError, match=r"no known images: its column `set` says cars \(1\), places \(1\); it must"):
        open_dataset(source, "train")
    assert numbers(open_dataset(write(*rows("path,set", "", "")), "train")) == [0, 1]  # it says none
    assert numbers(open_dataset(write(*rows("path,n", "1", "2")), "test", set_name="any")) == [0, 1]


def test_rows_that_name_no_image_are_left_out_and_named(write, tmp_path):
    source = write("path,label", f"{image(0)},a", "i,a", "gone.png,b", "l.csv,b", ",a", f"{image(1)},b", "x,y,z")
    images = open_dataset(source, "train")
    assert numbers(images) == [0, 1]
    (note,) = images.notes
    assert note.startswith("5 of its rows are left out: ")
    for row, why in {3: "no file", 4: "not there", 5: "a manifest, no image", 6: "no path", 8: "3 columns"}.items():
        assert f"l.csv, row {row}: {why}" in note
    assert numbers(open_dataset(source, "test")) == [0, 1]  # what one opening found is not said of the next
    assert open_dataset(source, "train").notes == (note,)


def test_a_manifest_of_nothing_is_a_sentence(write, tmp_path):
    with pytest.raises(HeatError, match=r"l\.csv lists no images\.$"):
        open_dataset(write("path,label"))
    with pytest.raises(HeatError, match=r"lists no images: l\.csv, row 2: no path; l\.csv, row 3: no path\.$"):
        open_dataset(write("path,label", ",a", ",b"))
    with pytest.raises(HeatError, match=r"None of the 2 files of l\.csv is there, first .*/x\.png: paths are"):
        open_dataset(write("path", "x.png", "y.png"))
    with pytest.raises(HeatError, match=r"lists no images: l\.csv, row 2: no file"):
        open_dataset(write("path", "i"))
    (tmp_path / "l.dat").write_text("path\n")
    with pytest.raises(HeatError, match="is a file, but no manifest: give a folder of images, a manifest"):
        open_dataset(str(tmp_path / "l.dat"))


def test_an_image_that_is_named_twice_counts_once(write):
    """An image that is named twice counts once, and a conflict between its rows is noted."""
    images = open_dataset(write(*rows("path,label", "a", "b"), f"{image(0)},a", f"{image(1)},c", f"{image(0)},a"))
    assert numbers(images) == [0, 1]
    assert [images.class_names[label] for label in images.labels] == ["a", "b"]
    assert images.notes == (
        "3 of its rows name an image that another row names: the first is taken; 1 of these give another label (first "
        "i/001.png).",
    )


def test_names_that_print_alike_are_two_samples(write, tmp_path):
    for name in (b"\xe9.png", b"\\xe9.png"):
        os.link(tmp_path / image(0), os.path.join(os.fsencode(tmp_path), name))
    (tmp_path / "l.csv").write_bytes(b"path\n\xe9.png\n\\xe9.png\n")
    images = open_dataset(str(tmp_path / "l.csv"))
    assert images.ids == ["\\xe9.png", "\\xe9.png~2"]
    assert [os.fsencode(path.name) for path in images.files] == [b"\xe9.png", b"\\xe9.png"]


def test_the_fingerprint_is_of_images_boxes_and_classes_alone(write, tmp_path):
    lines = rows("path,label,note", "a,x", "b,y")

    def fingerprint(*lines):
        return open_dataset(write(*lines), "train").fingerprint

    before = fingerprint(*lines)
    assert fingerprint(*lines) == before
    assert fingerprint(*rows("path,label,note,more", "a,z,1", "b,,2")) == before
    assert fingerprint(*rows("path,label,note", "b,x", "a,y")) != before
    assert fingerprint(*rows("path,label,note", "a,x", "c,y")) != before
    assert fingerprint(*rows("path,label,box", 'a,"0,0,9,9"', 'b,"0,0,9,9"')) != before
    boxed = fingerprint(*rows("path,label,box", 'a,"0,0,9,9"', 'b,"0,0,9,9"'))
    assert fingerprint(*rows("path,label,box", 'a,"0,0,9,9"', 'b,"0,0,9,8"')) != boxed
    os.utime(tmp_path / image(1))
    assert fingerprint(*lines) != before


def test_a_manifest_is_read_once_for_all_that_is_asked_of_it(write, monkeypatch):
    source, read = write(*rows("path,split,label", "train,a", "test,a", "train,b")), []
    manifest = manifest_set.open_image_table
    monkeypatch.setattr(manifest_set, "open_image_table", lambda path: read.append(path) or manifest(path))
    assert numbers(open_dataset(source, "train")) == [0, 2]
    assert numbers(open_dataset(source, "test")) == [1]
    assert len(read) == 1
    write(*rows("path,split,label", "train,a", "test,a", "test,b"))
    assert numbers(open_dataset(source, "test")) == [1, 2]
    assert len(read) == 2


@pytest.mark.parametrize("page", ["docs/own-images.md", "docs/manifests.md"])
def test_the_example_of_the_documents_is_a_manifest(tmp_path, page):
    text = (ROOT / page).read_text(encoding="utf-8")
    (tmp_path / "list.csv").write_text(text.split("```csv\n")[1].split("```")[0])
    make_folder(tmp_path / "frames", {"": 4}, side=600)
    for n in (2, 1, 0):
        (tmp_path / "frames" / f"{n:03d}.png").rename(tmp_path / "frames" / f"{n + 1:04d}.jpg")
    train = require_classes(open_dataset(str(tmp_path / "list.csv"), "train"))
    assert [train.open(i).size for i in range(2)] == [(200, 120), (260, 180)]
    assert train.has_test_rows
    assert not train.notes
    assert len(open_dataset(str(tmp_path / "list.csv"), "test", set_name="debris")) == 1


def test_without_pyarrow_a_sentence_says_what_to_install(write, monkeypatch):
    source = write("path", image(0))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(
        HeatError, match=r"Manifests and Parquet files need pyarrow: pip install 'heat-explorer\[parquet"
    ):
        open_dataset(source)


def test_images_to_be_scored_keep_every_column(write, tmp_path):
    write(*rows("path,set,split,site", "id,train,x", "far,,y"), "gone.png,far,,y")
    write("path,n", f"{image(3)},1", name="o.csv")
    images = from_files([tmp_path / "l.csv", tmp_path / "i" / "005.png", tmp_path / "o.csv", tmp_path / "l.csv"])
    names = ["000.png", "001.png", "gone.png", "005.png", "003.png"]
    assert [os.path.basename(sample) for sample in images.ids] == names
    assert images.columns["site"].tolist() == ["x", "y", "y", "", ""]
    assert images.columns["set"].tolist() == ["id", "far", "far", "", ""]
    np.testing.assert_array_equal(images.columns["n"], [np.nan] * 4 + [1])
    assert images.location(4).file == tmp_path / image(3)
    assert from_files([tmp_path / "i"]).columns == {}
    (tmp_path / "notes.doc").write_text("mine")
    with pytest.raises(HeatError, match="is neither an image nor a manifest"):
        from_files([tmp_path / "l.csv", tmp_path / "notes.doc"])
