"""Map: UMAP of the features; a selection shows its images."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app import downloads, faults, following, pictures, session, widgets
from app.look import COLOURINGS
from app.text import drawn
from heat_core import Lens
from heat_core.analysis import figures, palette
from heat_core.analysis.samples import Samples
from heat_core.runs.experiment import ID

MOST_POINTS, MOST_PICTURES = 20_000, 60
TRAINING = "ID train"


def drawn_map(samples: Samples, detector: str, lens: Lens, colouring: str, with_train: bool) -> tuple[go.Figure, int]:
    """The map, and how many points it could have; `customdata` is the sample number, -1 for training."""
    run = samples.run
    scored, training = samples.map_xy(), run.map.training_xy
    xy = np.concatenate([training, scored]) if with_train else scored
    number = np.r_[np.full(len(xy) - len(scored), -1), np.arange(len(scored))]
    total = len(xy)
    if total > MOST_POINTS:
        keep = np.sort(np.random.default_rng(0).choice(total, MOST_POINTS, replace=False))
        xy, number = xy[keep], number[keep]
    of_sample = number >= 0
    text = [_text(samples, int(i), detector, lens) for i in number]
    if colouring == "score":
        return figures.score_map(xy, samples.scores(detector, lens)[number], text), total
    groups, colours = _groups(samples, number, detector, lens, colouring)
    if not of_sample.all():
        groups = {TRAINING: np.flatnonzero(~of_sample), **groups}
    figure = figures.feature_map(xy, groups, {TRAINING: palette.TRAIN, **colours}, text)
    for trace in figure.data:
        trace.customdata = number[np.asarray(trace.customdata, dtype=int)]
    return figure, total


def _groups(
    samples: Samples, number: np.ndarray, detector: str, lens: Lens, colouring: str
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Name → the points of it, and name → colour."""
    run, of_sample = samples.run, number >= 0
    if colouring == "dataset":
        names = ["ID test" if n == ID else drawn(n) for n in run.datasets]
        groups = {n: np.flatnonzero(of_sample & (samples.dataset[number] == i)) for i, n in enumerate(names)}
        return groups, {"ID test": palette.ID, **palette.of_sets(names[1:])}
    if colouring == "class":
        seen = samples.predicted[number]
        present = sorted(np.unique(seen[of_sample]), key=lambda c: run.class_names[c])
        groups = {f"taken for {drawn(run.class_names[c])}": np.flatnonzero(of_sample & (seen == c)) for c in present}
        return groups, palette.of_sets(list(groups))
    verdict = 2 * samples.is_ood[number] + samples.flagged(detector, lens)[number]
    groups = {name: np.flatnonzero(of_sample & (verdict == v)) for v, (_, name) in enumerate(palette.VERDICTS)}
    return groups, {name: colour for colour, name in palette.VERDICTS}


def _text(samples: Samples, number: int, detector: str, lens: Lens) -> str:
    """What is shown where the pointer is."""
    if number < 0:
        return TRAINING
    name, _ = samples.locate(number)
    seen, score = samples.run.class_names[samples.predicted[number]], samples.scores(detector, lens)[number]
    label = "ID test" if name == ID else name
    return f"{drawn(label)}: {drawn(samples.ids[number])}<br>taken for {drawn(seen)} · score {score:.3g}"


def selection(samples: Samples, picked: list[int], detector: str, lens: Lens) -> None:
    """The images of a lasso, and their table."""
    run, scores, flagged = samples.run, samples.scores(detector, lens), samples.flagged(detector, lens)
    part = f", the first {MOST_PICTURES} shown" if len(picked) > MOST_PICTURES else ""
    st.subheader(f"Selection: {len(picked):,} images{part}")
    cells = []
    for i in picked[:MOST_PICTURES]:
        name, _ = samples.locate(i)
        verdict = "" if name == ID else ("caught" if flagged[i] else "missed")
        caption = f"{'ID test' if name == ID else name} · {scores[i]:.2g}"
        cells.append(pictures.cell(run, name, str(samples.ids[i]), verdict, caption))
    pictures.grid(cells)
    columns = {
        "dataset": [samples.locate(i)[0] for i in picked],
        "id": samples.ids[picked],
        "score": scores[picked],
        "detected": flagged[picked],
    }
    downloads.table(pd.DataFrame(columns).set_index("id"), f"{run.id}-selection")


st.title("Where do they lie?")
with faults.told():
    run = following.ready_run("map")
    look = session.current(run)
    if run.priors:
        widgets.beta_control()
    session.put("map-colour", look.colour)
    st.segmented_control(
        "Colour by",
        COLOURINGS,
        key="map-colour",
        on_change=lambda: session.changed(colour=session.held("map-colour") or "dataset"),
        help="Verdict: above or below the threshold, for the detector in the sidebar.",
    )
    detector = widgets.detector_choice(run, "Detector", "Whose scores and verdicts colour the map.")
    with_train = widgets.switch(
        st.sidebar,
        "Show training images",
        "train",
        look.colour == "dataset",
        help="A sample of the training set, for orientation.",
    )
    session.write_address(run)
    samples = following.samples_of(run)[0]
    lens, with_train = look.lens(), with_train and look.colour not in ("score", "verdict")
    figure, total = drawn_map(samples, detector, lens, look.colour, with_train)
    st.caption(f"{min(total, MOST_POINTS):,} of {total:,} points shown. Draw a lasso or a box to see the images.")
    event = st.plotly_chart(
        figure, key=f"map-{look.colour}", on_select="rerun", selection_mode=("lasso", "box", "points")
    )
    downloads.figure(figure, f"{run.id}-map")
    picked = [int(np.ravel(p["customdata"])[0]) for p in event.selection.points if "customdata" in p]
    if picked := [i for i in picked if i >= 0]:
        selection(samples, picked, detector, lens)
