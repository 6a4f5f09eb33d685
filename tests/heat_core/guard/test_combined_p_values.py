"""Combination of p-values: the formulas, the calibration without the image itself, and the rows of a run."""

import numpy as np
import pytest
from scipy.stats import chi2, kstest

from heat_core import HeatError, Lens
from heat_core.__main__ import main
from heat_core.analysis.new_images import NEW, NewImages
from heat_core.analysis.questions import Query, question_mask
from heat_core.analysis.samples import Samples
from heat_core.guard.combined_p_values import METHODS, combine_p_values, combined_scores
from heat_core.runs.row_names import COMBINED
from heat_core.runs.scored_images import ScoredImages
from heat_core.workbench.view_state import ViewState, from_query_params, to_query_params
from tests.synthetic import synthetic_run


@pytest.fixture
def p():
    return np.random.default_rng(0).uniform(0.001, 1, (50, 3))


def test_the_formulas(p):
    np.testing.assert_allclose(combine_p_values(p, "fisher"), chi2.sf(-2 * np.log(p).sum(axis=1), 6))
    np.testing.assert_allclose(combine_p_values(p, "harmonic"), 3 / (1 / p).sum(axis=1))
    assert kstest(combine_p_values(np.random.default_rng(1).random((2000, 4)), "fisher"), "uniform").pvalue > 0.01
    p[7, 1] = np.nan
    for method in METHODS:
        assert np.flatnonzero(np.isnan(combine_p_values(p, method))).tolist() == [7]
        np.testing.assert_allclose(combine_p_values([[0.2], [1]], method), [0.2, 1])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("method", METHODS)
def test_tiny_values_stay_above_zero(method):
    tests = np.array([[1e-300] * 5, [1e-320] * 5, [5e-324, 5e-324, 5e-324, 5e-324, 1], [1] * 5, [np.nan] * 5])
    combined = combine_p_values(tests, method)
    assert (combined[:3] >= np.finfo(float).tiny).all()
    assert (combined[:3] <= 1e-300 * (1 + 1e-9)).all()
    assert combined[3] == 1
    assert np.isnan(combined[4])
    assert np.isfinite(np.log(combined[:4])).all()


@pytest.mark.parametrize(
    ("values", "method", "sentence"),
    [
        ([[0.5, 0.5]], "stouffer", "cannot be combined by 'stouffer': choose among fisher, harmonic"),
        ([[0.0, 0.5]], "fisher", "above 0"),
        ([[1.5, 0.5]], "fisher", "at most 1"),
        ([0.5, 0.5], "fisher", r"\(N, K\)"),
        (np.empty((3, 0)), "harmonic", "at least 1"),
    ],
)
def test_what_cannot_be_combined_is_a_sentence(values, method, sentence):
    with pytest.raises(HeatError, match=sentence):
        combine_p_values(values, method)


@pytest.mark.parametrize("method", METHODS)
def test_each_known_image_is_compared_with_the_others(method):
    """The plain formula, with equal energies among the known images and between these and the others."""
    rng = np.random.default_rng(2)
    known, others = rng.integers(0, 9, (30, 2)).astype(float), rng.integers(0, 14, (20, 2)).astype(float)

    def p_values(calibration, rows):
        return (1 + (calibration[None] >= rows[:, None]).sum(axis=1)) / (len(calibration) + 1)

    of_known = np.concatenate([p_values(np.delete(known, i, axis=0), known[i : i + 1]) for i in range(30)])
    expected = -np.log(combine_p_values(of_known, method))
    np.testing.assert_allclose(combined_scores(known, None, method), expected, atol=1e-12)
    expected = -np.log(combine_p_values(p_values(known, others), method))
    np.testing.assert_allclose(combined_scores(known, others, method), expected, atol=1e-12)
    np.testing.assert_array_equal(
        combined_scores(np.exp(known), np.exp(others), method), combined_scores(known, others, method)
    )  # the order of the energies alone counts
    beyond = combined_scores(known, np.array([[100.0, 100.0], [9.0, 1e9]]), method)
    assert beyond[0] == beyond[1] > combined_scores(known, None, method).max()


def test_a_finished_run_has_the_rows_when_asked(tmp_path, home, capsys):
    made = synthetic_run(home / "runs" / "made")
    assert set(COMBINED) == set(METHODS) == set(made.combined)
    assert not set(COMBINED) & set(made.detectors)
    known, near = (made.prior_energies(name) + made.residual_energies(name) for name in ("id", "near"))
    np.testing.assert_array_equal(made.detector_scores("id", "fisher"), combined_scores(known, None, "fisher"))
    np.testing.assert_array_equal(made.detector_scores("near", "harmonic"), combined_scores(known, near, "harmonic"))
    np.testing.assert_array_equal(
        made.detector_scores("near", "fisher", Lens(3.0, ("gmm",))), made.detector_scores("near", "fisher")
    )
    assert made.metrics(detectors=["fisher"])["fisher"]["average"]["auroc"] > 0.9
    assert main(["compare", made.id, "--detectors", "heat", "fisher", "harmonic"]) == 0
    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row.split(" | ")[:2] for row in rows] == [
        ["| HEAT", "both"],
        ["| Fisher's method", "both"],
        ["| Harmonic mean p", "both"],
    ]
    alone = synthetic_run(home / "runs" / "alone", priors=("gmm",))
    assert alone.combined == []
    assert main(["compare", alone.id, "--detectors", "fisher"]) == 2
    assert "This run has no detector 'fisher': it has msp, gmm, heat-gmm, heat." in capsys.readouterr().err


@pytest.mark.parametrize("method", METHODS)
def test_heat_is_compared_with_them_image_by_image(tmp_path, method):
    made = synthetic_run(tmp_path / "made")
    samples, by_set = Samples(made), {name: made.detector_scores(name, method) for name in made.datasets}
    np.testing.assert_array_equal(samples.scores(method), np.concatenate(list(by_set.values())))
    assert samples.threshold(method) == made.threshold(method)
    query = Query("gained", baseline=method, methods=(method, "heat"))
    missed = np.concatenate([by_set[name] <= made.threshold(method) for name in made.datasets])
    found = question_mask(samples, query, Lens(2.0))
    np.testing.assert_array_equal(found, samples.is_ood & missed & samples.flagged("heat", Lens(2.0)))
    assert from_query_params(to_query_params(ViewState(query=query)), made).query == query

    names, near = made.ids("near"), (made.prior_energies("near"), made.residual_energies("near"))
    rest = (made.predicted("near"), made.confidence("near"), np.zeros((len(names), 4)), np.empty((0, 2)), names[:0])
    new = NewImages(made, ScoredImages(names, *near, *rest)).scores_by_set(method)
    np.testing.assert_array_equal(new["id"], by_set["id"])
    np.testing.assert_array_equal(new[NEW], by_set["near"])
