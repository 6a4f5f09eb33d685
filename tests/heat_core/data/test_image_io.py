"""One image file: upright, in RGB, its grey scaled by one rule; and what cannot be read is an OSError."""

import io
import os
import subprocess

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image, ImageOps

from heat_core.data.image_io import read_header, read_image
from heat_core.data.pixels.depth import to_eight_bits

RNG = np.random.default_rng(0)
LYING = RNG.integers(0, 256, (5, 9, 3), dtype=np.uint8)  # no symmetry: every wrong turn shows
UPRIGHT = {  # orientation of the file → how it is to be seen
    1: LYING,
    2: LYING[:, ::-1],
    3: LYING[::-1, ::-1],
    4: LYING[::-1],
    5: LYING.swapaxes(0, 1),
    6: np.rot90(LYING, -1),
    7: np.rot90(LYING, 2).swapaxes(0, 1),
    8: np.rot90(LYING, 1),
}
RAMP = np.tile(np.arange(256), (4, 1))  # 0 … 255


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def grey_of(path, array: np.ndarray) -> np.ndarray:
    """What is read of a file with these values; its three channels are the same."""
    Image.fromarray(array).save(path)
    pixels = np.asarray(read_image(path))
    assert pixels.shape == (*array.shape, 3)
    assert pixels.dtype == np.uint8
    for channel in (1, 2):
        np.testing.assert_array_equal(pixels[..., 0], pixels[..., channel])
    return pixels[..., 0]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_comes_upright(tmp_path, orientation):
    path = tmp_path / "x.png"
    Image.fromarray(LYING).save(path, exif=turned(orientation))
    np.testing.assert_array_equal(np.asarray(read_image(path)), UPRIGHT[orientation])


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_phones_jpeg_is_turned_as_other_programs_turn_it(tmp_path, orientation):
    path = tmp_path / "x.jpg"
    Image.fromarray(LYING).save(path, exif=turned(orientation))
    found = read_image(path)
    assert found.size == ((9, 5) if orientation in (1, 3) else (5, 9))
    np.testing.assert_array_equal(np.asarray(found), np.asarray(ImageOps.exif_transpose(Image.open(path))))


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
@pytest.mark.parametrize("mode", ["L", "P", "RGB", "RGBA", "CMYK", "I;16", "F"])
@pytest.mark.parametrize("orientation", [3, 5, 6, 7, 8])
def test_a_tiff_of_every_mode_comes_upright(tmp_path, mode, orientation, compression):
    image = Image.fromarray(LYING[..., 0].astype(np.uint16) * 257) if mode == "I;16" else Image.fromarray(LYING)
    image = image if mode == "I;16" else image.convert(mode)
    image.save(tmp_path / "lying.tif")
    image.save(tmp_path / "x.tif", tiffinfo={274: orientation}, compression=compression)
    lying, found = np.asarray(read_image(tmp_path / "lying.tif")), np.asarray(read_image(tmp_path / "x.tif"))
    turn = {3: lambda a: a[::-1, ::-1], 5: lambda a: a.swapaxes(0, 1), 6: lambda a: np.rot90(a, -1)}
    turn |= {7: lambda a: np.rot90(a, 2).swapaxes(0, 1), 8: np.rot90}
    np.testing.assert_array_equal(found, turn[orientation](lying))


def test_deep_grey_is_turned_too(tmp_path):
    Image.fromarray((RAMP * 257).astype(np.uint16)).save(tmp_path / "x.png", exif=turned(6))
    np.testing.assert_array_equal(np.asarray(read_image(tmp_path / "x.png"))[..., 0], np.rot90(RAMP, -1))


@pytest.mark.parametrize(
    ("file", "values"),
    [
        ("12 bits.png", (RAMP * 16).astype(np.uint16)),
        ("16 bits.png", (RAMP * 257).astype(np.uint16)),
        ("8 bits in 16.png", RAMP.astype(np.uint16)),
        ("12 bits.tif", (RAMP * 16 + 15).astype(np.uint16)),
        ("unit.tif", (RAMP / 255).astype(np.float32)),
        ("float 255.tif", RAMP.astype(np.float32)),
        ("float 4095.tif", (RAMP * 16).astype(np.float32)),
        ("signed.tif", (RAMP - 100).astype(np.float32)),
        ("hounsfield.tif", (RAMP * 16 - 1024).astype(np.int32)),
        ("int 255.tif", RAMP.astype(np.int32)),
        ("int large.tif", (RAMP * 10_000).astype(np.int32)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_grey_of_every_depth_is_the_same_ramp(tmp_path, file, values):
    np.testing.assert_array_equal(grey_of(tmp_path / file, values), RAMP)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param((RAMP - 300.0).astype(np.float32), id="below zero"),
        pytest.param((RAMP * 1000 + 70_000).astype(np.int32), id="beyond 16 bits"),
        pytest.param((RAMP - 1.0).astype(np.float32), id="across zero"),
    ],
)
def test_values_of_no_known_depth_span_their_own_range(values):
    """Values of no known depth run from the least to the greatest."""
    np.testing.assert_array_equal(to_eight_bits(values), RAMP)


def test_a_dark_image_of_12_bits_stays_dark(tmp_path):
    values = np.array([[0, 16, 160, 1600]], np.uint16)
    np.testing.assert_array_equal(grey_of(tmp_path / "x.png", values), [[0, 1, 10, 100]])


def test_a_mask_of_zeros_and_ones_in_16_bits_is_not_stretched(tmp_path):
    np.testing.assert_array_equal(grey_of(tmp_path / "x.png", np.array([[0, 1]], np.uint16)), [[0, 1]])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([[np.nan, 0.0, 0.4, 1.0]], [[0, 0, 102, 255]]),
        ([[np.nan, np.inf, 100.0, 200.0]], [[0, 0, 100, 200]]),
        ([[np.nan, np.nan]], [[0, 0]]),
        pytest.param([[np.nan, -200.0, -100.0]], [[0, 0, 255]]),
    ],
    ids=["unit", "255", "nothing else", "negative"],
)
def test_what_is_no_number_is_black_and_leaves_the_scale_alone(tmp_path, values, expected):
    np.testing.assert_array_equal(grey_of(tmp_path / "x.tif", np.array(values, np.float32)), expected)


def test_one_value_alone_is_no_error():
    for value in (-7.0, 1e9, -1e300):
        assert to_eight_bits(np.full((2, 2), value)).shape == (2, 2)
    assert to_eight_bits(np.full((2, 2), 7.0)).tolist() == [[7, 7], [7, 7]]
    assert to_eight_bits(np.empty((0, 3), np.uint16)).shape == (0, 3)


@pytest.mark.parametrize("end", ["png", "tif", "bmp"])
@pytest.mark.parametrize("shape", [(7, 5, 3), (7, 5)], ids=["colour", "grey"])
def test_eight_bits_are_left_alone(tmp_path, end, shape):
    values = RNG.integers(0, 256, shape, dtype=np.uint8)
    Image.fromarray(values).save(tmp_path / f"x.{end}")
    expected = values if len(shape) == 3 else np.repeat(values[..., None], 3, axis=2)
    np.testing.assert_array_equal(np.asarray(read_image(tmp_path / f"x.{end}")), expected)


def test_palettes_alpha_print_colours_and_bits_become_rgb(tmp_path):
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 200, 100, 50])
    palette.putdata([1, 0])
    grey = Image.merge("LA", [Image.new("L", (2, 1), 77), Image.new("L", (2, 1), 0)])
    bits = Image.new("1", (2, 1))
    bits.putdata([255, 0])
    cases = {
        "palette.png": (palette, [[200, 100, 50], [10, 20, 30]]),
        "alpha.png": (grey, [[77] * 3] * 2),
        "colour and alpha.png": (Image.new("RGBA", (2, 1), (1, 2, 3, 0)), [[1, 2, 3]] * 2),
        "print.tif": (Image.new("CMYK", (2, 1), (0, 255, 255, 0)), [[255, 0, 0]] * 2),
        "bits.png": (bits, [[255] * 3, [0] * 3]),
    }
    for name, (image, expected) in cases.items():
        image.save(tmp_path / name)
        assert Image.open(tmp_path / name).mode == image.mode
        found = read_image(tmp_path / name)
        assert found.mode == "RGB", name
        np.testing.assert_array_equal(np.asarray(found), [expected], err_msg=name)


def test_the_first_picture_of_an_animation_is_taken(tmp_path):
    first, second = Image.new("RGB", (4, 4), (255, 0, 0)), Image.new("RGB", (4, 4), (0, 0, 255))
    first.save(tmp_path / "x.gif", save_all=True, append_images=[second])
    assert read_image(tmp_path / "x.gif").getpixel((0, 0)) == (255, 0, 0)


def test_a_wrong_ending_does_not_matter(tmp_path):
    Image.new("RGB", (4, 4), (9, 8, 7)).save(tmp_path / "x.jpg", "PNG")
    assert read_image(tmp_path / "x.jpg").getpixel((0, 0)) == (9, 8, 7)


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00" * 100, b"I am a text.\n", b"<!DOCTYPE html><html>404</html>", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM"],
    ids=["empty", "zeros", "text", "page", "PNG's mark", "GIF's mark", "BMP's mark"],
)
def test_what_is_no_image_is_an_oserror(tmp_path, content):
    (tmp_path / "x.png").write_bytes(content)
    with pytest.raises(OSError, match=r"x\.png cannot be read as an image"):
        read_image(tmp_path / "x.png")


def test_folders_and_missing_files_are_oserrors(tmp_path):
    (tmp_path / "folder.png").mkdir()
    for name in ("folder.png", "missing.png"):
        with pytest.raises(OSError, match=f"{name} cannot be read as an image"):
            read_image(tmp_path / name)


KINDS = ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "TGA", "ICO"]


def written(kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(RNG.integers(0, 256, (20, 20, 3), dtype=np.uint8)).save(file, kind)
    return file.getvalue()


def outcomes(path, contents) -> list[str]:
    """`read` or `refused` for each content; any other exception than an OSError ends the test."""
    found = []
    for content in contents:
        path.write_bytes(content)
        try:
            assert read_image(path).mode == "RGB"
            found.append("read")
        except OSError:
            found.append("refused")
    return found


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow warns of what it finds odd
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_cut_off_is_an_oserror(tmp_path, kind):
    whole = written(kind)
    cuts = [*range(1, 60), *range(60, len(whole), 97)]
    found = outcomes(tmp_path / "x", (whole[:cut] for cut in cuts))
    assert found.count("refused") > len(found) // 2
    assert outcomes(tmp_path / "x", [whole]) == ["read"]


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow warns of what it finds odd
@pytest.mark.parametrize("kind", KINDS)
def test_damaged_bytes_raise_nothing_but_oserrors(tmp_path, kind):
    whole, rng = written(kind), np.random.default_rng(1)
    damaged = []
    for _ in range(60):
        content = bytearray(whole)
        for place in rng.integers(0, min(len(content), 200), 4):
            content[place] = rng.integers(0, 256)
        damaged.append(bytes(content))
    assert set(outcomes(tmp_path / "x", damaged)) <= {"read", "refused"}


def test_postscript_never_starts_another_program(tmp_path, monkeypatch):
    def started(*_, **__):
        raise AssertionError("a program was started")

    path = tmp_path / "x.png"
    path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n%%EOF\n")
    for name in ("Popen", "run", "call", "check_call", "check_output"):
        monkeypatch.setattr(subprocess, name, started)
    for name in ("system", "popen", "posix_spawn", "execv"):
        monkeypatch.setattr(os, name, started, raising=False)
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", started)
    with Image.open(path) as image, pytest.raises(AssertionError, match="started"):
        image.load()  # what Pillow does by itself
    with pytest.raises(OSError, match="cannot be read"):
        read_image(path)
    assert read_header(path).depth == ""


def test_a_decompression_bomb_is_an_oserror(tmp_path, monkeypatch):
    Image.new("RGB", (32, 32)).save(tmp_path / "x.png")
    assert read_image(tmp_path / "x.png").size == (32, 32)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    with pytest.raises(OSError, match="DecompressionBombError"):
        read_image(tmp_path / "x.png")
