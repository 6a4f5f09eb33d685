"""Labels in the exports of Label Studio, JSON and JSON-MIN."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from heat_core.errors import HeatError
from heat_core.exchange.label_rows import FORMATS_READ, LabelRow, make_row
from heat_core.exchange.label_studio import CHOICE, NEW_CLASS
from heat_core.names import printable
from heat_core.storage import read_json


def read_label_studio(path: Path) -> Iterator[LabelRow]:
    """Yield a row for each label of each task; annotators who disagree give several rows of one image.

    Predictions are no labels, and neither are annotations that were cancelled.

    Raises:
        HeatError: if the file is damaged or no export of Label Studio.
    """
    tasks = read_json(path, "export the project again")
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise HeatError(f"{printable(path)} is no export of Label Studio, which is a list of tasks: {FORMATS_READ}.")
    for number, task in enumerate(tasks, 1):
        try:
            labels, data = _labels_of(task), dict(task.get("data", task))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise HeatError(f"{printable(path)} is no export of Label Studio: task {number} has no labels.") from error
        cells = {name: str(value) for name, value in data.items()}
        for label in labels or [""]:
            yield make_row(label, cells, cells.get("file_name") or unquote(cells.get("image", "")))


def _labels_of(task: dict[str, Any]) -> list[str]:
    """Return the different labels of a task; raises KeyError, TypeError or AttributeError where it is no task."""
    if "data" not in task:
        if not {CHOICE, NEW_CLASS, "image"} & set(task):
            raise KeyError(CHOICE)
        return _texts(task.get(NEW_CLASS)) or _texts(task.get(CHOICE))
    labels: list[str] = []
    for annotation in task["annotations"]:
        values = [(result["from_name"], result["value"]) for result in annotation["result"]]
        written = [text for name, value in values if name == NEW_CLASS for text in _texts(value)]
        chosen = [text for _, value in values if "choices" in value for text in _texts(value)]
        labels += [] if annotation.get("was_cancelled") else written or chosen
    return list(dict.fromkeys(labels))


def _texts(value: Any) -> list[str]:
    """Return the texts of a result: of a text, a list of texts, or an object with `choices` or `text`."""
    if isinstance(value, dict):
        value = value.get("choices", value.get("text"))
    values = value if isinstance(value, list) else [value]
    texts = [printable(str(item).strip()) for item in values if item is not None]
    return [text for text in texts if text]
