"""Folders of features that another program wrote: what they may hold, and what is refused."""

import json
import re

import numpy as np
import pytest

from heat_core import Experiment, HeatError, Run, run
from heat_core.analysis.samples import Samples
from heat_core.features.store import load_features
from tests.heat_core.features.refusals import refusal

N = 6
TINY = {"width": 8, "updates": 1, "epochs": 1, "langevin_steps": 1}


def foreign(folder, meta=None, labels=None, n: int = N, **arrays):
    """A folder as another program writes it; `meta` as text or as what is put into JSON."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name, array in ({"avg": rng.normal(size=(n, 4)).astype(np.float32)} | arrays).items():
        np.save(folder / f"{name}.npy", array)
    if labels is not None:
        np.save(folder / "labels.npy", labels, allow_pickle=True)
    if meta is not None:
        (folder / "meta.json").write_text(meta if isinstance(meta, str) else json.dumps(meta), encoding="utf-8")
    return folder


def test_ids_that_are_numbers_are_texts(tmp_path):
    found = load_features(foreign(tmp_path / "set", {"ids": [10, 3, 7, 1, 2, 12345678901234567890]}))
    assert found.ids == ["10", "3", "7", "1", "2", "12345678901234567890"]


@pytest.mark.parametrize("ids", [None, [], "absent"], ids=["null", "empty", "absent"])
def test_without_ids_rows_are_counted(tmp_path, ids):
    found = load_features(foreign(tmp_path / "set", {} if ids == "absent" else {"ids": ids}))
    assert found.ids == [f"set/{i:06d}" for i in range(N)]


def test_control_characters_in_names_stand_as_escapes(tmp_path):
    """Control characters of a terminal in ids and class names stand as escapes."""
    meta = {"ids": ["\x1b[2J", "b\u202e", "c", "d", "e", "猫"], "class_names": ["\x07", "dog"]}
    found = load_features(foreign(tmp_path / "set", meta, np.arange(N) % 2))
    assert found.ids == ["\\x1b[2J", "b\\u202e", "c", "d", "e", "猫"]
    assert found.class_names == ["\\x07", "dog"]


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        ([None, "1", "2", "3", "4", "5"], r"ids of .*meta\.json must be texts or whole numbers, none of them null"),
        ([0.5, "1", "2", "3", "4", "5"], "must be texts or whole numbers"),
        ([True, "1", "2", "3", "4", "5"], "must be texts or whole numbers"),
        ([["0"], "1", "2", "3", "4", "5"], "must be texts or whole numbers"),
        ({"0": "a"}, r"ids of .*meta\.json must be a list"),
        ("abcdef", "must be a list"),
        (["0", "1", "2", "3", "4", "4"], r"ids of .*meta\.json must differ from one another"),
        ([4, "1", "2", "3", "0", "4"], "must differ from one another"),
        (["0", "1"], "has 2 ids for 6 rows of avg.npy"),
        ([str(i) for i in range(7)], "has 7 ids for 6 rows of avg.npy"),
    ],
)
def test_impossible_ids_are_refused(tmp_path, ids, said):
    sentence = refusal(foreign(tmp_path / "set", {"ids": ids}))
    assert re.search(said, sentence)
    assert "delete" not in sentence.lower()


@pytest.mark.parametrize(
    "names",
    [["cat", "dog", "owl"], {"0": "cat", "1": "dog", "2": "owl"}, {"2": "owl", "0": "cat", "1": "dog"}],
    ids=["list", "object", "object in disorder"],
)
def test_class_names_are_a_list_or_numbered(tmp_path, names):
    found = load_features(foreign(tmp_path / "set", {"class_names": names}, np.array([2, 0, 1, 2, 2, 0])))
    assert found.class_names == ["cat", "dog", "owl"]
    assert [found.class_names[label] for label in found.labels] == ["owl", "cat", "dog", "owl", "owl", "cat"]


def test_a_class_without_samples_does_not_shift_the_others(tmp_path):
    found = load_features(foreign(tmp_path / "set", {"class_names": {"0": "cat", "1": "dog", "2": "owl"}}, [2] * N))
    assert (found.class_names, found.class_indices, found.all_class_names) == (["owl"], [2], ["cat", "dog", "owl"])
    assert found.labels.tolist() == [0] * N


def test_class_names_that_are_numbers_are_texts(tmp_path):
    found = load_features(foreign(tmp_path / "set", {"class_names": [7, 3]}, np.arange(N) % 2))
    assert found.class_names == ["7", "3"]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ({"0": "cat", "2": "owl"}, r"class_names of .*meta\.json must number the classes from 0 without gaps"),
        ({"1": "cat", "2": "owl"}, "from 0 without gaps"),
        ({"cat": 0, "owl": 1}, "must be a list, or an object from number to name"),
        ("cat owl", "class_names of .* must be a list"),
        (3, "must be a list"),
        (["cat", None], "texts or whole numbers, none of them null"),
        (["cat", ["owl"]], "texts or whole numbers"),
        (["cat"], "holds the class 1, and meta.json names only 1"),
    ],
)
def test_impossible_class_names_are_refused(tmp_path, names, said):
    sentence = refusal(foreign(tmp_path / "set", {"class_names": names}, np.arange(N) % 2))
    assert re.search(said, sentence)
    assert "delete" not in sentence.lower()


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint8, np.uint64])
def test_labels_of_any_whole_type_are_taken(tmp_path, dtype):
    found = load_features(foreign(tmp_path / "set", labels=np.array([1, 0, 1, 2, 2, 0], dtype)))
    assert found.labels.tolist() == [1, 0, 1, 2, 2, 0]


def test_labels_that_are_database_keys_make_few_classes(tmp_path):
    """Labels that are keys of a database do not make a billion classes."""
    found = load_features(foreign(tmp_path / "set", labels=np.array([10**12, 7, 7, 10**12, 7, 7])))
    assert found.labels.tolist() == [1, 0, 0, 1, 0, 0]
    assert found.class_names == found.all_class_names == ["7", "1000000000000"]


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.float32])
def test_labels_of_minus_one_alone_are_no_labels(tmp_path, dtype):
    found = load_features(foreign(tmp_path / "set", labels=np.full(N, -1, dtype)))
    assert (found.labels, found.class_names, found.class_indices) == (None, [], [])


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (np.array(["cat", "dog"] * 3, dtype=object), "holds Python objects, which are never unpickled: save numbers"),
        (np.array(["cat", "dog"] * 3), "must hold whole numbers from 0, one a sample, not <U3"),
        (np.array([0.0, 1.0] * 3), "must hold whole numbers from 0, one a sample, not float64"),
        (np.array([-1, 0, 1, 0, 1, 0]), r"not int64 \(6,\) with negative ones"),
        (np.full(N, -2), "with negative ones"),
        (np.array([], int), r"not int64 \(0,\)"),
        (np.zeros((N, 1), int), r"not int64 \(6, 1\)"),
        (np.array(3), r"not int64 \(\)"),
        (np.array([True, False] * 3), "not bool"),
        (np.array([0, 1, 0]), r"differ in length: .*labels\.npy has 3 rows and avg\.npy 6: save it again"),
    ],
    ids=["objects", "texts", "floats", "some -1", "-2", "empty", "a column", "one", "bools", "too few"],
)
def test_impossible_labels_are_refused(tmp_path, labels, said):
    folder = foreign(tmp_path / "set", labels=labels)
    sentence = refusal(folder)
    assert re.search(said, sentence)
    if "differ" not in said:
        assert str(folder / "labels.npy") in sentence
    assert "delete" not in sentence.lower()


META = {
    '{"class_names": ["cat", "dog"],}': r"meta\.json is damaged, it is not valid JSON at line 1, column \d+",
    '{\n"ids": [1,\n 2': r"not valid JSON at line 3, column \d+",
    "": "not valid JSON at line 1, column 1",
    "[1, 2]": r"meta\.json must hold an object with `ids` and `class_names`",
    '"ids"': "must hold an object",
    "null": "must hold an object",
    "[" * 100_000: r"meta\.json is damaged or cannot be read \(RecursionError\)",
}


@pytest.mark.parametrize("text", META, ids=["comma", "cut", "empty", "list", "text", "null", "deep"])
def test_meta_that_is_no_json_object_is_refused(tmp_path, text):
    sentence = refusal(foreign(tmp_path / "set", text))
    assert re.search(META[text], sentence)
    assert sentence.endswith(": mend it, or remove it.")


def test_meta_that_is_no_utf8_is_refused(tmp_path):
    folder = foreign(tmp_path / "set")
    (folder / "meta.json").write_bytes('{"class_names": ["café"]}'.encode("latin-1"))
    assert re.search(r"meta\.json is damaged or cannot be read \(UnicodeDecodeError\): mend it", refusal(folder))


@pytest.mark.parametrize("column", ["avg", "std"])
@pytest.mark.parametrize(
    "content",
    [np.ones(N), np.ones((N, 2, 2)), np.full((N, 2), "x"), np.array([[None]] * N, dtype=object), np.ones((N, 0)), None],
    ids=["a vector", "maps", "texts", "objects", "no columns", "cut"],
)
def test_columns_that_are_no_table_of_numbers_are_named(tmp_path, column, content):
    """Columns that are no table of numbers are named, and the sentence does not advise deleting them."""
    folder = foreign(tmp_path / "set")
    path = folder / f"{column}.npy"
    np.save(path, np.ones((N, 4)) if content is None else content, allow_pickle=True)
    if content is None:
        path.write_bytes(path.read_bytes()[:-1])
    sentence = refusal(folder)
    assert str(path) in sentence
    assert "delete" not in sentence.lower()


def three_classes(root, names, head=None) -> Run:
    """A run on features of three classes that are far apart; their ids are numbers."""
    rng, sets = np.random.default_rng(0), {}
    for name, n in (("train", 60), ("test", 30), ("ood", 20)):
        y = np.arange(n) % 3
        avg = (8 * np.eye(4)[y] + rng.normal(size=(n, 4))).astype(np.float32)
        sets[name] = str(foreign(root / name, {"class_names": names, "ids": list(range(n))}, y, avg=avg))
    if head is not None:
        np.savez(root / "train" / "head.npz", weight=head[0], bias=head[1])
    e = Experiment(sets["train"], {"o": sets["ood"]}, sets["test"], backbone="features", priors=["el"], preset="quick")
    e.settings, e.detectors, e.map = TINY, [], False
    return run(e)


@pytest.mark.parametrize(
    "names",
    [
        ["crane", "dog", "owl"],
        pytest.param(["crane", "dog", "crane"]),
    ],
    ids=["distinct", "one name twice, as in ImageNet"],
)
def test_the_accuracy_is_that_of_the_labels(tmp_path, names):
    done = three_classes(tmp_path, names)
    assert done.accuracy == 1.0
    assert done.labels("id").tolist() == (np.arange(30) % 3).tolist()
    assert done.class_names == [names[0], names[1], "crane~2" if names[2] == "crane" else names[2]]


def test_a_sample_whose_id_is_a_number_is_found_by_its_key(tmp_path):
    samples = Samples(three_classes(tmp_path, ["crane", "dog", "owl"]))
    assert samples.key(3) == "id/3"
    assert [samples.find(samples.key(number)) for number in range(len(samples))] == list(range(50))


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("part", [0, 1], ids=["weight", "bias"])
def test_a_head_that_is_not_finite_is_refused_by_its_name(tmp_path, part, value):
    head = 8 * np.eye(3, 4), np.zeros(3)
    head[part].flat[0] = value
    with pytest.raises(HeatError, match=r"head\.npz holds NaN or infinite values: save the head again, or remove"):
        three_classes(tmp_path, ["crane", "dog", "owl"], head)
