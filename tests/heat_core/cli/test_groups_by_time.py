"""`score --by time --json`: days in any form, groups that keep their row, and JSON that every reader takes."""

import json

import pytest

from heat_core.__main__ import main


@pytest.fixture(scope="module")
def guard(demo_run, tmp_path_factory):
    path = tmp_path_factory.mktemp("guard") / "guard.safetensors"
    assert main(["pack", str(demo_run.folder), "--out", str(path)]) == 0
    return path


@pytest.fixture
def score(guard, demo_run, tmp_path, capsys):
    """Columns of a list of six images → (exit code, JSON, what was printed); `no` in place of an image is none."""
    for i in range(6):
        demo_run.image("id", str(demo_run.ids("id")[i])).save(tmp_path / f"{i}.png")
    (tmp_path / "no.png").write_bytes(b"")

    def score_list(times, *words, readable=6):
        rows = [f"{i}.png,{time}" if i < readable else f"no.png,{time}" for i, time in enumerate(times)]
        (tmp_path / "list.csv").write_text("path,time\n" + "\n".join(rows) + "\n", encoding="utf-8")
        capsys.readouterr()
        code = main(["score", str(guard), str(tmp_path / "list.csv"), "--by", "time", "--json", *words])
        said = capsys.readouterr()
        last = said.out.splitlines()[-1] if said.out else "null"
        return code, json.loads(last, parse_constant=pytest.fail), said.out + said.err

    return score_list


@pytest.mark.parametrize(
    "time",
    ["20260501T10{}00Z", "17776296{}000000000", "17776296{}000000", "01.05.2026 10:{}", "2026-05-01 10:{}:00"],
)
def test_images_of_one_day_are_one_group(score, time):
    code, found, _ = score([time.format(10 + i) for i in range(6)])
    assert code == 0
    assert [(group["name"], group["images"]) for group in found["groups"]] == [("2026-05-01", 6)]


def test_odd_values_are_one_group_that_names_them(score):
    code, found, said = score(["2026-05-01", "2026-05-02", "unknown", "2026-05-02", "", "2026-05-02"])
    assert code == 0
    groups = {group["name"]: group["images"] for group in found["groups"]}
    assert groups == {"2026-05-01": 1, "2026-05-02": 3, "no day (unknown)": 1, "–": 1}
    assert "no day (unknown)" in said


@pytest.mark.parametrize(
    ("times", "why"),
    [
        ([f"10:0{i}:22" for i in range(6)], "'10:00:22' is no time that is recognised"),
        ([f"0{i + 1}/05/2026" for i in range(6)], "'01/05/2026' can begin with its day or its month"),
        ([f"{d}/05/2026" for d in (13, 14, 15)] + [f"05/{d}/2026" for d in (13, 14, 15)], "cannot be grouped by day"),
        (["2026-05-01", *"abcde"], "'a' is no time that is recognised"),
    ],
)
def test_what_holds_no_days_is_refused_with_a_value(score, times, why):
    code, _, said = score(times)
    assert code == 2
    assert why in said


def test_names_in_place_of_times_are_groups(score):
    code, found, _ = score(["morning", "night"] * 3)
    assert code == 0
    assert [(group["name"], group["images"]) for group in found["groups"]] == [("morning", 3), ("night", 3)]


def test_a_day_without_readable_images_keeps_its_row(score):
    code, found, said = score([*["2026-05-01"] * 5, "2026-05-02"], "--alpha", "0.0001", readable=5)
    assert code == 0
    assert found["threshold"] is None  # no score is above it
    first, second = found["groups"]
    assert [first["images"], first["unreadable"], second["images"], second["unreadable"]] == [5, 0, 0, 1]
    assert second["p_value"] is None
    (line,) = (line for line in said.splitlines() if line.startswith("2026-05-02"))
    assert "0 of 1" in line
    assert line.endswith("no image is readable")
