"""Note about a run that was made without a map: why there is none, and whether it can be made."""

from typing import Any

from heat_core import HeatError, Run
from heat_core.analysis.samples import Samples
from heat_core.findings.training_images import TrainingImages
from heat_core.pipeline.make_map import require_mappable


def map_note(samples: Samples) -> dict[str, Any] | None:
    """Return why the samples have no map, as a message to the browser; None where they have one.

    Returns:
        {"sentence": …, "can_make": whether a job can make the map}, which panels/map_note.js draws.
    """
    run = samples.run
    if samples.has_map:
        return None
    if isinstance(samples, TrainingImages):
        return {"sentence": "The map shows a sample of the training images only.", "can_make": False}
    if not samples.has_truth:
        return {"sentence": _note_of_new_images(run), "can_make": False}
    if run.score_title is not None:
        return {"sentence": "There is no map: scores were given, and no training images.", "can_make": False}
    if run.is_active:
        return {"sentence": "There is no map yet: a job works on this run.", "can_make": False}
    try:
        require_mappable(run)
    except HeatError as error:
        return {"sentence": f"This run has no map. {error}", "can_make": False}
    failed = [event["error"] for event in run.events()[-1:] if event["stage"] == "map" and event.get("error")]
    why = f"The map could not be made: {failed[0]}" if failed else "This run was made without a map of its features."
    return {"sentence": why, "can_make": True}


def _note_of_new_images(run: Run) -> str:
    if not run.has_map:
        return "This run has no map: make it on the page Inspect, then score these images again."
    if not run.map.can_place:
        return "New images cannot be placed on this run's map."
    return "These images were scored before the run had its map: score them again to see them on it."
