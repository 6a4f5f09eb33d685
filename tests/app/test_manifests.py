"""Lists of images in the app: the form takes them, crops are served, and what they say narrows the workbench."""

import csv
import io
import json

import numpy as np
import pytest
from PIL import Image

from app.common import example_images
from app.runs import run_start
from app.runs.form_values import FormValues
from heat_core import Experiment, Lens, Run
from heat_core.analysis.questions import Query
from heat_core.analysis.samples import Samples
from heat_core.analysis.similarity import SimilarityIndex
from heat_core.runs.scored_images import ScoredImages
from heat_core.workbench.browser_messages import query_from_browser
from heat_core.workbench.filtered_samples import filtered_numbers
from heat_core.workbench.payload import pack
from heat_core.workbench.sample_detail import describe_sample
from heat_core.workbench.view_state import ViewState, from_query_params, to_query_params
from tests.app.runs.test_runs import texts
from tests.app.server.test_file_routes import asked
from tests.app.test_pages import page
from tests.app.workbench.test_browser_payload import unpacked
from tests.conftest import copy_run, make_folder
from tests.synthetic import synthetic_run

SITES = ["north", "", "<b>south</b>", "north"] * 10


@pytest.fixture
def run(home) -> Run:
    columns = {
        "site:1": np.array(SITES, object),
        "n": np.arange(40.0),
        "long": np.array([f"t{i}" for i in range(40)], object),
    }
    many = np.array([f"value {i}" for i in range(200)], object)
    return synthetic_run(
        home / "runs" / "listed", {"near": 40, "far": 200}, columns={"near": columns, "far": {"long": many}}
    )


@pytest.fixture
def source(tmp_path) -> str:
    """A list of known images for training and testing, and of others."""
    make_folder(tmp_path / "i", {"": 30})
    rows = [
        f"i/{n:03d}.png,{'ab'[n % 2]},{'test' if n % 5 == 0 else 'train'},{'id' if n < 20 else '*far*'}"
        for n in range(30)
    ]
    (tmp_path / "list.csv").write_text("\n".join(["path,label,split,set", *rows, "gone.png,a,train,id"]) + "\n")
    return str(tmp_path / "list.csv")


def test_a_list_stands_where_a_folder_may(home, source, monkeypatch):
    monkeypatch.setattr("app.runs.run_start.start", lambda folder: None)
    monkeypatch.setattr("app.common.run_picker.start", lambda folder: None)
    run_start.cached_overview.clear()
    test = page("runs", view="new")
    for key, value in (("id", source), ("id_test", ""), ("ood-0-source", source), ("ood-0-name", "*far*")):
        test.text_input(key=f"new-{key}").set_value(value).run()
    assert not test.exception
    shown = texts(test)
    assert "**16** ID training · **4** ID test · **2** *far* · **2** classes" in shown
    assert "1 of its rows are left out: list.csv, row 32: not there." in shown
    test.text_input(key="new-ood-0-name").set_value("cars").run()
    assert "list.csv has no set 'cars': its column `set` says id (21), *far* (10)." in texts(test)


def test_examples_are_of_the_given_set(source):
    example_images.example_urls.clear()
    assert len(example_images.example_urls(source, "train", None)) > 1
    assert example_images.example_urls(source, "test", "cars") == []
    made = example_images.example_urls(source, "train", None, "made:shuffled")
    assert len(made) == len(set(made)) == len(example_images.example_urls(source, "train", None))
    assert not set(made) & set(example_images.example_urls(source, "train", None))


def test_an_ood_set_without_a_name_is_called_after_its_list():
    form_values = FormValues.from_experiment(Experiment(id="a", ood={"": "/x/birds.CSV"}))
    assert form_values.to_experiment().ood == {"birds": "/x/birds.CSV"}


def test_the_browser_gets_the_columns_of_few_values(run):
    samples = Samples(run)
    data, order = pack(samples, "v")
    got = unpacked(data)
    assert got["columns"] == [
        {"key": "column:site:1", "title": "site:1", "values": ["<b>south</b>", "north"]},
        {"key": "column:n", "title": "n", "values": [str(i) for i in range(40)]},
    ]
    shown = [got["columns"][0]["values"][code] if code != 255 else "" for code in got["column-0"]]
    assert shown == samples.columns["site:1"][order].tolist()


def test_the_inspector_gets_all_of_them(run):
    samples = Samples(run)
    found = describe_sample(samples, 62, Lens(), SimilarityIndex(run), {}, "")
    assert found["columns"] == [["site:1", "<b>south</b>"], ["n", "2"], ["long", "t2"]]
    assert describe_sample(samples, 100, Lens(), SimilarityIndex(run), {}, "")["columns"] == [
        ["site:1", ""],
        ["n", ""],
        ["long", "value 0"],
    ]
    json.dumps(found, allow_nan=False)


def test_an_address_keeps_columns_of_any_name(run):
    values = (("set", ("near",)), ("column:site:1", ("north", "<b>south</b>")), ("column:?&=", ("x",)))
    view = ViewState(query=Query("all", values=values, order="column:site:1:desc"))
    assert from_query_params(to_query_params(view), run) == view
    kept = {name: list(of) for name, of in values} | {"nonsense": ["x"], "column:": ["y"]}
    message = {
        "values": kept,
        "excluded": {},
        "question": "all",
        "baseline": None,
        "methods": [],
        "brush": None,
        "find": "",
        "like": None,
    }
    assert query_from_browser(message | {"order": view.query.order}) == view.query
    samples = Samples(run)
    assert filtered_numbers(samples, view).tolist() == []  # a column that the run has not got keeps nothing
    narrowed = ViewState(query=Query("all", values=values[:2], order="column:n:desc"))
    assert filtered_numbers(samples, narrowed).tolist() == [i for i in range(99, 59, -1) if SITES[i - 60]]


def test_the_files_to_take_along_are_of_the_columns_too(run):
    query = Query("all", values=(("column:site:1", ("<b>south</b>",)),), order="id:asc")
    address = to_query_params(ViewState(query=query))
    rows = list(csv.DictReader(io.StringIO(asked("take", run=run.id, kind="csv", **address).body.decode())))
    assert {row["site:1"] for row in rows} == {"<b>south</b>"}
    assert [row["n"] for row in rows] == [str(i) for i in range(2, 40, 4)]


def test_a_new_image_is_its_crop(demo_run, home, tmp_path):
    folder = home / "runs" / "copy"
    copy_run(demo_run, folder)
    picture = Image.new("RGB", (40, 30), "white")
    picture.paste((10, 200, 30), (20, 10, 30, 20))
    picture.save(tmp_path / "mine.png")
    three, none, ids = np.zeros((1, 3)), np.zeros((0, 2)), np.array([f"{tmp_path}/mine.png#xywh=20,10,10,10"])
    (folder / "own" / "b").mkdir(parents=True)
    scored = ScoredImages(
        ids,
        three,
        three,
        np.zeros(1, int),
        np.zeros(1),
        np.zeros((1, 4)),
        none,
        ids[:0],
        np.array([str(tmp_path / "mine.png")]),
        np.array([[20.0, 10, 10, 10]]),
        {"site": np.array(["=north"], object)},
    )
    scored.save(folder / "own" / "b" / "scored.npz")
    shown = Image.open(io.BytesIO(asked("picture", run="copy", batch="b", row="0", side="96").body))
    assert (shown.size, shown.getpixel((0, 0)), shown.getpixel((9, 9))) == ((10, 10), (10, 200, 30), (10, 200, 30))
    (row,) = csv.DictReader(
        io.StringIO(asked("take", run="copy", of="new", batch="b", kind="csv", q="all").body.decode())
    )
    assert (row["path"], row["box"], row["site"]) == (f"{tmp_path}/mine.png", "[20,10,10,10]", "'=north")
