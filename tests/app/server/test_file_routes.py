"""Pictures and files that the browser fetches: the right ones, and nothing that is no part of a run."""

import csv
import io
import json
import zipfile
from urllib.parse import urlencode

import numpy as np
import pytest
from PIL import Image
from starlette.requests import Request

from app.server import file_routes
from heat_core.analysis.questions import Query, question_mask, sort_samples
from heat_core.analysis.samples import Samples
from heat_core.runs.scored_images import ScoredImages
from heat_core.workbench.view_state import ViewState, to_query_params
from tests.conftest import copy_run


def asked(route: str, **query: str):
    (endpoint,) = [r.endpoint for r in file_routes.routes() if r.path.endswith(route)]
    return endpoint(Request({"type": "http", "query_string": urlencode(query).encode(), "headers": []}))


def test_a_picture_is_the_samples(demo_home, demo_run):
    answer = asked("picture", run=demo_run.id, set="photo patches", row="3", side="96")
    shown = Image.open(io.BytesIO(answer.body)).convert("RGB")
    wanted = demo_run.image("photo patches", str(demo_run.ids("photo patches")[3])).convert("RGB")
    assert answer.status_code == 200
    assert answer.media_type == "image/png"  # a small one, to the pixel
    np.testing.assert_array_equal(np.asarray(shown), np.asarray(wanted))
    assert "max-age" in answer.headers["cache-control"]
    training = asked("picture", run=demo_run.id, set="train", row="0")
    assert training.status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        {"run": "../secret", "set": "id", "row": "0"},
        {"run": "..", "set": "id", "row": "0"},
        {"run": "nobody", "set": "id", "row": "0"},
        {"set": "id", "row": "0"},
        {"set": "nobody", "row": "0", "run": "DEMO"},
        {"set": "id", "row": "-1", "run": "DEMO"},
        {"set": "id", "row": "99999999", "run": "DEMO"},
        {"set": "id", "row": "x", "run": "DEMO"},
        {"batch": "../../other", "row": "0", "run": "DEMO"},
        {"batch": "none", "row": "0", "run": "DEMO"},
    ],
    ids=str,
)
def test_what_is_no_picture_of_a_run_is_not_found(demo_home, demo_run, query):
    query = {k: demo_run.id if v == "DEMO" else v for k, v in query.items()}
    assert asked("picture", **query).status_code == 404


def test_what_is_taken_along_is_the_subset_of_the_address(demo_home, demo_run):
    samples = Samples(demo_run)
    ask = Query("missed-by-baseline", "el", values=(("set", ("photo patches",)),), order="unusual")
    address = {"run": demo_run.id} | to_query_params(ViewState(query=ask))
    wanted = question_mask(samples, ask) & (samples.dataset == demo_run.datasets.index("photo patches"))
    numbers = sort_samples(samples, np.flatnonzero(wanted), ask)
    rows = list(csv.DictReader(io.StringIO(asked("take", kind="csv", **address).body.decode())))
    assert [row["id"] for row in rows] == samples.ids[numbers].tolist()
    archive = zipfile.ZipFile(io.BytesIO(asked("take", kind="zip", **address).body))
    assert sum(name.endswith(".png") for name in archive.namelist()) == len(numbers)
    coco = asked("take", kind="coco", **address)
    assert coco.headers["content-disposition"] == f'attachment; filename="{demo_run.id}-coco.zip"'
    annotations = json.loads(zipfile.ZipFile(io.BytesIO(coco.body)).read("annotations.json"))
    assert [image["key"] for image in annotations["images"]] == [samples.key(number) for number in numbers]
    assert asked("take", kind="exe", **address).status_code == 404
    assert b"<html" in asked("take", kind="report", **address).body[:200]


def test_new_images_are_served_from_their_batch(demo_run, home, tmp_path):

    folder = home / "runs" / "copy"
    copy_run(demo_run, folder)
    Image.new("RGB", (40, 30), (10, 200, 30)).save(tmp_path / "mine.png")
    names, three = np.array([str(tmp_path / "mine.png")]), np.zeros((1, 3))
    batch = folder / "own" / "20260101-000000"
    batch.mkdir(parents=True)
    none = np.zeros((0, 2))
    ScoredImages(names, three, three, np.zeros(1, int), np.zeros(1), np.zeros((1, 4)), none, names[:0]).save(
        batch / "scored.npz"
    )
    answer = asked("picture", run="copy", batch="20260101-000000", row="0", side="96")
    assert Image.open(io.BytesIO(answer.body)).getpixel((5, 5)) == (10, 200, 30)
    table = asked("take", run="copy", of="new", batch="20260101-000000", kind="csv", q="all")
    (row,) = csv.DictReader(io.StringIO(table.body.decode()))
    assert row["path"] == str(tmp_path / "mine.png")
