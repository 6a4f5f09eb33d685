"""Figures draw the numbers that went in, and carry given names unchanged."""

import json

import numpy as np
import pytest

from heat_core.analysis.beta_sweep import BETAS
from heat_core.composition import format_beta
from heat_core.metrics import auroc, fpr95, roc_curve
from heat_core.reporting import figure_layout, figures, palette
from heat_core.thresholds import threshold95
from tests.heat_core.reporting.figure_checks import FOREIGN, lines_of

RNG = np.random.default_rng(0)


def named(figure) -> dict:
    return {trace.name: trace for trace in figure.data}


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


def test_the_last_bin_holds_the_tail_and_reaches_the_threshold():
    """The last bin holds what lies beyond the 99th percentile, and it reaches the threshold."""
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


def test_roc_curves_span_the_unit_square_through_fpr95():
    """ROC curves run from (0, 0) to (1, 1) and meet the line at FPR95."""
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


def test_training_curves_show_each_key_where_it_exists():
    """Training curves show each key for the epochs that have it."""
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


def test_intervals_span_low_to_high_first_row_on_top():
    """Intervals reach from low to high, and the first row is on top."""
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


# ---- foreign text ----------------------------------------------------------------------------------------------------


def test_given_text_is_carried_unchanged():
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
