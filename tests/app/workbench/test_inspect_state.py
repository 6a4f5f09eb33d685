"""The state of the workbench's JavaScript in a real browser, and what Python sends to it."""

import json
import math

import numpy as np
import pytest

from tests.app.modules import module_page
from tests.browser import NEEDS_CHROMIUM

pytestmark = NEEDS_CHROMIUM


@pytest.fixture(scope="module")
def page():
    """A page on which the modules can be imported."""
    with module_page() as page:
        yield page


# A view of three points in two sets, with two priors; `live.store` and what it is made of.
VIEW = """async () => {
  const { createStore } = await import('/state/store.js');
  const { changeForRun, changeForAnswer } = await import('/state/messages.js');
  const { createScoring } = await import('/state/selectors.js'), { createActions } = await import('/state/actions.js');
  const run = {view: 'a', version: '1', n: 3, k: 2, map: true, priors: [{}, {}], sets: [{key: 'id'}, {key: 'ood'}],
    energies: Float32Array.of(0, 1, 2, 3, 4, 5), number: Uint32Array.of(7, 8, 9), set: Uint8Array.of(0, 0, 1),
    total: 10, pointOf: Int32Array.of(-1, -1, -1, -1, -1, -1, -1, 0, 1, 2), methods: [], truth: true,
    xy: Uint16Array.of(0, 0, 32767, 32767, 65535, 65535)};
  const store = createStore(), sent = [], map = {canvas: {width: 428, height: 428}, ratio: 1, width: 428, height: 428};
  store.update(changeForRun(store.state, run));
  const actions = createActions(store, map, (name, value) => sent.push([name, value]), () => ({points: [2, 0, 1]}));
  const ask = {question: 'all', baseline: null, methods: [], values: {}, brush: null, find: '', like: null,
    order: 'confident'};
  const message = {
    version: 1, tags: {}, alike: null, parts: null, subject: null,
    exact: {threshold: 2.5, line: null, alpha: null, sets: [], signature: null},
    state: {
      beta: '-inf', threshold: null, alpha: null, taking: [true, true], weights: null, colour: 'score', off: [],
      selection: 'oA==', ask, layout: 'table', size: 80, looked: 8,
    },
  };
  globalThis.live = {
    store, actions, sent, run, message, changeForRun, changeForAnswer, scoringOf: createScoring(),
  };
}"""


ASK = {
    "question": "all",
    "baseline": None,
    "methods": [],
    "values": {},
    "excluded": {},
    "brush": None,
    "find": "",
    "like": None,
    "order": "confident",
}


def test_a_block_of_bytes_is_unpacked(page):
    def padded(part: bytes) -> bytes:
        return part + b"\0" * (-len(part) % 4)

    arrays = {"xy": np.arange(3, dtype="<u2"), "set": np.arange(5, dtype="u1"), "energies": np.array([0.5, -2], "<f4")}
    arrays |= {"number": np.array([4, 0], "<u4"), "ids": np.frombuffer(json.dumps(["a\nb", "ü"]).encode(), "u1")}
    header = {"name": "é", "total": 5, "sets": [{"ood": i in (1, 2)} for i in range(5)]}
    header["arrays"] = [[name, a.dtype.str[1:], int(a.size)] for name, a in arrays.items()]
    text = json.dumps(header, ensure_ascii=False).encode()
    block = len(text).to_bytes(4, "little") + padded(text) + b"".join(padded(a.tobytes()) for a in arrays.values())
    result = page.evaluate(
        "async bytes => { const { decodeRun } = await import('/state/decode_run.js');"
        " const run = decodeRun(Uint8Array.from([9, ...bytes]).subarray(1));"
        " return [run.name, ...['xy', 'set', 'energies'].map(name => Array.from(run[name])),"
        " run.ids, Array.from(run.pointOf), Array.from(run.isOod)] }",
        list(block),
    )
    unpacked = [arrays[name].tolist() for name in ("xy", "set", "energies")]
    assert result == ["é", *unpacked, ["a\nb", "ü"], [1, -1, -1, -1, 0], [0, 1, 1, 0, 0]]


def test_the_state_follows_python_and_python_the_state(page):
    page.evaluate(VIEW)
    result = page.evaluate(
        "() => { const { store, changeForAnswer, message, scoringOf } = live;"
        " store.update(changeForAnswer(store.state, message));"
        " const { beta, colour, selection, inspected, query, layout } = store.state;"
        " return [beta, colour, Array.from(selection.bits), selection.count, inspected, scoringOf(store.state).cutoff,"
        " query.question, layout] }"
    )
    assert result == [-math.inf, "score", [1, 0, 1], 2, 8, 2.5, "all", "table"]
    again = page.evaluate(
        "() => { const { store, actions, changeForAnswer, message, scoringOf } = live; actions.setBeta(1);"
        " store.update(changeForAnswer(store.state, message));"
        " return [store.state.beta, scoringOf(store.state).exact] }"
    )
    assert again == [1, None]  # a version that was taken over is not taken over again
    settings = json.loads(page.evaluate("() => { live.actions.sendSettings(); return live.sent.at(-1)[1] }"))
    assert settings.pop("signature") == '["1",[true,true],null]'
    assert settings.pop("version") == 1  # of the last answer that was taken over
    assert settings == {
        "beta": "1",
        "threshold": None,
        "alpha": None,
        "taking": [True, True],
        "weights": None,
        "colour": "score",
        "off": [],
        "ask": ASK,
        "layout": "table",
        "size": 80,
    }


def test_a_reloaded_run_keeps_what_is_not_of_its_content(page):
    page.evaluate(VIEW)
    result = page.evaluate(
        "() => { const { store, actions, run, changeForRun } = live;"
        " actions.setBeta(3); actions.setIncluded(0, false); actions.selectVisible();"
        " const come = change => store.update(changeForRun(store.state, {...run, ...change})) || store.state;"
        " const one = come({version: '2'}), two = come({version: '3', priors: [{}, {}, {}], k: 3});"
        " return [one.beta, one.included, one.selection.count, two.beta, two.included] }"
    )
    assert result == [3, [False, True], 0, 3, [True, True, True]]


def test_a_reloaded_run_keeps_selection_and_beta(page):
    """The last message may be older than the run and than what was done meanwhile."""
    page.evaluate(VIEW)
    result = page.evaluate(
        "() => { const { store, actions, run, changeForRun, changeForAnswer, message } = live;"
        " store.update(changeForAnswer(store.state, message)); actions.setBeta(3);"
        " store.update(changeForRun(store.state, {...run, version: '2'}, message)); const replayed = store.state;"
        " const next = {...message, state: {...message.state, selection: 'wA=='}};"
        " store.update(changeForAnswer(store.state, next)); const followed = store.state;"
        " store.update(changeForAnswer(store.state, message));"
        " return [replayed, followed, store.state].map(s => [s.beta, Array.from(s.selection.bits)]) }"
    )
    assert result == [[3, [1, 0, 1]], [3, [1, 1, 0]], [3, [1, 1, 0]]]


def test_the_state_is_changed_by_actions_alone(page):
    page.evaluate(VIEW)
    assert page.evaluate("() => { live.store.state.beta = 5; return live.store.state.beta }") == 0
    page.evaluate("() => { live.actions.setIncluded(0, false); live.actions.setIncluded(1, false) }")
    page.evaluate("() => { live.actions.toggleWeights(); live.actions.setWeight(1, -3) }")
    assert page.evaluate("[live.store.state.included, live.store.state.weights]") == [[False, True], [1, 0.1]]
    # A link may have a weight of 0; where only a prior of that weight would be left, all count equally.
    page.evaluate("() => live.store.update({ included: [true, true], weights: [0, 2] })")
    page.evaluate("() => live.actions.setIncluded(1, false)")
    assert page.evaluate("[live.store.state.included, live.store.state.weights]") == [[True, False], None]
    page.evaluate("() => live.actions.setIncluded(1, true)")
    page.evaluate("() => { live.actions.toggleSet('ood'); live.actions.selectVisible() }")
    assert page.evaluate("Array.from(live.store.state.selection.bits)") == [1, 1, 0]
    page.evaluate("() => live.actions.toggleSet('ood')")
    page.evaluate("() => live.actions.selectWithin([300, 0, 500, 0, 500, 500, 300, 500], 'add')")
    assert page.evaluate("Array.from(live.store.state.selection.bits)") == [1, 1, 1]
    page.evaluate("() => live.actions.selectWithin([300, 0, 500, 0, 500, 500, 300, 500], 'remove')")
    assert json.loads(page.evaluate("live.sent.at(-1)[1]")) == {"version": "1", "bits": "wA=="}
    page.evaluate("() => live.actions.inspectAt(214, 214)")
    assert page.evaluate("live.store.state.inspected") == 8
    page.wait_for_function("() => live.sent.at(-1)[0] === 'inspect' && live.sent.at(-1)[1] === '8'")
    page.evaluate("() => { for (let i = 0; i < 3; i++) live.actions.step(-1) }")  # to the first of the subset
    assert page.evaluate("live.store.state.inspected") == 9
    page.evaluate("() => { live.actions.toggleSample(9); live.actions.tag('odd') }")
    (first,) = json.loads(page.evaluate("live.sent.findLast(([name]) => name === 'act')[1]"))
    assert {k: v for k, v in first.items() if k != "id"} == {"what": "tag", "tag": "odd", "number": 9}
    page.evaluate("() => live.actions.saveNote(9, 'seen')")  # overtakes the first, which is sent again
    both = json.loads(page.evaluate("live.sent.findLast(([name]) => name === 'act')[1]"))
    assert [one["what"] for one in both] == ["tag", "note"]
    page.evaluate("id => live.actions.acknowledge(id)", first["id"])  # what Python has not done yet is sent once more
    assert json.loads(page.evaluate("live.sent.findLast(([name]) => name === 'act')[1]")) == both[1:]
    sent = page.evaluate("id => { live.actions.acknowledge(id); return live.sent.length }", both[1]["id"])
    assert page.evaluate("() => { live.actions.acknowledge(0); return live.sent.length }") == sent


def test_the_map_zooms_around_the_pointer_and_pans_with_it(page):
    """The map is zoomed around the pointer and follows it while panning."""
    page.evaluate(VIEW)
    place = (
        "async () => { const { toMap } = await import('/compute/viewport.js');"
        " return toMap({canvas: {width: 428, height: 428}, ratio: 1}, live.store.state.viewport, 100, 50) }"
    )
    before = page.evaluate(place)
    page.evaluate("() => { live.actions.zoom('in', [100, 50]); live.actions.zoom('in', [100, 50]) }")
    np.testing.assert_allclose(page.evaluate(place), before)
    page.evaluate("() => { live.actions.pan(30, 40); live.actions.pan(-30, -40) }")
    np.testing.assert_allclose(page.evaluate(place), before)
    page.evaluate("() => live.actions.zoom('all')")
    assert page.evaluate("live.store.state.viewport") == {"zoom": 1, "x": 0.5, "y": 0.5}


def test_a_rate_and_a_threshold_take_each_others_place(page):
    page.evaluate(VIEW)
    result = page.evaluate(
        "() => { const { store, actions, scoringOf } = live, seen = [];"
        " const record = () => seen.push([store.state.alpha, store.state.threshold, scoringOf(store.state).cutoff]);"
        " actions.setAlpha(0.5); record(); actions.setBeta(Infinity); record();"
        " actions.setThreshold(3); record(); actions.setAlpha(0.1); record();"
        " return seen }"
    )
    # two known scores, at β = 0 the means 0.5 and 2.5: of three thirds α = 0.5 reaches one
    assert result == [[0.5, None, 2.5], [0.5, None, 3], [None, 3, 3], [0.1, None, math.inf]]


def test_slices_narrow_and_leave_out(page):
    """A slice of two facets replaces their values; a value is either kept or left out."""
    page.evaluate(VIEW)
    narrowed = "(() => { const { values, excluded } = live.store.state.query; return [values, excluded]; })()"
    page.evaluate(
        "() => { const { actions } = live; actions.toggleValue('set', 'far');"
        " actions.toggleSlice([['set', 'ood', 'OOD'], ['seen', 'cat', 'predicted cat']]) }"
    )
    assert page.evaluate(narrowed) == [{"set": ["ood"], "seen": ["cat"]}, {}]
    page.evaluate("live.actions.toggleExcluded('seen', 'cat')")
    assert page.evaluate(narrowed) == [{"set": ["ood"]}, {"seen": ["cat"]}]
    page.evaluate("live.actions.toggleSlice([['set', 'ood', 'OOD']])")
    page.evaluate("live.actions.toggleValue('seen', 'cat')")
    assert page.evaluate(narrowed) == [{"seen": ["cat"]}, {}]
    page.evaluate("live.actions.clearFilters()")
    assert page.evaluate(narrowed) == [{}, {}]


def test_decisions_are_sent_until_they_are_acknowledged(page):
    page.evaluate(VIEW)
    sent = page.evaluate(
        "() => { const { actions, sent } = live; actions.decide('new-class', 'crystals'); actions.undoDecision(4);"
        " actions.runAgain(); return JSON.parse(sent.at(-1)[1]) }"
    )
    first, second, third = sent
    assert (first["what"], first["action"], first["name"], first["bits"]) == ("decide", "new-class", "crystals", "4A==")
    assert (second["what"], second["decision"]) == ("undo-decision", 4)
    assert third["what"] == "run-again"
    assert first["id"] < second["id"] < third["id"]
