"""What a guard takes as images and features: each kind is scored alike, or refused by the argument's name."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from heat_core.errors import HeatError
from heat_core.guard.guard import Guard
from heat_core.pipeline.build_guard import build_guard
from tests.heat_core.data.test_deep_images import deep_png

RAMP = np.tile(np.linspace(0, 4095, 64).astype(int), (48, 1))


@pytest.fixture(scope="module")
def guard(demo_run) -> Guard:
    return build_guard(demo_run)


@pytest.fixture
def files(tmp_path):
    """A phone's photo that lies on its side, grey of 16 bits, and colour of 12 bits in 16."""
    exif = Image.Exif()
    exif[0x0112] = 6
    colours = np.stack([RAMP // 16, 255 - RAMP // 16, RAMP // 32], axis=2).astype(np.uint8)
    Image.fromarray(colours).save(tmp_path / "phone.jpg", exif=exif)
    Image.fromarray((RAMP * 16).astype(np.uint16)).save(tmp_path / "grey.png")
    (tmp_path / "colour.png").write_bytes(deep_png(RAMP, 2))
    return [tmp_path / name for name in ("phone.jpg", "grey.png", "colour.png")]


def test_one_picture_has_one_score_in_every_holder(guard, files):
    expected = guard(files).score
    assert len(set(expected.tolist())) == 3
    holders = {
        "text": [str(path) for path in files],
        "bytes": [path.read_bytes() for path in files],
        "BytesIO": [io.BytesIO(path.read_bytes()) for path in files],
        "Pillow": [Image.open(path) for path in files],
        "decoded": [(image := Image.open(path), image.load())[0] for path in files],
    }
    for holder, images in holders.items():
        for attempt in range(2):
            np.testing.assert_array_equal(guard(images).score, expected, err_msg=f"{holder} {attempt}")
    for one in (files[0], files[0].read_bytes(), Image.open(files[0]), io.BytesIO(files[0].read_bytes())):
        np.testing.assert_allclose(guard(one).score, expected[:1], rtol=1e-4)


@pytest.mark.parametrize("name", ["grey.png", "colour.png", "colours.png", "alpha.png", "mode-l.png"])
def test_an_array_has_the_score_of_its_file(guard, files, tmp_path, name):
    """Hold the same picture as a path, text, bytes, an open file, an image of Pillow and an array."""
    colours = np.random.default_rng(0).integers(0, 256, (40, 30, 4), dtype=np.uint8)
    deep = np.repeat(RAMP[..., None], 3, axis=2).astype(np.uint16)
    array = {
        "grey.png": (RAMP * 16).astype(np.uint16),
        "colour.png": deep,
        "colours.png": colours[..., :3],
        "alpha.png": colours,
        "mode-l.png": colours[..., 0],
    }[name]
    path = tmp_path / name
    if not path.exists():
        Image.fromarray(array).save(path)
    holders = [path, str(path), path.read_bytes(), io.BytesIO(path.read_bytes()), Image.open(path), array, [array]]
    scores = {float(guard(holder).score[0]) for holder in holders}
    assert len(scores) == 1
    assert not np.isnan(list(scores)).any()


def test_arrays_are_taken_alone_in_lists_and_as_a_batch(guard):
    pictures = np.random.default_rng(0).integers(0, 256, (3, 20, 30, 3), dtype=np.uint8)
    expected = guard([Image.fromarray(picture) for picture in pictures])
    assert expected.ids == ["image 0", "image 1", "image 2"]
    for images in (pictures, list(pictures), [pictures[0], Image.fromarray(pictures[1]), pictures[2]]):
        np.testing.assert_array_equal(guard(images).score, expected.score)
    grey = pictures[0, ..., :1]
    assert guard(grey).score[0] == guard(grey[..., 0]).score[0] == guard(np.repeat(grey, 3, axis=2)).score[0]
    big_endian = pictures[0].astype(">u2")
    assert guard(big_endian).score[0] == guard(pictures[0]).score[0]


def test_an_array_of_paths_is_a_list_of_paths(guard, files):
    assert guard(np.array([str(path) for path in files])).ids == [str(path) for path in files]


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((8, 8, 3)),
        np.zeros((8, 8, 3), np.int64),
        np.zeros((8, 8), bool),
        np.zeros((3, 8, 8), np.uint8),
        np.zeros((3, 8, 3), np.uint8),
        np.zeros((8, 8, 2), np.uint8),
        np.zeros((2, 3, 8, 8), np.uint8),
        np.zeros((2, 2, 8, 8, 3), np.uint8),
        np.zeros((0, 8, 3), np.uint8),
        np.zeros(8, np.uint8),
        np.array(3),
    ],
    ids=lambda array: f"{array.dtype} {array.shape}",
)
def test_an_array_that_may_mean_anything_else_is_refused(guard, array):
    with pytest.raises(HeatError, match=r"images holds an array of .*: an image is uint8 or uint16 of the shape"):
        guard(array)


def test_a_closed_picture_costs_itself_alone(guard, files):
    with Image.open(files[0]) as closed:
        pass
    found = guard([closed, files[0], b"no image"])
    assert found.ids == ["image 0", str(files[0]), "image 2"]
    assert found.error == ["not readable", "", "not readable"]


@pytest.mark.parametrize("images", [[3], [None], 3, [torch.zeros(3, 32, 32)], {"bytes": b""}, []])
def test_what_is_no_image_is_refused(guard, images):
    with pytest.raises(HeatError, match=r"images holds a|There are no images"):
        guard(images)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_pixels_of_every_precision_are_scored_in_float32(guard, dtype):
    pixels = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0)).to(dtype)
    np.testing.assert_array_equal(guard(pixels).score, guard(pixels.float()).score)
    np.testing.assert_array_equal(guard(pixels.clone().requires_grad_()).score, guard(pixels.float()).score)


@pytest.mark.parametrize(
    "pixels",
    [
        torch.zeros(3, 32, 32),
        torch.zeros(0, 3, 32, 32),
        torch.zeros(2, 1, 32, 32),
        torch.zeros(2, 32, 32, 3),
        torch.zeros(2, 3, 64, 64),
        torch.zeros(2, 3, 32, 32, dtype=torch.uint8),
        torch.zeros(2, 3, 32, 32, dtype=torch.complex64),
        torch.linspace(0, 255, 3 * 32 * 32).reshape(1, 3, 32, 32),
        torch.zeros(1, 3, 32, 32, device="meta"),
        torch.zeros(1, 3, 32, 32).to_sparse(),
        torch.tensor(1.0),
        torch.full((1, 3, 32, 32), float("nan")),
        torch.full((1, 3, 32, 32), float("inf")),
    ],
    ids=[
        "no batch",
        "empty",
        "grey",
        "channels last",
        "large",
        "integers",
        "complex",
        "0…255",
        "meta",
        "sparse",
        "number",
        "NaN",
        "infinite",
    ],
)
def test_pixels_of_another_kind_are_refused(guard, pixels):
    with pytest.raises(HeatError, match="images"):
        guard(pixels)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_features_are_taken_as_torch_gives_them(guard, demo_run, dtype):
    features = demo_run.features("id")
    avg, std = (torch.from_numpy(np.array(values[:4])).to(dtype) for values in (features.avg, features.std))
    expected = guard.of_features(avg.float().numpy(), std.float().numpy()).score
    for one, other in ((avg, std), (avg.clone().requires_grad_(), std), (avg.float().tolist(), std.float().tolist())):
        np.testing.assert_allclose(guard.of_features(one, other).score, expected, rtol=1e-5)
    with pytest.raises(HeatError, match="avg must be"):
        guard.of_features([[1.0], [1.0, 2.0]], std)
    with pytest.raises(HeatError, match="avg must be"):
        guard.of_features(avg.float().to_sparse(), std)
    with pytest.raises(HeatError, match="std must be"):
        guard.of_features(avg, std.bool())
