"""Jobs: the command line run as a child process on a run folder. Nothing here imports torch."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from heat_core.errors import HeatError
from heat_core.experiment import Experiment
from heat_core.results import Run
from heat_core.storage import file_name, heat_home, write_json, writing


def new_run(experiment: Experiment) -> Path:
    """Make the folder of a new run; it waits there, queued."""
    experiment.check()
    experiment = experiment.anchored()
    stamp = time.strftime("%Y%m%d-%H%M%S")
    label = file_name(experiment.name or f"{Path(experiment.id).name}-{experiment.backbone}")
    folder, n = heat_home() / "runs" / f"{stamp}-{label}", 1
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        while True:
            try:
                folder.mkdir()
                break
            except FileExistsError:
                n += 1
                folder = heat_home() / "runs" / f"{stamp}-{label}-{n}"
    info = {"experiment": experiment.to_dict(), "status": "queued", "created": time.time()}
    write_json(folder / "run.json", info)
    return folder


def start(folder: Path) -> subprocess.Popen:
    """Start (or resume) the job of a run folder in a process of its own, which outlives the caller."""
    return _spawn(["job", str(folder)], folder / "job.log")


def start_scoring(run: Run, paths: list[Path], into: Path) -> None:
    """Score images with a run in a process of its own: `into` gets `log.txt`, then `scored.npz` or `failed.txt`."""
    arguments = ["score", str(run.folder), *map(str, paths), "--into", str(into)]
    _spawn(arguments, into / "log.txt")


def _spawn(arguments: list[str], log_path: Path) -> subprocess.Popen:
    """`python -m heat_core …`, with what it prints in a log. It gives way to the app where both want a core."""
    with writing(log_path), open(log_path, "ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "heat_core", "--nice", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )


def cancel(run: Run, patience: float = 10.0) -> None:
    """Ask the job to stop. The lock proves that the process is alive and is ours, whatever pids were reused."""
    run = Run.open(run.folder)
    if not run.alive:
        raise HeatError(f"Run {run.id} is not running.")
    os.kill(run.info["pid"], signal.SIGTERM)
    until = time.monotonic() + patience
    while run.alive and time.monotonic() < until:
        time.sleep(0.05)
