"""Own images: kept with the run, scored by a process of its own, shown when it is done."""

import time
from collections.abc import Sequence
from pathlib import Path

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from app.common import faults
from app.common.following import Version, version_of
from app.common.text import plain
from app.new_images import drift_view
from app.state import session
from app.workbench.inspect_view import inspect_view
from app.workbench.sample_detail import short
from heat_core import HeatError, Lens, Run
from heat_core.analysis.newcomers import Newcomers
from heat_core.composition import HEAT
from heat_core.data.image_io import suffixes
from heat_core.guard.drift import ANOTHER_DOMAIN
from heat_core.jobs.jobs import start_scoring
from heat_core.runs.feature_map import MAP_FILE
from heat_core.runs.lock import FAILED_FILE, LOG_FILE, SCORE_LOCK
from heat_core.runs.record import ENERGIES, SCORED, Scored
from heat_core.storage import file_name, locked, printable, writing

TYPES = sorted(s.removeprefix(".") for s in suffixes())
_STARTING = 30.0  # seconds until a process that was started must hold its lock


def start(run: Run, files: Sequence[UploadedFile], folder: str) -> None:
    """Begin to score uploaded files and the images of a folder or a list, as a new batch of the run."""
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
    """What the run says of a batch in a sentence, and the workbench over it."""
    lens = session.look().lens()
    try:
        found, version = _newcomers(run, batch, scored)
        called, low, high = found.share_unknown(lens)
    except HeatError as error:
        st.warning(plain(error))
        return
    share, expected = called / max(len(scored), 1), _expected(found, lens)
    st.markdown(
        f"**{called:,d} of {len(scored):,} are called unknown** ({100 * share:.0f} %, 95 % interval {100 * low:.0f} to "
        f"{100 * high:.0f} %), where {100 * expected:.0f} % of known images would be."
        + (" Another domain?" if low > ANOTHER_DOMAIN else "")
    )
    drift_view.discoveries(found, lens)
    if len(scored.skipped):
        examples = ", ".join(map(short, scored.skipped[:5]))
        st.warning(f"{len(scored.skipped)} could not be read and were skipped: {plain(examples)}")
    for note in scored.notes:
        st.caption(plain(str(note)))
    drift_view.by_group(found, lens)
    inspect_view(found, version, batch)


@st.cache_resource(show_spinner=False, max_entries=4)
def _kept(folder: str, batch: str, version: Version, _run: Run, _scored: Scored) -> Newcomers:  # noqa: ARG001
    return Newcomers(_run, _scored, batch)


def _newcomers(run: Run, batch: str, scored: Scored) -> tuple[Newcomers, Version]:
    """The new images, shared by all sessions until a file changes, and the version of what they were made from."""
    files = (run.folder / "own" / batch / SCORED, run.folder / ENERGIES, run.folder / MAP_FILE)
    version = version_of(*files)
    return _kept(str(run.folder), batch, version, run, scored), version


def _expected(found: Newcomers, lens: Lens) -> float:
    """Share of known test images that are called unknown at the same line."""
    return float(found.flagged(HEAT, lens)[~found.is_ood].mean())
