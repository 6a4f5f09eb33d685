"""Facets of image quality: a few named values each, by fixed bounds, and of sharpness by shares of the run's images."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from heat_core.analysis.facets import Facet
from heat_core.analysis.measured.traits import values_of
from heat_core.analysis.samples import Samples
from heat_core.pipeline.measurements.measurements_file import QUALITIES

#: Facet → its title.
QUALITY_TITLES = {
    "brightness": "Brightness",
    "contrast": "Contrast",
    "sharpness": "Sharpness",
    "size": "Size",
    "aspect": "Aspect ratio",
    "colour": "Colour",
    "kind": "File kind",
}
_DARK, _BRIGHT = 0.25, 0.65  # mean grey value, of 1
_LOW_CONTRAST, _HIGH_CONTRAST = 0.12, 0.28  # standard deviation of grey values, of 1
_BLURRED, _SHARP = 0.1, 0.9  # shares of the run's images that are less sharp
_SIZES = (64, 256, 1024)  # pixels of the longer side
_TALL, _WIDE = 0.8, 1.25  # width / height
_KINDS = {"jpg": "JPEG", "jpeg": "JPEG", "jpe": "JPEG", "tif": "TIFF", "tiff": "TIFF", "webp": "WebP"}
_SHORTEST, _LONGEST = 2, 5  # letters of a file name's ending that is taken for the kind of the file
_MOST_KINDS = 50


@lru_cache(maxsize=4)
def quality_facets(samples: Samples) -> dict[str, Facet]:
    """Make the facets of image quality that were measured, in the order of `QUALITY_TITLES`.

    Brightness and contrast are the mean and the standard deviation of the grey values, sharpness is the variance of
    their Laplacian: the tenth of the run's images with the lowest is blurred, that with the highest sharp. The kind of
    a file is the ending of its name.
    """
    facets = {"kind": _file_kinds(samples)}
    if (values := values_of(samples, "quality")) is not None:
        facets |= {name: make(dict(zip(QUALITIES, values.T, strict=True))) for name, make in _FACETS.items()}
    return {name: facets[name] for name in QUALITY_TITLES if name in facets and facets[name].names}


def _binned(values: np.ndarray, bounds: tuple[float, ...], names: tuple[str, ...]) -> Facet:
    """Group values by bounds; a value that equals a bound belongs to the group above it."""
    codes = np.digitize(np.nan_to_num(values), bounds)
    return _used(Facet(names, np.where(np.isnan(values), -1, codes)))


def _used(facet: Facet) -> Facet:
    """Return the facet with the names that occur."""
    used = np.unique(facet.codes[facet.codes >= 0])
    code = np.full(len(facet.names) + 1, -1)
    code[used] = np.arange(len(used))
    return Facet(tuple(facet.names[i] for i in used), code[facet.codes])


def _by_sharpness(sharpness: np.ndarray) -> Facet:
    known = sharpness[~np.isnan(sharpness)]
    low, high = np.quantile(known, [_BLURRED, _SHARP]) if len(known) else (0.0, 0.0)
    if not low < high:
        return Facet((), np.full(len(sharpness), -1))
    # The upper bound is moved by one step of float, so that an image at the bound itself is of medium sharpness.
    return _binned(sharpness, (low, np.nextafter(high, np.inf)), ("blurred", "medium", "sharp"))


def _file_kinds(samples: Samples) -> Facet:
    """Group samples by the ending of their file's name; -1 where there is none, as for images of a dataset file."""
    names_of_files = (sample.partition("#")[0].rpartition("/")[2] for sample in samples.ids.tolist())
    endings = [name.rpartition(".")[2].lower() if "." in name[1:] else "" for name in names_of_files]
    is_kind = {e: e.isalnum() and not e.isdecimal() and _SHORTEST <= len(e) <= _LONGEST for e in set(endings)}
    kinds = [_KINDS.get(e, e.upper()) if is_kind[e] else "" for e in endings]
    names = sorted(set(kinds) - {""})
    if len(names) > _MOST_KINDS:  # These are no kinds of files.
        return Facet((), np.full(len(kinds), -1))
    code_of = {"": -1} | {name: i for i, name in enumerate(names)}
    return Facet(tuple(names), np.fromiter(map(code_of.__getitem__, kinds), int, len(kinds)))


_FACETS: dict[str, Callable[[dict[str, np.ndarray]], Facet]] = {
    "brightness": lambda q: _binned(q["brightness"], (_DARK, _BRIGHT), ("dark", "medium", "bright")),
    "contrast": lambda q: _binned(q["contrast"], (_LOW_CONTRAST, _HIGH_CONTRAST), ("low", "medium", "high")),
    "sharpness": lambda q: _by_sharpness(q["sharpness"]),
    "size": lambda q: _binned(
        np.maximum(q["width"], q["height"]), _SIZES, ("below 64 px", "64 to 255 px", "256 to 1,023 px", "from 1,024 px")
    ),
    "aspect": lambda q: _binned(q["width"] / q["height"], (_TALL, _WIDE), ("tall", "square", "wide")),
    "colour": lambda q: _binned(q["is_grey"], (0.5,), ("colour", "grey")),
}
