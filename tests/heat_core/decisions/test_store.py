"""Decisions are kept with the run, undone without being lost, and exported."""

import csv
import io
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from heat_core import HeatError
from heat_core.analysis.samples import Samples
from heat_core.decisions.export import export_rows, to_csv, write_export
from heat_core.decisions.on_samples import decide, decided_numbers
from heat_core.decisions.store import add_decision, images_in_force, read_decisions, undo_decision
from tests.synthetic import synthetic_run


@pytest.fixture
def made(tmp_path):
    return synthetic_run(tmp_path / "run")


def test_a_later_decision_replaces_and_undo_brings_back(made):
    folder = made.folder
    add_decision(folder, "new-class", ["near/near-000001", "near/near-000002"], " big   cats ", author="Ann")
    add_decision(folder, "remove", ["near/near-000002"], author="Ben")
    first, second = read_decisions(folder)
    assert (first.id, first.title, first.author) == (1, "Add as class big cats", "Ann")
    assert images_in_force([first, second]) == {1: ["near/near-000001"], 2: ["near/near-000002"]}
    undo_decision(folder, 2, author="Cem")
    undo_decision(folder, 2, author="Dan")  # it is undone already
    first, second = read_decisions(folder)
    assert second.is_undone
    assert second.undone_by == "Cem"
    assert images_in_force([first, second]) == {1: ["near/near-000001", "near/near-000002"]}
    with pytest.raises(HeatError, match="no decision 3"):
        undo_decision(folder, 3)


def test_decisions_of_many_writers_are_all_kept(made):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: add_decision(made.folder, "ignore", [f"near/{i}"]), range(12)))
    decisions = read_decisions(made.folder)
    assert [d.id for d in decisions] == list(range(1, 13))
    assert {d.samples[0] for d in decisions} == {f"near/{i}" for i in range(12)}


@pytest.mark.parametrize(
    ("action", "samples", "name", "sentence"),
    [
        ("promote", ["near/a"], "", "no action 'promote'"),
        ("remove", [], "", "No image is left"),
        ("new-class", ["near/a"], "  ", "1 to 100 characters"),
        ("add-to-class", ["near/a"], "x" * 101, "1 to 100 characters"),
    ],
)
def test_an_invalid_decision_gives_a_sentence(made, action, samples, name, sentence):
    with pytest.raises(HeatError, match=sentence):
        add_decision(made.folder, action, samples, name)
    assert read_decisions(made.folder) == []


@pytest.mark.parametrize("content", ["{", "[]", '{"decisions": [{"id": 1}]}', '{"decisions": [3]}'])
def test_a_damaged_file_gives_a_sentence(made, content):
    (made.folder / "decisions.json").write_text(content)
    with pytest.raises(HeatError, match=r"decisions\.json.*move the file away"):
        read_decisions(made.folder)
    with pytest.raises(HeatError, match="move the file away"):
        add_decision(made.folder, "ignore", ["near/a"])
    assert (made.folder / "decisions.json").read_text() == content


def test_numbers_of_samples_and_rows_of_the_export(made, tmp_path):
    samples = Samples(made)
    numbers = np.array([samples.number("near", 3), samples.number("far", 1)])
    decide(samples, numbers, "new-class", "=cats", author="Ann")
    add_decision(made.folder, "ignore", ["gone/x"], author="Ben")
    decisions = read_decisions(made.folder)
    found = decided_numbers(samples, decisions)
    assert {title: of.tolist() for title, of in found.items()} == {"Add as class =cats": numbers.tolist()}
    rows = list(csv.DictReader(io.StringIO(to_csv(export_rows(made, decisions)))))
    assert [(row["action"], row["class"], row["set"], row["id"]) for row in rows] == [
        ("new-class", "'=cats", "near", "near-000003"),  # no spreadsheet reads the name as a formula
        ("new-class", "'=cats", "far", "far-000001"),
        ("ignore", "", "", "gone/x"),
    ]
    write_export(tmp_path / "out.json", export_rows(made, decisions))
    content = json.loads((tmp_path / "out.json").read_text())
    assert content[0]["class"] == "=cats"
    assert content[0]["author"] == "Ann"
    with pytest.raises(HeatError, match=r"\.csv or \.json"):
        write_export(tmp_path / "out.txt", export_rows(made, decisions))
