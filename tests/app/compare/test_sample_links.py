"""Which cells of a table lead to their images."""

from app.compare.sample_links import links_to_missed
from heat_core import Run
from heat_core.analysis.comparison_rows import ScoreSource
from heat_core.runs.results_file import ENERGIES, RunRecord
from heat_core.workbench.view_state import ViewState
from tests.synthetic import synthetic_run


def test_a_detector_named_as_a_combination_has_links(home):
    run = synthetic_run(home / "runs" / "a")
    link = links_to_missed([run], ViewState())
    assert link(ScoreSource(run.id, "fisher"), ("near",)) is None
    record = RunRecord.load(run.folder / ENERGIES)
    record.titles["fisher"] = "Fisher's linear discriminant"
    for found in record.sets:
        found.scores["fisher"] = found.scores["msp"]
    record.save(run.folder / ENERGIES)
    own = Run.open(run.folder)
    link = links_to_missed([own], ViewState())
    assert "fisher" in link(ScoreSource(own.id, "fisher"), ("near",))
    assert link(ScoreSource(own.id, "harmonic"), ("near",)) is None
