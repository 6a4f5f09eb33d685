"""Bands over seeds, paired differences, the paper's numbers, and what is written of them."""

import numpy as np
import pytest

from heat_core.analysis.comparison import compare
from heat_core.analysis.comparison_rows import Entry
from heat_core.analysis.metric_estimates import average_difference, average_over_seeds, estimate_metric
from heat_core.composition import HEAT, Lens
from heat_core.metrics import auroc
from heat_core.studies.execution import current_results, run_study
from heat_core.studies.page import StudyReport, to_html, to_markdown, write_all
from heat_core.studies.paper import add_paper_columns, paper_table
from heat_core.studies.request import StudyRequest, new_study
from heat_core.studies.results import metric_cache
from tests.synthetic import synthetic_run


def test_a_row_over_seeds_is_the_mean_of_its_seeds(tmp_path):
    runs = [synthetic_run(tmp_path / f"r{seed}", seed=seed) for seed in range(3)]
    table = compare([Entry(runs[0], HEAT, other_seeds=tuple(runs[1:]))])
    each = [
        np.mean([100 * auroc(run.scores("id"), run.scores(name)) for name in run.ood_names], dtype=np.float64)
        for run in runs
    ]
    assert table.cells[0][-1].value == pytest.approx(np.mean(each), abs=1e-9)
    alone = compare([Entry(runs[0], HEAT)]).cells[0][-1]
    many = table.cells[0][-1]
    assert many.low < many.value < many.high
    assert alone.low < alone.value < alone.high


def test_an_interval_over_seeds_holds_the_choice_of_the_seed():
    """Without any spread over images, what is left is the bootstrap of the seeds: that of a mean of three."""
    found = [(v, np.full(4000, v)) for v in (1.0, 2.0, 3.0)]
    value, drawn = average_over_seeds(found)
    assert value == 2.0
    assert drawn.mean() == pytest.approx(2.0, abs=0.05)
    assert drawn.var() == pytest.approx(np.var([1.0, 2.0, 3.0]) / 3, rel=0.1)


def test_a_difference_is_paired(tmp_path):
    """Of two scores that are nearly the same: its interval is far narrower than either's."""
    run = synthetic_run(tmp_path / "r", known=400, ood={"a": 400})
    found = average_difference(Entry(run, HEAT), Entry(run, HEAT, Lens(beta=0.05)), "auroc")
    cell = compare([Entry(run, HEAT)]).cells[0][-1]
    assert found.low <= found.value <= found.high
    assert found.high - found.low < 0.3 * (cell.high - cell.low)


def test_the_bench_measures_as_the_comparison_does(tmp_path):
    run = synthetic_run(tmp_path / "r")
    known, ood = run.scores("id"), run.scores("far")
    for metric in ("fpr95", "auroc"):
        value, drawn = metric_cache().estimate(known, ood, metric, 400)
        expected, replicates = estimate_metric(known, ood, metric, 400)
        assert value == expected
        np.testing.assert_array_equal(drawn, replicates)


@pytest.mark.parametrize(
    ("id_set", "study", "part", "row", "last"),
    [
        ("cifar10", "priors", "corrections", "heat-gmm", [31.5, 93.8]),
        ("cifar100", "priors", "ebm", "ebm", [79.5]),
        ("cifar10", "priors", "subsets", "heat-gmm+gmm-std+el", [23.5, 94.8]),
        ("cifar100", "methods", "methods", "heat", [63.9, 83.0]),
        ("imagenet", "methods", "methods", "dice", [35.9, 90.9]),
        ("imagenet", "methods", "vit", "vim", [18.1, 96.2]),
        ("imagenet", "methods", "supcon", "heat", [25.5, 94.6]),
        ("imagenet", "dice", "dice", "heat-gmm+gmm-std+dice", [31.7, 93.1]),
        ("imagenet", "methods", "openood", "heat", [37.7, 89.6]),
    ],
)
def test_the_papers_averages(id_set, study, part, row, last):
    assert paper_table(id_set, study, part)["rows"][row][-1] == last


def test_the_papers_tables_are_whole():
    for id_set, study, part in (("cifar10", "priors", "corrections"), ("imagenet", "cost", "cost")):
        table = paper_table(id_set, study, part)
        assert all(len(values) == len(table["columns"]) for values in table["rows"].values())
    averages = paper_table("cifar10", "priors", "corrections")["rows"]
    for values in averages.values():  # their own mean, to their own rounding
        np.testing.assert_allclose(np.mean(values[:-1], axis=0), values[-1], atol=0.2)


def test_our_table_gets_the_papers_columns(tmp_path):
    run = synthetic_run(tmp_path / "r")
    ours = compare([Entry(run, "gmm"), Entry(run, "heat-gmm"), Entry(run, "msp")])
    both = add_paper_columns(ours, "cifar10", "priors", "corrections")
    added = both.columns[len(ours.columns) :]
    assert added[0] == ("Tab. 1, ResNet-34", "C-100")
    assert [row[-1] and row[-1].value for row in both.cells] == [93.3, 93.8, None]
    assert add_paper_columns(ours, "", "priors", "corrections") is ours
    assert both.average_first().columns[0] == ("", "average")


def test_pages_show_given_names_as_text(base, tmp_path):
    study = new_study(StudyRequest("near-far", base, (0,)))
    run_study(study)
    written = StudyReport(study.request, *current_results(study))
    page, text = to_html(written), to_markdown(written)
    assert "<b>away" not in page.partition("</script>")[2].replace("&lt;b&gt;away", "")
    assert "\\<b\\>away" in text
    assert "study near-far" in text
    folder = tmp_path / "out"
    assert write_all(written, folder) == folder / "index.html"
    assert {p.suffix for p in folder.iterdir()} == {".html", ".md", ".csv", ".tex"}
