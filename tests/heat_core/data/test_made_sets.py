"""Sets without objects: what an image keeps of the one that it is made from, and where such a set can stand."""

import pickle
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from heat_core import HeatError
from heat_core.analysis.samples import Samples
from heat_core.data.datasets import open_dataset
from heat_core.data.image_set import ImageSet
from heat_core.data.made import made_sets
from heat_core.data.made.made_sets import MADE, make_set
from heat_core.data.made.scrambling import noise_of_spectrum, randomise_phases, shuffle_patches
from heat_core.features.store import load_features
from heat_core.pipeline.experiment_sets import inspect_sets, open_sets
from heat_core.reporting.picture_files import file_and_box, picture_file
from heat_core.runs.experiment import ID
from tests.heat_core.pipeline.test_validate_sets import asked


def drawn(height: int = 45, width: int = 38) -> np.ndarray:
    """Pixels between 96 and 160, so that no value of an image that is made of them is clipped."""
    return np.random.default_rng(0).integers(96, 160, (height, width, 3), dtype=np.uint8)


def set_of(*images: np.ndarray) -> ImageSet:
    ids = [f"a/{i}.png" for i in range(len(images))]
    return ImageSet("known", ids, lambda i: Image.fromarray(images[i]), np.zeros(len(ids), int), ["a"], "print")


def patches_of(pixels: np.ndarray, height: int, width: int) -> Counter[bytes]:
    tops, lefts = (range(0, n - n % side, side) for n, side in zip(pixels.shape, (height, width), strict=False))
    return Counter(pixels[t : t + height, left : left + width].tobytes() for t in tops for left in lefts)


@pytest.mark.parametrize(
    ("shape", "patch"), [((45, 38), (5, 4)), ((7, 30), (1, 3)), ((64, 8), (8, 1)), ((15, 16), (1, 2))]
)
def test_shuffled_has_the_same_patches_elsewhere(shape, patch):
    pixels = drawn(*shape)
    made = shuffle_patches(pixels, np.random.default_rng(1))
    assert made.shape == pixels.shape
    assert patches_of(made, *patch) == patches_of(pixels, *patch)
    inner = tuple(slice(side // part * part) for side, part in zip(shape, patch, strict=True))
    assert (made[inner] != pixels[inner]).mean() > 0.5
    bottom, right = inner[0].stop, inner[1].stop
    np.testing.assert_array_equal(made[bottom:], pixels[bottom:])
    np.testing.assert_array_equal(made[:, right:], pixels[:, right:])


@pytest.mark.parametrize("shape", [(45, 38), (8, 9), (1, 5)])
def test_phase_keeps_amplitudes_of_every_channel(shape):
    pixels = drawn(*shape)
    before, after = (np.fft.fft2(p, axes=(0, 1)) for p in (pixels, randomise_phases(pixels, np.random.default_rng(1))))
    np.testing.assert_allclose(np.abs(after), np.abs(before), atol=1e-8)
    np.testing.assert_allclose(after[0, 0], before[0, 0])
    relative = [np.exp(1j * (np.angle(s[..., 0]) - np.angle(s[..., 1]))) for s in (before, after)]
    np.testing.assert_allclose(*relative, atol=1e-6)  # colours stay together
    if min(shape) > 1:
        assert np.corrcoef(np.angle(before).ravel(), np.angle(after).ravel())[0, 1] < 0.6


def test_noise_has_the_power_of_each_ring_of_frequencies():
    y, x = np.mgrid[:64, :64]
    pixels = np.stack([128 + 20 * np.sin(x / 9) + 10 * np.sin((x + y) / 3)] * 3, axis=2)
    powers = [np.abs(np.fft.fft2(noise_of_spectrum(pixels, np.random.default_rng(s))[..., 0])) ** 2 for s in range(200)]
    power, before = np.mean(powers, axis=0), np.abs(np.fft.fft2(pixels[..., 0])) ** 2
    ring = np.rint(64 * np.hypot(np.fft.fftfreq(64)[:, None], np.fft.fftfreq(64))).astype(int)
    for radius in range(1, 32):
        inside = ring == radius
        assert power[inside].mean() == pytest.approx(before[inside].mean(), rel=0.25), radius
    assert power[0, 0] == pytest.approx(before[0, 0])
    assert power[1, 0] == pytest.approx(power[0, 1], rel=0.4)  # the image itself has no vertical waves of this length
    assert before[1, 0] < 0.01 * before[0, 1]


@pytest.mark.parametrize("source", MADE)
def test_an_image_depends_on_its_content_alone(source):
    pixels, other = drawn(), drawn(20, 20)
    made = make_set(source, set_of(pixels, other))
    alone = make_set(source, set_of(other))
    assert np.array_equal(made.open(1), alone.open(0))
    assert np.array_equal(made.open(0), make_set(source, set_of(pixels, other)).open(0))
    assert made.open(0).size == (38, 45)
    assert (made.labels, made.class_names, made.ids[1]) == (None, [], f"a/1.png ({source[5:]})")
    changed = pixels.copy()
    changed[0, 0] ^= 1
    again = np.asarray(make_set(source, set_of(changed)).open(0)).astype(int)
    assert (np.abs(again - np.asarray(made.open(0))) > 2).mean() > 0.3  # other random numbers


@pytest.mark.parametrize("source", MADE)
def test_a_grey_image_stays_grey(source):
    grey = np.repeat(drawn()[..., :1], 3, axis=2)
    assert np.ptp(np.asarray(make_set(source, set_of(grey)).open(0)), axis=2).max() == 0


@pytest.mark.parametrize("source", MADE)
def test_a_plain_image_stays_as_it_is(source):
    plain = np.full((45, 38, 3), 77, np.uint8)
    assert np.array_equal(make_set(source, set_of(plain)).open(0), plain)


def test_whole_pictures_keep_amplitudes_within_rounding():
    pixels = drawn()
    made = np.asarray(make_set("made:phase", set_of(pixels)).open(0))
    before, after = (np.abs(np.fft.fft2(p, axes=(0, 1), norm="ortho")) for p in (pixels, made))
    assert np.abs(after - before).max() < 1.5  # rounding to whole numbers has a spread of 0.29


def test_a_made_set_is_as_large_as_the_id_test_set(tmp_path, image_folder):
    known = image_folder(tmp_path / "known", {"a": 10, "b": 15})
    sources = {source: source for source in MADE}
    sizes = inspect_sets(asked(known, sources)).sizes
    assert sizes == {"train": 20, "id": 5, "made:shuffled": 5, "made:phase": 5, "made:noise": 5}
    limited = open_sets(asked(known, {"z": "made:noise", "other": tmp_path / "known"}, limit=4, limit_test=2))
    assert [(name, len(images)) for name, images in limited.items()] == [
        ("train", 8),
        ("id", 4),
        ("z", 4),
        ("other", 8),
    ]
    few = open_sets(asked(known, sources, limit_ood=1))["made:phase"]
    assert [sample[0] for sample in few.ids] == ["a", "b"]  # one of each class
    whole = open_sets(asked(known, sources))
    prints = {name: images.fingerprint for name, images in whole.items()}
    assert len(set(prints.values())) == 5
    image_folder(tmp_path / "known", {"a": 20, "b": 15})
    assert open_sets(asked(known, sources))["made:phase"].fingerprint != prints["made:phase"]
    assert pickle.loads(pickle.dumps(whole["made:noise"])).ids == [f"{i} (noise)" for i in whole[ID].ids]


def test_a_made_set_cannot_be_opened_by_itself(tmp_path, image_folder):
    known = image_folder(tmp_path / "known", {"a": 10, "b": 15})
    with pytest.raises(HeatError, match=r"'made:phase' cannot be opened by itself: .* only be OOD sets"):
        open_dataset("made:phase")
    with pytest.raises(
        HeatError, match=r"'made:fog' cannot be opened by itself: made:shuffled, made:phase, made:noise"
    ):
        inspect_sets(asked(known, {"fog": "made:fog"}))
    with pytest.raises(HeatError, match=r"'made:noise' cannot be opened"):
        inspect_sets(asked(known, {"far": "made:noise"}, "made:noise"))


def test_a_run_has_scores_and_pictures_of_made_sets(tmp_path, image_folder):
    from heat_core import run

    known = image_folder(tmp_path / "known", {"a": 10, "b": 10})
    made = {"made:shuffled": "made:shuffled", "far": "made:phase"}
    done = run(asked(known, made))
    assert [len(done.ids(name)) for name in (ID, *made)] == [4, 4, 4]
    assert "far" in done.metrics()["heat"]
    features = load_features(done.features_folder("far"))
    assert features.ids == [f"{sample} (phase)" for sample in done.ids(ID)]

    sample = str(done.ids("far")[2])
    source = done.image(ID, sample.removesuffix(" (phase)"))
    expected = make_set("made:phase", set_of(np.asarray(source))).open(0)
    assert np.array_equal(done.image("far", sample), expected)
    samples = Samples(done)
    number = [samples.key(i) for i in range(len(samples))].index(f"far/{sample}")
    assert file_and_box(samples, number) == ("", "")
    png = tmp_path / "made.png"
    png.write_bytes(picture_file(samples, number))
    assert np.array_equal(Image.open(png), expected)


def test_no_image_is_made_before_the_run_starts(tmp_path, image_folder, monkeypatch):
    known = image_folder(tmp_path / "known", {"a": 10, "b": 15})
    monkeypatch.setattr(made_sets, "make_image", pytest.fail)
    assert inspect_sets(asked(known, {source: source for source in MADE})).warnings == ()


def test_made_sets_are_not_downloaded():
    found = inspect_sets(asked("cifar10", {"svhn": "svhn", "far": "made:noise"}, "cifar10"))
    assert found.not_downloaded == ("train", "id", "svhn")
