"""New images: scored by the run, placed on its map, and looked at like its own."""

from pathlib import Path

import streamlit as st

from app.common import faults, following, widgets
from app.common.heading import heading
from app.common.text import plain
from app.new_images import own_images
from app.state import session
from heat_core.analysis.questions import Query
from heat_core.runs.record import Scored

FIRST = Query(question="unknown", order="unusual")

place = heading("What does it say of new images?")
with faults.told():
    run = following.ready_run(place)
    if not run.priors:
        following.wait(run, "The first residual is still being trained.")

    session.current(run)
    batches = own_images.batches(run)
    with st.expander("Bring images", expanded=not batches, icon=":material/add_photo_alternate:"):
        left, right, button = st.columns([5, 4, 2], vertical_alignment="bottom")
        files = left.file_uploader("Drop images", accept_multiple_files=True, type=own_images.TYPES)
        folder = right.text_input(
            "Or a folder or list on this machine",
            placeholder="/path/to/images, or list.csv",
            help="Nothing is copied. A list is a CSV or Parquet file with a column `path` (for crops `box`: x, y, w, "
            "h in pixels); its other columns stay with the images.",
        )
        if button.button(
            "Score them", type="primary", icon=":material/play_arrow:", disabled=not (files or folder.strip())
        ):
            own_images.start(run, files, folder.strip())
            for name in ("batch", "own"):
                session.chosen(name, None)
            st.rerun()
    session.write_address(run)
    if not batches:
        st.info(
            "The images go through the run's backbone, priors and residuals; then you see which are unknown to the "
            "model, where they lie on the map, and why."
        )
        st.stop()
    names = [b.name for b in batches]
    name = widgets.choice(
        st.selectbox,
        "Scored",
        names,
        "batch",
        names[0],
        format_func=own_images.label,
        label_visibility="collapsed",
    )
    batch = next(b for b in batches if b.name == name)

    @st.fragment(run_every=1.0)
    @faults.told()
    def wait(batch: Path) -> None:
        if following.gone(batch.parents[1]):
            return
        if own_images.waiting(batch):
            st.progress(0.0, text=plain(own_images.progress(batch)))
        else:
            st.rerun()

    @st.fragment
    @faults.told()
    def linked(scored: Scored) -> None:
        """A fragment: what is done in the workbench reruns it, and not the page around it."""
        session.current(run)
        session.about(f"{run.id}/{name}", FIRST)
        own_images.outcome(run, name, scored)
        session.write_address(run)

    if own_images.waiting(batch):
        wait(batch)
    elif scored := own_images.result(batch):
        linked(scored)
    else:
        faults.show(own_images.progress(batch))
