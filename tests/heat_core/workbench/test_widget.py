"""The widget of notebooks without a browser: what it answers to messages, and what Python code reads and sets."""

import base64
import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from heat_core import HeatError, Lens, Run
from heat_core.analysis.notes import read_notes
from heat_core.analysis.questions import Query, question_mask
from tests.conftest import copy_run


@pytest.fixture
def view(demo_run, home):
    """The widget of a copy of the demo's run."""
    return Run.open(copy_run(demo_run, home / "runs" / "demo")).explore()


def send(view, name: str, value) -> None:
    view._handle_custom_msg({"name": name, "value": value}, [])


def header(view) -> dict:
    length = int.from_bytes(view.get_state()["payload"][:4], "little")
    return json.loads(view.get_state()["payload"][4 : 4 + length])


def answer(view) -> dict:
    return view.get_state()["answer"]


def settings(view, **changes) -> dict:
    """What the browser sends after a gesture."""
    state = answer(view)["state"]
    return {**{k: v for k, v in state.items() if k != "looked"}, "signature": "0|true,true", **changes}


def bits_of(view, numbers) -> str:
    """The points of some samples, as the browser packs them."""
    drawn = np.random.default_rng(0).permutation(len(view.samples))  # the order of the payload
    return base64.b64encode(np.packbits(np.isin(drawn, numbers)).tobytes()).decode()


def test_traits_follow_the_browser(view):
    changes = []
    view.observe(lambda change: changes.append((change["name"], change["new"])), ["beta", "threshold", "question"])
    ask = answer(view)["state"]["ask"] | {"question": "flagged", "values": {"set": ["id"]}}
    send(view, "view", settings(view, beta="-inf", threshold=0.25, ask=ask))
    assert sorted(changes) == [("beta", -np.inf), ("question", "flagged"), ("threshold", 0.25)]
    assert view.filters == {"set": ["id"]}
    assert view.lens == Lens(-np.inf, threshold=0.25)
    assert answer(view)["exact"]["line"] == 0.25
    assert answer(view)["exact"]["signature"] == "0|true,true"
    assert answer(view)["version"] == 0  # the browser has these settings


def test_the_browser_follows_traits(view):
    view.beta = 2.0
    assert (answer(view)["version"], answer(view)["state"]["beta"]) == (1, "2.0")
    assert answer(view)["exact"]["signature"] is None
    view.threshold, view.question, view.filters = 0.5, "all", {"set": "id"}
    state = answer(view)["state"]
    assert (state["threshold"], state["ask"]["question"], state["ask"]["values"]) == (0.5, "all", {"set": ["id"]})
    assert view.visible.tolist() == [k for k in view.visible if k.startswith("id/")]
    assert len(view.visible) == view.samples.sizes[0]
    view.inspected = view.visible[3]
    assert answer(view)["subject"]["key"] == view.visible[3]
    for name, value in {"beta": np.nan, "question": "none", "filters": {"none": ["a"]}, "inspected": "id/none"}.items():
        before = answer(view)
        with pytest.raises(HeatError):
            setattr(view, name, value)
        assert answer(view) == before


def test_the_question_is_that_of_the_run(view):
    samples, lens = view.samples, Lens(0.5)
    view.beta, view.question = 0.5, "missed"
    missed = np.flatnonzero(question_mask(samples, Query("missed"), lens))
    assert sorted(view.visible) == sorted(samples.key(int(i)) for i in missed)


def test_lasso_and_ticks_are_selected(view):
    assert view.selected.tolist() == []
    lassoed, ticked = [3, 4, 700], [5, 9]
    send(view, "lasso", {"version": "", "bits": bits_of(view, lassoed)})
    assert sorted(view.selected) == sorted(view.samples.key(i) for i in lassoed)
    view.question = "all"
    assert sorted(view.visible) == sorted(view.selected)
    send(view, "tick", ticked)
    assert view.selected.tolist() == [view.samples.key(i) for i in ticked]
    send(view, "tick", [])
    send(view, "lasso", {"version": "", "bits": ""})
    assert view.selected.tolist() == []
    assert len(view.visible) == len(view.samples)


def test_tags_and_notes_are_those_of_the_run(view):
    key = view.samples.key(5)
    messages = [
        {"id": 1, "what": "tag", "tag": "odd", "number": 5},
        {"id": 2, "what": "note", "note": "a seven", "number": 5},
    ]
    send(view, "act", messages[:1])
    assert (answer(view)["done"], answer(view)["notice"]) == (1, "1 tagged.")
    send(view, "act", messages)
    assert (read_notes(view.samples.run.folder)[key]["tags"], answer(view)["done"]) == (["odd"], 2)
    assert read_notes(view.samples.run.folder)[key]["note"] == "a seven"
    assert answer(view)["tags"]["odd"] == [5]
    send(view, "act", [{"id": 3, "what": "decide", "action": "ignore", "name": "", "bits": bits_of(view, [5, 7])}])
    (decision,) = answer(view)["decisions"]["list"]
    assert (decision["action"], decision["count"]) == ("ignore", 2)
    send(view, "act", [{"id": 4, "what": "undo-decision", "decision": decision["id"]}])
    assert answer(view)["decisions"]["list"] == []
    send(view, "act", [{"id": 5, "what": "run-again"}])
    assert "heat app" in answer(view)["notice"]


def test_pictures_are_sent_when_they_are_asked_for(view, monkeypatch):
    sent = []
    monkeypatch.setattr(view, "send", lambda content, buffers: sent.append((content, buffers)))
    addresses = [f"{header(view)['pictures'][name]}&row=0&side=96" for name in ("id", "photo patches", "train")]
    broken = f"{header(view)['pictures']['id']}&row={view.samples.sizes[0]}&side=96"  # the first row of the next set
    send(view, "pictures", [*addresses, broken])
    ((content, buffers),) = sent
    assert [address for address, _ in content["pictures"]] == [*addresses, broken]
    assert [kind for _, kind in content["pictures"]] == ["image/png"] * 3 + [None]
    expected = view.samples.image(view.samples.number("photo patches", 0))
    assert np.array_equal(Image.open(BytesIO(buffers[1])).convert("RGB"), expected.convert("RGB"))


def test_the_subset_is_written_as_a_file(view, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("demo-samples.csv", "demo-samples-2.csv"):
        send(view, "take", "csv")
        assert name in answer(view)["notice"]
        lines = Path(name).read_text("utf-8").splitlines()
        assert len(lines) == len(view.visible) + 1
    send(view, "take", "none")
    assert "choose" in answer(view)["notice"]


def test_what_cannot_be_shown_is_refused(demo_run):
    with pytest.raises(HeatError, match="There is no facet 'place'"):
        demo_run.explore(filters={"place": ["a"]})
    with pytest.raises(HeatError, match="There is no question 'none'"):
        demo_run.explore(question="none")
