"""Networks without a transform: they are given batches of pixels, which another program makes of images."""

from typing import Any, NoReturn

from PIL import Image

from heat_core.errors import HeatError


class UnknownTransform:
    """Stand-in for the transform of a network that is given batches of pixels alone; it refuses images.

    Args:
        shape: (C, H, W) of the pixels of an image.

    Raises:
        HeatError: where the shape is no such triple.
    """

    def __init__(self, shape: Any) -> None:
        sides = tuple(shape) if isinstance(shape, tuple | list) else ()
        if len(sides) != 3 or not all(isinstance(side, int) and side > 0 for side in sides):
            raise HeatError(
                "A network without a transform needs the shape of its pixels: give input_shape=(C, H, W), such as "
                f"(3, 224, 224), not {shape}."
            )
        self.shape = sides

    def __call__(self, _: Image.Image) -> NoReturn:
        """Refuse an image."""
        raise HeatError(
            "This network was wrapped without a transform, so that it takes batches of pixels, and no images or files: "
            "give Backbone.wrap the transform that makes its pixels of an image."
        )

    def __repr__(self) -> str:
        return f"UnknownTransform({self.shape})"
