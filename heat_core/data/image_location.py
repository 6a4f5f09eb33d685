"""Where one picture lies: a file, or a box of it."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from heat_core.data.image_io import read_crop, read_image
from heat_core.storage import expand_home, is_file

_BOXED = re.compile(r"(?P<file>.+)#xywh=(?P<box>[^,]+,[^,]+,[^,]+,[^,]+)", re.DOTALL)


@dataclass(frozen=True)
class ImageLocation:
    """Where a picture lies.

    Attributes:
        file: in which it is.
        box: x, y, w, h in pixels, of a crop.
    """

    file: Path
    box: tuple[float, ...] | None = None

    @classmethod
    def parse(cls, text: str) -> "ImageLocation | None":
        """The place that `str` writes; None where there is no such file."""
        if is_file(path := expand_home(text)):
            return cls(path)
        match = _BOXED.fullmatch(text)
        if match is None or not is_file(path := expand_home(match["file"])):
            return None
        try:
            box = tuple(map(float, match["box"].split(",")))
        except ValueError:
            return None
        return cls(path, box) if np.isfinite(box).all() else None

    @property
    def box_text(self) -> str:
        """The box as its four numbers; empty where there is none."""
        return "" if self.box is None else ",".join(f"{edge:.15g}" for edge in self.box)

    def __str__(self) -> str:
        return str(self.file) if self.box is None else f"{self.file}#xywh={self.box_text}"

    def read(self) -> Image.Image:
        """The picture; OSError where it cannot be read."""
        return read_image(self.file) if self.box is None else read_crop(self.file, np.array(self.box))
