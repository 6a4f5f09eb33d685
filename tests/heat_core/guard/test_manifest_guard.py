"""A guard over a manifest: its columns in the tables, drift by one of them."""

import csv
import json

import pyarrow.parquet
import pytest

from heat_core.__main__ import main


@pytest.fixture
def listed(demo_run, tmp_path):
    """(run, manifest) of fifteen known digits in the north and fifteen photographs in the south."""
    (tmp_path / "i").mkdir()
    rows = ["path,box,site,time,energy_gmm,n"]
    for name, site in (("id", "north"), ("photo patches", "")):
        for i in range(15):
            file = f"i/{name}-{i}.png"
            demo_run.image(name, str(demo_run.ids(name)[i])).save(tmp_path / file)
            rows.append(f'{file},"0,0,32,32",{site},2024-05-0{1 + i % 2}T1{i % 10}:00,=1+{i},{i if i else ""}')
    (tmp_path / "list.csv").write_text("\n".join([*rows, "broken"]) + "\n")
    return str(demo_run.folder), str(tmp_path / "list.csv")


def test_groups_are_those_of_a_column(listed, capsys):
    run, source = listed
    assert main(["score", run, source, "--by", "site", "--json"]) == 0
    said = capsys.readouterr()
    groups = {group["name"]: group for group in json.loads(said.out.splitlines()[-1])["groups"]}
    assert {name: group["images"] for name, group in groups.items()} == {"north": 15, "–": 15}
    assert groups["–"]["verdict"] == "another domain?"
    assert "1 rows are left out: list.csv, row 32: 1 columns instead of 6: broken." in said.err
    assert main(["score", run, source, "--by", "time", "--json"]) == 0
    groups = json.loads(capsys.readouterr().out.splitlines()[-1])["groups"]
    assert [(group["name"], group["images"]) for group in groups] == [("2024-05-01", 16), ("2024-05-02", 14)]
    assert main(["score", run, source, "--by", "cars"]) == 2
    assert "There is no column 'cars' to group by, only time, site, energy_gmm, n." in capsys.readouterr().err


@pytest.mark.parametrize("ending", ["csv", "json", "parquet"])
def test_the_columns_stand_beside_the_verdicts(listed, tmp_path, capsys, ending):
    table = tmp_path / f"table.{ending}"
    assert main(["score", *listed, "--out", str(table)]) == 0
    if ending == "csv":
        rows = list(csv.DictReader(table.open(encoding="utf-8")))
        nothing, formula = "", "'=1+0"
    else:
        read = json.loads(table.read_text()) if ending == "json" else pyarrow.parquet.read_table(table).to_pylist()
        rows, nothing, formula = read, None, "=1+0"
    assert [row["site"] for row in rows] == ["north"] * 15 + [nothing] * 15
    assert (rows[0]["n"] or None, float(rows[1]["n"])) == (None, 1)
    assert rows[0]["energy_gmm~2"] == formula
    assert float(rows[0]["energy_gmm"]) != 0
    assert rows[0]["path"].endswith("id-0.png#xywh=0,0,32,32")
