"""Image sets of the embedded demo, drawn from data that scikit-learn ships, so that nothing is downloaded.

The classifier is trained on the handwritten digits 0 to 5 on four kinds of paper. The unknown images are the digits 6
to 9 (near), known digits with a piece of another paper over them (between), and pieces of photographs (far). The sets
were designed to show the purpose of the method. Each class has several modes, which a mixture with one Gaussian per
class cannot represent and a residual can learn. The energy of the logits detects near images well and far ones badly;
the mixtures do the opposite.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np

from heat_core.data.demo.drawings import PAPERS, SIDE, Drawing, Paper, add_patch, draw

SETS = ("demo-digits", "demo-unseen-digits", "demo-patched-digits", "demo-photo-patches")
KNOWN_DIGITS = 6
# Set, or split of the known digits → part of the seed of its random numbers.
_STREAMS = {"train": 0, "test": 1, "demo-unseen-digits": 2, "demo-patched-digits": 3}


@cache  # drawing a set takes longer than reading it from a file would
def load_demo_set(name: str, role: str) -> tuple[np.ndarray, np.ndarray | None, list[str], list[str]]:
    """Draw one demo set.

    Args:
        name: one of `SETS`.
        role: "train" or "test", for the known digits; the other sets do not depend on it.

    Returns:
        (N, 32, 32, 3) uint8 pixels, (N,) labels or None, class names, and ids.
    """
    if name == "demo-photo-patches":
        pixels, ids = _photo_patches()
        return pixels, None, [], ids
    digit = _digits()[1]
    if name == "demo-digits":
        return _known_set(role)
    if name == "demo-unseen-digits":
        index = np.flatnonzero(digit >= KNOWN_DIGITS)
        papers = [_paper_order(i)[0] for i in index]
        names = [str(d) for d in range(KNOWN_DIGITS, 10)]
        return _draw_pixels(index, papers, name), digit[index] - KNOWN_DIGITS, names, _sample_ids(index, papers)
    return _patched_set(known_digits("test"), name)


def known_digits(role: str) -> np.ndarray:
    """Return the rows of the known digits of a split: every third one is for testing, so that both have all writers.

    Args:
        role: "train" or "test".

    Returns:
        (n,) rows of scikit-learn's digits.
    """
    digit = _digits()[1]
    index = np.arange(len(digit))
    return index[(digit < KNOWN_DIGITS) & ((index % 3 == 2) == (role == "test"))]


def handwritten_digit(row: int) -> tuple[np.ndarray, int]:
    """Return one of scikit-learn's digits as (8, 8) grey values in [0, 1], and its class 0 to 9."""
    images, digit = _digits()
    return images[row], int(digit[row])


def _known_set(role: str) -> tuple[np.ndarray, np.ndarray, list[str], list[str]]:
    """Draw each known digit twice, on two kinds of paper."""
    once = known_digits(role)
    index, papers = np.tile(once, 2), [_paper_order(i)[k] for k in (0, 1) for i in once]
    names = [str(d) for d in range(KNOWN_DIGITS)]
    return _draw_pixels(index, papers, role), _digits()[1][index], names, _sample_ids(index, papers)


def _patched_set(index: np.ndarray, stream: str) -> tuple[np.ndarray, None, list[str], list[str]]:
    """Draw each digit with a piece of another paper over it."""
    papers, patch_papers = zip(*(_paper_order(i)[:2] for i in index), strict=True)
    drawings = zip(_draw_each(index, papers, stream), patch_papers, strict=True)
    pixels = np.stack([add_patch(drawing, patch_paper, rng) for (drawing, rng), patch_paper in drawings])
    ids = [f"{i} under {paper.name}" for i, paper in zip(_sample_ids(index, papers), patch_papers, strict=True)]
    return pixels, None, [], ids


def _paper_order(row: np.integer[Any]) -> list[Paper]:
    """Return the kinds of paper in a random order that depends on the digit's row alone."""
    return [PAPERS[k] for k in np.random.default_rng(int(row)).permutation(len(PAPERS))]


def _draw_each(
    index: np.ndarray, papers: Sequence[Paper], stream: str
) -> Iterator[tuple[Drawing, np.random.Generator]]:
    """Draw each digit on its paper; yield the drawing, and the generator for further random numbers."""
    for i, paper in zip(index, papers, strict=True):
        rng = np.random.default_rng([_STREAMS[stream], i, PAPERS.index(paper)])
        yield draw(handwritten_digit(i)[0], paper, rng), rng


def _draw_pixels(index: np.ndarray, papers: Sequence[Paper], stream: str) -> np.ndarray:
    return np.stack([drawing.pixels for drawing, _ in _draw_each(index, papers, stream)])


def _sample_ids(index: np.ndarray, papers: Sequence[Paper]) -> list[str]:
    """Make the ids `paper/row`, in which the paper takes the place of a folder."""
    return [f"{paper.name}/{i:04d}" for i, paper in zip(index, papers, strict=True)]


@cache
def _digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    return digits.images / 16, digits.target


def _photo_patches() -> tuple[np.ndarray, list[str]]:
    from sklearn.datasets import load_sample_images

    patches, ids = [], []
    for photo, image in zip(("china", "flower"), load_sample_images().images, strict=True):
        for top in range(0, image.shape[0] - SIDE + 1, SIDE):
            for left in range(0, image.shape[1] - SIDE + 1, SIDE):
                patches.append(image[top : top + SIDE, left : left + SIDE])
                ids.append(f"{photo}/{top:03d}-{left:03d}")
    return np.stack(patches), ids
