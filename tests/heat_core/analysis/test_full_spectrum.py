"""Shifted sets of a run: their images are known, but neither ID test images nor OOD."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from heat_core import Lens, Run
from heat_core.analysis.comparison import compare
from heat_core.analysis.comparison_rows import Entry, entries_of
from heat_core.analysis.facets import set_title
from heat_core.analysis.measured.shifted_sets import shifted_sets
from heat_core.analysis.paired import RunDetector, compare_paired
from heat_core.analysis.questions import Query, best_prior, count_gains, question_mask
from heat_core.analysis.samples import Samples
from heat_core.composition import Scale
from heat_core.decisions.before_after import compare_before_after
from heat_core.findings.slices import population_mask
from heat_core.metrics import bootstrap, wilson_interval
from heat_core.reporting.report import to_html
from heat_core.reporting.tables import to_csv
from heat_core.runs.results_file import ENERGIES, RunRecord
from heat_core.workbench.view_message import exact_numbers
from tests.synthetic import CLASSES, synthetic_run

GROUPS = {"near": "near", "far": "far"}
SHIFTED = {"dark": 30, "rain": 25}
LENS = Lens(beta=0.5)


@pytest.fixture
def plain(tmp_path):
    return synthetic_run(tmp_path / "plain", groups=GROUPS)


@pytest.fixture
def run(tmp_path):
    """The same run with two shifted sets."""
    return synthetic_run(tmp_path / "run", groups=GROUPS, shifted=SHIFTED)


def known_scores(run, detector: str) -> np.ndarray:
    return np.concatenate([run.detector_scores(name, detector, LENS) for name in ("id", *SHIFTED)]).astype(np.float64)


def test_metrics_are_those_of_all_known_images(run):
    found = run.metrics(LENS, full_spectrum=True)
    assert set(found) == set(run.detectors)
    for detector, row in found.items():
        known = known_scores(run, detector)
        assert len(known) == 60 + 30 + 25
        for name in ("near", "far"):
            ood = run.detector_scores(name, detector, LENS)
            is_ood, scores = np.r_[np.zeros(len(known)), np.ones(len(ood))], np.r_[known, ood]
            assert row[name]["auroc"] == pytest.approx(roc_auc_score(is_ood, scores), abs=1e-12)
            assert row[name]["fpr95"] == (ood <= np.quantile(known, 0.95)).mean()
            assert row[name]["aupr_out"] == pytest.approx(average_precision_score(is_ood, scores), abs=1e-12)
            assert row[name]["aupr_in"] == pytest.approx(average_precision_score(1 - is_ood, -scores), abs=1e-12)
        assert row["average"]["auroc"] == pytest.approx((row["near"]["auroc"] + row["far"]["auroc"]) / 2, abs=1e-12)


def test_standard_numbers_do_not_depend_on_shifted_sets(run, plain):
    samples, before = Samples(run), Samples(plain)
    assert run.metrics(LENS) == plain.metrics(LENS)
    assert run.threshold("heat", LENS) == plain.threshold("heat", LENS) == samples.threshold("heat", LENS)
    assert best_prior(samples) == best_prior(before)
    assert count_gains(samples, Query(), LENS) == count_gains(before, Query(), LENS)
    exact, expected = exact_numbers(samples, LENS), exact_numbers(before, LENS)
    assert exact["sets"][:3] == expected["sets"]
    assert [set(of_set) for of_set in exact["sets"][3:]] == [{"flagged"}] * 2
    assert exact["threshold"] == expected["threshold"]
    for lens in (LENS, Lens(alpha=0.1)):
        np.testing.assert_array_equal(samples.flagged("heat", lens)[: len(before)], before.flagged("heat", lens))
    np.testing.assert_array_equal(samples.percentile("heat")[: len(before)], before.percentile("heat"))
    scores = before.scores("heat", LENS)
    p_values, expected_p = samples.calibration(LENS).p_values(scores), before.calibration(LENS).p_values(scores)
    np.testing.assert_array_equal(p_values, expected_p)


def test_each_set_has_one_role(run, plain):
    samples = Samples(run)
    assert samples.datasets == ["id", "near", "far", "dark", "rain"]
    assert (samples.ood_datasets, samples.shifted_datasets) == (["near", "far"], ["dark", "rain"])
    for mask, count in ((samples.is_id, 60), (samples.is_ood, 90), (samples.is_shifted, 55)):
        assert mask.sum() == count
    assert (samples.is_id ^ samples.is_ood ^ samples.is_shifted).all()
    assert set_title("dark", samples.shifted_datasets) == "dark (shifted known images)"
    flagged = samples.flagged("heat", LENS)
    np.testing.assert_array_equal(samples.is_correct("heat", LENS)[samples.is_shifted], ~flagged[samples.is_shifted])
    before = Samples(plain)
    for question in ("missed", "gained", "lost", "missed-by-baseline", "missed-by-all", "looks-known"):
        found, expected = (question_mask(s, Query(question), LENS) for s in (samples, before))
        np.testing.assert_array_equal(np.flatnonzero(found), np.flatnonzero(expected))
        assert population_mask(samples, question).sum() == 90
    false_positives = question_mask(samples, Query("flagged"), LENS)
    np.testing.assert_array_equal(false_positives, flagged & ~samples.is_ood)
    assert false_positives[samples.is_shifted].any()
    for question in ("flagged", "misclassified"):
        np.testing.assert_array_equal(population_mask(samples, question), ~samples.is_ood)
    wrong = np.concatenate([run.predicted(n) != run.labels(n) for n in SHIFTED])
    np.testing.assert_array_equal(samples.is_misclassified[samples.is_shifted], wrong)


def test_tables_have_full_spectrum_columns(run, plain):
    table = compare(entries_of(run, lens=LENS), "fpr95", replicates=50)
    full = [("full-spectrum", name) for name in ("near", "far", "average")]
    assert table.columns == [("near", "near"), ("far", "far"), *full, ("", "average")]
    assert table.members == [("near",), ("far",), (), (), (), ("near", "far")]
    expected = compare(entries_of(plain, lens=LENS), "fpr95", replicates=50)
    assert [[row[j] for j in (0, 1, 5)] for row in table.cells] == expected.cells
    metrics = run.metrics(LENS, full_spectrum=True)
    for source, row in zip(table.sources, table.cells, strict=True):
        values = [100 * metrics[source.detector][name]["fpr95"] for name in ("near", "far", "average")]
        assert [cell.value for cell in row[2:5]] == pytest.approx(values)
        drawn = (
            100
            * bootstrap(known_scores(run, source.detector), run.detector_scores("near", source.detector, LENS), 50)[
                "fpr95"
            ]
        )
        assert (row[2].low, row[2].high) == pytest.approx(tuple(np.percentile(drawn, [2.5, 97.5])))
    assert "\nHEAT,full-spectrum,near,fpr95," in to_csv(table)
    assert 'colspan="3">full-spectrum</th>' in to_html(run, LENS)


def test_the_choice_of_shifted_sets_makes_the_columns(run, plain, tmp_path):
    other = synthetic_run(tmp_path / "other", groups=GROUPS, shifted={"dark": 30})
    table = compare([Entry(r, "heat") for r in (run, plain, other)], "auroc", replicates=50)
    both, one = "full-spectrum with dark, rain", "full-spectrum with dark"
    assert [group for group, _ in table.columns] == ["near", "far", both, both, both, one, one, one, ""]
    has_cell = [[cell is not None for cell in row[2:8]] for row in table.cells]
    assert has_cell == [[True] * 3 + [False] * 3, [False] * 6, [False] * 3 + [True] * 3]

    turned = synthetic_run(tmp_path / "turned", groups=GROUPS, shifted={"rain": 25, "dark": 30})
    assert turned.shifted_names == ["rain", "dark"]
    table = compare([Entry(r, "heat") for r in (run, turned)], "auroc", replicates=50)
    assert [group for group, _ in table.columns] == ["near", "far", *["full-spectrum"] * 3, ""]
    known = [Entry(r, "heat").known_scores(full_spectrum=True)[0] for r in (run, turned)]
    for r, scores in zip((run, turned), known, strict=True):
        expected = np.concatenate([r.detector_scores(name, "heat") for name in ("id", "dark", "rain")])
        np.testing.assert_array_equal(scores, expected)


def test_accuracy_and_false_positives_of_shifted_sets(run):
    lens = replace(LENS, alpha=0.1)
    for found, name in zip(shifted_sets(run, lens), SHIFTED, strict=True):
        right = int((run.predicted(name) == run.labels(name)).sum())
        flagged = int((run.scores(name, lens) > run.threshold("heat", lens)).sum())
        assert (found.name, found.images, found.detector) == (name, SHIFTED[name], "HEAT")
        assert (found.right.count, found.flagged.count) == (right, flagged)
        assert found.flagged.interval == wilson_interval(flagged, SHIFTED[name])
        assert found.to_json()["accuracy"]["share"] == right / SHIFTED[name]
        assert f"{SHIFTED[name]} images, accuracy {100 * right / SHIFTED[name]:.1f} % (" in found.sentence()
    assert [len(np.unique(run.labels(name))) for name in SHIFTED] == [len(CLASSES)] * 2


def test_without_a_row_no_shifted_set_is_described(run):
    record = RunRecord.load(run.folder / ENERGIES)
    empty = [np.empty((len(of_set.ids), 0)) for of_set in record.sets]
    sets = [replace(s, scores={}, prior=e, residual=e) for s, e in zip(record.sets, empty, strict=True)]
    bare = {"scale": Scale((), np.empty(0), np.empty(0)), "temperatures": ()}
    replace(record, sets=sets, titles={}, **bare).save(run.folder / ENERGIES)
    opened = Run.open(run.folder)
    assert opened.detectors == []
    assert shifted_sets(opened) == []


def test_pairs_of_runs_keep_the_roles_apart(run, tmp_path):
    as_ood = synthetic_run(tmp_path / "ood", {"near": 40, "far": 50, "dark": 30}, groups=GROUPS)
    a, b, c = (RunDetector(Samples(r), "heat", LENS) for r in (run, run, as_ood))
    pairs = {pair.name: pair for pair in compare_paired(a, b, 50)}
    assert list(pairs) == ["id", "near", "far", "dark", "rain", "average"]
    assert (pairs["dark"].metrics, len(pairs["average"].first)) == ({}, 90)
    assert "dark" not in [pair.name for pair in compare_paired(a, c, 50)]
    compared = compare_before_after(a, b, 50)
    assert (compared.left, compared.classes) == (0, [])
    missed = (~Samples(run).flagged("heat", LENS))[Samples(run).is_ood].mean()
    assert compared.rates["missed"].first == pytest.approx(100 * missed)
