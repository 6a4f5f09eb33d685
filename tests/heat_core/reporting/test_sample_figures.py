"""Figures of one sample: what its score is made of, and where it stands."""

import pytest

from heat_core import Lens
from heat_core.analysis.explanation import Explanation, PriorContribution, explain
from heat_core.reporting import sample_figures
from tests.heat_core.reporting.figure_checks import FOREIGN, lines_of
from tests.synthetic import synthetic_run


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
