"""What the browser asks for and must not be lost: done once, however often it is said."""

import json

import numpy as np

from app.workbench.browser_events import BrowserEvents
from heat_core import Run
from heat_core.analysis.notes import read_notes, write_note, write_tags
from heat_core.analysis.samples import Samples
from tests.synthetic import synthetic_run


def test_a_wish_that_comes_twice_is_done_once(tmp_path, monkeypatch):
    folder = synthetic_run(tmp_path / "run").folder
    samples, kept = Samples(Run.open(folder)), {}
    key = samples.key(5)
    write_note(folder, key, "", ["odd"])
    wishes = [
        {"id": 10, "what": "note", "number": 5, "note": "a seven"},
        {"id": 11, "what": "tag", "number": 5, "tag": "known"},
        {"id": 12, "what": "untag", "number": 5, "tag": "odd"},
    ]
    monkeypatch.setattr("app.state.session.mark_interaction", lambda: None)
    monkeypatch.setattr("app.state.session.get", lambda key, otherwise=None: kept.get(key, otherwise))
    monkeypatch.setattr("app.state.session.set_values", lambda **values: kept.update(values))
    for said in (wishes[:2], wishes, wishes):
        monkeypatch.setattr("app.state.session.trigger_payload", lambda key, name, said=said: json.dumps(said))
        BrowserEvents(samples, np.arange(len(samples)), "k").handler("act")()
    found = read_notes(folder)[key]
    assert (found["note"], found["tags"]) == ("a seven", ["known"])
    write_tags(folder, [key], "odd")
    BrowserEvents(samples, np.arange(len(samples)), "k").handler("act")()
    assert read_notes(folder)[key]["tags"] == ["known", "odd"]  # nothing is done again


def test_what_comes_after_its_page_was_left_is_let_go(tmp_path, monkeypatch):
    samples = Samples(Run.open(synthetic_run(tmp_path / "run").folder))
    monkeypatch.setattr("streamlit.session_state", {})
    for name in ("view", "lasso", "inspect", "act", "where"):
        BrowserEvents(samples, np.arange(len(samples)), "k").handler(name)()
    assert not read_notes(samples.run.folder)
