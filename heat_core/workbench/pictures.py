"""Pictures of samples, encoded for the browser in few sizes, so that its cache has most of them."""

from PIL import Image

from heat_core import HeatError
from heat_core.analysis.samples import Samples
from heat_core.reporting.thumbnails import encoded
from heat_core.runs.experiment import TRAIN

_SIDES = (96, 192, 384, 768, 1536)  # pixels; common/pictures.js asks for these


def encode_for_browser(image: Image.Image, side: int) -> tuple[bytes, str]:
    """Encode a picture with at most `side` pixels in width and height, rounded up to one of a few sizes.

    Returns:
        The bytes and the media type.
    """
    return encoded(image, min((s for s in _SIDES if s >= side), default=_SIDES[-1]))


def read_picture(samples: Samples, query: dict[str, str]) -> tuple[bytes, str] | None:
    """Read the picture that an address of `addresses.pictures_url` names, for the browser.

    Args:
        samples: samples whose pictures are shown.
        query: query parameters of the address, with `row` and `side`.

    Returns:
        The bytes and the media type; None where there is no such picture, or it can no longer be read.
    """
    try:
        name, row, side = query.get("set", samples.datasets[-1]), int(query["row"]), int(query["side"])
        count = len(samples.run.training_ids) if name == TRAIN else samples.sizes[samples.datasets.index(name)]
        if not 0 <= row < count:
            return None
        if name == TRAIN:
            image = samples.run.image(TRAIN, str(samples.run.training_ids[row]))
        else:
            image = samples.image(samples.number(name, row))
        return encode_for_browser(image, side)
    except (HeatError, OSError, ValueError, KeyError, IndexError):
        return None
