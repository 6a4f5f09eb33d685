"""`pack` and `score` on the command line."""

import csv
import json

import numpy as np
import pyarrow.parquet
import pytest

from heat_core import Lens
from heat_core.__main__ import main
from heat_core.guard.guard import Guard


@pytest.fixture
def pictures(demo_run, tmp_path):
    """Five known digits and five photographs, as files."""
    for name in ("id", "photo patches"):
        (tmp_path / "new" / name).mkdir(parents=True)
        for i in range(5):
            demo_run.image(name, str(demo_run.ids(name)[i])).save(tmp_path / "new" / name / f"{i}.png")
    return tmp_path / "new"


@pytest.fixture
def guard(demo_run, tmp_path, capsys):
    path = tmp_path / "guard.safetensors"
    assert main(["pack", str(demo_run.folder), "--out", str(path), "--beta", "-1", "--priors", "gmm", "el"]) == 0
    said = capsys.readouterr().out
    assert "Calibrated on" in said
    assert f"The smallest p-value is {1 / (len(demo_run.ids('id')) + 1):.2g}." in said
    return path


def test_a_guard_and_its_run_say_the_same(demo_run, guard, pictures, capsys):
    assert main(["score", str(guard), str(pictures), "--json"]) == 0
    by_guard = capsys.readouterr().out
    words = ["--beta", "-1", "--priors", "gmm", "el", "--json"]
    assert main(["score", str(demo_run.folder), str(pictures), *words]) == 0
    assert capsys.readouterr().out == by_guard
    answer = json.loads(by_guard.splitlines()[-1])
    lens = Lens(-1.0, ("gmm", "el"))
    expected = np.r_[demo_run.scores("id", lens)[:5], demo_run.scores("photo patches", lens)[:5]]
    np.testing.assert_allclose([i["score"] for i in answer["images"]], np.sort(expected)[::-1], atol=1e-3)
    assert len(by_guard.splitlines()) == 11


@pytest.mark.parametrize("ending", ["csv", "json", "parquet"])
def test_tables_hold_a_row_an_image_in_their_order(guard, pictures, tmp_path, ending):
    (pictures / "=1+1.png").write_bytes(b"no image")
    table = tmp_path / f"table.{ending}"
    assert main(["score", str(guard), str(pictures), "--alpha", "0.05", "--out", str(table)]) == 0
    found = Guard.load(guard)(pictures)
    if ending == "csv":
        rows = list(csv.DictReader(table.open(encoding="utf-8")))
    elif ending == "json":
        rows = json.loads(table.read_text(encoding="utf-8"))
    else:
        rows = pyarrow.parquet.read_table(table).to_pylist()
    assert [row["path"].endswith("=1+1.png") for row in rows] == [True, *[False] * 10]
    seen = rows[1:]
    np.testing.assert_allclose([float(row["score"]) for row in seen], found.score[1:], rtol=1e-5)
    np.testing.assert_allclose([float(row["p_value"]) for row in seen], found.p_value[1:], rtol=1e-5)
    np.testing.assert_allclose([float(row["energy_el"]) for row in seen], found.energies["el"][1:], rtol=1e-5)
    assert [row["predicted"] for row in seen] == found.predicted_class[1:]
    assert [str(row["unknown"]) for row in seen] == [str(p <= 0.05) for p in found.p_value[1:]]
    assert rows[0]["error"] == "not readable"
    assert rows[0]["score"] in (None, "")


def test_the_exit_code_says_that_too_many_are_unknown(guard, pictures, capsys):
    known, photos = str(pictures / "id"), str(pictures / "photo patches")
    assert main(["score", str(guard), known, "--alpha", "0.01", "--fail-above", "0.9"]) == 0
    assert main(["score", str(guard), photos, "--alpha", "0.05", "--fail-above", "0.3"]) == 1
    assert "of the images are unknown, more than 30.0%." in capsys.readouterr().err
    assert main(["score", str(guard), photos, "--alpha", "0.05", "--fail-above", "1"]) == 0


def test_drift_of_the_groups_of_a_list(guard, pictures, tmp_path, capsys):
    lines = [f"new/{path.relative_to(pictures).as_posix()},{path.parent.name[:2]}" for path in pictures.rglob("*.png")]
    (tmp_path / "list.csv").write_text("path,camera\n" + "\n".join(lines), encoding="utf-8")
    assert main(["score", str(guard), str(tmp_path / "list.csv"), "--by", "camera", "--json"]) == 0
    said = capsys.readouterr().out
    groups = {g["name"]: g for g in json.loads(said.splitlines()[-1])["groups"]}
    assert {name: g["images"] for name, g in groups.items()} == {"id": 5, "ph": 5}
    assert groups["ph"]["unknown"] > groups["id"]["unknown"]
    assert "group" in said
    assert main(["score", str(guard), str(tmp_path / "list.csv"), "--by", "site"]) == 2
    assert "There is no column 'site' to group by, only camera." in capsys.readouterr().err


def test_where_p_can_never_be_that_small_it_is_said(guard, pictures, capsys):
    assert main(["score", str(guard), str(pictures), "--alpha", "0.0001"]) == 0
    assert "No image can have p ≤ 0.0001: the smallest p is" in capsys.readouterr().err
    assert main(["score", str(guard), str(pictures), "--alpha", "0.005", "--by-class"]) == 0
    assert "Too few calibration images to call any image unknown that is predicted as" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--beta", "1"], "are fixed: pack its run again"),
        (["--alpha", "2"], "α is 2"),
        (["--alpha", "0"], "α is 0"),
        (["--alpha", "0", "--by-class"], "α is 0"),
        (["--alpha", "0", "--out", "scores"], "α is 0"),
        (["--fail-above", "3"], "give a share between 0 and 1"),
        (["--out", "table.parquet", "--into", "x"], "give one of them"),
        (["--engine", "ray"], "say which with --out"),
        (["--weights", "gone.safetensors"], "are not on this machine"),
    ],
)
def test_impossible_values_give_a_sentence(guard, pictures, capsys, words, why):
    assert main(["score", str(guard), str(pictures), *words]) == 2
    assert why in capsys.readouterr().err


def test_pack_must_know_where(demo_run, capsys):
    assert main(["pack", str(demo_run.folder)]) == 2
    assert "Say where the guard goes" in capsys.readouterr().err


def test_images_of_which_none_can_be_read_give_a_sentence(guard, tmp_path, capsys):
    (tmp_path / "a.png").write_bytes(b"no")
    assert main(["score", str(guard), str(tmp_path / "a.png")]) == 2
    assert "None of the 1 images has a score" in capsys.readouterr().err
