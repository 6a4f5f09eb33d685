"""Tables of verdicts: columns of the images that have a name of ours, or each other's, are all kept."""

import csv
import json

import numpy as np
import pyarrow.parquet
import pytest

from heat_core.data.folder_scan import unique_names, unique_names_avoiding
from heat_core.guard.table import write_table
from heat_core.guard.verdicts import Verdicts


@pytest.mark.parametrize(
    ("taken", "names", "unique"),
    [
        (["score"], ["score"], ["score~2"]),
        (["score"], ["score", "score~2"], ["score~3", "score~2"]),
        (["score"], ["score", "score~2", "score~3"], ["score~4", "score~2", "score~3"]),
        (["path", "class"], ["class", "class~2"], ["class~3", "class~2"]),
        (["score"], ["Score", "SCORE~2"], ["Score~3", "SCORE~2"]),
        ([], ["camera", "Camera"], ["camera", "Camera~2"]),
        ([], ["straße", "STRASSE"], ["straße", "STRASSE~2"]),
    ],
)
def test_names_of_columns_are_told_apart(taken, names, unique):
    assert unique_names_avoiding(taken, names) == unique


def test_a_number_is_none_that_another_name_has():
    assert unique_names(["a", "a", "a~2", "A", "a"]) == ["a", "a~3", "a~2", "A", "a~4"]


def verdicts() -> Verdicts:
    ones = np.array([1.0, np.nan])
    return Verdicts(
        ["a.png", "b.png"], ones, np.array([1 / 3, np.nan]), np.array([0, -1]), ones, ones[:, None], ones[:, None],
        ("gmm",), ["x"], ["", "not readable"],
    )  # fmt: skip


@pytest.mark.parametrize("ending", ["csv", "json", "parquet"])
def test_no_column_is_lost(tmp_path, ending):
    extra = {"score": np.array([7.0, 8.0]), "score~2": np.array([9.0, np.inf]), "Path": np.array(["p", "q"], object)}
    path = tmp_path / f"t.{ending}"
    write_table(verdicts(), np.array([True, False]), path, extra)
    if ending == "parquet":
        row, other = pyarrow.parquet.read_table(path).to_pylist()
    elif ending == "csv":
        row, other = csv.DictReader(path.open(encoding="utf-8"))
    else:
        row, other = json.loads(path.read_text(), parse_constant=pytest.fail)
    assert [float(row[name]) for name in ("score", "score~3", "score~2")] == [1.0, 7.0, 9.0]
    assert row["Path~2"] == "p"
    assert float(row["p_value"]) == 1 / 3
    assert other["p_value"] in (None, "")
