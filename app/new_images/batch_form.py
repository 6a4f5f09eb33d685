"""Form of a new batch: dropped images, or a folder or list on this machine."""

import streamlit as st

from app.common import faults
from app.new_images import batch_store
from app.state import session
from heat_core import Run

_STARTED = "batches-started"  # The session's key for the number of batches that it has started.


def draw_form(run: Run) -> None:
    """Draw the fields for new images, and the button that scores them as a batch of the run.

    A started batch empties the fields, by new keys: what is given next belongs to the next batch alone.
    """
    started = session.get(_STARTED, 0)
    left, right, button = st.columns([5, 4, 2], vertical_alignment="bottom")
    files = left.file_uploader(
        "Drop images, or an archive of them",
        accept_multiple_files=True,
        type=batch_store.UPLOAD_TYPES,
        key=f"batch-files-{started}",
    )
    folder = right.text_input(
        "Or a folder or list on this machine",
        placeholder="/path/to/images, or list.csv",
        key=f"batch-folder-{started}",
        help="Nothing is copied. A zip or tar archive counts as a folder. A list is a CSV, TSV, JSON Lines or Parquet "
        "file with a column `path` (for crops `box`: x, y, w, h in pixels); its other columns stay with the images.",
    ).strip()
    if files and folder:
        right.caption(f"Scored as one batch, together with the dropped images ({len(files):,}).")
    if button.button("Score them", type="primary", icon=":material/play_arrow:", disabled=not (files or folder)):
        with right, faults.show_errors(), st.spinner("Looking at the images…"):
            batch_store.start_batch(run, files, folder)
            for name in ("batch", "own"):
                session.set_choice(name, None)
            session.set_values(**{_STARTED: started + 1})
            st.rerun()
