"""Batches of new images: kept with the run, scored by a process of their own."""

import time
from collections.abc import Sequence
from pathlib import Path

from streamlit.runtime.uploaded_file_manager import UploadedFile

from app.common import faults
from heat_core import HeatError, Run
from heat_core.data.image_io import suffixes
from heat_core.jobs.jobs import start_scoring
from heat_core.locks import is_locked
from heat_core.names import file_name, printable
from heat_core.runs.lock import FAILED_FILE, LOG_FILE, SCORE_LOCK
from heat_core.runs.scored import SCORED, ScoredImages
from heat_core.storage import writing

UPLOAD_TYPES = sorted(s.removeprefix(".") for s in suffixes())
_START_SECONDS = 30.0  # seconds until a process that was started must hold its lock


def start_batch(run: Run, files: Sequence[UploadedFile], folder: str) -> None:
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


def list_batches(run: Run) -> list[Path]:
    """The batches of a run, the newest first."""
    return sorted((p for p in (run.folder / "own").glob("*") if (p / LOG_FILE).exists()), reverse=True)


def format_batch_name(name: str) -> str:
    """When a batch was brought."""
    try:
        return time.strftime("%d %b %Y, %H:%M:%S", time.strptime(name, "%Y%m%d-%H%M%S"))
    except ValueError:  # a folder that somebody renamed
        return printable(name)


def is_scoring(batch: Path) -> bool:
    """Whether the process is still at it: it holds a lock, a moment after it was started."""
    if (batch / SCORED).exists() or (batch / FAILED_FILE).exists():
        return False
    if time.time() - (batch / LOG_FILE).stat().st_mtime < _START_SECONDS:
        return True
    return is_locked(batch / SCORE_LOCK)


def read_progress(batch: Path) -> str:
    """The last thing that the process said; its error, once it has failed."""
    if (batch / FAILED_FILE).exists():
        return (batch / FAILED_FILE).read_text(encoding="utf-8", errors="replace")
    if not is_scoring(batch):
        return "The process ended without a word: score the images again."
    lines = (batch / LOG_FILE).read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1].split("] ")[-1] if lines else "Starting (loading torch)…"


def load_scores(batch: Path) -> ScoredImages | None:
    """What was found of a batch; None before it is done, or after it failed."""
    try:
        return ScoredImages.load(batch / SCORED) if (batch / SCORED).exists() else None
    except HeatError as error:
        faults.stop(error)
    except (TypeError, ValueError):  # numbers of another kind
        faults.stop(f"{batch / SCORED} is damaged: score the images again.")
