"""What Pillow ignores: colour of more than 8 bits, what a TIFF says of its values, several pictures in a file."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from heat_core.data.datasets import from_folder
from heat_core.data.image_io import read_header, read_image
from tests.heat_core.data.pictures import picture
from tests.heat_core.data.test_image_io import LYING, RAMP


def tiff(values: np.ndarray, *more: tuple[int, int]) -> bytes:
    """A grey TIFF of these values with further tags, as Pillow does not write it."""
    data, (height, width) = values.tobytes(), values.shape
    tags = {256: width, 257: height, 258: values.itemsize * 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: height}
    tags |= {279: len(data)} | dict(more)
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, tags[tag]) for tag in sorted(tags))
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + struct.pack("<H", len(tags)) + entries + bytes(4)


@pytest.mark.parametrize(
    ("values", "tags", "expected"),
    [
        ((RAMP * 257).astype("<u2"), [(262, 0)], 255 - RAMP),
        ((RAMP / 255).astype("<f4"), [(262, 0), (339, 3)], 255 - RAMP),
        ((RAMP * 2**24).astype("<u4"), [], RAMP),
        ((RAMP * 2**24 - 2**31).astype("<i4"), [(339, 2)], RAMP),
    ],
    ids=["white is zero", "white is zero in floats", "32 bits without a sign", "32 bits with a sign"],
)
def test_tags_of_a_tiff_about_its_values_are_used(tmp_path, values, tags, expected):
    (tmp_path / "x.tif").write_bytes(tiff(values, *tags))
    np.testing.assert_array_equal(np.asarray(read_image(tmp_path / "x.tif"))[..., 0], expected)


def deep_png(values: np.ndarray, kind: int) -> bytes:
    """A PNG of 16 bits: RGB (kind 2), grey and alpha (4) or RGBA (6); its alpha is full."""
    colours = np.repeat(values[..., None], 1 if kind == 4 else 3, axis=2)
    full = [np.full((*values.shape, 1), 65535)] if kind != 2 else []
    rows = np.concatenate([colours, *full], axis=2).astype(">u2")
    head = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, kind, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    parts = ((b"IHDR", head), (b"IDAT", data), (b"IEND", b""))
    chunks = (struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("kind", [2, 4, 6], ids=["RGB", "grey and alpha", "RGBA"])
@pytest.mark.parametrize("factor", [1, 16, 257], ids=["8 bits", "12 bits", "16 bits"])
def test_colour_and_alpha_of_every_depth_are_the_same_ramp(tmp_path, kind, factor):
    (tmp_path / "x.png").write_bytes(deep_png(RAMP * factor, kind))
    found = np.asarray(read_image(tmp_path / "x.png"))
    assert found.shape == (*RAMP.shape, 3)
    for channel in range(3):
        np.testing.assert_array_equal(found[..., channel], RAMP)


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_tiff_of_deep_colour_is_the_same_ramp(tmp_path, order):
    data = np.stack([RAMP * 16, RAMP * 8, RAMP * 0], axis=2).astype(f"{order}u2").tobytes()
    tags = [(256, 4, 1, 256), (257, 4, 1, 4), (258, 3, 3, 8 + len(data)), (259, 4, 1, 1), (262, 4, 1, 2)]
    tags += [(273, 4, 1, 8), (277, 4, 1, 3), (278, 4, 1, 4), (279, 4, 1, len(data))]
    content = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", 8 + len(data) + 6) + data
    content += struct.pack(f"{order}HHHH", 16, 16, 16, len(tags))
    (tmp_path / "x.tif").write_bytes(content + b"".join(struct.pack(f"{order}HHII", *tag) for tag in tags) + bytes(4))
    found = np.asarray(read_image(tmp_path / "x.tif"))
    np.testing.assert_array_equal(found, np.stack([RAMP, RAMP // 2, RAMP * 0], axis=2))


def test_depth_is_known_by_the_files_header(tmp_path):
    for name, array, depth in (
        ("16.png", RAMP.astype(np.uint16), "grey"),
        ("32.tif", RAMP.astype(np.int32), "grey"),
        ("f.tif", RAMP.astype(np.float32), "grey"),
        ("8.png", RAMP.astype(np.uint8), ""),
        ("colour.png", LYING, ""),
    ):
        Image.fromarray(array).save(tmp_path / name)
        assert read_header(tmp_path / name).depth == depth, name
    (tmp_path / "deep.png").write_bytes(deep_png(RAMP, 2))
    assert read_header(tmp_path / "deep.png").depth == "colour"
    (tmp_path / "text.png").write_text("no")
    for name in ("text.png", "missing.png"):
        assert (read_header(tmp_path / name).depth, read_header(tmp_path / name).pictures) == ("", 1)


@pytest.mark.parametrize("end", ["tif", "gif", "png", "webp"])
def test_several_pictures_of_one_file_are_counted(tmp_path, end):
    pictures = [Image.new("RGB", (4, 4), (90 * i, 0, 0)) for i in range(3)]
    pictures[0].save(tmp_path / f"x.{end}", save_all=True, append_images=pictures[1:])
    assert read_header(tmp_path / f"x.{end}").pictures == 3
    assert read_image(tmp_path / f"x.{end}").getpixel((0, 0))[0] < 9


def test_a_few_deep_files_among_many_jpegs_are_noted(tmp_path):
    for i in range(60):
        picture(tmp_path / "a" / f"{i}.jpg")
    Image.fromarray(np.full((4, 4), 3000, np.uint16)).save(tmp_path / "a" / "b.png")
    assert from_folder(tmp_path).notes == (
        "Grey images of more than 8 bits are scaled to 8 by their range (b.png for one).",
    )


def test_pictures_that_are_left_out_of_a_file_are_noted(tmp_path):
    pages = [Image.new("RGB", (4, 4), (250, 5, 5)), Image.new("RGB", (4, 4), (5, 5, 250))]
    (tmp_path / "a").mkdir()
    pages[0].save(tmp_path / "a" / "stack.tif", save_all=True, append_images=pages[1:])
    assert from_folder(tmp_path).notes == ("Of files with several pictures the first is taken (stack.tif holds 2).",)
