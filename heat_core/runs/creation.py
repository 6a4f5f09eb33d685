"""New runs: a folder of HEAT_HOME with its experiment, which waits for its job."""

import errno
import itertools
import os
import secrets
import shutil
import time
from pathlib import Path

from heat_core.runs.events import RUN_FILE
from heat_core.runs.experiment import Experiment
from heat_core.runs.record import FORMAT
from heat_core.storage import file_name, heat_home, write_json, writing
from heat_core.version import __version__


def new_run(experiment: Experiment) -> Path:
    """Make the folder of a new run; it waits there, queued."""
    experiment = _checked(experiment)
    label = file_name(experiment.name or f"{Path(experiment.id).name}-{Path(experiment.backbone).name}")
    return _settled(_described(experiment), heat_home() / "runs" / f"{time.strftime('%Y%m%d-%H%M%S')}-{label}")


def new_run_in(folder: Path, experiment: Experiment) -> None:
    """Make a new run in a folder of HEAT_HOME/runs whose name is given; one that is there already stays."""
    beside = _described(_checked(experiment))
    try:
        beside.rename(folder)
    except OSError as error:
        shutil.rmtree(beside)
        if not folder.exists():
            with writing(folder):
                raise error


def _checked(experiment: Experiment) -> Experiment:
    experiment.check()
    return experiment.anchored()


def _described(experiment: Experiment) -> Path:
    """A run's folder before it has its name: it appears under it once it is a run."""
    info = {
        "format": FORMAT,
        "experiment": experiment.to_dict(),
        "status": "queued",
        "created": time.time(),
        "versions": {"heat_core": __version__},
    }
    beside = heat_home() / "runs" / f".new-{os.getpid()}-{secrets.token_hex(4)}"
    with writing(beside):
        beside.mkdir(parents=True)
    write_json(beside / RUN_FILE, info)
    return beside


def _settled(beside: Path, wanted: Path) -> Path:
    """Give a folder its name, or that name with a number where it is taken."""
    for n in itertools.count(1):
        folder = wanted if n == 1 else wanted.with_name(f"{wanted.name}-{n}")
        if folder.exists():
            continue
        try:
            beside.rename(folder)
            return folder
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY) and not folder.exists():
                with writing(folder):
                    raise
    raise AssertionError("unreachable")
