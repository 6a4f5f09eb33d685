"""Upload of labels from other tools, which become decisions on a run's images."""

import tempfile
from pathlib import Path, PurePath

import streamlit as st

from app.common import faults
from app.common.text import escape_markdown
from heat_core.analysis.samples import Samples
from heat_core.decisions.store import ACTIONS
from heat_core.exchange.labels import Labels, decisions_of, read_labels, record_labels
from heat_core.names import file_name

_TYPES = ["json", "csv", "tsv", "parquet", "jsonl", "zip"]
_HELP = (
    "JSON or JSON-MIN of Label Studio; a table with a column `label`, such as metadata.csv of an imagefolder; or a zip "
    "of images in a folder for each class. The name of a class of this run adds images to it, another name is a new "
    "class, `remove` and `ignore` are these decisions."
)


def draw_labels_upload(samples: Samples) -> None:
    """Draw the field for a file with labels, what its labels mean, and the button that records it.

    Args:
        samples: samples to which the labels are matched.
    """
    file = st.file_uploader("Labels from another tool", type=_TYPES, key="labels-file", help=_HELP)
    if file is None:
        return
    with faults.show_errors():
        labels = _read(samples, file.name, file.getvalue())
        wanted = decisions_of(samples, labels)
        for (action, name), numbers in wanted.items():
            title = escape_markdown(f"{ACTIONS[action]} {name}".strip())
            st.markdown(f"**{title}**: {len(numbers):,} images")
        for sentence in labels.sentences():
            st.caption(escape_markdown(sentence))
        if st.button("Record these decisions", key="labels-record", disabled=not wanted):
            record_labels(samples, labels)
            st.rerun()  # closes the review; the workbench counts the decisions


def _read(samples: Samples, name: str, content: bytes) -> Labels:
    """Read an uploaded file under a safe form of its name, which messages contain."""
    given = PurePath(name)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{file_name(given.stem)}{given.suffix}"
        path.write_bytes(content)
        return read_labels(samples, path)
