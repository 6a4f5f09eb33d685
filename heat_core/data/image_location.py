"""Location of an image: a file, also in an archive, or a box of it."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from heat_core.data.containers.members import is_stored_file
from heat_core.data.image_io import read_crop, read_image
from heat_core.storage import expand_home

_BOXED = re.compile(r"(?P<file>.+)#xywh=(?P<box>[^,]+,[^,]+,[^,]+,[^,]+)", re.DOTALL)


@dataclass(frozen=True)
class ImageLocation:
    """Location of an image. `str` writes it as a path, with `#xywh=x,y,w,h` at the end for a crop.

    Attributes:
        file: path of the image file, or of an archive with the name of the image in it below.
        box: x, y, w, h of a crop in pixels; None = the whole image.
    """

    file: Path
    box: tuple[float, ...] | None = None

    @classmethod
    def parse(cls, text: str) -> "ImageLocation | None":
        """Parse a location as `str` writes it; return None if there is no such file or the box is not four numbers."""
        if is_stored_file(path := expand_home(text)):
            return cls(path)
        match = _BOXED.fullmatch(text)
        if match is None or not is_stored_file(path := expand_home(match["file"])):
            return None
        try:
            box = tuple(map(float, match["box"].split(",")))
        except ValueError:
            return None
        return cls(path, box) if np.isfinite(box).all() else None

    @property
    def box_text(self) -> str:
        """Box as four numbers with commas between them; "" for a whole image."""
        return "" if self.box is None else ",".join(f"{edge:.15g}" for edge in self.box)

    def __str__(self) -> str:
        return str(self.file) if self.box is None else f"{self.file}#xywh={self.box_text}"

    def read(self) -> Image.Image:
        """Read the image or the crop in RGB.

        Raises:
            OSError: if the image cannot be read.
        """
        return read_image(self.file) if self.box is None else read_crop(self.file, np.array(self.box))
