"""Thumbnails as encoded files, and as data URLs for pages that work without a server."""

import base64
import io

from PIL import Image


def encoded(image: Image.Image, side: int) -> tuple[bytes, str]:
    """Encode a picture with at most `side` pixels in width and height; an image larger than that is changed in place.

    Returns:
        The bytes and the media type: PNG for pictures of at most 64 × 64 pixels, else JPEG.
    """
    small = max(image.size) <= 64
    if max(image.size) > side:
        image.thumbnail((side, side))
    buffer = io.BytesIO()
    image.save(buffer, "PNG") if small else image.convert("RGB").save(buffer, "JPEG", quality=88)
    return buffer.getvalue(), "image/png" if small else "image/jpeg"


def data_url(image: Image.Image, side: int) -> str:
    """Encode a picture as a data URL (see `encoded`)."""
    content, kind = encoded(image, side)
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
