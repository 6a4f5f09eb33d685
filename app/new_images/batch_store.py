"""Batches of new images, which are stored in the run's folder and scored by a separate process."""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from streamlit.runtime.uploaded_file_manager import UploadedFile

from app.common import faults
from heat_core import HeatError, Run
from heat_core.data.containers.members import ARCHIVE_SUFFIXES
from heat_core.data.datasets import from_files
from heat_core.data.formats.row_paths import LIST_SUFFIXES
from heat_core.data.image_io import suffixes
from heat_core.jobs.jobs import start_scoring
from heat_core.locks import is_locked
from heat_core.names import file_name, numbered_paths, printable
from heat_core.runs.lock import FAILED_FILE, LOG_FILE, SCORE_LOCK, starting_process
from heat_core.runs.manage import LONGEST_NAME
from heat_core.runs.scored_images import SCORED, ScoredImages
from heat_core.storage import expand_home, read_json, write_json, writing

_PACKED = (*LIST_SUFFIXES, *ARCHIVE_SUFFIXES)  # lists and archives, which are sources of their own
UPLOAD_TYPES = sorted(s.removeprefix(".") for s in {*suffixes(), *_PACKED})
BATCH_FILE = "batch.json"  # what a person calls the batch: {"name": …}
_TIME_FORMAT = "%Y%m%d-%H%M%S"
_TIME_LENGTH = len("20260101-000000")


def start_batch(run: Run, files: Sequence[UploadedFile], folder: str) -> None:
    """Start to score images as a new batch of the run, which holds these images and no others.

    Its name is that of the folder or list; of dropped files that of the only one, or their number.

    Args:
        run: the run that scores them.
        files: uploaded images, which are copied into the batch.
        folder: folder or list of images, or "".

    Raises:
        HeatError: if the folder or list cannot be read or has no images, or if nothing can be written.
    """
    batch = _make_batch_folder(run.folder / "own")
    try:
        paths = [*([expand_home(folder)] if folder else []), *_write_uploads(files, batch / "images")]
        from_files(paths)  # Its error is shown at once, instead of when the process has loaded torch.
    except HeatError:
        shutil.rmtree(batch, ignore_errors=True)
        raise
    rename_batch(batch, _first_name(files, folder))
    start_scoring(run, paths, batch)


def _first_name(files: Sequence[UploadedFile], folder: str) -> str:
    if folder:
        return expand_home(folder).name
    return Path(files[0].name).name if len(files) == 1 else f"{len(files):,} files"


def _make_batch_folder(parent: Path) -> Path:
    """Create a folder with the time as its name, and a number behind it where another batch has that name."""
    folder = next(path for path in numbered_paths(parent / time.strftime(_TIME_FORMAT)) if not path.exists())
    with writing(folder):
        folder.mkdir(parents=True)
    return folder


def _write_uploads(files: Sequence[UploadedFile], folder: Path) -> list[Path]:
    """Write every uploaded file under its own name; one whose name is taken gets its number before it.

    Returns:
        What is to be scored: the folder, if it holds images, and each list and archive in it.
    """
    taken: set[str] = set()  # without upper case, which some file systems do not tell apart
    packed: list[Path] = []
    for i, file in enumerate(files):
        stem, ending = _stem_and_ending(Path(file.name).name)
        name = f"{file_name(stem)}{ending}"
        while name.casefold() in taken:
            name = f"{i:03d}-{name}"
        taken.add(name.casefold())
        with writing(folder):
            folder.mkdir(exist_ok=True)
            (folder / name).write_bytes(file.getvalue())
        packed += [folder / name] if name.lower().endswith(_PACKED) else []
    return [*([folder] if len(packed) < len(files) else []), *packed]


def _stem_and_ending(name: str) -> tuple[str, str]:
    """Split the name of a file before its ending, such as .png or .csv.gz; "" = an ending that no image has."""
    ending = max((end for end in (*suffixes(), *_PACKED) if name.lower().endswith(end)), key=len, default="")
    start = len(name) - len(ending)
    return (name[:start], name[start:]) if start else (Path(name).stem, "")


def list_batches(run: Run) -> list[Path]:
    """List the folders of a run's batches, newest first."""
    return sorted((p for p in (run.folder / "own").glob("*") if (p / LOG_FILE).exists()), reverse=True)


def batch_name(batch: Path) -> str:
    """Return the name that a batch was given; "" where it has none, or its file is damaged."""
    try:
        stored = read_json(batch / BATCH_FILE) if (batch / BATCH_FILE).exists() else {}
    except HeatError:
        return ""
    return printable(str(stored.get("name", ""))) if isinstance(stored, dict) else ""


def rename_batch(batch: Path, name: str) -> None:
    """Change the name of a batch; its folder stays, so that links remain valid.

    Args:
        batch: folder of the batch.
        name: the new name; "" = none, the batch is shown by its time alone.

    Raises:
        HeatError: where the name is too long, or cannot be written.
    """
    name = printable(" ".join(name.split()))
    if len(name) > LONGEST_NAME:
        raise HeatError(f"This name has {len(name)} characters: choose one with at most {LONGEST_NAME}.")
    write_json(batch / BATCH_FILE, {"name": name})


def batch_labels(batches: list[Path]) -> dict[str, str]:
    """Return folder name → label of each batch: its name and its time, which no other batch of the run has."""
    return {b.name: " · ".join(filter(None, (batch_name(b), format_batch_time(b.name)))) for b in batches}


def format_batch_time(name: str) -> str:
    """Format the folder name of a batch as the date and time at which it was added."""
    begin, number = name[:_TIME_LENGTH], name[_TIME_LENGTH:]
    try:
        return time.strftime("%d %b %Y, %H:%M:%S", time.strptime(begin, _TIME_FORMAT)) + printable(number)
    except ValueError:  # The folder was renamed.
        return printable(name)


def is_scoring(batch: Path) -> bool:
    """Return whether the process still scores the batch.

    A process holds a lock while it works. One that was started counts as working before it has taken the lock.
    """
    if (batch / SCORED).exists() or (batch / FAILED_FILE).exists():
        return False
    return is_locked(batch / SCORE_LOCK) or starting_process(batch) is not None


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
