"""Wrong numbers and lost work, looked for on purpose: minutes to hours, so not a part of the tests.

    python tests/faults/run.py damage [--quick]   one file of a finished run damaged at a time, every question asked
    python tests/faults/run.py kill [TIMES]       a job killed at random moments (default 100), resumed, compared
    python tests/faults/run.py threads            the same run with one and with two threads
    python tests/faults/run.py memory             the demo under limits of its address space

`tests/test_faults.py` is the short version.
"""

import collections
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from heat_core import Run, run
from heat_core.runs.experiment import demo_experiment
from tests.faults import damage as damaging
from tests.faults.kill import kill_at_random


def damage(home: Path, quick: bool) -> int:
    """Tracebacks and other answers are faults; returns how many."""
    os.environ["HEAT_HOME"] = str(home)
    done = run(demo_experiment())
    picture = home / "picture.png"
    done.image("id", str(done.ids("id")[0])).save(picture)
    features = [
        p for p in (home / "features").rglob("*") if p.name in ("avg.npy", "std.npy", "labels.npy", "meta.json")
    ]
    files = [*damaging.files_of(done.folder), *features]
    counts: dict[str, collections.Counter[str]] = {}
    for file, what, question, outcome in damaging.tried(done.folder, files, picture, not quick):
        counts.setdefault(file, collections.Counter())[outcome.kind] += 1
        if outcome.kind in ("traceback", "different"):
            print(f"{file:<28} {what:<36} {question:<22} {outcome.kind}: {outcome.detail}", flush=True)
    total = collections.Counter()
    for file, count in counts.items():
        print(f"{file:<28} {dict(count)}")
        total += count
    print(f"{sum(total.values())} questions: {dict(total)}")
    return total["traceback"] + total["different"]


def kill(home: Path, times: int) -> int:
    """Returns how many kills did harm."""
    tally = kill_at_random(times, home)
    print(f"killed {tally.killed} of {times}; failed {tally.failed}; wrong numbers {tally.wrong}; left {tally.left}")
    return len(tally.failed) + len(tally.wrong) + len(tally.left)


def threads(home: Path) -> int:
    """Whether one and two threads give the same arrays and the same map; returns how many differ."""
    made = []
    for count in ("1", "2"):
        mine = home / count
        limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), count)
        env = os.environ | limits | {"HEAT_HOME": str(mine)}
        subprocess.run([sys.executable, "-m", "heat_core", "demo"], env=env, check=True, capture_output=True)
        made.append(Run.open(next((mine / "runs").iterdir())))
    one, two = made
    differ = [n for n in one.datasets if not np.array_equal(one.energies(n), two.energies(n))]
    moved = float(np.abs(one.map.xy - two.map.xy).max() / np.ptp(one.map.xy))
    print(f"energies differ in {differ or 'no set'}; points of the map move by up to {moved:.1%} of its extent")
    return len(differ) + (moved > 0)


def memory(home: Path) -> int:
    """A sentence or a finish under every limit; returns how often it was neither."""
    bad = 0
    for megabytes in (3500, 4000, 4300, 4600, 5000, 6000):
        env = os.environ | {"HEAT_HOME": str(home / str(megabytes))}
        command = ["bash", "-c", f"ulimit -v {1000 * megabytes}; exec {sys.executable} -m heat_core demo"]
        try:
            done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)
            status, last = done.returncode, (done.stderr.strip().splitlines() or [""])[-1]
        except subprocess.TimeoutExpired:
            status, last = None, "hangs"
        fine = status == 0 or (status == 2 and last.startswith("heat_core:"))
        bad += not fine
        print(f"{megabytes} MB: {'finished' if status == 0 else f'exit {status}: {last[:140]}'}", flush=True)
    return bad


def main(words: list[str]) -> int:
    """Do one of the four."""
    if not words or words[0] not in ("damage", "kill", "threads", "memory"):
        print(__doc__)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        if words[0] == "damage":
            return min(damage(home, "--quick" in words), 1)
        if words[0] == "kill":
            return min(kill(home, int(words[1]) if len(words) > 1 else 100), 1)
        return min({"threads": threads, "memory": memory}[words[0]](home), 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
