"""PNG files without their texts and colour profile, which Pillow refuses to read where they are long."""

import struct
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TEXTS = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")  # types of the chunks that hold a text or a profile
_ORIENTATION = (b"XML:com.adobe.xmp", b"Raw profile type exif")  # keywords of texts that may turn the picture


def without_texts(content: bytes, keep_orientation: bool) -> bytes:
    """Remove texts and colour profile from the content of a PNG file; none of the pixels depends on them.

    Args:
        content: the whole file.
        keep_orientation: whether texts are kept that may hold the orientation of the picture.
    """
    kept = (
        chunk
        for kind, chunk in _chunks(content)
        if kind not in _TEXTS or (keep_orientation and chunk[8:].partition(b"\0")[0] in _ORIENTATION)
    )
    return SIGNATURE + b"".join(kept)


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield (type, whole chunk with length and checksum) of each chunk; a chunk that is cut off is the last."""
    start = len(SIGNATURE)
    while start + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, start)
        yield kind, content[start : (start := start + length + 12)]
