"""How fast is HEAT Explorer, beside whom?

    python tests/benchmarks/run.py [NAME …] [--quick] [--json]

Each side has a process of its own, and they take turns: a warm-up, then five timed repeats each. Printed are medians,
their spread, the ratio theirs / ours (above 1: ours is faster), the memory above that of the loaded data, and what
share of the machine's fp32 matrix rate the work's products come to. A NAME also calls those that begin with it. Needs
what tests/benchmarks/requirements.txt names. (Frames of the workbench: `live.py`, a browser and a mouse.)
"""

import argparse
import importlib
import json
import resource
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.benchmarks import detectors, guarding, machine, scores, system, training
from tests.benchmarks.case import Case, Job, Seconds, select_cases

CASES = [*detectors.CASES, *training.CASES, *scores.CASES, *system.CASES, *guarding.CASES]
REPEATS, QUICK_REPEATS = 5, 2
LEAST_SECONDS = 0.3  # of a repeat: what is shorter is done several times
SLOW = 5.0  # seconds: what takes longer is not done a second time before it counts
LIBRARIES = (
    "torch",
    "sklearn.linear_model",
    "scipy.stats",
    "heat_core.detectors.knn",
    "heat_core.energies.corrected_prior",
)


class Side:
    """One side of a case, in a process of its own."""

    def __init__(self, case: Case, side: str, quick: bool) -> None:
        command = [sys.executable, __file__, "--child", case.name, side, *(["--quick"] if quick else [])]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.seconds: list[float] = []
        self._read_reply()  # it is ready

    def _read_reply(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("> "):
                return json.loads(line[2:])
        raise SystemExit(f"{' '.join(map(str, self._process.args))} ended early.")

    def _request(self, command: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        return self._read_reply()

    def repeat(self) -> None:
        self.seconds.append(self._request("go")["seconds"])

    def end(self) -> float:
        """MB that the work needed beside its data."""
        memory = self._request("end")["mb"]
        self._process.wait()
        return memory

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def spread(self) -> float:
        return (max(self.seconds) - min(self.seconds)) / 2


def child(name: str, side: str, quick: bool) -> None:
    """Do the work of one side whenever the parent says so."""
    (case,) = [c for c in CASES if c.name == name]
    prepare = case.ours if side == "ours" else case.theirs
    assert prepare is not None
    for library in LIBRARIES:  # they are no memory of the work
        importlib.import_module(library)
    job = prepare(quick)
    peak = Peak()
    took = _timed(job)  # caches and threads are warm after it
    if case.theirs and took < SLOW:
        took = _timed(job)
    times = max(int(LEAST_SECONDS / max(took, 1e-4)), 1) if case.theirs else 1
    _send(ready=True)
    for line in sys.stdin:
        if line.strip() == "end":
            _send(mb=peak.end())
            return
        result, began = None, time.perf_counter()
        for _ in range(times):
            result = job()
        _send(seconds=result if isinstance(result, Seconds) else (time.perf_counter() - began) / times)


def _timed(job: Job) -> float:
    began = time.perf_counter()
    job()
    return time.perf_counter() - began


class Peak:
    """Largest resident memory of this process above that of the start, sampled: the kernel's own peak would count the
    making of the data. With `from_zero`, all of it."""

    def __init__(self, from_zero: bool = False) -> None:
        self._largest = self._resident()
        self._start = 0 if from_zero else self._largest
        self._ended = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    @staticmethod
    def _resident() -> int:
        status = Path("/proc/self/statm")
        if not status.exists():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return int(status.read_text().split()[1]) * resource.getpagesize()

    def _watch(self) -> None:
        while not self._ended.wait(0.005):
            self._largest = max(self._largest, self._resident())

    def end(self) -> float:
        self._ended.set()
        return (self._largest - self._start) / 2**20


def _send(**values: Any) -> None:
    print("> " + json.dumps(values), flush=True)


def measure(case: Case, quick: bool, peak: float) -> dict[str, float | None]:
    names = ["ours", "theirs"] if case.theirs else ["ours"]
    sides = {name: Side(case, name, quick) for name in names}
    for _ in range(QUICK_REPEATS if quick else REPEATS):
        for side in sides.values():
            side.repeat()
    memory = {name: side.end() for name, side in sides.items()}
    ours, theirs = sides["ours"], sides.get("theirs")
    return {
        "ours_s": ours.median,
        "theirs_s": theirs and theirs.median,
        "ratio": theirs and theirs.median / ours.median,
        "ours_mb": memory["ours"],
        "theirs_mb": memory.get("theirs"),
        "share_of_peak": case.flops / ours.median / peak if case.flops and not quick else None,
        "ours_spread_s": ours.spread,
        "theirs_spread_s": theirs and theirs.spread,
        "goal": case.goal,
    }


def table_row(case: Case, results: dict[str, float | None]) -> str:
    def text(key: str, form: str) -> str:
        return "–" if results[key] is None else format(results[key], form)

    ours, theirs = (
        f"{text(f'{side}_s', '.4g')} ± {text(f'{side}_spread_s', '.1g')}" if results[f"{side}_s"] is not None else "–"
        for side in ("ours", "theirs")
    )
    goal = f"≥ {case.goal:g} ×" if case.theirs else f"≤ {case.goal:g} s"
    met = results["ratio"] >= case.goal if case.theirs else results["ours_s"] <= case.goal
    memory = f"{text('ours_mb', ',.0f')} / {text('theirs_mb', ',.0f')}"
    ratio, share = text("ratio", ",.1f" if (results["ratio"] or 0) >= 10 else ".2f"), text("share_of_peak", ".0%")
    cells = [case.name, case.work, ours, theirs, case.rival or "–", ratio, goal, "yes" if met else "no", memory, share]
    return f"| {' | '.join(cells)} |"


HEAD = (
    "| name | work | ours, s | theirs, s | theirs is | ratio | goal | met | MB ours / theirs | of fp32 peak |\n"
    "|---|---|---|---|---|---|---|---|---|---|"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(case.name for case in CASES))
    parser.add_argument("--quick", action="store_true", help="two repeats of smaller work: does it run?")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--child", nargs=2, metavar=("NAME", "SIDE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(*options.child, options.quick)
        return
    cases, rates = select_cases(CASES, options.names), machine.matrix_rates()
    print(machine.description())
    print(", ".join(f"{name} products {rate / 1e9:,.0f} GFLOP/s" for name, rate in rates.items()), end="\n\n")
    print(HEAD, flush=True)
    results = {}
    for case in cases:
        results[case.name] = measure(case, options.quick, rates["fp32"])
        print(table_row(case, results[case.name]), flush=True)
    if options.json:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
