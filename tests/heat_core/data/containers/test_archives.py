"""Zip and tar archives are sets of images, without being unpacked."""

import io
import os
import pickle
import struct
import tarfile
import zipfile
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from heat_core import HeatError
from heat_core.data.containers.members import is_stored_file
from heat_core.data.datasets import from_files, open_dataset
from heat_core.data.image_location import ImageLocation
from tests.heat_core.data.pictures import BLUE, GREEN, RED, colours

SAMPLES = {"blue/0.png": BLUE, "blue/deep/1.png": BLUE, "red/0.png": RED}


def png(colour) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(file, "PNG")
    return file.getvalue()


def zipped(path: Path, members: dict[str, bytes], **options) -> Path:
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def tarred(path: Path, members: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


PACK = {"zip": zipped, "tar": tarred}


@pytest.fixture(params=sorted(PACK))
def pack(request, tmp_path):
    """Packs members into an archive, once a zip and once a tar."""
    return lambda members, name="set": PACK[request.param](tmp_path / f"{name}.{request.param}", members)


def pngs(samples) -> dict[str, bytes]:
    return {name: png(colour) for name, colour in samples.items()}


def test_an_archive_is_a_folder_of_classes(pack):
    images = open_dataset(str(pack(pngs(SAMPLES))))
    assert colours(images) == SAMPLES
    assert (images.class_names, images.labels.tolist()) == (["blue", "red"], [0, 0, 1])
    assert images.notes == ()
    assert images.location(1).read().getpixel((0, 0)) == BLUE


def test_a_folder_in_an_archive_is_a_set(pack):
    packed = pack(pngs({"train/a/0.png": RED, "train/b/0.png": BLUE, "test/a/0.png": RED}))
    assert colours(open_dataset(str(packed / "train"))) == {"a/0.png": RED, "b/0.png": BLUE}
    with pytest.raises(HeatError, match="neither a folder nor a known dataset"):
        open_dataset(str(packed / "tra"))


def test_a_folder_that_was_packed_whole_is_the_set(pack):
    images = open_dataset(str(pack(pngs({f"photos/{name}": colour for name, colour in SAMPLES.items()}))))
    assert images.class_names == ["blue", "red"]
    assert colours(images) == SAMPLES


def test_what_is_left_out_of_an_archive_is_reported(pack):
    extra = {"__MACOSX/red/._0.png": b"x", ".hidden": b"x", "more.zip": b"x", "red/notes.txt": b"x"}
    images = open_dataset(str(pack(pngs(SAMPLES) | extra)))
    assert len(images) == 3
    notes = " ".join(images.notes)
    assert "2 files are left out (1 .zip, 1 .txt)" in notes
    assert "unpack" in notes
    assert "left aside: __MACOSX" in notes


def test_names_that_lead_out_of_an_archive_are_only_names(pack, tmp_path):
    (tmp_path / "secret.png").write_bytes(png(GREEN))
    absolute = f"{tmp_path}/secret.png"
    images = open_dataset(str(pack(pngs({"../secret.png": RED, absolute: BLUE, "./c/../../x.png": RED}))))
    assert sorted(colours(images).values()) == sorted([RED, BLUE, RED])
    assert set(images.ids) == {"(..)/secret.png", absolute.lstrip("/"), "c/(..)/(..)/x.png"}


def test_the_last_file_of_a_name_counts(tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        for colour in (RED, BLUE):
            entry = tarfile.TarInfo("0.png")
            entry.size = len(png(colour))
            archive.addfile(entry, io.BytesIO(png(colour)))
    images = open_dataset(str(tmp_path / "x.tar"))
    assert colours(images) == {"0.png": BLUE}
    assert "1 name occurs repeatedly" in images.notes[0]


def test_links_in_a_tar_archive_lead_to_its_files(tmp_path):
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        entry = tarfile.TarInfo("./a/0.png")
        entry.size = len(png(RED))
        archive.addfile(entry, io.BytesIO(png(RED)))
        for name, kind, target in (
            ("b/hard.png", tarfile.LNKTYPE, "./a/0.png"),
            ("b/soft.png", tarfile.SYMTYPE, "../a/0.png"),
            ("b/out.png", tarfile.SYMTYPE, "/etc/passwd"),
            ("b/loop.png", tarfile.SYMTYPE, "loop.png"),
        ):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = kind, target
            archive.addfile(link)
    images = open_dataset(str(tmp_path / "x.tar"))
    assert colours(images) == {"a/0.png": RED, "b/hard.png": RED, "b/soft.png": RED}
    assert "2 links" in images.notes[0]


def test_names_of_windows_and_macos(tmp_path):
    packed = zipped(tmp_path / "x.zip", {"red\\0.png": png(RED), "blue\\0.png": png(BLUE)})
    assert set(open_dataset(str(packed)).ids) == {"red/0.png", "blue/0.png"}
    content = zipped(tmp_path / "y.zip", {"café/0.png": png(RED)}).read_bytes()
    (tmp_path / "y.zip").write_bytes(content.replace(b"\0\x08\0\0", b"\0\0\0\0"))  # without the flag of UTF-8
    assert open_dataset(str(tmp_path / "y.zip")).ids == ["café/0.png"]


def test_a_damaged_member_costs_itself_alone(tmp_path):
    packed = zipped(tmp_path / "x.zip", pngs(SAMPLES) | {"red/1.png": png(GREEN) + b"padding"})
    content = bytearray(packed.read_bytes())
    content[content.index(b"padding")] ^= 1
    packed.write_bytes(content)
    images = open_dataset(str(packed))
    with pytest.raises(OSError, match=r"red/1\.png cannot be read as an image"):
        images.open(images.ids.index("red/1.png"))
    assert images.open(0).getpixel((0, 0)) == BLUE


def test_a_bomb_costs_itself_alone(tmp_path):
    bomb = zipped(tmp_path / "x.zip", pngs(SAMPLES) | {"red/1.png": b"\0" * 2**26}, compression=zipfile.ZIP_DEFLATED)
    content = bomb.read_bytes()
    stated = content.replace(struct.pack("<L", 2**26), struct.pack("<L", 2**31))
    small = content.replace(struct.pack("<L", 2**26), struct.pack("<L", 64))
    for number, changed in enumerate((stated, small)):
        file = tmp_path / f"{number}.zip"
        file.write_bytes(changed)
        images = open_dataset(str(file))
        with pytest.raises(OSError, match="cannot be read"):
            images.open(images.ids.index("red/1.png"))
        assert images.open(0).getpixel((0, 0)) == BLUE


def test_encrypted_members_are_left_out_and_counted(tmp_path):
    packed = zipped(tmp_path / "x.zip", pngs(SAMPLES))
    content = bytearray(packed.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1
    packed.write_bytes(content)
    images = open_dataset(str(packed))
    assert len(images) == 2
    assert images.notes == ("Files of the archive are left out: 1 encrypted.",)


@pytest.mark.parametrize(
    ("name", "mode", "remedy"), [("x.tar.gz", "w:gz", "gunzip x.tar.gz"), ("x.tar", "w:xz", "unxz x.tar")]
)
def test_an_archive_without_random_access_is_refused(tmp_path, name, mode, remedy):
    with pytest.raises(HeatError, match=f"compressed as a whole.*`{remedy}`"):
        open_dataset(str(tarred(tmp_path / name, pngs(SAMPLES), mode)))


def test_an_archive_that_is_cut_off(tmp_path):
    whole = tarred(tmp_path / "x.tar", pngs(SAMPLES)).read_bytes()
    (tmp_path / "x.tar").write_bytes(whole[:2100])  # two files of header and content, and part of a header
    images = open_dataset(str(tmp_path / "x.tar"))
    assert len(images) == 2
    assert "damaged or cut off after 2 files" in images.notes[0]
    packed = zipped(tmp_path / "x.zip", pngs(SAMPLES))
    packed.write_bytes(packed.read_bytes()[:-30])
    with pytest.raises(HeatError, match=r"x\.zip cannot be read.*damaged or cut off"):
        open_dataset(str(packed))


def test_another_content_is_another_fingerprint(pack):
    before = open_dataset(str(pack(pngs(SAMPLES)))).fingerprint
    assert open_dataset(str(pack(pngs(SAMPLES | {"red/0.png": GREEN})))).fingerprint != before


def test_threads_and_processes_read_the_same_archive(pack):
    images = open_dataset(str(pack(pngs({f"{i % 2}/{i}.png": (i, 0, 0) for i in range(40)}))))
    expected = [images.open(i).getpixel((0, 0)) for i in range(40)]
    assert sorted(red for red, _, _ in expected) == list(range(40))
    with ThreadPoolExecutor(4) as threads:
        assert [image.getpixel((0, 0)) for image in threads.map(images.open, range(40))] == expected
    with ProcessPoolExecutor(2, get_context("fork")) as processes:
        assert [image.getpixel((0, 0)) for image in processes.map(images.open, range(40), chunksize=3)] == expected
    assert pickle.loads(pickle.dumps(images)).open(7).getpixel((0, 0)) == expected[7]


def test_members_are_named_by_paths(pack):
    packed = pack(pngs(SAMPLES))
    member = packed / "red/0.png"
    assert (is_stored_file(member), is_stored_file(packed / "red"), is_stored_file(packed / "red/9.png")) == (1, 0, 0)
    place = ImageLocation.parse(f"{member}#xywh=1,2,3,4")
    assert (place.file, place.read().size) == (member, (3, 4))
    assert from_files([member]).open(0).getpixel((0, 0)) == RED
    assert len(from_files([packed, packed / "blue"])) == 3
    manifest = packed.with_suffix(".csv")
    rows = [f"{packed.name}/{name},{name.split('/')[0]}" for name in (*SAMPLES, "red/gone.png")]
    manifest.write_text("\n".join(["path,label", *rows]))
    images = open_dataset(str(manifest))
    assert list(colours(images).values()) == list(SAMPLES.values())
    assert "row 5: not there" in images.notes[0]


def test_members_with_the_fields_of_zip64(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name, colour in SAMPLES.items():
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(png(colour))
    assert colours(open_dataset(str(tmp_path / "x.zip"))) == SAMPLES


def test_an_archive_behind_a_link_without_its_ending(pack, tmp_path):
    packed = pack(pngs(SAMPLES))
    blob = tmp_path / "0a1b2c"
    packed.rename(blob)
    os.symlink(blob, packed)
    assert colours(open_dataset(str(packed))) == colours(open_dataset(str(blob))) == SAMPLES
    np.testing.assert_array_equal(open_dataset(str(packed)).labels, [0, 0, 1])
