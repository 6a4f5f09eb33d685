"""Questions, what narrows them, their orders and the gains, against plain loops over the samples."""

from dataclasses import replace

import numpy as np
import pytest

from heat_core import HeatError, Lens
from heat_core.analysis import facets
from heat_core.analysis.facets import Tags
from heat_core.analysis.questions import (
    ORDERS,
    QUESTIONS,
    Query,
    baseline_of,
    best_prior,
    count_gains,
    filter_mask,
    methods_of,
    question_mask,
    question_title,
    sort_samples,
)
from heat_core.analysis.samples import Samples
from heat_core.metrics import fpr95
from heat_core.runs.results_file import ENERGIES, RunRecord
from heat_core.runs.run import Run
from heat_core.thresholds import threshold95
from tests.synthetic import CLASSES, synthetic_run

LENSES = [Lens(), Lens(-2.0), Lens(threshold=1.0), Lens(1.0, ("gmm", "el"), (1.0, 3.0))]


@pytest.fixture
def samples(tmp_path):
    return Samples(synthetic_run(tmp_path / "run", {"near": 80, "far": 90}, known=100))


def scores_of(samples: Samples, detector: str, lens: Lens) -> list[float]:
    """Set by set, as the run holds them."""
    run = samples.run
    return [float(s) for name in run.datasets for s in run.detector_scores(name, detector, lens)]


def called_ood(samples: Samples, detector: str, lens: Lens) -> list[bool]:
    line = threshold95(samples.run.detector_scores("id", detector, lens))
    if detector == "heat" and lens.threshold is not None:
        line = lens.threshold
    return [score > line for score in scores_of(samples, detector, lens)]


@pytest.mark.parametrize("lens", LENSES, ids=str)
@pytest.mark.parametrize("baseline", ["msp", "gmm", "heat-el", None])
def test_questions_are_what_they_say(samples, lens, baseline):
    base = baseline or best_prior(samples)
    heat, against, msp = (called_ood(samples, d, lens) for d in ("heat", base, "msp"))
    tagged = np.arange(len(samples)) % 7 == 0
    expected: dict[str, list[int]] = {question: [] for question in QUESTIONS}
    for i in range(len(samples)):
        ood = samples.locate(i)[0] != "id"
        held = {
            "missed": ood and not heat[i],
            "flagged": not ood and heat[i],
            "gained": ood and heat[i] and not against[i],
            "lost": ood and not heat[i] and against[i],
            "missed-by-all": ood and not heat[i] and not msp[i],
            "missed-by-baseline": ood and not against[i],
            "misclassified": not ood and samples.true_class[i] != samples.run.class_names[samples.predicted[i]],
            "tagged": i % 7 == 0,
            "all": True,
        }
        for question, answered in held.items():
            if answered:
                expected[question].append(i)
    for question, numbers in expected.items():
        query = Query(question, baseline, methods=("msp", "heat"))
        np.testing.assert_array_equal(
            np.flatnonzero(question_mask(samples, query, lens, tagged)), numbers, err_msg=question
        )
    assert count_gains(samples, Query(baseline=baseline), lens) == (len(expected["gained"]), len(expected["lost"]))
    assert len(expected["missed"]) == len(expected["missed-by-baseline"]) - len(expected["gained"]) + len(
        expected["lost"]
    )


def test_nothing_is_tagged_at_first_and_questions_are_checked(samples):
    """Nothing is tagged until a tag is set, and an unknown question is refused."""
    assert not question_mask(samples, Query("tagged")).any()
    with pytest.raises(HeatError, match="no question 'pretty'"):
        question_mask(samples, Query("pretty"))


def test_missed_by_all_is_about_heat_and_its_baseline(samples):
    """ "Missed by all" is about HEAT and its baseline unless other methods are chosen."""
    assert methods_of(samples, Query()) == [best_prior(samples), "heat"]
    assert methods_of(samples, Query(baseline="msp")) == ["msp", "heat"]
    assert methods_of(samples, Query(baseline="heat")) == ["heat"]
    assert methods_of(samples, Query(methods=("el", "gone", "msp"))) == ["el", "msp"]
    both = question_mask(samples, Query("missed")) & question_mask(samples, Query("missed-by-baseline"))
    np.testing.assert_array_equal(question_mask(samples, Query("missed-by-all")), both)


def test_the_baseline_is_the_best_single_uncorrected_prior(samples):
    run = samples.run
    averages = {}
    for prior in ("gmm", "gmm-std", "el"):
        known = run.detector_scores("id", prior)
        averages[prior] = sum(fpr95(known, run.detector_scores(n, prior)) for n in run.ood_names) / 2
    assert best_prior(samples) == min(averages, key=averages.__getitem__)
    assert baseline_of(samples, Query()) == best_prior(samples)
    assert baseline_of(samples, Query(baseline="msp")) == "msp"
    assert baseline_of(samples, Query(baseline="gone")) == best_prior(samples)


def test_without_priors_the_last_detector_stands_for_both(tmp_path):
    run = synthetic_run(tmp_path / "run", priors=("knn",))
    assert best_prior(Samples(run)) == "soft-knn"
    record = RunRecord.load(run.folder / ENERGIES)
    for found in record.sets:
        del found.scores["soft-knn"]
        object.__setattr__(found, "prior", found.prior[:, :0])
        object.__setattr__(found, "residual", found.residual[:, :0])
    bare = replace(record, titles={"msp": "MSP"}, scale=record.scale.select(()), temperatures=())
    bare.save(run.folder / ENERGIES)
    samples = Samples(Run.open(run.folder))
    assert baseline_of(samples, Query()) == "msp"
    missed = question_mask(samples, Query("missed"))
    np.testing.assert_array_equal(missed, samples.is_ood & ~samples.flagged("msp"))
    assert count_gains(samples, Query()) == (0, 0)
    assert len(sort_samples(samples, np.flatnonzero(missed), Query(order="close"))) == missed.sum()


# ---- what narrows ----------------------------------------------------------------------------------------------------


def test_everything_narrows_everything(samples):
    lens = Lens(0.5)
    named = {"set": facets.by_set(samples), "seen": facets.by_predicted_class(samples)}
    tags = Tags.from_notes(samples, {samples.key(i): {"note": "", "tags": ["odd"]} for i in range(90, 160)})
    brush = (0.0, 2.5)
    query = Query(values=(("set", ("far", "id")), ("seen", ("dog",)), ("tag", ("odd",))), brush=brush, find="R-00")
    selection, alike = np.arange(0, 150, 1), np.array([9_999, *range(95, 150)])
    found = filter_mask(samples, query, {**named, "tag": tags}, lens, selection, alike)
    scores = scores_of(samples, "heat", lens)
    plain = [
        samples.locate(i)[0] in ("far", "id")
        and CLASSES[samples.predicted[i]] == "dog"
        and 90 <= i < 160
        and brush[0] <= scores[i] <= brush[1]
        and "r-00" in str(samples.ids[i]).lower()
        and i in selection
        and i in alike
        for i in range(len(samples))
    ]
    np.testing.assert_array_equal(found, plain)


@pytest.mark.parametrize("left_out", ["set", "seen"])
def test_a_facets_own_bars_count_what_the_others_keep(samples, left_out):
    named = {"set": facets.by_set(samples), "seen": facets.by_predicted_class(samples)}
    query = Query(values=(("set", ("near",)), ("seen", ("owl", "cat"))))
    other = next(name for name in named if name != left_out)
    found = filter_mask(samples, query, named, without=left_out)
    np.testing.assert_array_equal(found, named[other].mask_of(query.values_of(other)))


def test_an_absent_value_keeps_nothing_and_no_filter_keeps_all(samples):
    """A value that the run does not have keeps no sample, and without a filter every sample is kept."""
    named = {"set": facets.by_set(samples)}
    assert not filter_mask(samples, Query(values=(("set", ("gone",)),)), named).any()
    assert filter_mask(samples, Query(values=(("folder", ("gone",)),)), named).all()  # no such facet
    assert filter_mask(samples, Query(), named).all()
    assert not filter_mask(samples, Query(), named, selection=np.empty(0, int)).any()


# ---- orders ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lens", LENSES, ids=str)
def test_orders(samples, lens):
    numbers = np.flatnonzero(samples.is_ood)[::-1]
    scores = np.array(scores_of(samples, "heat", lens))
    known = {m: np.array(scores_of(samples, m, lens)) for m in ("msp", "el", "heat")}
    share = {m: np.array([np.mean(of[:100] < s) for s in of]) for m, of in known.items()}
    line = lens.threshold if lens.threshold is not None else threshold95(scores[:100])
    keys = {
        "confident": -samples.confidence,
        "close": np.abs(scores - line),
        "unusual": -scores,
        "typical": scores,
        "disagree": np.array([min(s) - max(s) for s in zip(*share.values(), strict=True)]),
    }
    assert set(keys) == set(ORDERS)
    for order, key in keys.items():
        found = sort_samples(samples, numbers, Query(order=order, methods=("msp", "el", "heat")), lens)
        assert sorted(found) == sorted(numbers)
        assert (np.diff(key[found]) >= 0).all(), order
    with pytest.raises(HeatError, match="no order 'pretty'"):
        sort_samples(samples, numbers, Query(order="pretty"), lens)
    assert len(sort_samples(samples, np.empty(0, int), Query(order="disagree"), lens)) == 0


def test_equals_stay_in_the_order_in_which_they_came(samples):
    samples.confidence = np.ones(len(samples))
    numbers = np.array([5, 3, 200, 9])
    np.testing.assert_array_equal(sort_samples(samples, numbers, Query()), numbers)


def test_questions_are_worded_with_the_baseline():
    assert question_title("gained", "GMM") == "Caught by HEAT, missed by GMM"
    assert question_title("missed", "{0}") == "Missed by HEAT"
    assert question_title("missed-by-baseline", "{x}") == "Missed by {x}"
