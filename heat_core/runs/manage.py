"""A run's name, and its end: what is done to a run as a whole, after it was made."""

import os
import secrets
import shutil

from heat_core.errors import HeatError
from heat_core.runs.events import RUN_FILE
from heat_core.runs.lock import held, is_worked_on
from heat_core.runs.run import Run
from heat_core.storage import heat_home, is_file, printable, read_json, write_json, writing

LONGEST_NAME = 200  # characters


def rename(run: Run, name: str) -> Run:
    """Give a run another name to be shown by, and open it anew. Its folder and id stay, so that links go on working.

    Args:
        run: the run.
        name: the new name; "" = none, the run is shown by its id.

    Raises:
        HeatError: where the name is too long, or a job works on the run (it keeps its own words in the same file).
    """
    name = printable(" ".join(name.split()))
    if len(name) > LONGEST_NAME:
        raise HeatError(f"This name has {len(name)} characters: choose one with at most {LONGEST_NAME}.")
    _require_rest(run, "rename")
    with held(run.folder):
        info = read_json(run.folder / RUN_FILE, "start the run again")
        write_json(run.folder / RUN_FILE, info | {"experiment": info["experiment"] | {"name": name}})
    return Run.open(run.folder)


def delete(run: Run) -> None:
    """Delete a run's folder with everything in it: numbers, notes, selections, scored images. Features, which other
    runs may share, stay.

    Raises:
        HeatError: where it is no run of HEAT_HOME, or a job works on it.
    """
    folder, runs = run.folder, heat_home() / "runs"
    if folder.is_symlink() or folder.resolve().parent != runs.resolve() or folder.name.startswith("."):
        raise HeatError(
            f"{printable(folder)} is no folder of {printable(runs)}: only runs that lie there are deleted, remove this "
            "one by hand."
        )
    if not is_file(folder / RUN_FILE):
        raise HeatError(f"{printable(folder)} is no run, it has no {RUN_FILE}: look at it, and remove it by hand.")
    _require_rest(run, "delete")
    gone = folder.with_name(f".gone-{os.getpid()}-{secrets.token_hex(4)}")
    with writing(folder):  # it disappears at once: a run that is half deleted would be a damaged one
        folder.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)  # what cannot be removed is swept by the next job


def _require_rest(run: Run, what: str) -> None:
    if is_worked_on(run.folder):
        raise HeatError(f"A job works on run {run.id}: {what} it when it has finished, or cancel it first.")
