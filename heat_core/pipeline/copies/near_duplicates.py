"""The same picture in other files of two sets, such as re-encoded or resized copies.

The nearest features propose pairs, and the pixels decide, by the correlation of their differences to the pixels beside
them: skies and horizons are alike in many photographs, edges are not. Between real sets of 128 pixels other pictures
reached 0.26, and copies at JPEG quality 40 to 95, halved or doubled stay above 0.99. At 32 pixels copies at quality 75
stay above 0.99 too, and halved ones, which lost half of the edges, are not found.
"""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import combinations, combinations_with_replacement

import numpy as np
import torch
from PIL import Image

from heat_core.data.image_set import ImageSet
from heat_core.data.path_list import read_file_stats
from heat_core.energies.priors.base import column_moments
from heat_core.features.chunks import as_tensor, blocks, compute_device
from heat_core.features.features import Features
from heat_core.pipeline.copies.byte_copies import digest_of_path
from heat_core.pipeline.validate_sets import set_title
from heat_core.runs.experiment import ID, TRAIN

_MIN_COSINE = 0.5  # of centred features, below which a pair is not looked at
_SIDE = 32  # pixels of the pictures that are compared
_MIN_CORRELATION, _MAX_DIFFERENCE = 0.8, 8.0  # of edges; mean difference of these pixels in grey levels of 255
_MIN_CONTRAST = 4.0  # grey levels; plainer pictures are not compared
_PATIENCE, _MOST_PAIRS = 20, 500  # pairs in a row that differ before the search ends; pairs of two sets at most
_MOST_MARKED = 5_000  # pairs of two sets at most, where each image is marked instead of a warning
MOST_PRODUCTS = 5e11  # multiplications for two sets; of larger sets a part of the second is looked at


@dataclass(frozen=True)
class LoadedSet:
    """A set with its features.

    Attributes:
        features: features of the images that could be read.
        images: the images, with those that could not be read.
    """

    features: Features
    images: ImageSet


def near_duplicate_notes(sets: dict[str, LoadedSet], shifted: Collection[str] = ()) -> list[str]:
    """Write a sentence for every two sets that share pictures in different files.

    Shifted sets are not compared with the ID test set and with each other: they may show the same pictures under other
    conditions.

    Args:
        sets: `train`, `id`, an OOD set or a shifted set → the set with its features.
        shifted: names of the shifted sets.
    """
    centre, known = _centre(sets), {ID, *shifted}
    pairs = [pair for pair in combinations(sets, 2) if not set(pair) <= known]
    notes = (_note(sets, a, b, centre, a == TRAIN and b in known) for a, b in pairs)
    return [note for note in notes if note]


def mark_near_duplicates(
    sets: dict[str, LoadedSet], shifted: Collection[str] = ()
) -> tuple[dict[str, np.ndarray], bool]:
    """Mark the images of which another image, of the same set or of another one, shows the same picture.

    Files of the same bytes count too. Shifted sets are compared with others as in `near_duplicate_notes`.

    Args:
        sets: `train`, `id`, an OOD set or a shifted set → the set with its features.
        shifted: names of the shifted sets.

    Returns:
        Set → (N,) bool in the order of its features; and whether no search was given up or looked at a part alone.
    """
    centre, known, is_complete = _centre(sets), {ID, *shifted}, True
    marks = {name: np.zeros(len(of_set.features), bool) for name, of_set in sets.items()}
    rows_of = {name: {sample: i for i, sample in enumerate(s.features.ids)} for name, s in sets.items()}
    for a, b in combinations_with_replacement(sets, 2):
        if a != b and {a, b} <= known:
            continue
        found = _find_shared(sets[a], sets[b], centre, with_copies=True)
        is_complete &= found.is_complete and found.every == 1
        for first, second in found.pairs:
            marks[a][rows_of[a][first]] = marks[b][rows_of[b][second]] = True
    return marks, is_complete


def _centre(sets: dict[str, LoadedSet]) -> np.ndarray:
    return column_moments(sets[TRAIN].features.avg)[0].astype(np.float32)


@dataclass(frozen=True)
class _SharedPictures:
    """Pairs of ids that show the same picture; one in `every` images of the second set was looked at."""

    pairs: list[tuple[str, str]]
    is_complete: bool
    every: int


def _find_shared(first: LoadedSet, second: LoadedSet, centre: np.ndarray, with_copies: bool = False) -> _SharedPictures:
    """Find the pictures that two sets, or one set and itself, share; files of the same bytes only `with_copies`."""
    every = max(1, -(-len(first.features) * second.features.avg.size // int(MOST_PRODUCTS)))
    rows = np.arange(0, len(second.features), every)
    own = rows if first is second else None
    nearest, cosines = _nearest(first.features, second.features.subset(rows), centre, own)
    pairs = [(first.features.ids[nearest[i]], second.features.ids[rows[i]]) for i in _candidates(cosines)]
    return _SharedPictures(*_same_pictures(pairs, first.images, second.images, with_copies), every)


def _note(sets: dict[str, LoadedSet], a: str, b: str, centre: np.ndarray, is_learned: bool) -> str:
    second, found = sets[b], _find_shared(sets[a], sets[b], centre)
    same, every = found.pairs, found.every
    if not same:
        return ""
    count = f"{len(same):,} of the {len(second.features):,} images of {set_title(b)}"
    partial = f" (one in {every} of them looked at)" if every > 1 else ""
    least = "At least " if not found.is_complete else ""
    consequence = "figures on them are of images that were learned" if is_learned else "they cannot be told apart"
    return (
        f"{least}{count}{partial} are near-duplicates of images of {set_title(a)}, such as re-encoded or resized "
        f"copies (first {same[0][1]} of {same[0][0]}): {consequence}."
    )


def _candidates(cosines: np.ndarray) -> np.ndarray:
    """Return the rows whose nearest neighbour is near enough to be looked at, the nearest first."""
    order = np.argsort(-cosines, kind="stable")
    return order[cosines[order] >= _MIN_COSINE]


def _nearest(
    first: Features, second: Features, centre: np.ndarray, own: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Find the nearest row of `first` to each row of `second`, other than its `own` (n,) row where that is given.

    Returns:
        (n,) its index, and (n,) the cosine of centred features.
    """
    device, middle = compute_device(), torch.from_numpy(centre)
    index, cosine = np.zeros(len(second), int), np.full(len(second), -1.0, np.float32)

    def unit_rows(block: np.ndarray) -> torch.Tensor:
        return torch.nn.functional.normalize((as_tensor(block).float() - middle).to(device), dim=1)

    for rows, block in blocks(second.avg):
        queries = unit_rows(block)
        for part, others in blocks(first.avg):
            cosines = queries @ unit_rows(others).T
            if own is not None:
                itself = own[rows] - part.start
                inside = np.flatnonzero((itself >= 0) & (itself < len(others)))
                cosines[inside, itself[inside]] = -1.0
            best, place = cosines.max(dim=1)
            better = best.cpu().numpy() > cosine[rows]
            index[rows] = np.where(better, place.cpu().numpy() + part.start, index[rows])
            cosine[rows] = np.maximum(cosine[rows], best.cpu().numpy())
    return index, cosine


def _same_pictures(
    pairs: list[tuple[str, str]], first: ImageSet, second: ImageSet, with_copies: bool
) -> tuple[list[tuple[str, str]], bool]:
    """Return the pairs of ids that show the same picture in two files, and whether the search was not given up."""
    row_of = [{sample: i for i, sample in enumerate(images.ids)} for images in (first, second)]
    same, misses = list[tuple[str, str]](), 0
    most = _MOST_MARKED if with_copies else _MOST_PAIRS
    for count, (a, b) in enumerate(pairs):
        if count == most:
            return same, False
        i, j = row_of[0].get(a), row_of[1].get(b)
        if i is None or j is None:  # the folder has changed since the features were made
            continue
        if not with_copies and _is_same_file(first, i, second, j):
            continue
        if _is_same_picture(_pixels(first, i), _pixels(second, j)):
            same.append((a, b))
            misses = 0
        elif (misses := misses + 1) == _PATIENCE:
            break
    return same, True


def _is_same_file(first: ImageSet, i: int, second: ImageSet, j: int) -> bool:
    """Tell whether two images are one file, two crops of it, or byte copies, of which `set_warnings` informs."""
    if not first.files or not second.files:
        return False
    stats = [read_file_stats(images.files[row : row + 1])[0] for images, row in ((first, i), (second, j))]
    if (stats[0][3:] == stats[1][3:]).all():
        return True
    return bool(stats[0][0] == stats[1][0]) and digest_of_path(first.files[i]) == digest_of_path(second.files[j]) != ""


def _pixels(images: ImageSet, row: int) -> np.ndarray | None:
    """Return the (32, 32, 3) pixels of a picture; None where it cannot be read any more."""
    try:
        small = images.open(row).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
    except OSError:
        return None
    return np.asarray(small, np.float64)


def _is_same_picture(a: np.ndarray | None, b: np.ndarray | None) -> bool:
    if a is None or b is None or np.abs(a - b).mean() > _MAX_DIFFERENCE:
        return False
    grey = [pixels.mean(axis=2) for pixels in (a, b)]
    if min(pixels.std() for pixels in grey) < _MIN_CONTRAST:
        return False
    edges = [np.concatenate([np.diff(pixels, axis=axis).ravel() for axis in (0, 1)]) for pixels in grey]
    return bool(np.corrcoef(np.stack(edges))[0, 1] >= _MIN_CORRELATION)
