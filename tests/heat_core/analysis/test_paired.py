"""Two runs on the same samples, against plain loops in float64."""

import numpy as np
import pytest

from heat_core import HeatError, Lens
from heat_core.analysis.paired import OUTCOMES, RunDetector, compare_paired
from heat_core.analysis.samples import Samples
from heat_core.metrics import auroc, bootstrap_weights, fpr95
from heat_core.runs.results_file import ENERGIES, RunRecord
from heat_core.runs.run import Run
from tests.synthetic import synthetic_run

SETS = {"near": 40, "far": 50}


@pytest.fixture
def sides(tmp_path):
    """Two runs: B has its samples in another order, lacks some of them, and has a set of its own."""
    a = synthetic_run(tmp_path / "a", SETS, known=60, seed=1)
    b = synthetic_run(tmp_path / "b", {"far": 45, "near": 40, "own": 10}, known=60, seed=2)
    record = RunRecord.load(b.folder / ENERGIES)
    for found in record.sets:
        object.__setattr__(found, "ids", found.ids[::-1].copy())
    record.save(b.folder / ENERGIES)
    return RunDetector(Samples(a), "heat", Lens(-1.0)), RunDetector(Samples(Run.open(b.folder)), "gmm")


def test_samples_are_matched_by_set_and_id(sides):
    a, b = sides
    pairs = compare_paired(a, b, 50)
    assert [p.name for p in pairs] == ["id", "near", "far", "average"]
    assert [len(p.first) for p in pairs] == [60, 40, 45, 85]
    for pair in pairs:
        keys = [a.samples.key(int(i)) for i in pair.first], [b.samples.key(int(i)) for i in pair.second]
        assert keys[0] == keys[1]
        assert len(set(keys[0])) == len(keys[0])
    assert (np.diff(pairs[2].first) > 0).all()  # in A's order


def test_outcomes_are_those_of_a_plain_loop(sides):
    a, b = sides
    line = [s.samples.threshold(s.detector, s.lens) for s in sides]
    for pair in compare_paired(a, b, 50):
        count = dict.fromkeys(OUTCOMES, 0)
        for i, j in zip(pair.first, pair.second, strict=True):
            right = []
            for side, number, limit in ((a, i, line[0]), (b, j, line[1])):
                name, row = side.samples.locate(int(number))
                score = side.samples.run.detector_scores(name, side.detector, side.lens)[row]
                right.append((score > limit) == (name != "id"))
            count[{(1, 1): "both", (1, 0): "first", (0, 1): "second", (0, 0): "neither"}[tuple(map(int, right))]] += 1
        assert {name: int(pair.outcome_mask(name).sum()) for name in OUTCOMES} == count
        assert sum(count.values()) == len(pair.first)


def drawn(known, ood, b):
    """FPR95 (nearest rank) and AUROC of one resample that is really drawn: pairs are counted one by one."""
    replicates = 60
    known = np.repeat(known, bootstrap_weights(len(known), replicates, 0)[b].astype(int)).astype(np.float64)
    ood = np.repeat(ood, bootstrap_weights(len(ood), replicates, 1)[b].astype(int)).astype(np.float64)
    line = np.sort(known)[int(np.ceil(0.95 * len(known))) - 1]
    wins = (ood[:, None] > known).mean() + 0.5 * (ood[:, None] == known).mean()
    return {"fpr95": (ood <= line).mean(), "auroc": wins}


def test_metrics_and_intervals_are_those_of_the_plain_formula(sides):
    """The same resamples on both sides: indices are drawn once, for samples, not for ranks."""
    a, b = sides
    pairs = compare_paired(a, b, 60)
    assert not pairs[0].metrics
    replicates: dict[str, list] = {"fpr95": [], "auroc": []}
    for pair in pairs[1:3]:
        scores = [
            (s.samples.scores(s.detector, s.lens)[known], s.samples.scores(s.detector, s.lens)[ood])
            for s, known, ood in ((a, pairs[0].first, pair.first), (b, pairs[0].second, pair.second))
        ]
        for metric, formula in (("fpr95", fpr95), ("auroc", auroc)):
            found = pair.metrics[metric]
            assert found.first == pytest.approx(100 * formula(*scores[0]))
            assert found.second == pytest.approx(100 * formula(*scores[1]))
            assert found.value == pytest.approx(found.first - found.second)
            differences = [drawn(*scores[0], i)[metric] - drawn(*scores[1], i)[metric] for i in range(60)]
            replicates[metric].append(differences)
            np.testing.assert_allclose([found.low, found.high], 100 * np.percentile(differences, [2.5, 97.5]))
            assert found.is_significant == (found.low > 0 or found.high < 0)
    for metric, of_sets in replicates.items():
        found = pairs[3].metrics[metric]
        assert found.first == pytest.approx(np.mean([p.metrics[metric].first for p in pairs[1:3]]))
        expected = 100 * np.percentile(np.mean(of_sets, axis=0), [2.5, 97.5])
        np.testing.assert_allclose([found.low, found.high], expected)


def test_a_run_beside_itself_differs_by_nothing(sides):
    a, _ = sides
    for pair in compare_paired(a, a, 50):
        assert not pair.outcome_mask("first").any()
        assert not pair.outcome_mask("second").any()
        for found in pair.metrics.values():
            assert (found.value, found.low, found.high, found.is_significant) == (0, 0, 0, False)


def test_one_common_set_has_no_average(sides, tmp_path):
    a, _ = sides
    other = RunDetector(Samples(synthetic_run(tmp_path / "c", {"near": 40})), "heat")
    assert [p.name for p in compare_paired(a, other, 50)] == ["id", "near"]


def test_runs_with_nothing_in_common_give_a_sentence(sides, tmp_path):
    a, _ = sides
    other = RunDetector(Samples(synthetic_run(tmp_path / "c", {"elsewhere": 20})), "heat")
    with pytest.raises(HeatError, match="no OOD image in common"):
        compare_paired(a, other)
    object.__setattr__(a.samples.run.record.sets[0], "ids", np.array([f"x{i}" for i in range(60)]))
    with pytest.raises(HeatError, match="no known test image in common"):
        compare_paired(RunDetector(Samples(a.samples.run), "heat"), other)
