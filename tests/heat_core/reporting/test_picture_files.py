"""The zip of samples: the files themselves, under their own names in their folders, and a table of all."""

import csv
import io
import shutil
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from heat_core import Experiment, Run
from heat_core.analysis.new_images import NewImages
from heat_core.analysis.samples import Samples
from heat_core.reporting.export import to_zip
from heat_core.runs.events import RUN_FILE
from heat_core.runs.scored_images import ScoredImages
from heat_core.storage import read_json, write_json
from tests.conftest import make_folder
from tests.synthetic import synthetic_run


def files_of(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        assert len({name.casefold() for name in names}) == len(names)
        return {name: archive.read(name) for name in names}


def scored_images(ids: list[str], files: list[Path], boxes: np.ndarray | None = None) -> ScoredImages:
    """New images with scores of zero."""
    n = len(ids)
    zeros = np.zeros((n, 3))
    more = {} if boxes is None else {"boxes": boxes}
    return ScoredImages(
        np.array(ids),
        zeros,
        zeros,
        np.zeros(n, int),
        np.zeros(n),
        np.zeros((n, 4)),
        np.zeros((0, 2)),
        np.array([], str),
        np.array(list(map(str, files))),
        **more,
    )


def zip_of(
    home, ids: list[str], files: list[Path], order: list[int], boxes: np.ndarray | None = None, **options
) -> dict[str, bytes]:
    """Name → content of the zip of new images, which come after 10 known ones, in an order."""
    run = synthetic_run(home / "runs" / "a", known=10)
    images = NewImages(run, scored_images(ids, files, boxes), "batch")
    return files_of(to_zip(images, [10 + i for i in order], **options)[0])


def test_files_keep_bytes_names_and_folders(home, tmp_path):
    for name in ("red", "blue"):
        (tmp_path / "new" / name).mkdir(parents=True)
        Image.new("RGB", (20, 10), (9, 90, 200)).save(tmp_path / "new" / name / "IMG 1 é.JPG", "JPEG")
    files = [tmp_path / "new" / name / "IMG 1 é.JPG" for name in ("red", "blue")]
    found = zip_of(home, list(map(str, files)), files, [0, 1])
    assert set(found) == {"samples.csv", "new-images/red/IMG 1 é.JPG", "new-images/blue/IMG 1 é.JPG"}
    assert found["new-images/red/IMG 1 é.JPG"] == files[0].read_bytes()


def test_equal_names_are_told_apart(home, tmp_path):
    files = [tmp_path / part / name for part, name in (("a", "x.png"), ("b", "x.png"), ("c", "X.PNG"))]
    for i, file in enumerate(files):
        file.parent.mkdir()
        Image.new("L", (4, 4), i).save(file, "PNG")
    found = zip_of(home, ["x.png", "x.png~2", "../X.PNG"], files, [0, 1, 2])
    assert [found[f"new-images/{name}"] for name in ("x.png", "x~2.png", "X~3.PNG")] == [f.read_bytes() for f in files]


def test_crops_are_pngs_that_name_their_box(home, tmp_path):
    picture = Image.new("RGB", (40, 30), "white")
    picture.paste((10, 200, 30), (20, 10, 30, 20))
    picture.save(tmp_path / "frame.bmp")
    boxes = np.array([[20.0, 10, 10, 10], [np.nan] * 4])
    ids = [f"{tmp_path}/frame.bmp#xywh=20,10,10,10", f"{tmp_path}/frame.bmp"]
    found = zip_of(home, ids, [tmp_path / "frame.bmp"] * 2, [0, 1], boxes)
    crop = Image.open(io.BytesIO(found["new-images/frame-20-10-10-10.png"]))
    assert (crop.format, crop.size, crop.getpixel((0, 0))) == ("PNG", (10, 10), (10, 200, 30))
    assert found["new-images/frame.bmp"] == (tmp_path / "frame.bmp").read_bytes()


def test_members_of_archives_are_copied(home, tmp_path):
    make_folder(tmp_path / "mine", {"red": 1})
    packed = Path(shutil.make_archive(str(tmp_path / "mine"), "tar", tmp_path / "mine"))
    file = packed / "red" / "000.png"
    found = zip_of(home, [str(file)], [file], [0])
    assert found["new-images/000.png"] == (tmp_path / "mine" / "red" / "000.png").read_bytes()


def test_a_limit_cuts_pictures_and_not_the_table(home, tmp_path):
    make_folder(tmp_path / "mine", {"": 5})
    files = sorted((tmp_path / "mine").iterdir())
    files[1].unlink()
    found = zip_of(home, list(map(str, files)), files, [4, 1, 2, 3, 0], most_pictures=3)
    assert {name for name in found if name.endswith(".png")} == {"new-images/004.png", "new-images/002.png"}
    rows = list(csv.DictReader(io.StringIO(found["samples.csv"].decode())))
    assert [Path(row["id"]).name for row in rows] == ["004.png", "001.png", "002.png", "003.png", "000.png"]
    assert found["README.txt"].decode().splitlines() == [
        "Here are the pictures of the first 3 of 5 samples; samples.csv has all.",
        "Pictures that can no longer be read, and are not here: 1.",
    ]


def test_sets_of_folders_and_without_files(demo_run, home, tmp_path):
    """Folders of a set are kept, also where all chosen samples are of one; the demo's pictures become PNGs."""
    make_folder(tmp_path / "far", {"red": 2})
    made = synthetic_run(home / "runs" / "b", {"samples.csv": 2}, known=4)
    experiment = Experiment(id="demo-digits", ood={"samples.csv": str(tmp_path / "far")}, backbone="resnet10t")
    write_json(made.folder / RUN_FILE, read_json(made.folder / RUN_FILE) | {"experiment": experiment.to_dict()})
    samples = Samples(Run.open(made.folder))
    samples.ids[4:] = ["red/000.png", "red/001.png"]
    found = files_of(to_zip(samples, [5])[0])
    assert found["samples.csv~2/red/001.png"] == (tmp_path / "far" / "red" / "001.png").read_bytes()
    demo = Samples(demo_run)
    (name,) = set(files_of(to_zip(demo, [0])[0])) - {"samples.csv"}
    assert name == f"id/{demo.ids[0]}.png"
