"""Names of files that cannot be printed as they are: they stay distinct and open the right picture."""

import json

import pytest
import torch

from heat_core.backbones.registry import load_backbone
from heat_core.data.datasets import from_files, from_folder, open_dataset
from heat_core.features.extraction import extract
from tests.heat_core.data.pictures import BLUE, GREEN, RED, colours, named, picture


def test_names_that_are_not_utf8_open_the_right_picture(tmp_path):
    """Names that are not UTF-8 are printable and open the right picture."""
    named(tmp_path / "set", b"caf\xe9/ol\xe9.png", RED)
    named(tmp_path / "set", b"caf\xe9/ol\xe8.png", BLUE)
    named(tmp_path / "set", b"tea/plain.png", GREEN)
    images = from_folder(tmp_path / "set")
    assert images.class_names == ["caf\\xe9", "tea"]
    expected = {"caf\\xe9/ol\\xe9.png": RED, "caf\\xe9/ol\\xe8.png": BLUE, "tea/plain.png": GREEN}
    assert colours(images) == expected
    assert json.loads(json.dumps(images.ids, ensure_ascii=False).encode()) == images.ids
    found = extract(load_backbone("heat-demo-resnet"), images, torch.device("cpu"))
    assert found.ids == images.ids
    loose = from_files([tmp_path / "set"])
    assert colours(loose) == {f"{tmp_path}/set/{sample}": colour for sample, colour in expected.items()}
    assert loose.fingerprint.isascii()


def test_names_that_print_alike_stay_two_samples(tmp_path):
    named(tmp_path, b"caf\xe9.png", RED)
    named(tmp_path, b"caf\\xe9.png", BLUE)
    seen = colours(from_folder(tmp_path))
    assert set(seen) == {"caf\\xe9.png", "caf\\xe9.png~2"}
    assert sorted(seen.values()) == [BLUE, RED]


def test_loose_files_that_print_alike_have_ids_of_their_own(tmp_path):
    named(tmp_path, b"caf\xe9.png", RED)
    named(tmp_path, b"caf\\xe9.png", BLUE)
    assert len(set(from_files([tmp_path]).ids)) == 2


def test_classes_that_print_alike_stay_two_classes(tmp_path):
    named(tmp_path, b"a\xe9/0.png", RED)
    named(tmp_path, b"a\\xe9/1.png", BLUE)
    named(tmp_path, b"b/0.png", GREEN)
    images = from_folder(tmp_path)
    assert len(images.class_names) == 3
    assert len(set(images.labels.tolist())) == 3


@pytest.mark.parametrize(
    "name", ["a\x1b[31m", "line\nfeed", "tab\tand\rreturn", "gnp\u202etxt", "\u2066x\u2069", "\x9b1m"]
)
def test_control_characters_of_a_terminal_are_escaped(tmp_path, name):
    try:
        picture(tmp_path / name / f"{name}.png", BLUE)
    except OSError:
        pytest.skip("this file system has no such names")
    picture(tmp_path / "b" / "0.png", RED)
    images = from_folder(tmp_path)
    (sample,) = [i for i in images.ids if i != "b/0.png"]
    assert sample.isprintable()
    assert all(n.isprintable() for n in images.class_names)
    assert colours(images)[sample] == BLUE
    assert open_dataset(str(tmp_path), name=name).name.isprintable()


def test_names_of_other_scripts_are_left_alone(tmp_path):
    names = ["猫", "Ünïcödé", "नमस्ते", "👩‍👧 family", "שלום"]
    for name in names:
        picture(tmp_path / name / "0.png")
    assert set(from_folder(tmp_path).class_names) == set(names)


def test_names_of_75_wide_characters_are_extracted(tmp_path, home):
    """Names of 75 characters of three bytes each go through extraction."""
    long = "训练图像分类数据集训练集图像分" * 5
    assert (len(long), len(long.encode())) == (75, 225)
    for name in (long, long[:-1] + "另"):
        picture(tmp_path / long / name / f"{name}.png", RED if name == long else BLUE)
    images = open_dataset(str(tmp_path / long), name=long)
    backbone, reports = load_backbone("heat-demo-resnet"), []
    found = extract(backbone, images, torch.device("cpu"))
    assert found.ids == [f"{name}/{name}.png" for name in images.class_names]
    assert set(found.class_names) == {long, long[:-1] + "另"}
    extract(backbone, images, torch.device("cpu"), on_progress=reports.append)
    assert reports == []  # found again
    assert max(len(path.name.encode()) for path in home.rglob("*")) <= 255
    other = open_dataset(str(tmp_path / long), name=long[:-1] + "另")
    assert extract(backbone, other, torch.device("cpu")).folder != found.folder  # cut alike, and told apart
