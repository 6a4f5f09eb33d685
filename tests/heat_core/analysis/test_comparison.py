"""The comparison table on the demo run, and the bootstrap behind it."""

import csv

import numpy as np
import pytest

from heat_core import Experiment, HeatError, Lens
from heat_core.analysis.comparison import compare, rank_column
from heat_core.analysis.comparison_rows import Entry, ScoreSource, entries_of, interleave_runs
from heat_core.analysis.metric_estimates import estimate_metric
from heat_core.metrics import auroc, bootstrap, fpr95
from heat_core.reporting.tables import to_csv, to_latex, to_markdown
from tests.synthetic import synthetic_run

RNG = np.random.default_rng(0)


def test_bootstrap_weights_are_resamples():
    """Weighted sums over the sorted scores against the metrics of scores that are really drawn again; ties included."""
    id_scores, ood_scores = np.round(RNG.normal(size=90), 1), np.round(RNG.normal(1, 1, size=70), 1)
    found = bootstrap(id_scores, ood_scores, replicates=50)
    from heat_core.metrics import bootstrap_weights

    for b in (0, 7, 49):
        drawn_id = np.repeat(id_scores, bootstrap_weights(90, 50, 0)[b].astype(int))
        drawn_ood = np.repeat(ood_scores, bootstrap_weights(70, 50, 1)[b].astype(int))
        assert found["auroc"][b] == pytest.approx(auroc(drawn_id, drawn_ood))
        nearest = np.sort(drawn_id)[int(np.ceil(0.95 * 90)) - 1]
        assert found["fpr95"][b] == pytest.approx((drawn_ood <= nearest).mean())
        assert abs(found["fpr95"][b] - fpr95(drawn_id, drawn_ood)) < 0.1


def test_bootstrap_interval_covers_the_spread_of_new_samples():
    areas = [auroc(RNG.normal(size=200), RNG.normal(1, 1, size=200)) for _ in range(300)]
    resampled = bootstrap(RNG.normal(size=200), RNG.normal(1, 1, size=200))["auroc"]
    assert resampled.std() == pytest.approx(np.std(areas), rel=0.25)


def test_bootstrap_is_paired():
    id_scores, ood_scores = RNG.normal(size=300), RNG.normal(1, 1, size=300)
    a = bootstrap(id_scores, ood_scores)["auroc"]
    b = bootstrap(2 * id_scores + 1, 2 * ood_scores + 1)["auroc"]  # the same ranking: the same replicates
    np.testing.assert_allclose(a, b)


def test_rows_groups_and_averages(demo_run):
    table = compare(entries_of(demo_run), "auroc", replicates=50)
    assert table.labels[:3] == ["MSP", "MaxLogit", "EL"]
    assert table.labels[-1] == "HEAT"
    assert table.columns == [
        ("near", "unseen digits"),
        ("mid", "patched digits"),
        ("far", "photo patches"),
        ("", "average"),
    ]
    metrics = demo_run.metrics()
    for label, row in zip(table.labels, table.cells, strict=True):
        detector = next(d for d in demo_run.detectors if demo_run.title(d) == label)
        assert row[0].value == pytest.approx(100 * metrics[detector]["unseen digits"]["auroc"])
        assert row[-1].value == pytest.approx(100 * metrics[detector]["average"]["auroc"])
        assert all(c.low <= c.value + 0.5 and c.value <= c.high + 0.5 for c in row)
    for j in range(4):
        column = [row[j] for row in table.cells]
        best = max(c.value for c in column)
        assert all((c.rank == 1) == c.is_tied for c in column)
        assert all(c.is_tied for c in column if c.value == best)
        rest = [c.value for c in column if not c.is_tied]
        assert [c.value for c in column if c.rank == 2] == [max(rest)]


def test_group_averages_over_several_sets(tmp_path):
    groups = {"unseen digits": "near", "patched digits": "near"}
    run = synthetic_run(tmp_path / "run", dict.fromkeys((*groups, "photo patches"), 40), groups=groups)
    table = compare([Entry(run, "el")], "fpr95", replicates=50)
    assert [n for _, n in table.columns] == [
        "unseen digits",
        "patched digits",
        "near average",
        "photo patches",
        "average",
    ]
    values = [c.value for c in table.cells[0]]
    assert values[2] == pytest.approx(np.mean(values[:2]))
    assert values[4] == pytest.approx(np.mean([values[0], values[1], values[3]]))


def test_subsets_are_those_of_table_3(demo_run):
    rows = entries_of(demo_run, ["heat"], Lens(-1.0), subsets=True)
    assert [r.label for r in rows] == ["HEAT", "HEAT-GMM+GMM-std", "HEAT-GMM+EL", "HEAT-GMM-std+EL"]
    np.testing.assert_array_equal(rows[2].scores("id")[0], demo_run.scores("id", Lens(-1.0, ("gmm", "el"))))


def test_files_hold_the_same_numbers(demo_run):
    table = compare(entries_of(demo_run, ["el", "heat"]), "auroc", replicates=50)
    lines = list(csv.DictReader(to_csv(table).splitlines()))
    assert float(lines[0]["value"]) == table.cells[0][0].value
    assert {line["row"] for line in lines} == {"EL", "HEAT"}
    markdown, latex = to_markdown(table), to_latex(table)
    shown = f"{table.cells[1][-1].value:.1f}"
    assert f"**{shown}**" in markdown
    assert rf"\textbf{{{shown}}}" in latex
    assert latex.count(r"\\") == 4
    assert r"\multicolumn{1}{c}{near}" in latex


def marked(values: list[float], replicas: list[list[float]], lower: bool = False) -> list[tuple[int, bool]]:
    """(place, tied) of each row of one column."""
    cells = dict(rank_column(np.array(values), [np.array(r) for r in replicas], lower))
    return [(cells[i].rank, cells[i].is_tied) for i in range(len(values))]


def test_bold_marks_the_best_unrounded_value_and_its_ties():
    """Bold are the best unrounded value and every value that cannot be distinguished from it."""
    apart = [[v] * 50 for v in (90.04, 90.02, 80.0, 70.0)]
    assert marked([90.04, 90.02, 80.0, 70.0], apart) == [(1, True), (2, False), (3, False), (4, False)]
    assert marked([90.04, 90.02, 80.0, 70.0], apart, lower=True)[::-1] == [
        (1, True),
        (2, False),
        (3, False),
        (4, False),
    ]
    wide = [[90.0, 91.0] * 25, [91.0, 90.0] * 25, [80.0, 81.0] * 25]  # the difference of the first two changes its sign
    assert marked([90.4, 90.1, 80.5], wide) == [(1, True), (1, True), (2, False)]
    paired = [[90.0, 91.0] * 25, [89.9, 90.9] * 25]  # as wide, but always below the best
    assert marked([90.5, 90.4], paired) == [(1, True), (2, False)]
    assert marked([90.5, 90.5, 90.4], [[], [], []]) == [(1, True), (1, True), (2, False)]  # no interval: equals alone


def test_rows_of_other_sizes_are_compared_on_shared_resamples():
    """Rows with different numbers of resamples are distinguished by the resamples that both have."""
    assert marked([90.0, 89.0], [[90.0, 88.0] * 50, [89.0, 90.0] * 25]) == [(1, True), (1, True)]
    assert marked([90.0, 60.0], [[90.0, 88.0] * 50, [60.0, 61.0] * 25]) == [(1, True), (2, False)]


def test_every_cell_says_whose_and_of_what_it_is(tmp_path):
    run = synthetic_run(tmp_path / "run", {"a": 30, "b": 30, "c": 30}, groups={"a": "near", "b": "near"})
    table = compare(entries_of(run, ["el", "heat"], Lens(-1.0), subsets=True), "auroc", 50)
    assert table.sources[:2] == [ScoreSource("run", "el", Lens(-1.0)), ScoreSource("run", "heat", Lens(-1.0))]
    assert table.sources[2].lens == Lens(-1.0, ("gmm", "gmm-std"))
    assert table.members == [("a",), ("b",), ("a", "b"), ("c",), ("a", "b", "c")]
    turned = table.average_first()
    assert turned.columns == [("", "average"), *table.columns[:-1]]
    assert turned.members == [("a", "b", "c"), *table.members[:-1]]
    assert [row[0] for row in turned.cells] == [row[-1] for row in table.cells]
    best = table.best_first()
    for label, source in zip(best.labels, best.sources, strict=True):
        assert source == table.sources[table.labels.index(label)]


def test_the_function_that_measures_may_cache(tmp_path):
    run, seen = synthetic_run(tmp_path / "run"), []

    def remembering(known, ood, metric, replicates):
        seen.append((len(known), len(ood), metric, replicates))
        return estimate_metric(known, ood, metric, replicates)

    entries = entries_of(run, ["el", "gmm"])
    assert compare(entries, "fpr95", 60, remembering).cells == compare(entries, "fpr95", 60).cells
    assert seen == [(60, 40, "fpr95", 60), (60, 50, "fpr95", 60)] * 2


def test_rows_of_the_same_detector_stand_beside_each_other(tmp_path):
    runs = [synthetic_run(tmp_path / name, seed=i) for i, name in enumerate("ab")]
    rows = interleave_runs([entries_of(run, ["el", "heat"], Lens(i), True, True) for i, run in enumerate(runs)])
    assert [row.label for row in rows] == [
        f"{title} · {run}"
        for title in ("EL", "HEAT", "HEAT-GMM+GMM-std", "HEAT-GMM+EL", "HEAT-GMM-std+EL")
        for run in "ab"
    ]
    some = interleave_runs(
        [entries_of(runs[0], ["heat"], Lens(0, ("gmm",)), named=True), entries_of(runs[1], ["heat"])]
    )
    assert [row.label for row in some] == ["HEAT-GMM · a", "HEAT"]


def test_names_place_sets_only_beside_the_papers_own_id_sets(tmp_path):
    run = synthetic_run(tmp_path / "run", {"textures": 30, "svhn": 30})
    assert compare([Entry(run, "el")], "auroc", 50).groups == [("", 3)]  # known images called "known"
    run.experiment.id = "cifar10"
    assert compare([Entry(run, "el")], "auroc", 50).groups == [("far", 3), ("", 1)]


@pytest.mark.parametrize(
    ("known", "far"), [("cifar10", "far"), ("/data/CIFAR-100/train", "far"), ("imagenet", "far"), ("flowers", None)]
)
def test_textures_is_far_from_the_papers_id_sets_alone(known, far):
    """A set called textures counts as far only from the paper's ID sets."""
    sets = {"textures": "a", "Tiny ImageNet": "b", "own": "c"}
    experiment = Experiment(id=known, ood=sets, groups={"own": "mid"})
    assert [experiment.group(name) for name in sets] == [far, far and "near", "mid"]
    assert Experiment(id=known, ood=sets, groups={"textures": "near"}).group("textures") == "near"


def test_two_runs_side_by_side(demo_run):
    rows = entries_of(demo_run, ["heat"], named=True) + entries_of(demo_run, ["el"], named=True)
    assert [r.label for r in rows] == ["HEAT · demo", "EL · demo"]
    assert compare(rows, "fpr95", replicates=50).cells[0][0] is not None


def test_nothing_to_compare_gives_a_sentence(demo_run):
    with pytest.raises(HeatError, match="at least one"):
        compare([])
    with pytest.raises(HeatError, match="no metric"):
        compare(entries_of(demo_run), "accuracy")


def test_a_run_without_any_of_the_rows_adds_none(demo_run):
    assert entries_of(demo_run, []) == []
