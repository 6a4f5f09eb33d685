"""Tables as CSV: every name comes back, and none is a formula of a spreadsheet."""

import pytest

from heat_core.analysis.notes import write_note
from heat_core.analysis.samples import Samples
from heat_core.names import escape_formula
from heat_core.reporting.export import to_csv as samples_to_csv
from heat_core.reporting.tables import to_csv
from tests.heat_core.reporting.named_tables import NAMES, VALUES, read_back, table
from tests.synthetic import synthetic_run

FORMULA = ("=", "+", "-", "@", "\t", "\r")


@pytest.mark.parametrize("name", NAMES)
def test_csv_gives_the_names_back_and_no_formula(name):
    head, *rows = read_back(to_csv(table(name, name, name)))
    assert head == ["row", "group", "set", "metric", "value", "low", "high"]
    assert len(rows) == 6
    for row, value in zip(rows, VALUES.ravel(), strict=True):
        assert len(row) == 7
        assert not any(cell.lstrip(" ").startswith(FORMULA) for cell in row[:4])
        assert [float(cell) for cell in row[4:]] == [value, value - 1, value + 1]
    for cell in rows[0][:3]:
        assert cell == (f"'{name}" if name.startswith(FORMULA) else name)


def test_csv_leaves_negative_numbers_numbers():
    values = [row[4] for row in read_back(to_csv(table()))[1:]]
    assert values == ["97.25", "50.0", "-3.5", "12.34", "100.0", "0.0"]


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("=1+1", "'=1+1"),
        (" =1", "' =1"),
        ("\t=x", "'\t=x"),
        ("\r=x", "'\r=x"),
        ("\n=x", "'\n=x"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-1", "'-1"),
        ("+x", "'+x"),
        ("|cmd", "'|cmd"),
        ("%0A=1", "'%0A=1"),
        ("a=1", "a=1"),
        ("", ""),
        ("'x", "'x"),
        ("2024-01-02.png", "2024-01-02.png"),
        ("cat/-1.png", "cat/-1.png"),
    ],
)
def test_a_text_that_a_spreadsheet_would_run_is_quoted(text, safe):
    assert escape_formula(text) == safe


def test_a_table_of_samples_has_no_formula(tmp_path):
    """A table of samples has no formula in its names, notes and tags."""
    run = synthetic_run(tmp_path / "run", {"=near": 3}, known=20)
    samples = Samples(run)
    write_note(run.folder, samples.key(20), "=HYPERLINK(1)", ["@tag", "b"])
    lowest = int(samples.scores("el")[:20].argmin())
    head, *rows = read_back(samples_to_csv(samples, [20, lowest]))
    first, second = (dict(zip(head, row, strict=True)) for row in rows)
    assert (first["set"], first["note"], first["tags"]) == ("'=near", "'=HYPERLINK(1)", "'@tag;b")
    assert (second["set"], second["note"], second["tags"]) == ("id", "", "")
    for number, row in ((20, first), (lowest, second)):
        for detector in run.detectors:
            assert float(row[f"score_{detector}"]) == pytest.approx(samples.scores(detector)[number], rel=1e-4)
    assert second["score_el"].startswith("-")  # a number is left a number, below zero too
