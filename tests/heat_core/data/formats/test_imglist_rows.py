"""Lists in the form of OpenOOD's benchmarks, in the layout of its data."""

import pytest
from PIL import Image

from heat_core import HeatError
from heat_core.data.datasets import open_dataset


@pytest.fixture
def data(tmp_path):
    """OpenOOD's `data` with two classes of two images, one of which has a space in its name."""
    folder = tmp_path / "data" / "images_classic" / "tiny" / "test"
    folder.mkdir(parents=True)
    for i, name in enumerate(("a 1.png", "b.png", "c.png", "d.png")):
        Image.new("RGB", (4, 4), (60 * i, 0, 0)).save(folder / name)
    lists = tmp_path / "data" / "benchmark_imglist" / "tiny"
    lists.mkdir(parents=True)
    return lists


def test_paths_labels_and_the_folder_of_the_images(data):
    path = data / "test_tiny.txt"
    path.write_text("tiny/test/a 1.png 1\r\ntiny/test/b.png 10\n\ntiny/test/c.png 1\ntiny/test/gone.png 1\n")
    images = open_dataset(str(path))
    assert list(images.ids) == ["tiny/test/a 1.png", "tiny/test/b.png", "tiny/test/c.png"]
    assert [images.class_names[label] for label in images.labels] == ["1", "10", "1"]
    assert [images.open(i).getpixel((0, 0))[0] for i in range(3)] == [0, 60, 120]
    assert images.notes == ("1 of its rows are left out: test_tiny.txt, row 4: not there.",)


@pytest.mark.parametrize("ending", [" -1", ""])
def test_minus_one_and_no_number_are_no_class(data, ending):
    path = data / "test_ood.txt"
    path.write_text("".join(f"tiny/test/{name}.png{ending}\n" for name in "bcd"))
    images = open_dataset(str(path))
    assert len(images) == 3
    assert images.labels is None


def test_paths_beside_the_list_come_first(data):
    Image.new("RGB", (4, 4), (7, 7, 7)).save(data / "b.png")
    (data / "own.txt").write_text("b.png 0\n")
    assert open_dataset(str(data / "own.txt")).open(0).getpixel((0, 0)) == (7, 7, 7)


@pytest.mark.parametrize("text", ["", "notes about these images\nnothing else\n"])
def test_another_text_is_refused_with_a_sentence(data, text):
    (data / "notes.txt").write_text(text)
    with pytest.raises(HeatError, match=r"notes\.txt"):
        open_dataset(str(data / "notes.txt"))
