"""Folders of features that were made here and damaged afterwards."""

import json
import re
import shutil

import pytest
import torch

from heat_core import HeatError
from heat_core.backbones.registry import load_backbone
from heat_core.data.datasets import open_dataset
from heat_core.features.extraction import extract
from heat_core.features.store import load_features
from heat_core.storage import write_checked_json
from tests.heat_core.features.refusals import refusal


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Features that were made here: twelve digits through the demo's network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEAT_HOME", str(tmp_path_factory.mktemp("home")))
        images = open_dataset("demo-digits", "test").limited(2)
        return extract(load_backbone("heat-demo-resnet"), images, torch.device("cpu")).folder


@pytest.fixture
def ours(made, tmp_path):
    """A copy of them to damage."""
    return shutil.copytree(made, tmp_path / made.name)


def flip(path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("place", [-1, -3, 200], ids=["last", "near the end", "first number"])
@pytest.mark.parametrize("column", ["avg", "std", "labels"])
def test_one_flipped_bit_is_found_and_the_file_named(ours, column, place):
    load_features(ours)
    flip(ours / f"{column}.npy", place)
    sentence = refusal(ours)
    assert f"{ours / f'{column}.npy'} is damaged, it is not what was written" in sentence
    assert sentence.endswith(f": delete {ours} and run again.")


def test_a_flipped_bit_of_an_extra_column_is_found(ours):
    """A flipped bit of an extra column is found where that column is loaded."""
    (ours / "gram.npy").write_bytes((ours / "avg.npy").read_bytes())
    meta = json.loads((ours / "meta.json").read_text())
    meta["digests"]["gram"] = meta["digests"]["avg"]
    write_checked_json(ours / "meta.json", {key: value for key, value in meta.items() if key != "digest"})
    load_features(ours, ["gram"])
    flip(ours / "gram.npy", -1)
    assert len(load_features(ours)) == 12
    with pytest.raises(HeatError, match=r"gram\.npy is damaged, it is not what was written"):
        load_features(ours, ["gram"])


@pytest.mark.parametrize("column", ["avg", "labels"])
def test_a_column_that_is_gone_is_named(ours, column):
    (ours / f"{column}.npy").unlink()
    assert refusal(ours) == f"{ours / f'{column}.npy'} is missing: delete {ours} and run again."


@pytest.mark.parametrize("text", ['{"fingerprint": "x", ', "[]", ""], ids=["cut", "list", "empty"])
def test_damaged_meta_of_ours_is_named_by_extraction_too(made, monkeypatch, tmp_path, text):
    home = tmp_path / "home"
    folder = shutil.copytree(made, home / "features" / made.parent.name / made.name)
    monkeypatch.setenv("HEAT_HOME", str(home))
    (folder / "meta.json").write_text(text)
    images = open_dataset("demo-digits", "test").limited(2)
    assert re.search(rf"{re.escape(str(folder / 'meta.json'))} (is damaged|must hold)", refusal(folder))
    if text == "[]":  # as of another extraction: made again
        assert extract(load_backbone("heat-demo-resnet"), images, torch.device("cpu")).ids == images.ids
        return
    with pytest.raises(HeatError, match=rf"meta\.json is damaged, .*: delete {re.escape(str(folder))} and run again"):
        extract(load_backbone("heat-demo-resnet"), images, torch.device("cpu"))
