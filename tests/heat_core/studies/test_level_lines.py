"""What a study shows beside its curves and times: only what was measured, under its true name."""

from dataclasses import replace

import pytest

from heat_core.studies.cost_study import COST
from heat_core.studies.curve_studies import LAMBDA
from heat_core.studies.study import FinishedRuns, StudySetting
from tests.synthetic import synthetic_run


def finished(run, measurements=None, **changes) -> FinishedRuns:
    """A base and a setting of it that are finished."""
    run.__dict__["experiment"] = replace(run.experiment, **changes)
    base, varied = StudySetting("base", run.experiment), StudySetting("λ = 1", run.experiment, 1.0)
    return FinishedRuns(((base, (run,)), (varied, (run,))), measurements or {})


def test_without_a_network_there_is_no_time_of_an_ensemble(tmp_path):
    """Earlier versions stored a time of 0 for it."""
    ms = dict.fromkeys(("gmm", "gmm-std", "el"), 0.25) | {"residual": 0.5, "heat": 2.25, "ensemble": 0.0}
    (result,) = COST.show(finished(synthetic_run(tmp_path / "run"), {"ms": ms, "device": "CPU", "batch": 256}))
    assert result.tables[0].labels == ["GMM", "GMM-std", "EL", "a residual", "HEAT"]
    assert "without the network, since the features were given" in result.answers[0]


@pytest.mark.parametrize(("balanced", "line"), [(True, ", rescaled"), (False, ", the base")])
def test_the_base_is_called_rescaled_only_where_it_is(tmp_path, balanced, line):
    result = LAMBDA.show(finished(synthetic_run(tmp_path / "run"), settings={"balanced": balanced}))[0]
    assert next(name for name in result.curves[0].levels if "HEAT" in name).endswith(line)
