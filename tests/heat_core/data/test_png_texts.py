"""PNG files with long texts, which Pillow refuses, are read; their pixels and orientation do not depend on these."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from heat_core.data.image_io import read_header, read_image, read_upright_size, to_source

PIXELS = np.random.default_rng(0).integers(0, 256, (9, 12, 3), dtype=np.uint8)
LONG = "a" * 1_500_000
XMP = '<x:xmpmeta xmlns:tiff="http://ns.adobe.com/tiff/1.0/"><a tiff:Orientation="6"/></x:xmpmeta>'


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def write(path, kind: str) -> None:
    note, more = PngImagePlugin.PngInfo(), {}
    if kind == "zTXt":
        note.add_text("workflow", LONG, zip=True)
    elif kind == "iTXt":
        note.add_itxt("prompt", LONG, zip=True)
    elif kind == "profile":
        more["icc_profile"] = bytes(1_500_000)
    elif kind == "many":
        for i in range(70):
            note.add_text(f"part {i}", "b" * 1_000_000, zip=True)
    elif kind == "EXIF":
        note.add_text("workflow", LONG, zip=True)
        more["exif"] = Image.Exif()
        more["exif"][0x0112] = 6
    elif kind == "XMP":
        note.add_itxt("prompt", LONG, zip=True)
        note.add_itxt("XML:com.adobe.xmp", XMP)
    elif kind == "long XMP":
        note.add_itxt("XML:com.adobe.xmp", LONG, zip=True)
    Image.fromarray(PIXELS).save(path, pnginfo=note, **more)
    if kind == "at the end":
        content = path.read_bytes()
        text = chunk(b"zTXt", b"workflow\0\0" + zlib.compress(LONG.encode()))
        path.write_bytes(content[:-12] + text + content[-12:])


@pytest.mark.parametrize("kind", ["zTXt", "iTXt", "profile", "many", "at the end", "long XMP", "EXIF", "XMP"])
def test_a_png_with_long_texts_is_read(tmp_path, kind):
    path = tmp_path / "x.png"
    write(path, kind)
    expected = np.rot90(PIXELS, -1) if kind in ("EXIF", "XMP") else PIXELS
    limits = PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY
    with pytest.raises(ValueError, match=r"too large|Too much"), Image.open(path) as image:
        image.load()  # what Pillow does by itself
    np.testing.assert_array_equal(np.asarray(read_image(path)), expected)
    np.testing.assert_array_equal(np.asarray(read_image(path.read_bytes())), expected)
    assert (read_header(path).depth, read_header(path).pictures) == ("", 1)
    assert limits == (PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY)
    if kind == "at the end":
        np.testing.assert_array_equal(np.asarray(read_image(to_source(Image.open(path)))), expected)


def test_damaged_pixels_behind_long_texts_are_an_oserror(tmp_path):
    path = tmp_path / "x.png"
    write(path, "zTXt")
    content = path.read_bytes()
    for end in (len(content) - 300, len(content) - 600, 60):
        path.write_bytes(content[:end])
        with pytest.raises(OSError, match="cannot be read as an image"):
            read_image(path)


@pytest.mark.parametrize(("kind", "size"), [("iTXt", (12, 9)), ("EXIF", (9, 12))])
def test_the_upright_size_is_read_beside_long_texts(tmp_path, kind, size):
    write(tmp_path / "a.png", kind)
    assert read_upright_size(tmp_path / "a.png") == size
