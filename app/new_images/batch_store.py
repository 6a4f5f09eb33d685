"""Batches of new images, which are stored in the run's folder and scored by a separate process."""

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
from heat_core.runs.scored_images import SCORED, ScoredImages
from heat_core.storage import writing

UPLOAD_TYPES = sorted(s.removeprefix(".") for s in suffixes())
_START_SECONDS = 30.0  # seconds within which a process must take its lock after its start


def start_batch(run: Run, files: Sequence[UploadedFile], folder: str) -> None:
    """Start to score images as a new batch of the run.

    Args:
        run: the run that scores them.
        files: uploaded images, which are copied into the batch.
        folder: folder or list of images, or "".
    """
    batch = run.folder / "own" / time.strftime("%Y%m%d-%H%M%S")
    paths = [Path(folder).expanduser()] if folder else []
    try:
        with writing(batch):
            batch.mkdir(parents=True)
            if files:
                (batch / "images").mkdir()
                paths.append(batch / "images")
            for i, file in enumerate(files):
                name = Path(file.name)  # A long name is cut, and must keep its suffix.
                ending = name.suffix if name.suffix.lower() in suffixes() else ""
                (batch / "images" / f"{i:03d}-{file_name(name.stem)}{ending}").write_bytes(file.getvalue())
        start_scoring(run, paths, batch)
    except HeatError as error:
        faults.stop(error)


def list_batches(run: Run) -> list[Path]:
    """List the folders of a run's batches, newest first."""
    return sorted((p for p in (run.folder / "own").glob("*") if (p / LOG_FILE).exists()), reverse=True)


def format_batch_name(name: str) -> str:
    """Format the name of a batch as the date and time at which it was added."""
    try:
        return time.strftime("%d %b %Y, %H:%M:%S", time.strptime(name, "%Y%m%d-%H%M%S"))
    except ValueError:  # The folder was renamed.
        return printable(name)


def is_scoring(batch: Path) -> bool:
    """Return whether the process still scores the batch.

    A process holds a lock while it works. One that was just started counts as working before it has taken the lock.
    """
    if (batch / SCORED).exists() or (batch / FAILED_FILE).exists():
        return False
    if time.time() - (batch / LOG_FILE).stat().st_mtime < _START_SECONDS:
        return True
    return is_locked(batch / SCORE_LOCK)


def read_progress(batch: Path) -> str:
    """Return the last message of the process, or its error where it failed."""
    if (batch / FAILED_FILE).exists():
        return (batch / FAILED_FILE).read_text(encoding="utf-8", errors="replace")
    if not is_scoring(batch):
        return "The process ended without a message: score the images again."
    lines = (batch / LOG_FILE).read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1].split("] ")[-1] if lines else "Starting (loading torch)…"


def load_scores(batch: Path) -> ScoredImages | None:
    """Load the scores of a batch; None where there are none, since the process still works or failed."""
    try:
        return ScoredImages.load(batch / SCORED) if (batch / SCORED).exists() else None
    except HeatError as error:
        faults.stop(error)
    except (TypeError, ValueError):  # The arrays have an unexpected type or shape.
        faults.stop(f"{batch / SCORED} is damaged: score the images again.")
