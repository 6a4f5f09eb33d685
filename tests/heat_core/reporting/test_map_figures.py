"""Maps draw every point with its row, its text and its colour."""

import numpy as np

from heat_core.reporting import map_figures
from tests.heat_core.reporting.figure_checks import FOREIGN

RNG = np.random.default_rng(0)


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


def test_a_score_map_colours_up_to_the_99th_percentile():
    """A score map colours from the first to the 99th percentile."""
    xy, scores = RNG.normal(size=(300, 2)), RNG.normal(size=300)
    figure = map_figures.score_map(xy, scores, [f"s{i}" for i in range(300)])
    (trace,) = figure.data
    np.testing.assert_array_equal(trace.marker.color, scores)
    assert (trace.marker.cmin, trace.marker.cmax) == tuple(np.percentile(scores, [1, 99]))
    np.testing.assert_array_equal(np.c_[trace.x, trace.y], xy)
    np.testing.assert_array_equal(trace.customdata, np.arange(300))
    assert trace.text[17] == "s17"
