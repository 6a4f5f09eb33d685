"""The embedded demo: image sets drawn from what scikit-learn ships, so that nothing is downloaded.

The classifier knows the handwritten digits 0 to 5 on four kinds of paper. What it should not know: the digits 6 to 9
(near), known digits with a piece of another paper stuck over them (between), and pieces of photographs (far). The sets
were made to show what the method is for: each class has several modes, which a mixture of one Gaussian a class cannot
follow and a residual can learn; the energy of the logits is good near and bad far away, the mixtures the other way.
"""

from functools import cache
from typing import Any

import numpy as np

from heat_core.features.drawings import PAPERS, SIDE, Paper, draw, patched

SETS = ("demo-digits", "demo-unseen-digits", "demo-patched-digits", "demo-photo-patches")
KNOWN_DIGITS = 6
_STREAMS = {"train": 0, "test": 1, "demo-unseen-digits": 2, "demo-patched-digits": 3}  # of random numbers


def load(name: str, role: str) -> tuple[np.ndarray, np.ndarray | None, list[str], list[str]]:
    """(pixels (N, 32, 32, 3) uint8, labels (N,) or None, class names, ids) of one demo set."""
    if name == "demo-photo-patches":
        pixels, ids = _photo_patches()
        return pixels, None, [], ids
    digit = _digits()[1]
    if name == "demo-digits":
        return _known(role)
    if name == "demo-unseen-digits":
        index = np.flatnonzero(digit >= KNOWN_DIGITS)
        papers = [_papers_of(i)[0] for i in index]
        names = [str(d) for d in range(KNOWN_DIGITS, 10)]
        return _drawn(index, papers, name), digit[index] - KNOWN_DIGITS, names, _ids(index, papers)
    index = known_digits("test")
    pairs = [_papers_of(i)[:2] for i in index]
    ids = [f"{own.name}/{i:04d} under {other.name}" for i, (own, other) in zip(index, pairs, strict=True)]
    return _patched(index, pairs, name), None, [], ids


def known_digits(role: str) -> np.ndarray:
    """Rows of scikit-learn's digits: every third known one is for testing, so that both splits see every writer."""
    digit = _digits()[1]
    index = np.arange(len(digit))
    return index[(digit < KNOWN_DIGITS) & ((index % 3 == 2) == (role == "test"))]


def handwritten(row: int) -> tuple[np.ndarray, int]:
    """One of scikit-learn's digits: (8, 8) in [0, 1], and which digit it is."""
    images, digit = _digits()
    return images[row], int(digit[row])


def _known(role: str) -> tuple[np.ndarray, np.ndarray, list[str], list[str]]:
    """Each known digit twice, on two kinds of paper."""
    index = np.tile(known_digits(role), 2)
    half = len(index) // 2
    papers = [_papers_of(i)[k >= half] for k, i in enumerate(index)]
    labels = _digits()[1][index]
    return _drawn(index, papers, role), labels, [str(d) for d in range(KNOWN_DIGITS)], _ids(index, papers)


def _papers_of(row: np.integer[Any]) -> list[Paper]:
    """The kinds of paper in an order of that digit's own."""
    return [PAPERS[k] for k in np.random.default_rng(int(row)).permutation(len(PAPERS))]


def _generator(stream: str, row: int, paper: Paper) -> np.random.Generator:
    return np.random.default_rng([_STREAMS[stream], row, PAPERS.index(paper)])


def _drawn(index: np.ndarray, papers: list[Paper], stream: str) -> np.ndarray:
    rows = zip(index, papers, strict=True)
    return np.stack([draw(handwritten(i)[0], paper, _generator(stream, i, paper)).pixels for i, paper in rows])


def _patched(index: np.ndarray, pairs: list[list[Paper]], stream: str) -> np.ndarray:
    images = []
    for i, (own, other) in zip(index, pairs, strict=True):
        rng = _generator(stream, i, own)
        images.append(patched(draw(handwritten(i)[0], own, rng), other, rng))
    return np.stack(images)


def _ids(index: np.ndarray, papers: list[Paper]) -> list[str]:
    """What they are drawn on is their folder."""
    return [f"{paper.name}/{i:04d}" for i, paper in zip(index, papers, strict=True)]


@cache
def _digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    return digits.images / 16, digits.target


@cache
def _photo_patches() -> tuple[np.ndarray, list[str]]:
    from sklearn.datasets import load_sample_images

    patches, ids = [], []
    for photo, image in zip(("china", "flower"), load_sample_images().images, strict=True):
        for top in range(0, image.shape[0] - SIDE + 1, SIDE):
            for left in range(0, image.shape[1] - SIDE + 1, SIDE):
                patches.append(image[top : top + SIDE, left : left + SIDE])
                ids.append(f"{photo}/{top:03d}-{left:03d}")
    return np.stack(patches), ids
