"""Pictures as data URLs, for pages that must show them without asking a server."""

import base64
import io

from PIL import Image


def data_url(image: Image.Image, side: int) -> str:
    """The picture, at most `side` pixels wide and high: small ones to the pixel, photographs as JPEG."""
    small = max(image.size) <= 64
    if max(image.size) > side:
        image.thumbnail((side, side))
    buffer = io.BytesIO()
    image.save(buffer, "PNG") if small else image.convert("RGB").save(buffer, "JPEG", quality=88)
    kind = "png" if small else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"
