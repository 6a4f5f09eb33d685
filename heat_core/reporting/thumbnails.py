"""Pictures made small: as the bytes of a file, and as data URLs for pages that show them without a server."""

import base64
import io

from PIL import Image


def encoded(image: Image.Image, side: int) -> tuple[bytes, str]:
    """The picture, at most `side` pixels wide and high, and its media type: small ones as PNG, to the pixel."""
    small = max(image.size) <= 64
    if max(image.size) > side:
        image.thumbnail((side, side))
    buffer = io.BytesIO()
    image.save(buffer, "PNG") if small else image.convert("RGB").save(buffer, "JPEG", quality=88)
    return buffer.getvalue(), "image/png" if small else "image/jpeg"


def data_url(image: Image.Image, side: int) -> str:
    """The same as a data URL."""
    content, kind = encoded(image, side)
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
