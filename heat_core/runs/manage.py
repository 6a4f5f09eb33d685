"""List, rename and delete the runs of HEAT_HOME."""

import os
import secrets
import shutil

from heat_core.errors import HeatError
from heat_core.names import printable
from heat_core.runs.events import RUN_FILE
from heat_core.runs.lock import is_active, run_lock
from heat_core.runs.run import RUN_OF_STUDY, Run
from heat_core.storage import heat_home, is_file, read_json, write_json, writing

LONGEST_NAME = 200  # characters


def list_runs() -> list[Run]:
    """List every readable run in HEAT_HOME, newest first; runs of studies come after all others."""
    return _scan_runs()[0]


def damaged_runs() -> dict[str, str]:
    """Map each folder of HEAT_HOME/runs that cannot be read to the reason."""
    return _scan_runs()[1]


def _scan_runs() -> tuple[list[Run], dict[str, str]]:
    runs, damaged = [], {}
    for folder in sorted((heat_home() / "runs").glob("[!.]*")):  # folders of runs that are being made begin with a dot
        if not folder.is_dir():
            continue
        try:
            run = Run.open(folder)
            _ = run.experiment  # its description may be damaged
            runs.append(run)
        except HeatError as error:  # a damaged folder must not hide the others
            damaged[folder.name] = str(error)

    newest_first = sorted(runs, key=lambda run: run.info.get("created", 0), reverse=True)
    return sorted(newest_first, key=lambda run: run.id.startswith(RUN_OF_STUDY)), damaged


def rename(run: Run, name: str) -> Run:
    """Change the name by which a run is shown, and open it again; its folder and id stay, so that links remain valid.

    Args:
        run: the run.
        name: the new name; "" = none, the run is shown by its id.

    Raises:
        HeatError: where the name is too long, or a job works on the run (it writes to the same file).
    """
    name = printable(" ".join(name.split()))
    if len(name) > LONGEST_NAME:
        raise HeatError(f"This name has {len(name)} characters: choose one with at most {LONGEST_NAME}.")
    _require_idle(run, "rename")
    with run_lock(run.folder):
        info = read_json(run.folder / RUN_FILE, "start the run again")
        write_json(run.folder / RUN_FILE, info | {"experiment": info["experiment"] | {"name": name}})
    return Run.open(run.folder)


def delete(run: Run) -> None:
    """Delete a run's folder with everything in it: numbers, notes, selections and scored images.

    Features, which other runs may share, stay.

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
    _require_idle(run, "delete")
    temp_folder = folder.with_name(f".gone-{os.getpid()}-{secrets.token_hex(4)}")
    with writing(folder):  # renamed first, since a half-deleted run would be listed as damaged
        folder.rename(temp_folder)
    shutil.rmtree(temp_folder, ignore_errors=True)  # the next job removes what remains


def _require_idle(run: Run, action: str) -> None:
    if is_active(run.folder):
        raise HeatError(f"A job works on run {run.id}: {action} it when it has finished, or cancel it first.")
