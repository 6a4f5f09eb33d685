"""Sets `made:shuffled`, `made:phase` and `made:noise`, which a run makes from its ID test images.

They carry no object of any class, so that they are far from all classes, and need no further images. An image depends
on the content of the one that it is made from, and on nothing else: it is the same in every run.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from PIL import Image

from heat_core.data.image_set import ImageSet
from heat_core.data.made.scrambling import noise_of_spectrum, randomise_phases, shuffle_patches, to_bytes
from heat_core.data.path_list import PathList
from heat_core.digests import digest_of_bytes, digest_of_texts

MADE_PREFIX = "made:"
_VERSION = "1"  # another one where the same image would be made in another way

_Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]
#: Source of a set → how its images are made of pixels (H, W, 3), with a random generator.
MADE: dict[str, _Change] = {
    "made:shuffled": shuffle_patches,
    "made:phase": randomise_phases,
    "made:noise": noise_of_spectrum,
}


def make_set(source: str, images: ImageSet) -> ImageSet:
    """Make a set without objects: one image of the same size for each of `images`, without classes.

    Args:
        source: one of `MADE`.
        images: the ID test images.
    """

    def derived(fingerprint: str) -> str:
        return digest_of_texts(source, _VERSION, fingerprint)

    kind = source.removeprefix(MADE_PREFIX)
    return replace(
        images,
        name=source,
        ids=[f"{sample} ({kind})" for sample in images.ids],
        open=partial(make_image, images.open, MADE[source]),
        labels=None,
        class_names=[],
        fingerprint=derived(images.fingerprint),
        whole=derived(images.whole) if images.whole else "",
        notes=(),
        files=PathList.from_paths(()),
        boxes=None,
        columns={},
        manifest=None,
        has_test_rows=False,
    )


def make_image(opener: Callable[[int], Image.Image], change: _Change, index: int) -> Image.Image:
    """Make the image at an index; raises OSError if the one that it is made from cannot be read."""
    pixels = np.asarray(opener(index).convert("RGB"))
    seed = int(digest_of_bytes(repr(pixels.shape).encode(), pixels.tobytes()), 16)
    return Image.fromarray(to_bytes(change(pixels, np.random.default_rng(seed))))
