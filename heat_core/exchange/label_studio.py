"""Label Studio: tasks with predictions, the most out-of-distribution image first, and the labelling interface."""

import json
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from heat_core.exchange.picture_formats import About, Entry, PictureFormat

#: Names of the parts of the interface: a choice among classes, and the name of a class that is not among them.
CHOICE, NEW_CLASS = "label", "new_class"
_LOCAL_FILES = "/data/local-files/?d="  # address below which Label Studio serves files of its document root


def _describe(entries: list[Entry], about: About) -> dict[str, str]:
    by_score = sorted(entries, key=lambda entry: -entry.record.score)
    tasks = [_task(entry, about) for entry in by_score]
    return {"tasks.json": json.dumps(tasks, indent=1), "interface.xml": _interface(about)}


def _task(entry: Entry, about: About) -> dict[str, Any]:
    choice = {"choices": [entry.record.predicted_class]}
    result = {"id": "predicted", "from_name": CHOICE, "to_name": "image", "type": "choices", "value": choice}
    return {
        "data": {"image": f"{_LOCAL_FILES}{quote(entry.path)}", "file_name": entry.path} | entry.record.fields(),
        "predictions": [{"model_version": about.run_id, "score": entry.record.confidence, "result": [result]}],
    }


def _interface(about: About) -> str:
    """Write the labelling interface: one choice among the classes, or the name of a new one."""
    choices = "\n".join(f"    <Choice value={quoteattr(name)}/>" for name in about.choices())
    return (
        '<View>\n  <Image name="image" value="$image"/>\n'
        f'  <Choices name="{CHOICE}" toName="image" choice="single">\n{choices}\n  </Choices>\n'
        f'  <TextArea name="{NEW_CLASS}" toName="image" maxSubmissions="1" placeholder="another class"/>\n</View>\n'
    )


LABEL_STUDIO = PictureFormat(
    title="Label Studio tasks",
    usage="Unpack the zip. Start Label Studio with LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true and with "
    "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT set to the folder of this file. Make a project with interface.xml as its "
    "labelling interface, add its folder `images` as a local storage, without synchronising it, and import "
    "tasks.json. Give the project's export (JSON or JSON-MIN) back.",
    describe=_describe,
)
