"""`heat_core.explore`: scores of any method in the widget of notebooks, without a browser."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

import heat_core
from heat_core import HeatError
from heat_core.analysis.notes import read_notes
from heat_core.exchange.export import formats_of
from heat_core.metrics import auroc
from tests.heat_core.workbench.test_widget import answer, header, send


@pytest.fixture
def scores() -> dict[str, np.ndarray]:
    """Scores of a known test set and two OOD sets, as another program computes them."""
    rng = np.random.default_rng(0)
    return {"holdout": rng.normal(0, 1, 60), "near": rng.normal(1, 1, 40), "far": rng.normal(3, 1, 50)}


@pytest.fixture
def pictures(tmp_path, scores) -> dict[str, list]:
    """Pictures of the samples, whose grey values are their positions; some are in folders, with odd names."""
    paths = {
        name: [tmp_path / name / f"{i % 2}" / f"a, b;{i}.png" for i in range(len(of))] for name, of in scores.items()
    }
    for of_set in paths.values():
        for i, path in enumerate(of_set):
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (8, 8), i).save(path)
    return paths


def test_counts_and_thresholds_are_those_of_numpy(home, scores):
    view = heat_core.explore(scores, title="Energy")
    known = scores["holdout"].astype(np.float32)
    line = np.percentile(known, 95)
    exact = answer(view)["exact"]
    assert exact["threshold"] == pytest.approx(line, rel=1e-6)
    assert [of_set["flagged"] for of_set in exact["sets"]] == [int((of > line).sum()) for of in scores.values()]
    assert exact["sets"][2]["auroc"] == pytest.approx(auroc(scores["holdout"], scores["far"]))
    missed = [f"{name}/{i}" for name in ("near", "far") for i, score in enumerate(scores[name]) if score <= line]
    assert sorted(view.visible) == sorted(missed)
    view.question = "flagged"
    assert sorted(view.visible) == [f"id/{i}" for i in sorted(map(str, np.flatnonzero(known > line)))]


def test_a_score_at_the_threshold_is_not_flagged(home):
    view = heat_core.explore({"id": [0.1, 0.2, 0.3], "new": [0.3, 0.30001, 0.7]}, threshold=0.3)
    assert [of_set["flagged"] for of_set in answer(view)["exact"]["sets"]] == [0, 2]
    assert view.visible.tolist() == ["new/0"]


def test_the_page_names_the_score_and_nothing_that_was_not_given(home, scores):
    view = heat_core.explore(scores, title="Energy <b>")
    head = header(view)
    assert (head["heat_title"], head["methods"], head["best"], head["k"]) == ("Energy <b>", [], "heat", 1)
    assert head["questions"] == {
        "missed": "Missed by Energy <b>",
        "flagged": "ID flagged by Energy <b>",
        "tagged": "Tagged",
        "all": "All",
    }
    assert "confident" not in head["orders"]
    assert (head["classes"], head["pictures"], head["map"]) == (["no class given"], None, False)
    assert answer(view)["parts"]["names"] == []
    assert answer(view)["map"] == {
        "sentence": "There is no map: scores were given, and no training images.",
        "can_make": False,
    }
    send(view, "inspect", 3)
    detail = answer(view)["subject"]
    assert detail["reason"].startswith("Energy <b> finds it more unusual than ")
    assert [share["title"] for share in detail["shares"]] == ["Energy <b>"]
    assert (detail["parts"], detail["others"], len(detail["p"]), detail["can_tell_where"]) == ([], None, 1, False)
    assert "No features" in detail["training"]["sentence"]
    send(view, "take", "report")
    assert "export a table" in answer(view)["notice"]


def test_pictures_are_those_of_the_paths(home, scores, pictures, monkeypatch):
    view = heat_core.explore(scores, pictures)
    assert list(formats_of(view.samples)) == ["csv", "parquet", "zip"]
    number = view.samples.find("near/1/a, b;31.png")
    assert view.samples.path_of(number) == pictures["near"][31]
    assert view.samples.scores("heat")[number] == np.float32(scores["near"][31])
    sent = []
    monkeypatch.setattr(view, "send", lambda content, buffers: sent.extend(buffers))
    send(view, "pictures", [f"{header(view)['pictures']['far']}&row=17&side=96"])
    assert Image.open(BytesIO(sent[0])).convert("L").getpixel((0, 0)) == 17


def test_tags_and_decisions_are_kept(home, scores, pictures):
    view = heat_core.explore(scores, pictures, title="Energy")
    send(view, "act", [{"id": 1, "what": "tag", "tag": "odd", "number": 70}])
    send(view, "act", [{"id": 2, "what": "decide", "action": "ignore", "name": "", "number": 71}])
    folder = view.samples.run.folder
    assert folder.parent == home / "explored"
    later = heat_core.explore({name: of + 1 for name, of in scores.items()}, pictures, title="Energy")
    assert later.samples.run.folder == folder
    assert answer(later)["tags"] == {"odd": [70]}
    assert answer(later)["decisions"]["list"][0]["count"] == 1
    assert list(read_notes(folder)) == [view.samples.key(70)]
    # Without images, positions name the samples: other scores are other samples.
    assert answer(heat_core.explore(scores, title="Energy"))["tags"] == {}


def test_predictions_labels_and_features_are_used(home, scores, tmp_path):
    predicted = {name: ["cat", "dog"] * (len(of) // 2) for name, of in scores.items()}
    confidence = {name: np.linspace(0, 1, len(of)) for name, of in scores.items()}
    features = {name: np.arange(2 * len(of), dtype=float).reshape(-1, 2) for name, of in scores.items()}
    labels = ["dog", *predicted["holdout"][1:]]
    folder = tmp_path / "kept"
    view = heat_core.explore(
        scores, predicted=predicted, confidence=confidence, labels=labels, features=features, folder=folder
    )
    assert view.samples.run.folder == folder
    assert np.flatnonzero(view.samples.is_misclassified).tolist() == [0]
    assert next(iter(header(view)["orders"])) == "confident"
    view.question, view.filters = "all", {"seen": ["dog"]}
    assert len(view.visible) == 75
    send(view, "inspect", 61)
    others = answer(view)["subject"]["others"]["images"]
    assert others[0]["cosine"] == pytest.approx(1)
    by_number = {name: [0, 1] * (len(of) // 2) for name, of in scores.items()}
    numbered = heat_core.explore(scores, predicted=by_number, class_names=["cat", "dog"], folder=folder)
    assert numbered.samples.predicted.tolist() == view.samples.predicted.tolist()


BAD = {
    "scores must map": {"scores": {"id": [1.0]}},
    r"scores\['new'\] has 1 values that are NaN": {"scores": {"id": [1.0], "new": [np.nan]}},
    r"scores\['new'\] is no array of numbers": {"scores": {"id": [1.0], "new": ["a"]}},
    r"scores\['new'\] has the shape \(1, 1\)": {"scores": {"id": [1.0], "new": [[1.0]]}},
    r"scores has a set named 'train'": {"scores": {"id": [1.0], "train": [1.0]}},
    r"images must map each of the sets of scores": {"images": {"id": ["a.png"]}},
    r"images\['id'\] names 1 files that are not there": {"images": {"id": ["a.png"], "new": ["b.png"]}},
    r"predicted\['new'\] has 2 values where there are 1": {"predicted": {"id": [0], "new": [0, 1]}},
    r"predicted\['new'\] has numbers outside": {"predicted": {"id": [0], "new": [3]}, "class_names": ["a", "b"]},
    r"predicted\['new'\] has 'c'": {"predicted": {"id": ["a"], "new": ["c"]}, "class_names": ["a", "b"]},
    "confidence needs predicted": {"confidence": {"id": [1.0], "new": [1.0]}},
    "labels needs predicted": {"labels": [0]},
    r"confidence\['id'\] has values outside": {
        "predicted": {"id": [0], "new": [0]},
        "confidence": {"id": [2.0], "new": [1.0]},
    },
    "features have 1 and 2 dimensions": {"features": {"id": [[1.0]], "new": [[1.0, 2.0]]}},
    "threshold is nan": {"threshold": np.nan},
    "title is empty": {"title": " "},
}


@pytest.mark.parametrize("sentence", BAD)
def test_what_is_wrong_is_named_in_one_sentence(home, sentence):
    with pytest.raises(HeatError, match=sentence) as raised:
        heat_core.explore(**({"scores": {"id": [1.0], "new": [2.0]}} | BAD[sentence]))
    assert "\n" not in str(raised.value)
    assert not (home / "explored").exists()


def test_a_folder_of_something_else_is_left_alone(home, tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "thesis.tex").write_text("…", encoding="utf-8")
    with pytest.raises(HeatError, match="holds something else"):
        heat_core.explore({"id": [1.0], "new": [2.0]}, folder=tmp_path / "kept")
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["thesis.tex"]
