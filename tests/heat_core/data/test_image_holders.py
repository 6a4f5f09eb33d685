"""One picture has the same pixels, whatever holds it: a path, bytes, an open file or an image of Pillow."""

import copy
import io
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from heat_core.data.image_io import read_image, to_source
from heat_core.errors import HeatError
from tests.heat_core.data.test_deep_images import deep_png

RAMP = np.arange(40, dtype=np.uint8).reshape(5, 8) * 6
COLOUR = np.stack([RAMP, RAMP[::-1], RAMP[:, ::-1]], axis=2)


def upright_exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def palette_with_transparency() -> Image.Image:
    image = Image.fromarray(COLOUR).quantize(7)
    image.info["transparency"] = 3
    return image


FILES = {
    "phone.jpg": lambda p: Image.fromarray(COLOUR).save(p, exif=upright_exif()),
    "turned.png": lambda p: Image.fromarray(COLOUR).save(p, exif=upright_exif()),
    "turned.webp": lambda p: Image.fromarray(COLOUR).save(p, exif=upright_exif(), lossless=True),
    "sixteen.png": lambda p: Image.fromarray(RAMP.astype(np.uint16) * 257).save(p, exif=upright_exif()),
    "big endian.tif": lambda p: Image.frombytes("I;16B", (8, 5), (RAMP * 16).astype(">u2").tobytes()).save(p),
    "float.tif": lambda p: Image.fromarray(RAMP.astype(np.float32) / 255).save(p),
    "signed.tif": lambda p: Image.fromarray(RAMP.astype(np.int32) - 100).save(p),
    "palette.png": lambda p: palette_with_transparency().save(p),
    "palette.gif": lambda p: palette_with_transparency().save(p),
    "grey and alpha.png": lambda p: Image.fromarray(COLOUR).convert("LA").save(p),
    "print.jpg": lambda p: Image.fromarray(COLOUR).convert("CMYK").save(p),
    "bits.png": lambda p: Image.fromarray(RAMP > 100).save(p),
    "deep colour.png": lambda p: p.write_bytes(deep_png(RAMP.astype(int) * 16, 6)),
    "full colour.png": lambda p: p.write_bytes(deep_png(RAMP.astype(int) * 257, 2)),
}
HOLDERS = {
    "path": Path,
    "text": str,
    "bytes": lambda p: p.read_bytes(),
    "memory": lambda p: memoryview(p.read_bytes()),
    "BytesIO": lambda p: io.BytesIO(p.read_bytes()),
    "read BytesIO": lambda p: (file := io.BytesIO(p.read_bytes()), file.read())[0],
    "file": lambda p: open(p, "rb"),  # noqa: SIM115
    "Pillow": Image.open,
    "Pillow on bytes": lambda p: Image.open(io.BytesIO(p.read_bytes())),
    "decoded": lambda p: (image := Image.open(p), image.load())[0],
}


@pytest.mark.parametrize("name", FILES)
def test_pixels_are_those_of_the_path_in_every_holder(tmp_path, name):
    FILES[name](tmp_path / name)
    expected = np.asarray(read_image(tmp_path / name))
    for holder, hold in HOLDERS.items():
        held = hold(tmp_path / name)
        source = pickle.loads(pickle.dumps(to_source(held)))
        np.testing.assert_array_equal(np.asarray(read_image(source)), expected, err_msg=holder)
        np.testing.assert_array_equal(np.asarray(read_image(to_source(held))), expected, err_msg=f"{holder}, again")
        if isinstance(held, Image.Image):
            np.testing.assert_array_equal(np.asarray(read_image(held)), expected, err_msg=f"{holder}, as it is")


def test_expected_pixels_of_a_phone_and_of_deep_colour(tmp_path):
    FILES["turned.png"](tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(Image.open(tmp_path / "a.png")), np.rot90(COLOUR, -1))
    FILES["deep colour.png"](tmp_path / "b.png")
    np.testing.assert_array_equal(np.asarray(read_image(Image.open(tmp_path / "b.png")))[..., 1], RAMP)


@pytest.mark.parametrize("change", ["paste", "draft", "frame", "rewritten file"])
def test_a_picture_that_was_changed_is_not_read_from_its_file(tmp_path, change):
    path = tmp_path / "x.png"
    FILES["full colour.png"](path)
    if change == "frame":
        frames = [Image.new("L", (8, 5), level) for level in (10, 200)]
        frames[0].save(path := tmp_path / "x.tif", save_all=True, append_images=frames[1:])
    if change == "draft":
        Image.new("RGB", (64, 64), (200, 200, 200)).save(path := tmp_path / "x.jpg")
    image = Image.open(path)
    if change == "paste":
        image.paste((200, 200, 200), (0, 0, 8, 5))
    elif change == "draft":
        image.draft("RGB", (8, 8))
    elif change == "frame":
        image.seek(1)
    else:
        image.load()
        path.write_bytes(deep_png(np.zeros((5, 8), int), 2))
        assert np.asarray(read_image(image)).max() > 200
        return
    assert set(np.asarray(read_image(to_source(image))).ravel().tolist()) == {200}
    assert change != "draft" or read_image(image).size == (8, 8)


@pytest.mark.parametrize("mode", ["RGBa", "La", "HSV", "YCbCr", "LA", "PA", "I", "F", "I;16", "1"])
def test_pictures_of_every_mode_in_memory_are_read(mode):
    way = {"RGBa": "RGBA", "La": "LA", "PA": "P"}.get(mode, "RGB")
    source = Image.new("L", (4, 3), 77) if mode in ("I", "F", "I;16") else Image.new("RGB", (4, 3), (90, 90, 90))
    image = (source if source.mode == "L" else source.convert(way)).convert(mode)
    before = copy.deepcopy(image)
    expected = 77 if source.mode == "L" else 90
    found = read_image(image)
    assert found.mode == "RGB"
    if mode not in ("1", "PA"):  # dithered
        assert np.abs(np.asarray(found).astype(int) - expected).max() <= (1 if mode == "YCbCr" else 0)
    assert image.tobytes() == before.tobytes()
    assert image.mode == before.mode


@pytest.mark.parametrize("holder", ["closed picture", "closed file", "bytes of no image", "empty", "no pixels"])
def test_a_holder_without_a_picture_is_an_oserror(tmp_path, holder):
    FILES["turned.png"](tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture, open(tmp_path / "a.png", "rb") as file:
        pass
    held = {
        "closed picture": picture,
        "closed file": file,
        "bytes of no image": b"no image",
        "empty": io.BytesIO(),
        "no pixels": Image.open(io.BytesIO((tmp_path / "a.png").read_bytes()[:90])),
    }[holder]
    with pytest.raises(OSError, match="cannot be read as an image"):
        read_image(to_source(held))


@pytest.mark.parametrize("held", [3, None, np.zeros((4, 4, 3), np.uint8), [b""], io.StringIO("x")], ids=type)
def test_what_holds_no_picture_is_refused_by_name(held):
    with pytest.raises(HeatError, match="images holds a"):
        to_source(held)
