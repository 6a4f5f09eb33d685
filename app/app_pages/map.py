"""Map: UMAP of the features; a selection shows its images."""

import numpy as np
import pandas as pd
import streamlit as st

from app import downloads, pictures, state
from app import look as looks
from heat_core import figures

MOST_POINTS, MOST_PICTURES = 20_000, 60

st.title("Where do they lie?")
run = state.ready_run("map")
look = looks.current(run)
if run.priors:
    state.beta_control()
colouring = look.colour
looks.put("map-colour", colouring)
st.segmented_control(
    "Colour by", looks.COLOURINGS, key="map-colour",
    on_change=lambda: looks.changed(colour=st.session_state["map-colour"] or "dataset"),
    help="Verdict: above or below the threshold, for the detector in the sidebar.",
)  # fmt: skip
detector = looks.choice(
    st.sidebar.selectbox, "Detector", run.detectors[::-1], "det", run.detectors[-1], format_func=run.title,
    help="Whose scores and verdicts colour the map.",
)  # fmt: skip
with_train = looks.switch(
    st.sidebar, "Show training images", "train", colouring == "dataset", help="A sample of the training set, for orientation."
)  # fmt: skip
looks.write_address(run)

dataset, row, xy = run.map["dataset"], run.map["row"], run.map["xy"]
keep = np.flatnonzero(dataset >= 0) if not with_train or colouring in ("score", "verdict") else np.arange(len(dataset))
total = len(keep)
if total > MOST_POINTS:
    keep = np.sort(np.random.default_rng(0).choice(keep, MOST_POINTS, replace=False))
dataset, row, xy = dataset[keep], row[keep], xy[keep]
names = np.array([*run.datasets, "train"])[dataset]

samples, _ = state.samples_of(run)
scores, threshold = samples.by_set(detector, look.lens()), samples.threshold(detector, look.lens())
value = np.array([scores[n][r] if n != "train" else np.nan for n, r in zip(names, row, strict=True)])
predicted = {n: run.predicted(n) for n in run.datasets}
ids = {n: run.ids(n) for n in run.datasets}
label = {"id": "ID test", "train": "ID train"}
text = [
    f"ID train {r}"
    if n == "train"
    else f"{label.get(n, n)}: {ids[n][r]}<br>taken for {run.class_names[predicted[n][r]]} · score {v:.3g}"
    for n, r, v in zip(names, row, value, strict=True)
]

if colouring == "score":
    figure = figures.score_map(xy, value, text)
else:
    if colouring == "dataset":
        order = [*(["train"] if "train" in names else []), "id", *run.ood_names]
        groups = {label.get(n, n): np.flatnonzero(names == n) for n in order}
        colours = {"ID train": figures.TRAIN_COLOUR, "ID test": figures.ID_COLOUR, **figures.colour_of(run.ood_names)}
    elif colouring == "class":
        of = np.array(
            [run.class_names[predicted[n][r]] if n != "train" else "ID train" for n, r in zip(names, row, strict=True)]
        )
        groups = {f"taken for {c}" if c != "ID train" else c: np.flatnonzero(of == c) for c in np.unique(of)}
        colours = {**figures.colour_of(list(groups)), "ID train": figures.TRAIN_COLOUR}
    else:
        flagged = value > threshold
        groups = {
            "ID kept": np.flatnonzero((names == "id") & ~flagged),
            "ID flagged by mistake": np.flatnonzero((names == "id") & flagged),
            "OOD detected": np.flatnonzero((names != "id") & flagged),
            "OOD missed": np.flatnonzero((names != "id") & ~flagged),
        }
        colours = {"ID kept": figures.TRAIN_COLOUR, "ID flagged by mistake": "#56B4E9", "OOD detected": figures.DETECTED, "OOD missed": figures.MISSED}  # fmt: skip
    figure = figures.feature_map(xy, groups, colours, text)

st.caption(f"{len(keep):,} of {total:,} points shown. Draw a lasso or a box to see the images.")
event = st.plotly_chart(figure, key=f"map-{colouring}", on_select="rerun", selection_mode=("lasso", "box", "points"))
downloads.figure(figure, f"{run.id}-map")
picked = [p["customdata"] for p in event.selection.points if "customdata" in p]
picked = [int(np.ravel(p)[0]) for p in picked]
picked = [i for i in picked if names[i] != "train"]
if picked:
    st.subheader(
        f"Selection: {len(picked)} images"
        + (f", the first {MOST_PICTURES} shown" if len(picked) > MOST_PICTURES else "")
    )
    cells = []
    for i in picked[:MOST_PICTURES]:
        n, r = names[i], row[i]
        verdict = "" if n == "id" else ("caught" if value[i] > threshold else "missed")
        cells.append(pictures.cell(run, n, str(ids[n][r]), verdict, f"{label.get(n, n)} · {value[i]:.2g}"))
    pictures.grid(cells)
    chosen = pd.DataFrame({"dataset": names[picked], "id": [ids[names[i]][row[i]] for i in picked], "score": value[picked],
                           "detected": value[picked] > threshold})  # fmt: skip
    downloads.table(chosen.set_index("id"), f"{run.id}-selection")
