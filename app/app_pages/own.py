"""Own images: scored by the run, placed on its map, and explained like its own."""

from pathlib import Path

import streamlit as st

from app import look as looks
from app import own, state

st.title("What does it say of my own images?")
run = state.ready_run()
if not run.priors:
    state.wait(run, "The first residual is still being trained.")

looks.current(run)
left, right = st.columns(2)
files = left.file_uploader(
    "Drop images", accept_multiple_files=True, type=own.TYPES, help="They are kept with the run, on this machine."
)
folder = right.text_input("Or a folder on this machine", placeholder="/path/to/images", help="Nothing is copied.")
if st.button("Score them", type="primary", icon=":material/play_arrow:", disabled=not (files or folder.strip())):
    own.start(run, files, folder.strip())
    for name in ("batch", "own"):
        looks.chosen(name, None)
    st.rerun()

batches = own.batches(run)
looks.write_address(run)
if not batches:
    st.info("The images go through the run's backbone, priors and residuals; then you see which are unknown to the model, where they "
            "lie on the map, and why.")  # fmt: skip
    st.stop()
names = [b.name for b in batches]
name = looks.choice(st.selectbox, "Scored", names, "batch", names[0], format_func=own.label, help="Every batch is a folder in the run.")  # fmt: skip
batch = next(b for b in batches if b.name == name)


@st.fragment(run_every=1.0)
def wait(batch: Path) -> None:
    if state.gone(batch.parents[1]):
        return
    if own.waiting(batch):
        st.progress(0.0, text=own.progress(batch))
    else:
        st.rerun()


if own.waiting(batch):
    wait(batch)
elif scored := own.result(batch):
    own.outcome(run, name, scored)
else:
    st.error(own.progress(batch), icon=":material/error:")
