"""Principal components → the plane, by UMAP. `python -m heat_core.projection FOLDER SEED` does it in a process of its
own, which never imports torch."""

import sys
from pathlib import Path

import numpy as np

from heat_core.storage import read_npz, write_npz

NEIGHBOURS = 15
INPUT, OUTPUT = "map-input.npz", "map.npz"


def project(reduced: np.ndarray, seed: int = 0) -> np.ndarray:
    """(N, P) principal components → (N, 2) float32 by UMAP; the first two where umap is not installed or N < 5."""
    plane = np.pad(reduced, ((0, 0), (0, 2)))[:, :2].astype(np.float32)
    if len(reduced) < 5:
        return plane
    try:
        import umap
    except ImportError:  # a bare GPU server: the plane of the first two components is still a map
        return plane
    neighbours = min(NEIGHBOURS, len(reduced) - 1)
    return umap.UMAP(n_neighbors=neighbours, init="pca", random_state=seed, n_jobs=1).fit_transform(reduced)


def main(folder: Path, seed: int) -> None:
    """Read `map-input.npz`, add `xy` (M, 2), write `map.npz`."""
    points = read_npz(folder / INPUT)
    xy = project(points["reduced"], seed)
    write_npz(folder / OUTPUT, points | {"xy": xy, "reduced": points["reduced"].astype(np.float16)})


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
