"""Tables on the terminal keep their columns, whatever the names in them."""

from heat_core import Lens
from heat_core.__main__ import main
from heat_core.cli.output import print_table
from heat_core.cli.run_table import print_run
from tests.synthetic import synthetic_run


def columns_of(line: str) -> list[int]:
    """The columns of a terminal in which the cells of a line end; letters of China take two."""
    ends, width = [], 0
    for i, letter in enumerate(line):
        width += 2 if "\u2e80" <= letter < "\ud7a4" else 0 if letter == "\u0301" else 1
        if letter != " " and line[i + 1 : i + 3] in ("", "  "):
            ends.append(width)
    return ends


def test_columns_are_in_line_behind_names_of_any_width(capsys):
    names = ["gmm", "a" * 40, "猫の写真", "e\u0301te\u0301"]
    print_table([["", "near", "猫の写真"], *([name, "1.0", "22.5"] for name in names)])
    head, *lines = capsys.readouterr().out.splitlines()
    assert [columns_of(line)[-2:] for line in lines] == [columns_of(head)] * 4
    assert [line.split("  ")[0] for line in lines] == names


def test_long_names_are_shortened_and_given_in_full(capsys):
    names = ["camera-" * 12 + "north", "camera-" * 12 + "south", "camera-" * 4 + "street-" + "camera-" * 8 + "south"]
    print_table([*([name, "1"] for name in names), ["x", "2"]])
    *lines, first, second, third = capsys.readouterr().out.splitlines()
    assert len({columns_of(line)[-1] for line in lines}) == 1
    assert max(map(len, lines)) < 50
    shorts = [line.split("  ")[0] for line in lines[:3]]
    assert len(set(shorts)) == 3
    assert shorts[0].startswith("camera-camera-")
    assert shorts[0].endswith("north")
    assert [first, second, third] == [f"{short} = {name}" for short, name in zip(shorts, names, strict=True)]


def test_a_runs_table_keeps_its_columns_with_long_sets(home, capsys):
    sets = {"a set with quite a long name, such as a folder has": 20, "猫": 20}
    print_run(synthetic_run(home / "runs" / "x", sets, known=20), Lens(), as_json=False)
    lines = capsys.readouterr().out.splitlines()
    head = next(line for line in lines if "猫" in line)
    row = next(line for line in lines if line.startswith("heat "))
    assert columns_of(row)[-3:] == columns_of(head)[-3:]
    assert any(line.endswith("= a set with quite a long name, such as a folder has") for line in lines)


def test_detectors_are_listed_in_columns(capsys):
    assert main(["detectors"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert all(line[head.index("source") - 2 : head.index("source")] == "  " for line in lines)


def test_nothing_is_printed_of_no_rows(capsys):
    print_table([])
    assert capsys.readouterr().out == ""
