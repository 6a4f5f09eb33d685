"""Decisions of people on images of a run, stored in the run's folder (`decisions.json`).

A decision stays in the file when it is undone. A later decision on an image replaces the earlier ones on it.
"""

import getpass
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from heat_core.errors import HeatError
from heat_core.locks import exclusive
from heat_core.names import printable
from heat_core.storage import read_json, write_json

_FILE = "decisions.json"
NEW_CLASS, ADD_TO_CLASS, REMOVE, IGNORE = "new-class", "add-to-class", "remove", "ignore"
#: Action → how a person reads it; the first two are followed by the name of a class.
ACTIONS = {
    NEW_CLASS: "Add as class",
    ADD_TO_CLASS: "Add to class",
    REMOVE: "Remove from its set",
    IGNORE: "Ignore",
}
CLASS_ACTIONS = (NEW_CLASS, ADD_TO_CLASS)
MAX_NAME_CHARACTERS = 100
_CURE = "move the file away, and the next decision will start a new one"


@dataclass(frozen=True)
class Decision:
    """Decision of a person on images of a run.

    Attributes:
        id: number of the decision in its run, from 1.
        action: one of `ACTIONS`.
        name: name of the class; "" for the actions without one.
        samples: keys of the images, `set/id`; of a batch of new images, their keys in the batch.
        author: who decided.
        time: when, in seconds since the epoch.
        batch: name of the batch of new images; "" for images of the run's own sets.
        undone_by: who undid the decision; "" where nobody did.
        undone_time: when it was undone, in seconds since the epoch; 0 where it was not.
    """

    id: int
    action: str
    name: str
    samples: tuple[str, ...]
    author: str
    time: float
    batch: str = ""
    undone_by: str = ""
    undone_time: float = 0.0

    @property
    def is_undone(self) -> bool:
        """Whether the decision was undone."""
        return self.undone_time > 0

    @property
    def title(self) -> str:
        """Action and class as a person reads them."""
        return f"{ACTIONS[self.action]} {self.name}".strip()


def current_user() -> str:
    """Return the name of the user of this process; "" where the system knows none."""
    try:
        return printable(getpass.getuser())
    except (OSError, KeyError, ImportError):  # no entry for the user's number, as in some containers
        return ""


def read_decisions(folder: Path) -> list[Decision]:
    """Read all decisions of a run in the order in which they were made, also those that were undone.

    Raises:
        HeatError: where the file is damaged.
    """
    path = folder / _FILE
    if not path.exists():
        return []
    content = read_json(path, _CURE)
    try:
        decisions = [_parse(entry) for entry in content["decisions"]]
    except (TypeError, KeyError) as error:
        raise HeatError(f"{printable(path)} is damaged, it does not hold decisions: {_CURE}.") from error
    return decisions


def _parse(entry: dict[str, Any]) -> Decision:
    """Build a decision from its entry in the file; raises TypeError where the entry is damaged."""
    decision = Decision(**entry | {"samples": tuple(entry["samples"])})
    texts = (*decision.samples, decision.name, decision.author, decision.batch, decision.undone_by)
    numbers = (decision.time, decision.undone_time)
    is_valid = (
        type(decision.id) is int
        and decision.action in ACTIONS
        and all(isinstance(text, str) for text in texts)
        and all(type(number) in (int, float) for number in numbers)
    )
    if not is_valid:
        raise TypeError("a field has another type")
    return decision


def add_decision(
    folder: Path, action: str, samples: Sequence[str], name: str = "", batch: str = "", author: str | None = None
) -> Decision:
    """Store a decision; several processes may write at once.

    Args:
        folder: folder of the run.
        action: one of `ACTIONS`.
        samples: keys of the images (`set/id`), at least one.
        name: name of the class, 1 to 100 characters, for the actions that need one.
        batch: name of the batch of new images that the keys belong to; "" for the run's own sets.
        author: who decides; default: `current_user()`.

    Raises:
        HeatError: where the run is gone, or the decision is invalid.
    """
    name = printable(" ".join(name.split())) if action in CLASS_ACTIONS else ""
    if action not in ACTIONS:
        raise HeatError(f"There is no action {action!r}: choose one of {', '.join(ACTIONS)}.")
    if not samples:
        raise HeatError("No image is left: choose another question, or select some.")
    if action in CLASS_ACTIONS and not 0 < len(name) <= MAX_NAME_CHARACTERS:
        raise HeatError(f"The name of a class has 1 to {MAX_NAME_CHARACTERS} characters.")
    author = current_user() if author is None else printable(author)
    with _locked(folder):
        decisions = read_decisions(folder)
        number = max((d.id for d in decisions), default=0) + 1
        decision = Decision(number, action, name, tuple(dict.fromkeys(samples)), author, time.time(), batch)
        _write(folder, [*decisions, decision])
    return decision


def undo_decision(folder: Path, number: int, author: str | None = None) -> Decision:
    """Mark a decision as undone; one that is undone already stays as it is.

    Args:
        folder: folder of the run.
        number: number of the decision.
        author: who undoes it; default: `current_user()`.

    Raises:
        HeatError: where the run has no such decision.
    """
    author = current_user() if author is None else printable(author)
    with _locked(folder):
        decisions = {d.id: d for d in read_decisions(folder)}
        if number not in decisions:
            raise HeatError(f"This run has no decision {number}.")
        if not decisions[number].is_undone:
            changed = asdict(decisions[number]) | {"undone_by": author, "undone_time": time.time()}
            decisions[number] = Decision(**changed)
            _write(folder, list(decisions.values()))
    return decisions[number]


def _locked(folder: Path) -> Any:
    if not folder.is_dir():
        raise HeatError("This run was deleted: the decision could not be kept.")
    return exclusive(folder / "decisions.lock", target=folder / _FILE)


def _write(folder: Path, decisions: list[Decision]) -> None:
    write_json(folder / _FILE, {"format": 1, "decisions": [asdict(d) for d in decisions]})


def split_key(key: str, names: Iterable[str]) -> tuple[str, str]:
    """Split the key of an image into the name of its set, the longest that fits, and its id; ("", key) if none fits."""
    fitting = (name for name in names if key.startswith(f"{name}/"))
    name = max(fitting, key=len, default="")
    return (name, key[len(name) + 1 :]) if name else ("", key)


def in_force(decisions: Sequence[Decision]) -> dict[tuple[str, str], Decision]:
    """Map (batch, key) of each image to the decision that holds for it: its last one that is not undone."""
    return {(d.batch, key): d for d in decisions if not d.is_undone for key in d.samples}


def images_in_force(decisions: Sequence[Decision]) -> dict[int, list[str]]:
    """Map the number of each decision that is not undone to the keys of the images for which it holds."""
    images: dict[int, list[str]] = {d.id: [] for d in decisions if not d.is_undone}
    for (_, key), decision in in_force(decisions).items():
        images[decision.id].append(key)
    return images
