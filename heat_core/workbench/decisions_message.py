"""Messages between the workbench and the decisions on a run's images."""

from typing import Any

import numpy as np

from heat_core import HeatError
from heat_core.analysis.samples import Samples
from heat_core.decisions.on_samples import decide
from heat_core.decisions.store import ACTIONS, Decision, images_in_force, undo_decision


def decisions_message(decisions: list[Decision], decided: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return the decisions that hold for some images, and the numbers of these among the samples.

    Args:
        decisions: all decisions of the run.
        decided: title of a decision → numbers of its samples (see `on_samples.decided_numbers`).
    """
    counts = {number: len(keys) for number, keys in images_in_force(decisions).items()}
    listed = [
        {"id": d.id, "action": d.action, "name": d.name, "count": counts[d.id], "author": d.author, "time": d.time}
        for d in decisions
        if counts.get(d.id)
    ]
    return {"list": listed, "numbers": {title: numbers.tolist() for title, numbers in decided.items()}}


def carry_out_decision(samples: Samples, chosen: np.ndarray, message: dict[str, Any]) -> str:
    """Store a decision that the workbench sent, or undo one.

    Args:
        samples: samples that the workbench shows.
        chosen: (n,) numbers of the samples to decide on.
        message: {"what": "decide", "action", "name"}, or {"what": "undo-decision", "decision": its number}.

    Returns:
        A sentence that says what was done.

    Raises:
        HeatError: where the decision is not allowed, or cannot be stored.
    """
    if message["what"] == "undo-decision":
        return f"Undone: {undo_decision(samples.run.folder, int(message['decision'])).title}."
    if message["action"] not in ACTIONS:
        raise HeatError("The page is of another version than the program: load it again.")
    made = decide(samples, chosen, message["action"], message["name"])
    count = sum(len(decision.samples) for decision in made)
    return f"{made[0].title}: {count:,} {'images' if count != 1 else 'image'}."
