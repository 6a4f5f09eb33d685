"""ImageNet's size on one machine: seconds and peak memory of every step, features being mapped files.

    python tests/benchmarks/imagenet.py [IMAGES …]     (default: 80000 320000 1281167, × 2048, 1000 classes)

Each size has a process of its own. `avg` and `std` are the same numbers: the disk holds one file of 8 kB an image.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.benchmarks.run import Peak

SIZES, DIM, CLASSES, TEST = (80_000, 320_000, 1_281_167), 2048, 1000, 10_000


def write(path: Path, n: int) -> None:
    """Like features after a ReLU: a few classes' centres, and noise of a falling spectrum."""
    rng = np.random.default_rng(0)
    centres = np.abs(rng.normal(size=(CLASSES, DIM))).astype(np.float32)
    column = np.lib.format.open_memmap(path, "w+", np.float32, (n, DIM))
    noise = rng.standard_normal((8192 + 997, DIM), dtype=np.float32) * np.geomspace(1, 0.1, DIM, dtype=np.float32)
    for i in range(0, n, 8192):
        block = column[i : i + 8192]
        start = int(rng.integers(997))  # the same noise elsewhere: drawing it anew would take longer than all the rest
        np.maximum(centres[np.arange(i, i + len(block)) % CLASSES] + noise[start : start + len(block)], 0, out=block)
    column.flush()


def child(folder: Path, n: int) -> None:
    import torch

    from heat_core.energies.corrected_prior import fit_prior
    from heat_core.energies.settings import settings_for
    from heat_core.features.features import Features

    rng = np.random.default_rng(1)
    head = rng.normal(size=(CLASSES, DIM)) / 45, np.zeros(CLASSES)
    peak, seconds = Peak(from_zero=True), {}

    def timed(name: str, work):
        began = time.perf_counter()
        result = work()
        seconds[name] = round(time.perf_counter() - began, 1)
        return result

    z = np.load(folder / "avg.npy", mmap_mode="r")
    ids = [str(i) for i in range(n)]
    train = timed("open", lambda: Features(z, z, np.arange(n) % CLASSES, ids))
    parts = {name: timed(name, lambda name=name: fit_prior(name, train, head)) for name in ("gmm", "gmm-std", "vim")}
    settings = settings_for("gmm", "released", {"epochs": 1, "updates": 3})
    timed("3 updates", lambda: parts["gmm"].train(train, settings, torch.device("cpu"), 0, lambda _: None))
    test = train.subset(np.arange(TEST))
    timed(f"score {TEST:,}", lambda: [part.hybrid_energy(test) for part in parts.values()])
    print(json.dumps({"images": n, "seconds": seconds, "peak_mb": round(peak.end())}))


def main(sizes: list[int]) -> None:
    for n in sizes:
        with tempfile.TemporaryDirectory(prefix="heat-imagenet-") as folder:
            write(Path(folder) / "avg.npy", n)
            command = [sys.executable, __file__, "--child", folder, str(n)]
            print(
                subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1], flush=True
            )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main([int(n) for n in sys.argv[1:]] or list(SIZES))
