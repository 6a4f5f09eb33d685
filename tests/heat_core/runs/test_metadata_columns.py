"""What manifests say of samples comes back from a run's files as it was."""

import numpy as np
import pytest

from heat_core import HeatError
from heat_core.runs.metadata_columns import are_valid, concatenate, format_values, from_arrays, to_arrays
from heat_core.runs.results_file import ENERGIES, RunRecord
from heat_core.runs.scored_images import SCORED, ScoredImages
from heat_core.storage import read_npz, write_npz
from tests.synthetic import synthetic_run

COLUMNS = {
    "../digest": np.array(["a", "", "ü <b>犬</b>", "a"], object),
    "summary": np.array([1, 2, 3, 2**40]),
    "t/0": np.array([0.1, np.nan, -1e-300, 5.0]),
    "long": np.array(["x" * 1000, "", "", ""], object),
    "": np.array([""] * 4, object),
}


def same(found, expected) -> None:
    assert list(found) == list(expected)
    for name, values in expected.items():
        assert found[name].dtype == values.dtype
        np.testing.assert_array_equal(found[name], values)


def test_columns_of_any_name_come_back(tmp_path):
    write_npz(tmp_path / "x.npz", to_arrays(COLUMNS, "3/") | to_arrays({}, "4/") | {"other": np.zeros(2)})
    arrays = read_npz(tmp_path / "x.npz")
    same(from_arrays(arrays, "3/"), COLUMNS)
    assert from_arrays(arrays, "4/") == from_arrays(arrays) == {}
    assert (tmp_path / "x.npz").stat().st_size < 6000  # one long text does not make all as long


def test_sets_are_joined_whichever_of_them_have_a_column():
    empty = concatenate([(2, {}), (1, {})])
    assert empty == {}
    found = concatenate(
        [
            (2, {"a": np.array([1, 2]), "b": np.array(["x", ""], object), "c": np.array([7, 8])}),
            (1, {"a": np.array([0.5]), "b": np.array([3]), "c": np.array([9])}),
            (2, {"d": np.array(["y", "z"], object)}),
        ]
    )
    same(
        found,
        {
            "a": np.array([1, 2, 0.5, np.nan, np.nan]),
            "b": np.array(["x", "", "3", "", ""], object),
            "c": np.array([7, 8, 9, np.nan, np.nan]),
            "d": np.array(["", "", "", "y", "z"], object),
        },
    )
    assert format_values(found["a"]).tolist() == ["1", "2", "0.5", "", ""]
    assert format_values(np.array([2**40])).tolist() == [str(2**40)]


@pytest.mark.parametrize(
    "values",
    [np.zeros(3), np.zeros((4, 1)), np.array(list("abcd")), np.zeros(4, bool), np.array([1, "a", "b", ""], object)],
)
def test_what_is_no_column_is_not_sound(values):
    assert are_valid(COLUMNS, 4)
    assert not are_valid({"x": values}, 4)


@pytest.fixture
def record(tmp_path):
    """A record whose ID test set alone comes from a manifest."""
    made = synthetic_run(tmp_path / "run", {"far": 3}, known=4)
    object.__setattr__(made.record.sets[0], "columns", COLUMNS)
    made.record.save(made.folder / ENERGIES)
    return made.folder / ENERGIES


def test_a_record_keeps_them_and_older_ones_open(record):
    found = RunRecord.load(record)
    same(found.sets[0].columns, COLUMNS)
    assert found.sets[1].columns == {}
    arrays = {name: values for name, values in read_npz(record).items() if "column" not in name and "texts" not in name}
    write_npz(record, arrays)
    assert RunRecord.load(record).sets[0].columns == {}


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("0/column-0", np.array([0, 1, 2, 9], np.int32)),
        ("0/column-0", np.array([0, 1, 2], np.int32)),
        ("0/column-1", None),
        ("0/texts-0", np.frombuffer(b"[1, 2, 3]", np.uint8)),
        ("0/texts-0", np.frombuffer(b"{", np.uint8)),
        ("0/columns", np.array("[")),
        ("0/columns", np.array("7")),
    ],
)
def test_damaged_columns_are_a_sentence(record, key, values):
    arrays = read_npz(record) | {key: values}
    write_npz(record, {name: of for name, of in arrays.items() if of is not None})
    with pytest.raises(HeatError, match="is damaged"):
        RunRecord.load(record)


def scored(**changes) -> ScoredImages:
    arrays = {"prior": np.zeros((4, 2)), "residual": np.zeros((4, 2)), "predicted": np.zeros(4, int)}
    arrays |= {"confidence": np.full(4, 0.5), "avg": np.zeros((4, 3)), "xy": np.empty((0, 2))}
    arrays["skipped"] = np.empty(0, str)
    return ScoredImages(ids=np.array(["/x/1.png", "2.png", "3.png", "4.png"]), **arrays | changes)


def test_new_images_keep_their_files_boxes_and_columns(tmp_path):
    boxes = np.array([[1, 2, 3, 4], [np.nan] * 4, [0.5, -1, 2, 2], [9, 9, 9, 9]])
    files = np.array(["/x/1.png", "/x/\udce9.png", "/x/3.png", "/x/4.png"])
    scored(files=files, boxes=boxes, columns=COLUMNS).save(tmp_path / SCORED)
    found = ScoredImages.load(tmp_path / SCORED)
    same(found.columns, COLUMNS)
    assert [str(found.place(row)) for row in range(4)] == [
        "/x/1.png#xywh=1,2,3,4",
        "/x/\udce9.png",
        "/x/3.png#xywh=0.5,-1,2,2",
        "/x/4.png#xywh=9,9,9,9",
    ]


def test_images_that_were_scored_before_there_were_crops_open(tmp_path):
    later = ("files", "boxes", "columns", "skipped_columns")
    arrays = {name: values for name, values in scored().__dict__.items() if name not in later}
    write_npz(tmp_path / SCORED, arrays)
    found = ScoredImages.load(tmp_path / SCORED)
    assert str(found.place(0)) == "/x/1.png"
    assert found.columns == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"files": np.array(["a"])},
        {"files": np.zeros(4)},
        {"boxes": np.zeros((3, 4))},
        {"boxes": np.zeros((4, 4), int)},
        {"columns": {"x": np.zeros(3)}},
    ],
)
def test_places_and_columns_that_do_not_fit_are_damage(tmp_path, changes):
    scored(**changes).save(tmp_path / SCORED)
    with pytest.raises(HeatError, match="is damaged"):
        ScoredImages.load(tmp_path / SCORED)
