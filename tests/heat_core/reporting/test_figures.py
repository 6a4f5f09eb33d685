"""Figures draw the numbers that went in, and carry names of other people's making as they are."""

import json

import numpy as np
import pytest

from heat_core import Lens
from heat_core.analysis.beta_sweep import BETAS
from heat_core.analysis.explanation import Explanation, PriorContribution, explain
from heat_core.composition import format_beta
from heat_core.metrics import auroc, fpr95, roc_curve, threshold95
from heat_core.reporting import figure_layout, figures, map_figures, palette, sample_figures
from tests.synthetic import synthetic_run

RNG = np.random.default_rng(0)
FOREIGN = "<b>bold</b> %{y} $x^2$ **md** `é` 東京"


def named(figure) -> dict:
    return {trace.name: trace for trace in figure.data}


def lines_of(figure, axis: str) -> list:
    """Where lines were drawn across the figure: at which x, or at which y."""
    ends = [(shape[f"{axis}0"], shape[f"{axis}1"]) for shape in figure.layout.shapes]
    assert all(a == b for a, b in ends)
    return [a for a, _ in ends]


# ---- histogram -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bins", [1, 60])
def test_histogram_bars_are_the_share_of_each_set(bins):
    known, ood = RNG.normal(size=200), {"near": RNG.normal(1, 1, 50), "far": RNG.normal(4, 2, 75)}
    figure = figures.score_histogram(known, ood, 1.5, bins=bins)
    traces = named(figure)
    assert list(traces) == ["ID test (200)", "near (50)", "far (75)"]
    everything = np.concatenate([known, *ood.values()])
    edges = np.linspace(everything.min(), np.percentile(np.r_[everything, 1.5], 99), bins + 1)
    for trace, scores in zip(figure.data, (known, *ood.values()), strict=True):
        assert len(trace.y) == bins
        assert sum(trace.y) == pytest.approx(100)
        expected = np.histogram(scores[scores <= edges[-1]], edges)[0]
        expected[-1] += (scores > edges[-1]).sum()
        np.testing.assert_allclose(trace.y, 100 * expected / len(scores))
        np.testing.assert_allclose(trace.x, (edges[:-1] + edges[1:]) / 2)
        assert trace.width == pytest.approx(edges[1] - edges[0])
    assert [t.marker.color for t in figure.data] == [palette.ID, *palette.of_sets(list(ood)).values()]
    assert figure.layout.barmode == "overlay"


def test_histogram_shows_the_threshold_and_what_it_is_called():
    figure = figures.score_histogram(RNG.normal(size=50), {"a": RNG.normal(size=9)}, 0.25, "set by hand")
    assert lines_of(figure, "x") == [0.25]
    assert [a.text for a in figure.layout.annotations] == ["set by hand"]


def test_the_last_bin_gathers_what_lies_beyond_the_99th_percentile_and_reaches_the_threshold():
    known, far = np.linspace(0, 1, 500), np.r_[np.linspace(0, 1, 99), 1e9]
    figure = figures.score_histogram(known, {"far": far}, 0.9)
    assert max(figure.data[0].x) < 2
    assert figure.data[1].y[-1] >= 1
    assert sum(figure.data[1].y) == pytest.approx(100)
    wide = figures.score_histogram(known, {"far": far}, 7.0)
    assert wide.data[0].x[-1] + wide.data[0].width / 2 == pytest.approx(7)


def test_infinite_scores_are_in_the_first_and_the_last_bin():
    known = np.r_[RNG.normal(size=97), -np.inf, -np.inf, np.inf]
    ood = {"far": np.r_[np.full(30, np.inf), 0.0]}
    figure = figures.score_histogram(known, ood, 1.0)
    for trace in figure.data:
        assert sum(trace.y) == pytest.approx(100)
        assert np.isfinite(trace.x).all()
    assert figure.data[0].y[0] >= 2
    assert figure.data[1].y[-1] == pytest.approx(100 * 30 / 31)


@pytest.mark.parametrize(
    ("known", "ood", "threshold"),
    [
        (np.full(4, np.inf), np.full(4, np.inf), np.inf),
        (np.full(4, 3.0), np.full(4, 3.0), 3.0),
        (np.array([1.0, np.inf, np.inf]), np.array([np.inf]), np.inf),
        (np.array([-np.inf]), np.array([-np.inf]), -np.inf),
    ],
    ids=["all infinite", "all alike", "threshold infinite", "minus infinity"],
)
def test_degenerate_scores_still_make_a_histogram(known, ood, threshold):
    figure = figures.score_histogram(known, {"far": ood}, threshold)
    for trace in figure.data:
        assert sum(trace.y) == pytest.approx(100)
        assert np.isfinite(trace.x).all()
        assert trace.width > 0
    assert len(json.loads(figure.to_json())["data"]) == 2


# ---- curves ----------------------------------------------------------------------------------------------------------


def test_roc_curves_run_from_the_origin_to_one_one_and_meet_the_line_at_fpr95():
    known, sets = RNG.normal(size=400), {"near": RNG.normal(1, 1, 300), FOREIGN: RNG.normal(4, 1, 300)}
    figure = figures.roc_curves({name: roc_curve(known, s, points=5000) for name, s in sets.items()})
    assert [t.name for t in figure.data] == list(sets)
    assert [t.line.color for t in figure.data] == list(palette.of_sets(list(sets)).values())
    assert lines_of(figure, "y") == [0.95]
    for trace, scores in zip(figure.data, sets.values(), strict=True):
        assert (trace.x[0], trace.y[0]) == (0, 0)
        assert (trace.x[-1], trace.y[-1]) == (1, 1)
        assert np.trapezoid(trace.y, trace.x) == pytest.approx(auroc(known, scores), abs=1e-3)
        on_the_line = trace.x[trace.y == 0.95]
        assert on_the_line.min() <= fpr95(known, scores) <= on_the_line.max()


def test_training_curves_show_each_key_of_the_epochs_that_have_it():
    epochs = [
        {"stage": "residual", "epoch": 1, "loss": 0.5, "hybrid_data": 2.0},
        {"stage": "residual", "message": "saved"},
        {"stage": "residual", "epoch": 2, "loss": -0.25},
        {"stage": "residual", "epoch": 3, "loss": -1.0, "hybrid_data": 1.0},
    ]
    figure = figures.training_curves(epochs, {"loss": "loss <1>", "hybrid_data": "data", "nothing": "none"}, "energy")
    traces = named(figure)
    assert (traces["loss <1>"].x, traces["loss <1>"].y) == ((1, 2, 3), (0.5, -0.25, -1.0))
    assert (traces["data"].x, traces["data"].y) == ((1, 3), (2.0, 1.0))
    assert not traces["none"].x
    assert len({t.line.color for t in figure.data}) == 3
    assert figure.layout.yaxis.title.text == "energy"


def test_the_beta_curve_marks_the_current_beta_at_its_step():
    betas = [format_beta(b) for b in (-np.inf, -1.0, 0.0, 0.5, np.inf)]
    figure = figures.beta_curve(betas, [9.0, 8.0, 7.0, 7.5, 8.5], [90.0, 91.0, 93.0, 92.0, 91.5], "0.5")
    below, above = figure.data
    assert (below.x, below.y) == (("−∞", "−1", "0", "0.5", "+∞"), (9.0, 8.0, 7.0, 7.5, 8.5))
    assert (above.x, above.y) == (below.x, (90.0, 91.0, 93.0, 92.0, 91.5))
    assert below.name.startswith("FPR95")
    assert above.name.startswith("AUROC")
    assert lines_of(figure, "x") == [3]
    assert figure.layout.xaxis.type == "category"  # else "−1" and "+∞" would not stand side by side
    for current in (None, "0.123"):
        assert not figures.beta_curve(betas, [1.0] * 5, [1.0] * 5, current).layout.shapes


def test_every_second_step_of_beta_is_written_and_0_among_them():
    betas = [format_beta(b) for b in BETAS]
    ticks = list(figures.beta_curve(betas, [1.0] * len(betas), [1.0] * len(betas), "2").layout.xaxis.tickvals)
    assert {"−∞", "0", "+∞"} <= set(ticks)
    assert ticks == [beta for i, beta in enumerate(betas) if (i - betas.index("0")) % 2 == 0]
    with_own = [*betas[:3], "−25", *betas[3:]]
    assert "0" in figures.beta_curve(with_own, [1.0] * 30, [1.0] * 30, "−25").layout.xaxis.tickvals


def test_ten_sets_stay_tellable_and_leave_the_plot_its_size():
    known = RNG.normal(size=50)
    sets = {f"{i}" + "x" * 60 if i == 9 else f"set {i}": RNG.normal(1, 1, 40) for i in range(10)}
    histogram, roc = (
        figures.score_histogram(known, sets, 1.0),
        figures.roc_curves({name: roc_curve(known, s) for name, s in sets.items()}),
    )
    three = figures.score_histogram(known, dict(list(sets.items())[:3]), 1.0)
    for figure in (histogram, roc):
        assert figure.layout.height >= three.layout.height + 7 * 18
        assert figure.layout.xaxis.automargin
        assert figure.layout.yaxis.automargin
    looks = {(t.marker.color, t.marker.pattern.shape) for t in histogram.data}
    assert len(looks) == 11
    assert len({(t.line.color, t.line.dash) for t in roc.data}) == 10
    assert roc.data[-1].name == "9" + "x" * 17 + "…" + "x" * 17
    assert len(histogram.data[-1].name) <= 36 + len(" (40)")


# ---- intervals -------------------------------------------------------------------------------------------------------


def test_intervals_reach_from_low_to_high_and_the_first_row_is_on_top():
    labels, values = ["MSP", "HEAT", FOREIGN, "AUPR"], [80.0, 95.0, 70.0, 60.0]
    low, high = [78.0, 94.0, 65.5, np.nan], [83.0, 95.5, 71.0, np.nan]
    figure = figures.interval_chart(labels, values, low, high, "AUROC")
    for i, trace in enumerate(figure.data):
        assert (trace.x, trace.y) == ((values[i],), (labels[i],))
        if i < 3:
            assert values[i] + trace.error_x.array[0] == pytest.approx(high[i])
            assert values[i] - trace.error_x.arrayminus[0] == pytest.approx(low[i])
            assert trace.error_x.symmetric is False
    assert figure.data[3].error_x.array is None  # no interval, but the point
    assert figure.layout.yaxis.autorange == "reversed"
    assert figure.layout.yaxis.type == "category"
    assert [t.marker.symbol for t in figure.data] == ["circle", "diamond", "circle", "circle"]
    assert figure.data[1].marker.color != figure.data[0].marker.color
    assert figure.layout.xaxis.title.text.startswith("AUROC")


def test_long_rows_are_broken_at_spaces_and_get_the_room():
    long = "HEAT-GMM+EL · a run &lt;b&gt; of a name that nobody can read at a glance"
    short, broken = (
        figures.interval_chart([label, "MSP"], [1.0, 2.0], [0.5, 1.0], [2.0, 3.0], "AUROC") for label in ("HEAT", long)
    )
    first, second = broken.layout.yaxis.ticktext
    assert first.replace("<br>", " ") == long
    assert all(len(line) <= 36 for line in first.split("<br>"))
    assert second == "MSP"
    assert list(broken.layout.yaxis.tickvals) == [long, "MSP"]
    assert broken.layout.height > short.layout.height


# ---- maps ------------------------------------------------------------------------------------------------------------


def test_a_map_has_every_groups_points_with_their_rows_and_texts():
    xy, rows = (
        RNG.normal(size=(9, 2)),
        {"ID test": np.array([0, 2, 4]), FOREIGN: np.array([8, 1]), "none": np.empty(0, int)},
    )
    text = [f"sample {i} <i>" for i in range(9)]
    colours = {"ID test": "#111111", FOREIGN: "#222222", "none": "#333333"}
    figure = map_figures.feature_map(xy, rows, colours, text)
    assert [t.name for t in figure.data] == ["ID test (3)", f"{FOREIGN} (2)", "none (0)"]
    for trace, chosen, colour in zip(figure.data, rows.values(), colours.values(), strict=True):
        np.testing.assert_array_equal(np.c_[trace.x, trace.y], xy[chosen])
        np.testing.assert_array_equal(trace.customdata, chosen)
        assert list(trace.text) == [text[i] for i in chosen]
        assert trace.marker.color == colour
        assert trace.type == "scatter"
    assert len({t.marker.symbol for t in figure.data}) == 3
    assert figure.layout.yaxis.scaleanchor == "x"


def test_a_map_of_many_points_is_drawn_by_the_gpu():
    xy = np.zeros((map_figures.MAX_SVG_POINTS + 1, 2))
    for n, kind in ((map_figures.MAX_SVG_POINTS, "scatter"), (map_figures.MAX_SVG_POINTS + 1, "scattergl")):
        text = [""] * n
        assert map_figures.feature_map(xy[:n], {"a": np.arange(n)}, {"a": "#000000"}, text).data[0].type == kind
        assert map_figures.score_map(xy[:n], np.arange(n), text).data[0].type == kind


def test_a_score_map_colours_from_the_first_to_the_99th_percentile():
    xy, scores = RNG.normal(size=(300, 2)), RNG.normal(size=300)
    figure = map_figures.score_map(xy, scores, [f"s{i}" for i in range(300)])
    (trace,) = figure.data
    np.testing.assert_array_equal(trace.marker.color, scores)
    assert (trace.marker.cmin, trace.marker.cmax) == tuple(np.percentile(scores, [1, 99]))
    np.testing.assert_array_equal(np.c_[trace.x, trace.y], xy)
    np.testing.assert_array_equal(trace.customdata, np.arange(300))
    assert trace.text[17] == "s17"


# ---- one sample ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lens", [Lens(), Lens(2.0), Lens(-0.5, ("el", "gmm")), Lens(1.0, weights=(1, 0, 3))], ids=str)
def test_the_waterfall_adds_up_to_the_score(tmp_path, lens):
    run = synthetic_run(tmp_path / "run")
    told = explain(run, run.prior_energies("far")[4], run.residual_energies("far")[4], lens)
    figure = sample_figures.score_contributions(told, 1.25, run.title)
    (bars,) = figure.data
    assert list(bars.measure) == ["relative"] * (len(bars.y) - 1) + ["total"]
    assert sum(bars.y[:-1]) == pytest.approx(run.scores("far", lens)[4])
    assert bars.y[-1] is None
    assert bars.text[-1] == f"{told.score:.2f}"
    chosen = {"gmm": "GMM", "gmm-std": "GMM-std", "el": "EL"}
    labels = [text for p in told.contributions for text in (f"{chosen[p.prior]} prior", "its residual")]
    labels += ["β"] if lens.beta else []
    assert list(figure.layout.xaxis.ticktext) == [*labels, "score"]
    assert list(figure.layout.xaxis.tickvals) == list(bars.x) == list(range(len(labels) + 1))
    assert lines_of(figure, "y") == [1.25]
    for i, part in enumerate(told.contributions):
        assert bars.y[2 * i : 2 * i + 2] == (part.from_prior, part.from_residual)
        assert bars.text[2 * i] == f"{part.from_prior:+.2f}"


def test_a_bar_for_beta_stands_only_where_it_adds_something():
    part = PriorContribution("el", 1.0, 0.5, 1.5, 1.5, 1.0, 1.0, 0.5)
    without = sample_figures.score_contributions(Explanation([part], 1e-15, 1.5), 0.0, str)
    assert list(without.layout.xaxis.ticktext) == ["heat-el prior", "its residual", "score"]
    with_it = sample_figures.score_contributions(Explanation([part], -0.25, 1.25), 0.0, lambda row: f"HEAT-{FOREIGN}")
    assert list(with_it.layout.xaxis.ticktext) == [f"{FOREIGN} prior", "its residual", "β", "score"]
    assert with_it.data[0].y == (1.0, 0.5, -0.25, None)


def test_percentiles_are_bars_from_the_first_detector_down():
    figure = sample_figures.percentiles({"MSP": 0.5, FOREIGN: 0.951, "HEAT": 1.0, "EL": 0.95})
    (bars,) = figure.data
    assert bars.y == ("EL", "HEAT", FOREIGN, "MSP")  # Plotly stacks upwards
    assert bars.x == pytest.approx((95, 100, 95.1, 50))
    known, unknown = bars.marker.color[0], bars.marker.color[1]
    assert bars.marker.color == (known, unknown, unknown, known)
    assert known != unknown
    assert lines_of(figure, "x") == [95]
    assert tuple(figure.layout.xaxis.range) == (0, 100.5)


# ---- foreign text ----------------------------------------------------------------------------------------------------


def test_foreign_text_is_carried_as_given():
    """In the figure's own description, in which a browser gets it; nothing is stripped, parsed or mixed up."""
    scores = RNG.normal(size=20)
    histogram = figures.score_histogram(scores, {FOREIGN: scores + 1}, threshold95(scores), FOREIGN)
    assert histogram.data[1].name == f"{FOREIGN} (20)"
    assert histogram.layout.annotations[0].text == FOREIGN
    shown = json.loads(histogram.to_json())
    assert shown["data"][1]["name"] == f"{FOREIGN} (20)"
    page = figures.roc_curves({"</script><script>alert(1)": roc_curve(scores, scores)}).to_html(include_plotlyjs=False)
    assert "</script><script>alert" not in page


def test_the_plotting_library_comes_along():
    code = figure_layout.plotly_js()
    assert len(code) > 1_000_000
    assert "newPlot" in code
    assert "</script>" not in code
