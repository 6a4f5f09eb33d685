"""Own images: kept with the run, scored by a process of its own, shown when it is done."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from app import downloads, faults, gallery_view, pictures, session
from app.inspector import Subject, show
from app.text import drawn, plain
from heat_core import HeatError, Run
from heat_core.analysis import figures, palette
from heat_core.analysis.newcomers import Newcomers
from heat_core.analysis.samples import Samples, stratified
from heat_core.features.images import suffixes
from heat_core.runs.experiment import ID
from heat_core.runs.jobs import FAILED_FILE, LOG_FILE, SCORE_LOCK, start_scoring
from heat_core.runs.record import SCORED, Scored
from heat_core.runs.rows import corrected_row
from heat_core.storage import file_name, locked, printable, writing

TYPES = sorted(s.removeprefix(".") for s in suffixes())
_STARTING = 30.0  # seconds until a process that was started must hold its lock
_MOST_SHOWN, _MAP_POINTS, _SIDE = 200, 5000, 320


def start(run: Run, files: Sequence[UploadedFile], folder: str) -> None:
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
                name = Path(file.name)  # a long one is cut, and must keep its ending
                ending = name.suffix if name.suffix.lower() in suffixes() else ""
                (batch / "images" / f"{i:03d}-{file_name(name.stem)}{ending}").write_bytes(file.getvalue())
        start_scoring(run, paths, batch)
    except HeatError as error:
        faults.stop(error)


def batches(run: Run) -> list[Path]:
    """The batches of a run, the newest first."""
    return sorted((p for p in (run.folder / "own").glob("*") if (p / LOG_FILE).exists()), reverse=True)


def label(name: str) -> str:
    """When a batch was brought."""
    try:
        return time.strftime("%d %b %Y, %H:%M:%S", time.strptime(name, "%Y%m%d-%H%M%S"))
    except ValueError:  # a folder that somebody renamed
        return printable(name)


def waiting(batch: Path) -> bool:
    """Whether the process is still at it: it holds a lock, a moment after it was started."""
    if (batch / SCORED).exists() or (batch / FAILED_FILE).exists():
        return False
    if time.time() - (batch / LOG_FILE).stat().st_mtime < _STARTING:
        return True
    return locked(batch / SCORE_LOCK)


def progress(batch: Path) -> str:
    """The last thing that the process said; its error, once it has failed."""
    if (batch / FAILED_FILE).exists():
        return (batch / FAILED_FILE).read_text(encoding="utf-8", errors="replace")
    if not waiting(batch):
        return "The process ended without a word: score the images again."
    lines = (batch / LOG_FILE).read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1].split("] ")[-1] if lines else "Starting (loading torch)…"


def result(batch: Path) -> Scored | None:
    """What was found of a batch; None before it is done, or after it failed."""
    try:
        return Scored.load(batch / SCORED) if (batch / SCORED).exists() else None
    except HeatError as error:
        faults.stop(error)
    except (TypeError, ValueError):  # numbers of another kind
        faults.stop(f"{batch / SCORED} is damaged: score the images again.")


def outcome(run: Run, batch: str, scored: Scored) -> None:
    """Verdicts of a batch, the map with the new images on it, and the inspector."""
    lens = session.look().lens()
    try:
        found = Newcomers(run, scored, lens)
    except HeatError as error:
        st.warning(plain(error))
        return
    names = ", ".join(run.title(corrected_row(p)) for p in lens.composed(run.priors))
    line = "" if lens.threshold is None else " and your line"
    st.markdown(
        f"**{int(found.unknown.sum())} of {len(found)}** are called unknown, at β = {lens.beta:g}{line} over "
        f"{plain(names)}, as on the Live page."
    )
    if len(scored.skipped):
        examples = ", ".join(map(_short, scored.skipped[:5]))
        st.warning(f"{len(scored.skipped)} could not be read and were skipped: {plain(examples)}")
    inspected = _inspected(batch, found)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        _verdicts(batch, found, inspected)
    with right:
        st.subheader("Why?")
        show(run, _subject(found, inspected), lens, found.threshold)


def _inspected(batch: str, found: Newcomers) -> int:
    """The image that the look names; the most unusual one where it names none of this batch."""
    of, _, asked = session.look().choices.get("own", "").partition(":")
    if of == batch and asked.isdecimal() and int(asked) < len(found):
        return int(asked)
    return int(found.order[0])


def _verdicts(batch: str, found: Newcomers, inspected: int) -> None:
    """The pictures, the map and the table."""
    run, scored, key = found.run, found.scored, f"own-{found.run.id}"
    cells = [
        {
            "number": i,
            "name": _short(scored.ids[i]),
            "ood": True,
            "url": _picture(scored.ids[i], 192),
            "verdicts": "u" if found.unknown[i] else "k",
            "why": found.why(i),
            "caption": f"{found.class_seen(i)} · {scored.confidence[i]:.0%}",
        }
        for i in map(int, found.order[:_MOST_SHOWN])
    ]
    st.caption("Orange, dashed, ? = called unknown · blue, ✓ = taken for known. A click shows why.")

    def inspect() -> None:
        session.chosen("own", f"{batch}:{int(session.event(key, 'inspect'))}")

    gallery_view.draw(key, ["HEAT"], cells, inspected, on_inspect=inspect)
    if len(found) > _MOST_SHOWN:
        st.caption(f"{_MOST_SHOWN} of {len(found)} shown, the most unusual; the table has all.")
    if len(scored.xy):
        st.plotly_chart(_map(found), key="own-map")
    table = pd.DataFrame(
        {
            "verdict": np.where(found.unknown, "unknown", "known"),
            "score": found.scores,
            "percentile": found.percentile,
            "taken for": np.array(run.class_names)[scored.predicted],
            "confidence": scored.confidence,
        },
        index=pd.Index(scored.ids, name="image"),
    ).iloc[found.order]
    numbers = st.column_config.NumberColumn
    shares = dict.fromkeys(("confidence", "percentile"), numbers(format="percent"))
    st.dataframe(table, column_config={"score": numbers(format="%.3f"), **shares})
    downloads.table(table, f"{run.id}-own-images")


def _short(path: str) -> str:
    return Path(str(path)).name


def _picture(path: str, side: int) -> str | None:
    return pictures.file_url(str(path), side)


def _subject(found: Newcomers, i: int) -> Subject:
    scored = found.scored
    return Subject(
        of=None,
        name=_short(scored.ids[i]),
        url=_picture(scored.ids[i], 2 * _SIDE),
        prior=scored.prior[i],
        residual=scored.residual[i],
        avg=scored.avg[i],
        is_ood=None,
        reason=found.why(i),
        shares=found.shares(i),
    )


def _map(found: Newcomers) -> go.Figure:
    """The run's map (a stratified sample of it where it is large), with the new images as stars."""
    samples = Samples(found.run)
    numbers = stratified(samples, _MAP_POINTS)
    xy = np.concatenate([samples.map_xy()[numbers], found.scored.xy])
    names = ["ID test" if n == ID else drawn(n) for n in found.run.datasets]
    groups = {name: np.flatnonzero(samples.dataset[numbers] == i) for i, name in enumerate(names)}
    at = len(numbers) + np.arange(len(found))
    groups |= {"yours, known": at[~found.unknown], "yours, unknown": at[found.unknown]}
    yours = {"yours, known": palette.OWN_KNOWN, "yours, unknown": palette.OWN_UNKNOWN}
    colours = {"ID test": palette.ID, **palette.of_sets(names[1:]), **yours}
    text = [drawn(samples.key(int(i))) for i in numbers] + [drawn(_short(p)) for p in found.scored.ids]
    figure = figures.feature_map(xy, groups, colours, text)
    for trace in figure.data:
        if trace.name.startswith("yours"):
            trace.marker.update(symbol="star", size=15, line={"width": 1.5, "color": "#FFFFFF"})
    return figure.update_layout(height=480)
