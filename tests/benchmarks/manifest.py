"""A manifest of a million rows: how long it takes to open, and how large the process gets.

    python tests/benchmarks/manifest.py [--rows 1000000] [--json]

Its columns are path, label, group, time, box and two more. Each case is opened in a process of its own, whose whole
peak is given, Python and its libraries included: with files that are there (empty ones: none is read), with all of them
but one gone, as Parquet, and with the look at all sets of a run that comes before its start.
"""

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
_A_FOLDER = 1000  # files


def _rows(rows: int, folder: str):
    for i in range(rows):
        when = f"2024-{1 + i % 12:02d}-{1 + i % 28:02d}T{i % 24:02d}:{i % 60:02d}:{i * 7 % 60:02d}"
        box = f"{i % 100},{i % 77},{20 + i % 50},{30 + i % 40}"
        path = f"{folder}/{i // _A_FOLDER:04d}/{i:07d}.jpg"
        yield path, f"class {i % 100}", f"camera {i % 7}", when, box, f"note {i % 5000}", i % 400 / 10


def _write(home: Path, rows: int) -> dict[str, Path]:
    """Title → a manifest."""
    import pyarrow.csv
    import pyarrow.parquet

    names = ["path", "label", "group", "time", "box", "remark", "temperature"]
    found = {"CSV": home / "there.csv", "CSV, files gone": home / "gone.csv"}
    for title, path in found.items():
        folder = "images" if title == "CSV" else "elsewhere"
        for i in range(rows if title == "CSV" else 1):
            image = home / folder / f"{i // _A_FOLDER:04d}" / f"{i:07d}.jpg"
            image.parent.mkdir(parents=True, exist_ok=True)
            image.touch()
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([names, *_rows(rows, folder)])
    os.sync()  # a million new files are not what is measured
    table = pyarrow.csv.read_csv(found["CSV"])
    pyarrow.parquet.write_table(table, home / "there.parquet")
    return {**found, "Parquet": home / "there.parquet"}


def _open(path: Path) -> int:
    from heat_core.data.datasets import open_dataset

    return len(open_dataset(str(path), "train"))


def _look(path: Path) -> int:
    from heat_core import Experiment
    from heat_core.pipeline.experiment_sets import inspect_sets

    found = inspect_sets(Experiment(id=str(path), ood={"digits": "demo-unseen-digits"}))
    return found.sizes["train"] + found.sizes["id"]


def _child(what: str, path: Path) -> None:
    began, worked = time.perf_counter(), time.process_time()
    rows = (_look if what == "look" else _open)(path)
    seconds, cpu = time.perf_counter() - began, time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rows": rows, "seconds": seconds, "cpu_s": cpu, "peak_mb": peak}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--child", nargs=2, metavar=("WHAT", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        _child(options.child[0], Path(options.child[1]))
        return
    table = {}
    print("| manifest | rows | wall, s | CPU, s | peak, MB |\n|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory(prefix="heat-manifest-") as home:
        manifests = _write(Path(home), options.rows)
        tasks = {title: ("open", path) for title, path in manifests.items()}
        tasks["CSV, before a run"] = ("look", manifests["CSV"])
        for title, (what, path) in tasks.items():
            command = [sys.executable, __file__, "--child", what, str(path)]
            said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ).stdout
            table[title] = found = json.loads(said)
            cells = (f"{found['rows']:,}", *(f"{found[name]:.1f}" for name in ("seconds", "cpu_s")))
            print(f"| {title} | {' | '.join(cells)} | {found['peak_mb']:,.0f} |", flush=True)
    if options.json:
        print(json.dumps(table))


if __name__ == "__main__":
    main()
