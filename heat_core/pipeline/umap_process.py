"""UMAP projection of principal components to the plane, in a separate process that never imports torch.

Importing umap compiles for half a minute in a fresh environment, and its fit uses one core. The child process is
started before torch is imported and has umap loaded when the points are there; it fits them while the residuals train.
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
    """Child process that fits the map, as a context manager in the parent; the child ends with its parent in any case.

    Attributes:
        is_enabled: whether a map is fitted.
        input: name of the file with the points, in the run's folder. It is specific to this job: the child of a job
            that was killed may still read its own file when the next job begins.
    """

    def __init__(self, is_enabled: bool = True) -> None:
        """Prepare the projector; with `is_enabled=False` it does nothing, for runs without a map."""
        self.is_enabled = is_enabled
        self.child: subprocess.Popen[str] | None = None
        self.input = f"map-input-{os.getpid()}.npz"

    def __enter__(self) -> Self:
        if self.is_enabled:
            command = [sys.executable, "-m", "heat_core.pipeline.umap_process"]
            with suppress(OSError):  # without a process the run continues without its map, and reports that
                self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self.child:
            self.child.kill()
            with suppress(OSError, ValueError):  # the pipe may be broken or closed
                self.child.communicate()
            self.child.wait()

    def fit(self, folder: Path, seed: int) -> None:
        """Request `folder/map.npz`, made of the points in `input`, and return at once.

        Input files of killed jobs are removed.

        Raises:
            HeatError: where the child does not run.
        """
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
        """Wait for the map.

        Raises:
            HeatError: where the child failed.
        """
        child = self._running()
        with suppress(OSError):
            if child.stdin is not None:
                child.stdin.close()
        if child.wait():
            raise HeatError(_ENDED)

    def _running(self) -> "subprocess.Popen[str]":
        if self.child is None:
            raise HeatError(_ENDED)
        return self.child


def project(reduced: np.ndarray, seed: int = 0) -> np.ndarray:
    """Project (N, P) principal components to (N, 2) float32 by UMAP.

    The first two components are returned where umap is not installed, for N < 5 or for P < 2.
    """
    plane = np.pad(reduced, ((0, 0), (0, 2)))[:, :2].astype(np.float32)
    if len(reduced) < 5 or reduced.shape[1] < 2:
        return plane
    try:
        import umap
    except ImportError:  # umap-learn is optional; the first two components still make a map
        return plane
    k = min(NEIGHBOURS, len(reduced) - 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # `transform` is not needed, see `FeatureMap.place`
        fitted = umap.UMAP(n_neighbors=k, init="pca", random_state=seed, n_jobs=1, precomputed_knn=_nearest(reduced, k))
        return fitted.fit_transform(reduced)


def _nearest(z: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the (N, k) indices and distances of the nearest points; each point's first neighbour is itself.

    umap's own search is a Python loop over pairs below 4,096 points, and compiles for half a minute above.
    """
    from sklearn.neighbors import NearestNeighbors

    distances, indices = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(z).kneighbors(z)
    return indices, distances


def main() -> None:
    """Run the child: import umap, read requests from stdin, add `xy` (M, 2) to the points, and write the map."""
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
    """End this process when its parent is gone, also during a fit."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


if __name__ == "__main__":
    main()
