"""Pages of a run whose ID set has no classes: clusters in their place, and no method that is not there."""

import json

import pytest

from heat_core import Experiment, Run, run
from heat_core.analysis.samples import Samples
from heat_core.reporting.report import write_report
from heat_core.workbench.payload import pack
from tests.app.test_pages import page
from tests.conftest import make_folder, save_network


@pytest.fixture(scope="module")
def clustered(tmp_path_factory) -> Run:
    """A finished run over flat folders."""
    folder = tmp_path_factory.mktemp("flat")
    make_folder(folder / "known", {"": 60})
    make_folder(folder / "other", {"": 12})
    e = Experiment(str(folder / "known"), {"other": str(folder / "other")}, backbone="resnet10t", image_size=64)
    e.weights, e.priors = str(save_network(folder, "resnet10t")), ["gmm", "gmm-std", "el"]
    e.settings = {"width": 8, "updates": 1, "epochs": 1, "langevin_steps": 1}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEAT_HOME", str(folder / "home"))
        return run(e)


@pytest.fixture(autouse=True)
def home(clustered, monkeypatch):
    monkeypatch.setenv("HEAT_HOME", str(clustered.folder.parents[1]))


@pytest.mark.parametrize("name", ["inspect", "compare", "new_images", "runs"])
def test_pages_draw(clustered, name):
    test = page(name, run=clustered.id)
    assert not test.exception, test.exception
    assert not test.error


def test_the_table_says_what_is_left_out(clustered):
    test = page("compare", run=clustered.id)
    said = [caption.value.replace("\\", "") for caption in test.caption]
    assert any(text.startswith("The training set has no classes") for text in said)
    (table,) = [html.proto.body for html in test.get("html") if "<table" in html.proto.body]
    assert "it needs a classifier, and the ID set has no classes" in table


def test_the_workbench_takes_images_for_clusters(clustered):
    packed, _ = pack(Samples(clustered), "grid")
    header = json.loads(packed[4 : 4 + int.from_bytes(packed[:4], "little")])
    assert header["classes"] == ["cluster 1", "cluster 2"]
    assert "el" not in [method["key"] for method in header["methods"]]


def test_the_report_says_it(clustered, tmp_path):
    write_report(clustered, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "2 clusters in place of classes" in text
    assert "The training set has no classes" in text
