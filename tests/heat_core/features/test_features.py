"""Features: what is checked of them, which part of them is taken, and how a folder of them is opened."""

import json

import numpy as np
import pytest

from heat_core import HeatError
from heat_core.data.folder_scan import is_features_folder
from heat_core.data.splits import held_out_rows, rank_in_class
from heat_core.features.chunks import BLOCK
from heat_core.features.features import Features
from heat_core.features.store import load_features

RNG = np.random.default_rng(0)
LABELS = np.array([0, 1, 0, 2, 1, 0, 0, 0, 1, 1, 1, 0])  # six of class 0, five of 1, one of 2


def features(n: int = 12, **changes) -> Features:
    columns = {
        "avg": RNG.normal(size=(n, 4)).astype(np.float32),
        "std": RNG.random((n, 3)).astype(np.float16),
        "labels": LABELS[:n],
        "ids": [f"s{i}" for i in range(n)],
        "class_names": ["cat", "dog", "owl"],
    }
    return Features(**columns | changes)


def write(folder, meta=None, **arrays):
    folder.mkdir()
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    if meta is not None:
        (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    "changes",
    [
        {"std": np.ones((11, 3))},
        {"labels": np.zeros(13, int)},
        {"ids": ["a"]},
        {"extra": {"gram": np.ones((2, 5))}},
    ],
    ids=["std", "labels", "ids", "extra"],
)
def test_columns_of_different_length_are_refused(changes):
    with pytest.raises(HeatError, match=r"differ in length \(\[\d+, \d+\]\)"):
        features(**changes)


@pytest.mark.parametrize("column", ["avg", "std", "gram"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_rows_that_are_not_finite_are_counted(column, value):
    """Rows that are not finite are counted, and the first is named."""
    columns = {"avg": np.ones((12, 4)), "std": np.ones((12, 3)), "gram": np.ones((12, 2, 2))}
    columns[column][[9, 4, 4]] = value
    with pytest.raises(HeatError, match=rf"2 of 12 images have NaN or infinite features in {column}, first s4:"):
        features(avg=columns["avg"], std=columns["std"], extra={"gram": columns["gram"]})


def test_a_bad_row_beyond_the_first_block_is_found():
    n = BLOCK + 3
    avg = np.ones((n, 2), np.float32)
    avg[BLOCK + 1, 1] = np.nan
    with pytest.raises(HeatError, match=f"1 of {n} images .* first s{BLOCK + 1}:"):
        Features(avg, None, None, [f"s{i}" for i in range(n)])


def test_a_subset_has_the_same_rows_of_every_column():
    whole = features(extra={"layers": np.arange(24).reshape(12, 2)})
    rows = np.array([7, 0, 3])
    part = whole.subset(rows)
    assert len(part) == 3
    assert part.ids == ["s7", "s0", "s3"]
    for name in ("avg", "std", "labels"):
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[rows])
    np.testing.assert_array_equal(part.column("layers"), [[14, 15], [0, 1], [6, 7]])
    assert part.class_names == whole.class_names
    bare = features(std=None, labels=None).subset(rows)
    assert (bare.std, bare.labels, bare.ids) == (None, None, part.ids)


def test_a_limit_takes_the_first_of_each_class():
    whole = features()
    assert whole.limited(2).ids == ["s0", "s1", "s2", "s3", "s4"]
    assert whole.limited(None) is whole
    assert whole.limited(100).ids == whole.ids
    assert features(labels=None).limited(2).ids == ["s0", "s1"]
    with pytest.raises(HeatError, match="at least 1, not 0"):
        whole.limited(0)


def test_a_split_holds_every_fifth_of_each_class_out():
    """Class 0 is s0 s2 s5 s6 s7 s11, class 1 is s1 s4 s8 s9 s10, class 2 has one sample and keeps it."""
    train, held_out = features().split()
    assert held_out.ids == ["s7", "s10"]
    assert train.ids == ["s0", "s1", "s2", "s3", "s4", "s5", "s6", "s8", "s9", "s11"]
    np.testing.assert_array_equal(held_out.labels, [0, 1])
    assert features().split(every=3)[1].ids == ["s5", "s8", "s11"]
    assert features(labels=None).split()[1].ids == ["s4", "s9"]


def test_a_split_that_would_hold_nothing_out_is_refused():
    with pytest.raises(HeatError, match=r"No class has 7 samples .* give an ID test set"):
        features().split(every=7)
    np.testing.assert_array_equal(np.flatnonzero(held_out_rows(LABELS, 12, 6)), [11])


def test_ranks_count_within_the_class():
    np.testing.assert_array_equal(rank_in_class(LABELS, 12), [0, 0, 1, 0, 1, 2, 3, 4, 2, 3, 4, 5])
    np.testing.assert_array_equal(rank_in_class(None, 3), [0, 1, 2])


def test_a_missing_column_and_missing_labels_are_named():
    whole = features(extra={"gram": np.ones((12, 2))})
    np.testing.assert_array_equal(whole.column("gram"), np.ones((12, 2)))
    np.testing.assert_array_equal(whole.required_labels("Gram"), LABELS)
    with pytest.raises(HeatError, match="no column 'layers'"):
        whole.column("layers")
    with pytest.raises(HeatError, match="Gram needs the label of every training sample"):
        features(labels=None).required_labels("Gram")


def test_a_folder_of_everything(tmp_path):
    given, std = RNG.normal(size=(4, 5)).astype(np.float16), RNG.random((4, 2))
    meta = {"ids": ["a", "b", "c", "d"], "class_names": ["cat", "dog"], "skipped": ["x.png"], "labelled": True}
    folder = write(tmp_path / "set", meta, avg=given, std=std, labels=np.array([1, 0, 1, 1]), gram=np.ones((4, 3)))
    assert is_features_folder(folder)
    found = load_features(folder, ["gram"])
    assert (found.ids, found.class_names, found.skipped) == (["a", "b", "c", "d"], ["cat", "dog"], ["x.png"])
    assert (found.class_indices, len(found.all_class_names), found.folder) == ([0, 1], 2, folder)
    assert found.avg.dtype == np.float16
    np.testing.assert_array_equal(found.avg, given)
    np.testing.assert_array_equal(found.std, std)
    np.testing.assert_array_equal(found.labels, [1, 0, 1, 1])
    np.testing.assert_array_equal(found.column("gram"), np.ones((4, 3)))
    assert isinstance(found.avg, np.memmap)
    assert isinstance(found.column("gram"), np.memmap)
    assert load_features(folder).extra == {}


def test_a_folder_of_avg_alone(tmp_path):
    folder = write(tmp_path / "set", avg=np.ones((2, 3)))
    found = load_features(folder)
    assert (found.std, found.labels, found.class_names, found.class_indices, found.all_class_names) == (
        None,
        None,
        [],
        [],
        [],
    )
    assert found.ids == ["set/000000", "set/000001"]
    assert not is_features_folder(tmp_path)


@pytest.mark.parametrize(
    ("names", "labels", "class_names", "numbers", "classes"),
    [
        (["a", "b", "c", "d", "e"], [3, 1, 1], ["b", "d"], [1, 3], 5),
        (None, [3, 1, 1], ["1", "3"], [1, 3], 4),
        (None, [0, 1, 2], ["0", "1", "2"], [0, 1, 2], 3),
        (["a", "b", "c"], [2, 2, 2], ["c"], [2], 3),
    ],
    ids=["named", "unnamed", "no gap", "one class"],
)
def test_labels_with_gaps_are_renumbered(tmp_path, names, labels, class_names, numbers, classes):
    """Labels with gaps are renumbered, and their old numbers are kept as names."""
    folder = write(tmp_path / "set", {"class_names": names} if names else None, avg=np.ones((3, 2)), labels=labels)
    found = load_features(folder)
    assert (found.class_names, found.class_indices, len(found.all_class_names)) == (class_names, numbers, classes)
    assert [found.class_indices[label] for label in found.labels] == labels
    part = found.subset(np.array([0, 2]))
    assert (part.class_indices, len(part.all_class_names)) == (numbers, classes)


@pytest.mark.parametrize(
    ("meta", "arrays", "sentence"),
    [
        (None, {"avg": np.ones(3)}, r"avg\.npy must be a non-empty \(N, D\) array of numbers, not float64 \(3,\)"),
        (None, {"avg": np.ones((0, 3))}, r"avg\.npy must be a non-empty"),
        (None, {"avg": np.full((2, 3), "x")}, "array of numbers"),
        (None, {"avg": np.ones((2, 3)), "std": np.ones(2)}, r"std\.npy must be"),
        (None, {"avg": np.ones((2, 3)), "labels": np.array([0.0, 1.0])}, r"labels\.npy must hold whole numbers from 0"),
        (None, {"avg": np.ones((2, 3)), "labels": np.array([-1, 0])}, "whole numbers from 0"),
        (None, {"avg": np.ones((2, 3)), "labels": np.array([True, False])}, "whole numbers from 0"),
        (None, {"avg": np.ones((2, 3)), "labels": np.array([0, 1, 1])}, "differ in length"),
        ({"class_names": ["a"]}, {"avg": np.ones((2, 3)), "labels": np.array([0, 4])}, "class 4"),
        ({"labelled": True}, {"avg": np.ones((2, 3))}, r"labels\.npy.*again"),
        ({"ids": ["a"]}, {"avg": np.ones((2, 3))}, "differ in length"),
        (["a"], {"avg": np.ones((2, 3))}, r"meta\.json must hold an object"),
        (None, {"std": np.ones((2, 3))}, r"missing.*again"),
        (None, {"avg": np.array([[None, 1]], dtype=object)}, "cut off|never unpickled"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_impossible_folder_gives_a_sentence(tmp_path, meta, arrays, sentence):
    folder = write(tmp_path / "set", meta, **arrays)
    with pytest.raises(HeatError, match=sentence) as told:
        load_features(folder)
    if "differ" not in sentence:
        assert str(folder) in str(told.value)


def test_a_cut_off_column_gives_a_sentence(tmp_path):
    folder = write(tmp_path / "set", avg=np.ones((50, 8)), std=np.ones((50, 8)))
    for name in ("std", "avg"):
        path = folder / f"{name}.npy"
        path.write_bytes(path.read_bytes()[:1000])
        with pytest.raises(HeatError, match=rf"{folder}.* cut off .*again"):
            load_features(folder)
    with pytest.raises(HeatError, match=r"missing.*again"):
        load_features(write(tmp_path / "other", avg=np.ones((2, 2))), ["gram"])
