"""Samples, explanations, and what is kept with a run or taken along."""

import csv
import io
import shutil
import threading
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from heat_core import HeatError, Lens, Run
from heat_core.analysis.explanation import describe_sample, explain
from heat_core.analysis.notes import read_notes, write_note
from heat_core.analysis.samples import Samples, stratified_sample
from heat_core.analysis.selections import load_selection, save_selection
from heat_core.analysis.similarity import nearest_training
from heat_core.reporting.export import to_csv, to_zip
from heat_core.runs.results_file import ENERGIES, RunRecord
from heat_core.thresholds import threshold95
from tests.conftest import copy_run

METHODS = ["el", "gmm", "heat"]


@pytest.fixture(scope="module")
def samples(demo_run):
    return Samples(demo_run)


@pytest.fixture
def folder(demo_run, home):
    """A copy of the demo's run that a test may write into."""
    copy_run(demo_run, home / "runs" / demo_run.id)
    return home / "runs" / demo_run.id


def test_numbers_and_keys_name_the_same_sample(samples, demo_run):
    assert len(samples) == sum(len(demo_run.ids(n)) for n in demo_run.datasets)
    for number in (0, 361, 362, 1000, len(samples) - 1):
        name, row = samples.locate(number)
        assert demo_run.ids(name)[row] == samples.ids[number]
        assert samples.number(name, row) == number
        assert samples.find(samples.key(number)) == number
    for wrong in ("id/none", "nowhere/0", ""):
        with pytest.raises(HeatError, match="no sample"):
            samples.find(wrong)
    with pytest.raises(HeatError, match="no sample"):
        samples.locate(len(samples))


def test_verdicts_are_the_runs(samples, demo_run):
    lens = Lens(beta=-1.0, priors=("gmm", "el"), weights=(1.0, 3.0))
    for i, name in enumerate(demo_run.datasets):
        own = samples.dataset == i
        np.testing.assert_array_equal(samples.scores("gmm")[own], demo_run.detector_scores(name, "gmm"))
        expected = demo_run.scores(name, lens)
        np.testing.assert_array_equal(samples.scores("heat", lens)[own], expected)
    assert samples.threshold("gmm") == threshold95(demo_run.detector_scores("id", "gmm"))
    assert samples.threshold("heat", Lens(threshold=1.5)) == 1.5
    flagged = samples.flagged("heat", lens)
    np.testing.assert_array_equal(samples.is_correct("heat", lens), np.where(samples.is_ood, flagged, ~flagged))
    assert samples.percentile("heat", lens)[~samples.is_ood].max() < 1


def test_why_names_the_class_and_the_methods_that_part(samples, demo_run):
    shares = np.stack([samples.percentile(m) for m in METHODS])
    number = int(np.ptp(shares, axis=0).argmax())
    told = describe_sample(samples, number, METHODS)
    assert f"Predicted as {demo_run.class_names[samples.predicted[number]]}" in told
    assert told.index(demo_run.title(METHODS[shares[:, number].argmax()])) < told.index(
        demo_run.title(METHODS[shares[:, number].argmin()])
    )


def test_a_stratified_sample_leaves_no_set_out(samples):
    chosen = stratified_sample(samples, 100)
    assert 96 <= len(chosen) <= 100
    assert set(samples.dataset[chosen]) == set(samples.dataset)
    assert len(np.unique(chosen)) == len(chosen)
    np.testing.assert_array_equal(stratified_sample(samples, 10**6), np.arange(len(samples)))
    assert len(stratified_sample(samples, 2)) == 4  # one of each set at least


@pytest.mark.parametrize(
    "lens",
    [
        Lens(),
        Lens(beta=-2.0),
        Lens(beta=1e-7),
        Lens(beta=np.inf),
        Lens(beta=3.0, priors=("el", "gmm"), weights=(2.0, 1.0)),
    ],
)
def test_the_parts_add_up_to_the_score(samples, demo_run, lens):
    for number in range(0, len(samples), 97):
        name, row = samples.locate(number)
        told = explain(demo_run, demo_run.prior_energies(name)[row], demo_run.residual_energies(name)[row], lens)
        assert told.score == pytest.approx(samples.scores("heat", lens)[number], abs=1e-9)
        total = sum(p.from_prior + p.from_residual for p in told.contributions) + told.from_beta
        assert total == pytest.approx(told.score, abs=1e-9)
        assert sum(p.influence for p in told.contributions) == pytest.approx(1)
        for part in told.contributions:
            assert part.hybrid == pytest.approx(part.prior_energy + part.residual)
    if lens.beta == 0:
        assert abs(told.from_beta) < 1e-9


def test_a_prior_of_weight_0_takes_no_part(samples, demo_run):
    told = explain(
        demo_run, demo_run.prior_energies("id")[0], demo_run.residual_energies("id")[0], Lens(weights=(1.0, 0.0, 1.0))
    )
    assert [p.prior for p in told.contributions] == ["gmm", "el"]
    assert told.score == pytest.approx(demo_run.scores("id", Lens(priors=("gmm", "el")))[0])


def test_the_nearest_training_images_are_found(demo_run):
    train = np.asarray(demo_run.features("train").avg, dtype=np.float64)
    sample = str(demo_run.ids("id")[3])
    query = demo_run.features_of("id", sample).astype(np.float64)
    cosine = train @ query / np.linalg.norm(train, axis=1) / np.linalg.norm(query)
    ids, similar = nearest_training(demo_run, query, k=4)
    assert ids == [demo_run.features("train").ids[i] for i in np.argsort(-cosine)[:4]]
    np.testing.assert_allclose(similar, np.sort(cosine)[::-1][:4], rtol=1e-5)
    assert demo_run.image("train", ids[0]).size == (32, 32)
    with pytest.raises(HeatError, match="no longer"):
        demo_run.features_of("id", "digit/none")


def test_without_the_features_neighbours_give_a_sentence(folder):
    record = RunRecord.load(folder / ENERGIES)
    replace(record, features=record.features | {"train": str(folder / "gone")}).save(folder / ENERGIES)
    run = Run.open(folder)
    with pytest.raises(HeatError, match="not on this machine"):
        nearest_training(run, np.ones(128))


def test_notes_live_with_the_run(folder):
    write_note(folder, "id/a", " odd one ", ["b", "a", "a", " "])
    assert read_notes(folder)["id/a"]["note"] == "odd one"
    assert read_notes(folder)["id/a"]["tags"] == ["a", "b"]
    writers = [threading.Thread(target=write_note, args=(folder, f"id/{i}", str(i), [])) for i in range(12)]
    for w in writers:
        w.start()
    for w in writers:
        w.join()
    assert len(read_notes(folder)) == 13  # nobody's note was lost
    write_note(folder, "id/a", "", [])
    assert "id/a" not in read_notes(folder)
    with pytest.raises(HeatError, match="at most"):
        write_note(folder, "id/a", "x" * 6000, [])
    shutil.rmtree(folder)
    with pytest.raises(HeatError, match="deleted"):
        write_note(folder, "id/a", "x", [])


def test_selections_are_named_by_what_they_hold(folder):
    name = save_selection(folder, np.array([5, 3, 900]))
    assert name == save_selection(folder, np.array([900, 5, 3]))
    np.testing.assert_array_equal(load_selection(folder, name), [3, 5, 900])
    for wrong in ("0" * 12, "../../run", ""):
        with pytest.raises(HeatError, match="no selection"):
            load_selection(folder, wrong)
    (folder / "selections" / f"{name}.npy").write_bytes(b"cut")
    with pytest.raises(HeatError, match="damaged"):
        load_selection(folder, name)


def test_csv_and_zip_hold_what_was_chosen(folder):
    run = Run.open(folder)
    samples = Samples(run)
    numbers = [7, 400, 1500]
    write_note(folder, samples.key(400), "=SUM(A1)", ["odd"])
    rows = list(csv.DictReader(io.StringIO(to_csv(samples, numbers, Lens(beta=1.0)))))
    assert [f"{r['set']}/{r['id']}" for r in rows] == [samples.key(n) for n in numbers]
    assert float(rows[1]["score_heat"]) == pytest.approx(samples.scores("heat", Lens(beta=1.0))[400], rel=1e-5)
    assert [int(r["ood_gmm"]) for r in rows] == samples.flagged("gmm")[numbers].astype(int).tolist()
    assert rows[1]["note"] == "'=SUM(A1)"  # a spreadsheet must not run it
    assert rows[1]["tags"] == "odd"
    content, gone = to_zip(samples, numbers)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        assert len([n for n in names if n.endswith(".png")]) == 3
        assert "samples.csv" in names
    assert gone == 0
