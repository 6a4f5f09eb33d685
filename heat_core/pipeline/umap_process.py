"""Principal components → the plane, by UMAP, in a process of its own that never imports torch.

Importing umap compiles for half a minute in a fresh environment, and its fit leaves a core idle. The child is started
before torch is imported and has umap ready when the points are there; it fits them while the residuals train.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Self

import numpy as np

from heat_core.errors import HeatError
from heat_core.runs.feature_map import MAP_FILE, NEIGHBOURS
from heat_core.storage import read_npz, write_npz

_ENDED = "The map could not be fitted (the run's job.log says why): resume the run to try again."


class Projector:
    """The parent's end: a context within which the child lives. It ends with its parent, however that ends.

    Attributes:
        is_enabled: whether there is anything to do.
        input: name of the file with the points, in the run's folder. It is this job's own: the child of a job that was
            killed may still be reading its own when the next one begins.
    """

    def __init__(self, is_enabled: bool = True) -> None:
        """is_enabled: False makes it do nothing, for runs without a map."""
        self.is_enabled = is_enabled
        self._child: subprocess.Popen[str] | None = None
        self.input = f"map-input-{os.getpid()}.npz"

    def __enter__(self) -> Self:
        if self.is_enabled:
            command = [sys.executable, "-m", "heat_core.pipeline.umap_process"]
            with suppress(OSError):  # no process can be had: the run goes on without its map, and says so
                self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._child:
            self._child.kill()
            with suppress(OSError, ValueError):  # its pipe may be broken, or closed
                self._child.communicate()
            self._child.wait()

    def fit(self, folder: Path, seed: int) -> None:
        """Ask for `folder/map.npz`, made of the points in `input`; returns at once; what killed jobs left goes."""
        for old in set(folder.glob("map-input-*.npz")) - {folder / self.input}:
            with suppress(OSError):
                old.unlink()
        request = {"folder": str(folder), "input": self.input, "seed": seed}
        pipe = self._running().stdin
        try:
            if pipe is not None:
                pipe.write(json.dumps(request) + "\n")
                pipe.flush()
        except OSError as error:
            raise HeatError(_ENDED) from error

    def wait(self) -> None:
        """Wait for the map; HeatError where the child failed."""
        child = self._running()
        with suppress(OSError):
            if child.stdin is not None:
                child.stdin.close()
        if child.wait():
            raise HeatError(_ENDED)

    def _running(self) -> "subprocess.Popen[str]":
        if self._child is None:
            raise HeatError(_ENDED)
        return self._child


def project(reduced: np.ndarray, seed: int = 0) -> np.ndarray:
    """(N, P) principal components → (N, 2) float32 by UMAP; the first two without umap, for N < 5 or P < 2."""
    plane = np.pad(reduced, ((0, 0), (0, 2)))[:, :2].astype(np.float32)
    if len(reduced) < 5 or reduced.shape[1] < 2:
        return plane
    try:
        import umap
    except ImportError:  # a bare GPU server: the plane of the first two components is still a map
        return plane
    k = min(NEIGHBOURS, len(reduced) - 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # "transform is not possible": `FeatureMap.place` does it
        fitted = umap.UMAP(n_neighbors=k, init="pca", random_state=seed, n_jobs=1, precomputed_knn=_nearest(reduced, k))
        return fitted.fit_transform(reduced)


def _nearest(z: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """(N, k) indices and distances of the nearest points, itself the first: umap's own search is a Python loop over
    pairs below 4,096 points, and compiled for half a minute above."""
    from sklearn.neighbors import NearestNeighbors

    distances, indices = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(z).kneighbors(z)
    return indices, distances


def main() -> None:
    """The child: import umap, read one request from stdin, add `xy` (M, 2) to the points, write the map."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this process
    threading.Thread(target=_exit_with_parent, args=(os.getppid(),), daemon=True).start()
    project(np.random.default_rng(0).normal(size=(40, 4)))  # loads and compiles what a fit needs
    for line in sys.stdin:
        request = json.loads(line)
        folder = Path(request["folder"])
        points = read_npz(folder / request["input"])
        xy = project(points["reduced"], request["seed"])
        write_npz(folder / MAP_FILE, points | {"xy": xy, "reduced": points["reduced"].astype(np.float16)})
        (folder / request["input"]).unlink(missing_ok=True)


def _exit_with_parent(parent: int) -> None:
    """End this process when its parent is gone, in the middle of a fit too."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


if __name__ == "__main__":
    main()
