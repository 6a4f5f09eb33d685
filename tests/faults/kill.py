"""Jobs that are killed at random moments, resumed, and compared with an undisturbed one."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from heat_core import Run
from heat_core.runs.creation import new_run
from heat_core.runs.experiment import demo_experiment

_LEFT = (".tmp", ".partial")


@dataclass
class Tally:
    """What came of the kills."""

    killed: int = 0
    failed: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def _start(folder: Path, home: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "heat_core", "job", str(folder)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, env=os.environ | {"HEAT_HOME": str(home)}, start_new_session=True, **quiet)


def _experiment():
    experiment = demo_experiment()
    experiment.settings = {"updates": 20, "width": 32, "epochs": 5, "langevin_steps": 3}
    experiment.map = False
    experiment.limit, experiment.limit_ood = 60, 100
    return experiment


def kill_at_random(times: int, home: Path, seed: int = 0) -> Tally:
    """Kill the same job `times` times, each at another moment, from a home of its own; resume it and compare."""
    os.environ["HEAT_HOME"] = str(home / "whole")
    whole = new_run(_experiment())
    began = time.monotonic()
    _start(whole, home / "whole").wait()
    lasted, expected = time.monotonic() - began, Run.open(whole).metrics()
    rng, tally = random.Random(seed), Tally()
    for i in range(times):
        mine = home / f"kill-{i}"
        os.environ["HEAT_HOME"] = str(mine)
        folder = new_run(_experiment())
        process = _start(folder, mine)
        time.sleep(rng.uniform(0, lasted))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            tally.killed += 1
        process.wait()
        _start(folder, mine).wait()
        run = Run.open(folder)
        if run.status != "done":
            tally.failed.append(f"{i}: {run.status} {run.info.get('error')}")
        elif run.metrics() != expected:
            tally.wrong.append(str(i))
        tally.left += [
            str(p) for p in mine.rglob("*") if p.name.endswith(_LEFT) or p.name.startswith((".new", "map-input"))
        ]
        shutil.rmtree(mine)
    return tally
