"""The list of a large job: what folders, files and manifests leave in it, a shard at a time."""

import hashlib
import os

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from heat_core import HeatError
from heat_core.backbones.registry import load_backbone
from heat_core.features.store import load_features
from heat_core.shards.image_list_file import LIST_FILE, read_shard, write_image_list
from heat_core.shards.list_extraction import extract_list
from heat_core.shards.shard_plan import EngineOptions
from tests.conftest import make_folder
from tests.heat_core.shards.helpers import score_images


@pytest.fixture
def sources(tmp_path):
    """A folder with classes, and two manifests that say different things."""
    make_folder(tmp_path / "set", {"cat": 3, "dog": 2})
    (tmp_path / "set" / "notes.doc").write_text("mine")
    boxed = 'path,box,group,n,class\nset/cat/000.png,"1,2,3,4",7,1,x\nset/cat/001.png,"5,6,7,8.5",,,y\n'
    (tmp_path / "boxed.csv").write_text(boxed + "gone.png,oops,8,2,z\n")
    (tmp_path / "plain.csv").write_text("path,label,n,note\nset/dog/000.png,wolf,3,007\nset/dog/001.png,,2.5,\n")
    return [tmp_path / name for name in ("set", "boxed.csv", "plain.csv")]


def shards(folder, size: int):
    file = pq.ParquetFile(folder / LIST_FILE)
    return [read_shard(folder, number, size) for number in range(file.num_row_groups)]


@pytest.mark.parametrize("size", [1, 2, 4, 100])
def test_a_list_is_the_same_however_it_is_cut(sources, tmp_path, size):
    summary = write_image_list(sources, tmp_path, size)
    assert summary.image_count == 9
    assert summary.labels == {"cat", "dog", "wolf", None}
    assert summary.invalid_rows == ["boxed.csv, row 4: its box is not four numbers"]
    assert summary.notes == ["1 file is left out (1 .doc)."]
    found = shards(tmp_path, size)
    assert [len(shard) for shard in found] == [min(size, 9 - start) for start in range(0, 9, size)]
    assert [shard.start for shard in found] == list(range(0, 9, size))
    images = [f"{tmp_path}/set/{name}.png" for name in ("cat/000", "cat/001", "cat/002", "dog/000", "dog/001")]
    paths = [*images, *images[:2], *images[3:]]
    assert [path for shard in found for path in shard.paths] == paths
    boxed = [f"{paths[5]}#xywh=1,2,3,4", f"{paths[6]}#xywh=5,6,7,8.5"]
    assert [sample for shard in found for sample in shard.ids] == [*paths[:5], *boxed, *paths[7:]]
    assert [label for shard in found for label in shard.labels] == [
        *["cat"] * 3,
        *["dog"] * 2,
        None,
        None,
        "wolf",
        None,
    ]
    whole = {name: np.concatenate([shard.columns[name] for shard in found]).tolist() for name in found[0].columns}
    assert list(whole) == ["group", "n", "class~2", "label", "note"]
    assert whole["group"] == [*[""] * 5, "7", *[""] * 3]
    assert whole["class~2"] == [*[""] * 5, "x", "y", "", ""]
    assert whole["label"] == [*[""] * 7, "wolf", ""]
    assert whole["note"] == [*[""] * 7, "007", ""]
    np.testing.assert_array_equal(whole["n"], [*[np.nan] * 5, 1, np.nan, 3, 2.5])


def test_types_of_columns_over_several_blocks(tmp_path):
    """Whole numbers stay whole, and a text in one block makes the whole column texts."""
    (tmp_path / "l.csv").write_text("path,n,m,e\n" + "".join(f"{i}.png,{i},{i if i < 3 else 'x'},\n" for i in range(4)))
    write_image_list([tmp_path / "l.csv"], tmp_path, 2)
    first, second = shards(tmp_path, 2)
    assert [first.columns[name].dtype.name for name in "nme"] == ["int64", "object", "object"]
    assert first.columns["m"].tolist() == ["0", "1"]
    assert second.columns["n"].tolist() == [2, 3]
    assert first.boxes is None


def test_the_digest_is_of_what_it_was_and_of_what_came_since(sources, tmp_path):
    """Folders of shards that were begun without columns go on."""
    folder, boxed, plain = sources
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(folder.rglob("*.png")):
        raw, label = os.fsencode(path), path.parent.name
        digest.update(b"%d %s %r\n" % (len(raw), raw, label.encode()) + bytes([False]))
    assert write_image_list([folder], tmp_path, 2).digest == digest.hexdigest()
    before = [write_image_list([one], tmp_path, 2).digest for one in (boxed, plain)]
    boxed.write_text(boxed.read_text().replace("1,2,3,4", "1,2,3,5"))
    plain.write_text(plain.read_text().replace("007", "008"))
    assert all(
        write_image_list([one], tmp_path, 2).digest != was for one, was in zip((boxed, plain), before, strict=True)
    )
    with pytest.raises(HeatError, match="was begun with another list"):
        write_image_list([boxed], tmp_path, 2, before[0])


def test_an_impossible_source_is_refused_first(sources, tmp_path):
    """A source that is none is refused before anything is written."""
    (tmp_path / "x.doc").write_text("mine")
    for wrong, sentence in ((tmp_path / "no", "does not exist"), (tmp_path / "x.doc", "is neither an image nor")):
        with pytest.raises(HeatError, match=sentence):
            write_image_list([*sources, wrong], tmp_path, 2)
    (tmp_path / "bad.csv").write_text("path\n\n")
    with pytest.raises(HeatError, match="There are no images in"):
        write_image_list([tmp_path / "bad.csv"], tmp_path, 2)
    assert not (tmp_path / LIST_FILE).exists()


def test_crops_are_scored_beside_their_columns(made, tmp_path):
    """Crops are scored, and their columns stand beside the scores."""
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[:, 48:] = 255
    Image.fromarray(picture).save(tmp_path / "p.png")
    rows = [f'p.png,"{box}",{site},{site}{n},0.5' for n, (box, site) in enumerate(
        {"0,0,40,40": "a", "50,0,40,40": "b", "500,0,9,9": "c"}.items())]  # fmt: skip
    (tmp_path / "l.csv").write_text("\n".join(["path,box,group,score,temperature", *rows]) + "\n")
    score_images(made, tmp_path / "out", sources=[tmp_path / "l.csv", tmp_path / "p.png"], shard_size=3)
    tables = [pq.read_table(path) for path in sorted((tmp_path / "out").glob("scores-*"))]
    assert tables[0].schema.equals(tables[1].schema)
    first, second = (table.to_pydict() for table in tables)
    assert first["path"] == [str(tmp_path / "p.png")] * 3
    assert first["box"] == [[0, 0, 40, 40], [50, 0, 40, 40], [500, 0, 9, 9]]
    assert (first["group"], first["score~2"]) == (["a", "b", "c"], ["a0", "b1", "c2"])
    assert first["temperature"] == [0.5] * 3
    assert first["error"] == [None, None, "not readable"]
    assert first["score"][0] != first["score"][1]
    assert (second["box"], second["group"], second["temperature"]) == ([None], [None], [None])
    score_images(
        made, tmp_path / "again", sources=[tmp_path / "out" / "scores-000000.parquet"], shard_size=3
    )  # a list itself
    again = pq.read_table(tmp_path / "again" / "scores-000000.parquet").to_pydict()
    assert (again["path"], again["box"], again["group"]) == (first["path"], first["box"], first["group"])
    assert again["score"][:2] == pytest.approx(first["score"][:2], abs=1e-5)


def test_features_of_crops_have_ids_of_their_own(made, tmp_path):
    Image.new("RGB", (64, 64), "red").save(tmp_path / "p.png")
    (tmp_path / "l.csv").write_text('path,label,box\np.png,a,"0,0,9,9"\np.png,b,"9,9,9,9"\np.png,b,"99,9,9,9"\n')
    extract_list(
        load_backbone("resnet10t", str(made[2]), 32), [tmp_path / "l.csv"], tmp_path / "f", EngineOptions(threads=1)
    )
    found = load_features(tmp_path / "f")
    assert found.ids == [f"{tmp_path}/p.png#xywh={box}" for box in ("0,0,9,9", "9,9,9,9")]
    assert found.skipped == [f"{tmp_path}/p.png#xywh=99,9,9,9"]
    assert found.labels.tolist() == [0, 1]
