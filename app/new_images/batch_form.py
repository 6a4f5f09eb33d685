"""Form of a new batch: dropped images, or a folder or list on this machine."""

from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.common import faults
from app.common.path_picker import path_button
from app.common.text import escape_markdown
from app.new_images import batch_store
from app.state import session
from heat_core import HeatError, Run
from heat_core.runs.manage import LONGEST_NAME

_STARTED = "batches-started"  # The session's key for the number of batches that it has started.


def draw_form(run: Run) -> None:
    """Draw the fields for new images, and the button that scores them as a batch of the run.

    A started batch empties the fields, by new keys: what is given next belongs to the next batch alone.
    """
    started = session.get(_STARTED, 0)
    left, right = st.columns([5, 6], gap="medium")
    files = left.container(key="batch-drop").file_uploader(
        "Images (JPEG, PNG, WebP, …), an archive or a list of them",
        accept_multiple_files=True,
        type=batch_store.UPLOAD_TYPES,
        key=f"batch-files-{started}",
        help=f"Endings: {escape_markdown(', '.join(batch_store.UPLOAD_TYPES))}.",
    )
    row = right.container(horizontal=True, vertical_alignment="bottom", gap="small")
    key = f"batch-folder-{started}"
    folder = row.text_input(
        "Or a folder or list on this machine",
        placeholder="/path/to/images, or list.csv",
        key=key,
        help="Nothing is copied. A zip or tar archive counts as a folder. A list is a CSV, TSV, JSON Lines or Parquet "
        "file with a column `path` (for crops `box`: x, y, w, h in pixels); its other columns stay with the images.",
    ).strip()
    if files and folder:
        right.caption(f"Scored as one batch, together with the dropped images ({len(files):,}).")
    path_button(row, "batch", folder, lambda path: session.set_values(**{key: path}))
    if right.button("Score", type="primary", icon=":material/play_arrow:", disabled=not (files or folder)):
        with right, faults.show_errors(), st.spinner("Looking at the images…"):
            batch_store.start_batch(run, files, folder)
            for name in ("batch", "own"):
                session.set_choice(name, None)
            session.set_values(**{_STARTED: started + 1})
            st.rerun()


def draw_rename(batch: Path, place: DeltaGenerator) -> None:
    """Draw the button that changes the name of a batch.

    Args:
        batch: folder of the batch.
        place: element in which the button is drawn.
    """
    key = f"batch-name-{batch.name}"

    def store_name() -> None:
        try:
            batch_store.rename_batch(batch, session.get(key))
        except (HeatError, OSError) as error:
            faults.toast(error)

    with place.popover("Rename", icon=":material/edit:"):
        st.text_input(
            "Name of the batch",
            batch_store.batch_name(batch),
            max_chars=LONGEST_NAME,
            key=key,
            on_change=store_name,
            help="Shown in the list of batches. Its folder and its links stay as they are.",
        )
