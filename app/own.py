"""Own images: kept with the run, scored by a process of its own (`python -m heat_core score`), shown when it is done."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from app import downloads, pictures
from app import look as looks
from app.gallery import picture_grid
from app.inspector import Subject, show
from heat_core import HeatError, Run, figures
from heat_core.composition import compose, standardise
from heat_core.datasets import SUFFIXES
from heat_core.jobs import start_scoring
from heat_core.metrics import threshold95
from heat_core.results import ID, prior_row
from heat_core.samples import Samples, stratified
from heat_core.storage import file_name, locked, writing

TYPES = sorted(s.removeprefix(".") for s in SUFFIXES)
_RESULT = "scored.npz"  # as heat_core.scoring has it; importing that would import torch
_STARTING = 30.0  # seconds until a process that was started must hold its lock
_MOST_SHOWN, _MAP_POINTS, _SIDE = 200, 5000, 320


def start(run: Run, files, folder: str) -> None:
    """Begin to score uploaded files and the images of a folder, as a new batch of the run."""
    batch = run.folder / "own" / time.strftime("%Y%m%d-%H%M%S")
    paths = [Path(folder).expanduser()] if folder else []
    try:
        with writing(batch):
            batch.mkdir(parents=True)
            if files:
                (batch / "images").mkdir()
                paths.append(batch / "images")
            for i, file in enumerate(files):
                (batch / "images" / f"{i:03d}-{file_name(file.name)}").write_bytes(file.getvalue())
        start_scoring(run, paths, batch)
    except HeatError as error:
        st.error(str(error))
        st.stop()


def batches(run: Run) -> list[Path]:
    """The batches of a run, the newest first."""
    return sorted((p for p in (run.folder / "own").glob("*") if (p / "log.txt").exists()), reverse=True)


def label(name: str) -> str:
    return time.strftime("%d %b %Y, %H:%M:%S", time.strptime(name, "%Y%m%d-%H%M%S"))


def waiting(batch: Path) -> bool:
    """Whether the process is still at it: it holds a lock, a moment after it was started."""
    if (batch / _RESULT).exists() or (batch / "failed.txt").exists():
        return False
    if time.time() - (batch / "log.txt").stat().st_mtime < _STARTING:
        return True
    return locked(batch / "score.lock")


def progress(batch: Path) -> str:
    """The last thing that the process said; its error, once it has failed."""
    if (batch / "failed.txt").exists():
        return (batch / "failed.txt").read_text(encoding="utf-8")
    if not waiting(batch):
        return "The process ended without a word: score the images again."
    lines = (batch / "log.txt").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1].split("] ")[-1] if lines else "Starting (loading torch)…"


def result(batch: Path) -> dict[str, np.ndarray] | None:
    from heat_core.storage import read_npz

    try:
        return read_npz(batch / _RESULT) if (batch / _RESULT).exists() else None
    except HeatError as error:
        st.error(str(error))
        st.stop()


def outcome(run: Run, batch: str, scored: dict[str, np.ndarray]) -> None:
    """Verdicts of a batch, the map with the new images on it, and the inspector."""
    look = st.session_state["look"]
    lens = look.lens()
    if scored["prior"].shape[1] != len(run.priors):
        st.warning("These images were scored before a further residual was trained: score them again.")
        return
    chosen = list(lens.priors or run.priors)
    energies = standardise(
        scored["prior"] + scored["residual"], np.array(run.summary["mean"]), np.array(run.summary["std"])
    )
    scores = compose(energies[:, [run.priors.index(p) for p in chosen]], lens.beta, lens.weights)
    known = run.scores(ID, lens.beta, chosen, lens.weights)
    threshold = threshold95(known) if lens.threshold is None else lens.threshold
    unknown = scores > threshold
    order = np.argsort(-scores, kind="stable")
    names = ", ".join(run.title(f"heat-{p}") for p in chosen)
    line = "" if lens.threshold is None else " and your line"
    st.markdown(f"**{int(unknown.sum())} of {len(scores)}** are called unknown, at β = {lens.beta:g}{line} over {names}, as on the Live page.")  # fmt: skip
    if len(scored["skipped"]):
        st.warning(
            f"{len(scored['skipped'])} could not be read and were skipped: {', '.join(map(_short, scored['skipped'][:5]))}"
        )
    table = pd.DataFrame(
        {"verdict": np.where(unknown, "unknown", "known"), "score": scores, "percentile": _shares(known, scores),
         "taken for": np.array(run.class_names)[scored["predicted"]], "confidence": scored["confidence"]},
        index=pd.Index(scored["ids"], name="image"),
    ).iloc[order]  # fmt: skip
    key = f"own-{run.id}"
    of, _, asked = look.choices.get("own", "").partition(":")
    inspected = int(asked) if of == batch and asked.isdecimal() and int(asked) < len(scores) else int(order[0])
    left, right = st.columns([3, 2], gap="medium")
    with left:
        cells = [
            {"number": int(i), "name": _short(scored["ids"][i]), "ood": True, "url": _picture(scored["ids"][i], 192),
             "verdicts": "u" if unknown[i] else "k", "why": _reason(run, scored, scores, known, int(i)),
             "caption": f"{run.class_names[scored['predicted'][i]]} · {scored['confidence'][i]:.0%}"}
            for i in map(int, order[:_MOST_SHOWN])
        ]  # fmt: skip
        st.caption("Orange, dashed, ? = called unknown · blue, ✓ = taken for known. A click shows why.")
        picture_grid(key=key, data={"methods": ["HEAT"], "layout": "figure", "samples": cells, "chosen": inspected},
                     on_inspect_change=lambda: looks.chosen("own", f"{batch}:{int(st.session_state[key]['inspect'])}"))  # fmt: skip
        if len(order) > _MOST_SHOWN:
            st.caption(f"{_MOST_SHOWN} of {len(order)} shown, the most unusual; the table has all.")
        if len(scored["xy"]):
            st.plotly_chart(_map(run, scored, unknown), key="own-map")
        st.dataframe(table, column_config={"score": st.column_config.NumberColumn(format="%.3f"),
                                           "confidence": st.column_config.NumberColumn(format="percent"),
                                           "percentile": st.column_config.NumberColumn(format="percent")})  # fmt: skip
        downloads.table(table, f"{run.id}-own-images")
    with right:
        st.subheader("Why?")
        show(run, _subject(run, scored, scores, known, inspected), lens, threshold)


def _shares(known: np.ndarray, scores) -> np.ndarray:
    return np.searchsorted(np.sort(known), scores) / len(known)


def _short(path) -> str:
    return Path(str(path)).name


def _picture(path, side: int) -> str | None:
    return pictures.file_url(str(path), side)


def _reason(run: Run, scored, scores, known, i: int) -> str:
    return (
        f"Taken for {run.class_names[scored['predicted'][i]]} ({scored['confidence'][i]:.0%} sure). "
        f"HEAT finds it more unusual than {float(_shares(known, scores[i])):.0%} of known images."
    )


def _subject(run: Run, scored, scores, known, i: int) -> Subject:
    shares = {"HEAT": float(_shares(known, scores[i]))}
    for k, prior in enumerate(run.priors):
        hybrid = scored["prior"][i, k] + scored["residual"][i, k]
        own = run.prior_energies(ID)[:, k] + run.residual_energies(ID)[:, k]
        shares[run.title(f"heat-{prior}")] = float(_shares(own, hybrid))
        shares[run.title(prior_row(prior))] = float(_shares(run.prior_energies(ID)[:, k], scored["prior"][i, k]))
    return Subject(
        f"`{_short(scored['ids'][i])}`", _picture(scored["ids"][i], 2 * _SIDE), scored["prior"][i], scored["residual"][i],
        scored["avg"][i], None, _reason(run, scored, scores, known, i), shares,
    )  # fmt: skip


def _map(run: Run, scored, unknown):
    """The run's map (a stratified sample of it where it is large), with the new images as stars."""
    samples = Samples(run)
    points, numbers = run.map, stratified(samples, _MAP_POINTS)
    place = np.full(len(samples), -1)
    mine = points["dataset"] >= 0
    starts = np.cumsum([0, *(len(run.ids(n)) for n in run.datasets)])
    place[starts[points["dataset"][mine]] + points["row"][mine]] = np.flatnonzero(mine)
    xy = np.concatenate([points["xy"][place[numbers]], scored["xy"]])
    names = ["ID test" if n == ID else n for n in run.datasets]
    groups = {name: np.flatnonzero(samples.dataset[numbers] == i) for i, name in enumerate(names)}
    at = len(numbers) + np.arange(len(unknown))
    groups |= {"yours, known": at[~unknown], "yours, unknown": at[unknown]}
    colours = {
        "ID test": figures.ID_COLOUR,
        **figures.colour_of(run.ood_names),
        "yours, known": "#1F2328",
        "yours, unknown": "#B23A00",
    }
    text = [samples.key(int(i)) for i in numbers] + [_short(p) for p in scored["ids"]]
    figure = figures.feature_map(xy, groups, colours, text)
    for trace in figure.data:
        if trace.name.startswith("yours"):
            trace.marker.update(symbol="star", size=15, line={"width": 1.5, "color": "#FFFFFF"})
    return figure.update_layout(height=480)
