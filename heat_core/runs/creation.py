"""Creation of runs: a folder of HEAT_HOME whose run.json holds the experiment, with the status `queued`."""

import errno
import os
import secrets
import shutil
import time
from pathlib import Path
from typing import Any

from heat_core.errors import HeatError
from heat_core.names import file_name, numbered_paths, printable
from heat_core.runs.events import RUN_FILE
from heat_core.runs.experiment import Experiment
from heat_core.runs.results_file import FORMAT, require_format
from heat_core.storage import heat_home, is_file, read_json, write_json, writing
from heat_core.version import __version__


def new_run(experiment: Experiment) -> Path:
    """Make the folder of a new run, with the status `queued`, and return it.

    Raises:
        HeatError: where the experiment is invalid, or the folder cannot be written.
    """
    experiment.check()
    experiment = experiment.with_absolute_paths()
    label = file_name(experiment.name or f"{Path(experiment.id).name}-{Path(experiment.backbone).name}")
    folder = heat_home() / "runs" / f"{time.strftime('%Y%m%d-%H%M%S')}-{label}"
    return _move_to_free_name(_write_temp_folder(experiment), folder)


def new_run_in(folder: Path, experiment: Experiment) -> None:
    """Make a new run in a given folder of HEAT_HOME/runs; an existing one is left unchanged.

    Raises:
        HeatError: where the experiment is invalid, or the folder cannot be written.
    """
    experiment.check()
    temp_folder = _write_temp_folder(experiment.with_absolute_paths())
    try:
        temp_folder.rename(folder)
    except OSError as error:
        shutil.rmtree(temp_folder)
        if not folder.exists():
            with writing(folder):
                raise error


def _write_temp_folder(experiment: Experiment) -> Path:
    """Write a run under a temporary name, so that it gets its own name only once it is complete."""
    info = {
        "format": FORMAT,
        "experiment": experiment.to_dict(),
        "status": "queued",
        "created": time.time(),
        "versions": {"heat_core": __version__},
    }
    temp_folder = heat_home() / "runs" / f".new-{os.getpid()}-{secrets.token_hex(4)}"
    with writing(temp_folder):
        temp_folder.mkdir(parents=True)
    write_json(temp_folder / RUN_FILE, info)
    return temp_folder


def _move_to_free_name(temp_folder: Path, preferred: Path) -> Path:
    """Rename a folder to the preferred name, or to that name with a number where it is taken."""
    for folder in numbered_paths(preferred):
        if folder.exists():
            continue
        try:
            temp_folder.rename(folder)
            return folder
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY) and not folder.exists():
                with writing(folder):
                    raise
    raise AssertionError("unreachable")


def read_info(folder: Path) -> dict[str, Any]:
    """Read run.json of a run.

    Raises:
        HeatError: where the folder is no run, its file is damaged, or another format wrote it.
    """
    if not is_file(folder / RUN_FILE):
        raise HeatError(
            f"{printable(folder)} is no run, it has no {RUN_FILE}: `python -m heat_core list` names those that exist."
        )
    cure = f"put {RUN_FILE} back, or start the run again"
    info = read_json(folder / RUN_FILE, cure)
    if not isinstance(info, dict) or not {"experiment", "status", "created"} <= set(info):
        raise HeatError(f"{printable(folder / RUN_FILE)} does not describe a run: {cure}.")
    versions, created = info.get("versions", {}), info["created"]
    if not isinstance(versions, dict) or type(created) not in (int, float) or not isinstance(info["status"], str):
        raise HeatError(f"{printable(folder / RUN_FILE)} is damaged: {cure}.")
    require_format(info.get("format", 1), folder, versions.get("heat_core", ""))
    return info
