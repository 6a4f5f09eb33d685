"""The study `updates`: its curves are the runs' own numbers, and its residuals end with their last update."""

from dataclasses import replace

import numpy as np
import pytest

from heat_core.composition import HEAT
from heat_core.errors import HeatError
from heat_core.runs.row_names import corrected_row, prior_row
from heat_core.studies.curve_studies import UPDATES
from heat_core.studies.execution import current_results, run_study
from heat_core.studies.request import StudyRequest, new_study
from heat_core.studies.study import EBM


def mean_of(runs, row: str, metric: str) -> float:
    return 100 * float(np.mean([run.metrics()[row]["average"][metric] for run in runs]))


@pytest.mark.parametrize("width", [8, "12"])
def test_curves_are_the_numbers_of_the_runs(base, width):
    base = replace(base, settings=base.settings | {"saturation": 0.01, "width": width})
    study = new_study(StudyRequest("updates", base, (0, 1), (9.0, 3.0)))
    run_study(study)
    finished, (together, *parts) = current_results(study)
    assert [setting.label for setting, _ in finished.runs] == ["base", "3 updates", "9 updates"]
    for setting, runs in finished.runs[1:]:
        settings = runs[0].experiment.settings
        assert (settings["updates"], settings["saturation"], settings["stop_below"]) == (setting.value, 0, 0)
        assert settings["width"] == width
        ends = [e for e in runs[0].events() if e.get("prior") == "gmm" and "epochs" in e]
        assert ends[-1]["epoch"] == ends[-1]["epochs"] == base.settings["epochs"]

    rows = [*map(corrected_row, base.priors), HEAT, EBM]
    by_metric = {curves.metric: curves for curves in together.curves}
    titles = {row: finished.runs[0][1][0].title(row) for row in (*rows, *map(prior_row, base.priors))}
    for metric, curves in by_metric.items():
        assert (curves.x, list(curves.bands)) == (("3", "9"), [titles[row] for row in rows])
        for row in rows:
            expected = [mean_of(runs, row, metric) for _, runs in finished.runs[1:]]
            np.testing.assert_allclose(curves.bands[titles[row]].mean, expected, atol=1e-9)
        priors = {titles[prior_row(p)]: mean_of(finished.runs_of("base"), prior_row(p), metric) for p in base.priors}
        assert curves.levels == pytest.approx(priors)
    for row, part in zip(rows, parts, strict=True):
        for curves in part.curves:
            assert list(curves.bands) == [titles[row]]
            expected = {f"{titles[row]}, the base": mean_of(finished.runs_of("base"), row, curves.metric)}
            assert curves.levels == pytest.approx(expected)
    assert together.answers[0].startswith("HEAT-GMM, 9 updates against 3 updates: ")
    assert "unless its training diverged" in together.answers[-2]
    assert together.answers[-1] == "Residuals are rescaled as in the base; --set balanced=false shows them as trained."


@pytest.mark.parametrize("value", [0.0, 2.5, float("inf"), float("nan")])
def test_a_number_of_updates_is_a_whole_number(base, value):
    with pytest.raises(HeatError, match=r"A number of updates must be a whole number of at least 1\."):
        UPDATES.vary(base, (3.0, value))
