"""Findings on every question about a run, for notebooks, the command line and reports."""

from heat_core.analysis.facets import Tags
from heat_core.analysis.notes import read_notes
from heat_core.analysis.questions import Query, questions_of
from heat_core.analysis.samples import Samples
from heat_core.composition import PLAIN, Lens
from heat_core.findings.slices import QuestionFindings, find_slices
from heat_core.runs.run import Run


def report(run: Run, lens: Lens = PLAIN) -> list[QuestionFindings]:
    """Return the findings on every question about a run that has a share, in the order of the questions.

    Args:
        run: run with at least one trained residual.
        lens: composition of HEAT.

    Raises:
        HeatError: where the run has no numbers yet, or a file of it is damaged.
    """
    return findings_of(Samples(run), lens)


def findings_of(samples: Samples, lens: Lens = PLAIN) -> list[QuestionFindings]:
    """Return the findings on every question about samples, as `report`."""
    tags = {"tag": Tags.from_notes(samples, read_notes(samples.run.folder))} if samples.has_truth else {}
    found = (find_slices(samples, Query(question), lens, tags) for question in questions_of(samples))
    return [of_question for of_question in found if of_question is not None]
