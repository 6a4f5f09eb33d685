"""The workbench's JavaScript in a real browser: its numbers against heat_core; its state."""

import base64
import json
import math

import numpy as np
import pytest

from heat_core import compose, metrics
from tests.app.modules import BROWSER, module_page
from tests.browser import CHROMIUM

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium chromium-driver"),
]
RNG = np.random.default_rng(0)
BETAS = [-math.inf, -1e6, -30.0, -1.0, -1e-3, -1e-8, 0.0, 1e-8, 1e-3, 0.5, 1.0, 30.0, 1e6, math.inf]
PAIRS = {
    "random": (RNG.normal(size=200), RNG.normal(size=150) + 1),
    "ties": (RNG.integers(0, 4, 60).astype(float), RNG.integers(0, 5, 70).astype(float)),
    "constant": (np.ones(20), np.ones(30)),
    "one sample each": (np.array([0.3]), np.array([0.2])),
    "huge and tiny": (RNG.normal(size=90) * 1e-9, RNG.normal(size=90) * 1e9),
}


@pytest.fixture(scope="module")
def page():
    """A page on which the modules can be imported; `core` is there."""
    with module_page() as page:
        page.evaluate("async () => { globalThis.core = await import('/compute/core.js') }")
        yield page


@pytest.mark.parametrize("module", sorted(p.relative_to(BROWSER).as_posix() for p in BROWSER.rglob("*.js")))
def test_modules_find_what_they_import(page, module):
    assert page.evaluate("async name => Object.keys(await import('/' + name)).length", module) > 0


def composed(page, energies, beta, weights=None):
    n, k = energies.shape
    return np.array(
        page.evaluate(
            "([E, n, k, beta, w]) =>"
            " Array.from(core.compose(Float64Array.from(E), n, k, beta, w, new Float64Array(n)))",
            [energies.ravel().tolist(), n, k, beta, weights],
        )
    )


@pytest.mark.parametrize("beta", BETAS)
def test_compose(page, beta):
    for energies in (
        RNG.normal(size=(50, 3)) * 3,
        np.full((4, 2), 1.5),
        RNG.normal(size=(1, 1)),
        RNG.normal(size=(30, 5)) * 1e4,
    ):
        np.testing.assert_allclose(composed(page, energies, beta), compose(energies, beta), rtol=1e-9, atol=1e-9)


def test_compose_with_weights(page):
    energies = RNG.normal(size=(40, 3))
    for weights in ([1, 1, 1], [2, 0, 0.5], [0, 0, 3]):
        for beta in (-math.inf, -2.0, 0.0, 1e-7, 0.4, math.inf):
            np.testing.assert_allclose(
                composed(page, energies, beta, weights), compose(energies, beta, weights), rtol=1e-9, atol=1e-9
            )


@pytest.mark.parametrize(
    ("energies", "beta", "weights", "sentence"),
    [
        ([[1.0, math.nan]], 0.0, None, "finite"),
        ([[1.0, math.inf]], 0.0, None, "finite"),
        ([[1.0, 2.0]], math.nan, None, "NaN"),
        ([[1.0, 2.0]], 0.0, [0, 0], "at least one"),
        ([[1.0, 2.0]], 0.0, [-1, 1], "0 or more"),
    ],
)
def test_compose_refuses_nonsense(page, energies, beta, weights, sentence):
    with pytest.raises(Exception, match=f"(?i){sentence}"):
        composed(page, np.array(energies), beta, weights)


@pytest.mark.parametrize("case", PAIRS)
def test_binned_metrics_are_the_metrics_of_the_bins(page, case):
    """What is shown while β is dragged: exact on scores that were rounded up to the edges of the bins."""
    known, unknown = PAIRS[case]
    scores, sets = np.r_[known, unknown], [0] * len(known) + [1] * len(unknown)
    found = page.evaluate(
        "([s, t, bins]) => { const h = core.histogram(Float64Array.from(s), t, 2, bins);"
        " return {counts: h.counts.map(c => Array.from(c)), low: h.low, step: h.step, rough: core.binnedMetrics(h)[1],"
        " line: core.binnedThreshold(h)} }",
        [scores.tolist(), sets, 2048],
    )
    counts = np.array(found["counts"])
    assert counts.sum(axis=1).tolist() == [len(known), len(unknown)]
    bins = np.minimum(((np.arcsinh(scores) - found["low"]) / found["step"]).astype(int), 2047)
    for i, part in enumerate((bins[: len(known)], bins[len(known) :])):
        assert np.abs(counts[i] - np.bincount(part, minlength=2048)).sum() <= 2  # asinh may differ in the last digit
    assert abs(found["rough"]["auroc"] - metrics.auroc(bins[: len(known)], bins[len(known) :])) < 1e-3 + 2 / len(known)
    exact = metrics.fpr95(known, unknown)
    near = np.abs(np.arcsinh(unknown) - np.arcsinh(metrics.threshold95(known))) <= 3 * found["step"] + np.ptp(
        np.arcsinh(np.sort(known)[-max(len(known) // 10, 1) :])
    )
    assert abs(found["rough"]["fpr95"] - exact) <= near.mean() + 1e-9


def test_a_large_sample_is_binned_to_a_thousandth(page):
    known, unknown = RNG.normal(size=20_000), RNG.normal(size=20_000) * 2 + 2
    rough = page.evaluate(
        "([s, n]) => { const set = Uint8Array.from({length: s.length}, (_, i) => i < n ? 0 : 1);"
        " return core.binnedMetrics(core.histogram(Float64Array.from(s), set, 2, 2048))[1] }",
        [np.r_[known, unknown].tolist(), len(known)],
    )
    assert abs(rough["auroc"] - metrics.auroc(known, unknown)) < 1e-3
    assert abs(rough["fpr95"] - metrics.fpr95(known, unknown)) < 3e-3


def test_selections_survive_the_way_to_python_and_back(page):
    for n in (1, 8, 13, 1000):
        bits = RNG.integers(0, 2, n)
        text = page.evaluate("bits => core.packBits(bits)", bits.tolist())
        np.testing.assert_array_equal(np.unpackbits(np.frombuffer(base64.b64decode(text), np.uint8))[:n], bits)
        back = page.evaluate("([t, n]) => Array.from(core.unpackBits(t, new Uint8Array(n)))", [text, n])
        np.testing.assert_array_equal(back, bits)


def test_inside_a_polygon(page):
    square = [0, 0, 10, 0, 10, 10, 0, 10]
    points = [(5, 5), (11, 5), (-1, 5), (5, 9.9), (5, 10.1)]
    assert [page.evaluate("([p, x, y]) => core.inside(p, x, y)", [square, x, y]) for x, y in points] == [
        True,
        False,
        False,
        True,
        False,
    ]


def test_the_slider_reaches_both_infinities_through_zero(page):
    found = page.evaluate("[-1, -0.5, 0, 0.5, 1].map(core.betaAt)")
    assert found == [-math.inf, -2, 0, 2, math.inf]
    for beta in (-math.inf, -3.0, 0.0, 0.7, math.inf):
        assert page.evaluate("b => core.positionOf(b)", beta) == pytest.approx(2 / math.pi * math.atan(beta / 2))


def test_the_line_of_a_rate_is_that_of_the_library(page):
    for known in (PAIRS["random"][0], PAIRS["ties"][0], PAIRS["one sample each"][0]):
        for alpha in (0.001, 0.01, 0.05, 1 / 3, 0.5):
            found = page.evaluate("([s, a]) => core.conformalLine(Float64Array.from(s), a)", [sorted(known), alpha])
            assert found == metrics.threshold_at(known, alpha)


def test_the_slider_of_the_rate_reaches_from_a_thousandth_to_a_half(page):
    ends = page.evaluate("[core.alphaAt(0, 1e6), core.alphaAt(1, 1e6), core.alphaAt(0, 99)]")
    assert ends == [0.001, 0.5, 0.01]  # 99 images can say no less
    back = page.evaluate("[0.002, 0.05, 0.3].map(a => core.alphaAt(core.placeOfAlpha(a), 1e6))")
    assert back == [0.002, 0.05, 0.3]


def test_a_rate_and_a_threshold_take_each_others_place(page):
    page.evaluate(VIEW)
    found = page.evaluate(
        "() => { const { store, act, scored } = live, seen = [];"
        " const look = () => seen.push([store.state.alpha, store.state.threshold, scored(store.state).line]);"
        " act.setAlpha(0.5); look(); act.setBeta(Infinity); look();"
        " act.setThreshold(3); look(); act.setAlpha(0.1); look();"
        " return seen }"
    )
    # two known scores, at β = 0 the means 0.5 and 2.5: of three thirds α = 0.5 reaches one
    assert found == [[0.5, None, 2.5], [0.5, None, 3], [None, 3, 3], [0.1, None, math.inf]]


# ---- the state and what Python sends ---------------------------------------------------------------------------------

# A view of three points in two sets, with two priors; `live.store` and what it is made of.
VIEW = """async () => {
  const { createStore } = await import('/state/store.js');
  const { loaded, answered, told } = await import('/state/messages.js');
  const { createScoring } = await import('/compute/scoring.js'), { createActions } = await import('/state/actions.js');
  const run = {view: 'a', version: '1', n: 3, k: 2, map: true, priors: [{}, {}], sets: [{key: 'id'}, {key: 'ood'}],
    energies: Float32Array.of(0, 1, 2, 3, 4, 5), number: Uint32Array.of(7, 8, 9), set: Uint8Array.of(0, 0, 1),
    total: 10, pointOf: Int32Array.of(-1, -1, -1, -1, -1, -1, -1, 0, 1, 2), methods: [], truth: true,
    xy: Uint16Array.of(0, 0, 32767, 32767, 65535, 65535)};
  const store = createStore(), sent = [], map = {canvas: {width: 428, height: 428}, ratio: 1, width: 428, height: 428};
  store.update(loaded(store.state, run));
  const act = createActions(store, map, (name, value) => sent.push([name, value]), () => ({points: [2, 0, 1]}));
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
  globalThis.live = {store, act, sent, run, message, loaded, answered, told, scored: createScoring()};
}"""


ASK = {
    "question": "all",
    "baseline": None,
    "methods": [],
    "values": {},
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
    header = {"name": "é", "total": 5, "arrays": [[name, a.dtype.str[1:], int(a.size)] for name, a in arrays.items()]}
    text = json.dumps(header, ensure_ascii=False).encode()
    block = len(text).to_bytes(4, "little") + padded(text) + b"".join(padded(a.tobytes()) for a in arrays.values())
    found = page.evaluate(
        "async bytes => { const { unpack } = await import('/state/decode.js');"
        " const run = unpack(Uint8Array.from([9, ...bytes]).subarray(1));"
        " return [run.name, ...['xy', 'set', 'energies'].map(name => Array.from(run[name])),"
        " run.ids, Array.from(run.pointOf)] }",
        list(block),
    )
    assert found == ["é", *(arrays[n].tolist() for n in ("xy", "set", "energies")), ["a\nb", "ü"], [1, -1, -1, -1, 0]]


def test_the_state_follows_python_and_python_the_state(page):
    page.evaluate(VIEW)
    found = page.evaluate(
        "() => { const { store, answered, message, scored } = live; store.update(answered(store.state, message));"
        " const { beta, colour, selection, looked, ask, layout } = store.state;"
        " return [beta, colour, Array.from(selection.bits), selection.count, looked, scored(store.state).line,"
        " ask.question, layout] }"
    )
    assert found == [-math.inf, "score", [1, 0, 1], 2, 8, 2.5, "all", "table"]
    again = page.evaluate(
        "() => { const { store, act, answered, message, scored } = live; act.setBeta(1);"
        " store.update(answered(store.state, message)); return [store.state.beta, scored(store.state).exact] }"
    )
    assert again == [1, None]  # a version that was taken over is not taken over again
    told = json.loads(page.evaluate("() => { live.act.tell(); return live.sent.at(-1)[1] }"))
    assert told.pop("signature") == '["1",[true,true],null]'
    assert told == {
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


def test_a_run_that_came_anew_keeps_what_is_not_of_its_content(page):
    page.evaluate(VIEW)
    found = page.evaluate(
        "() => { const { store, act, run, loaded } = live; act.setBeta(3); act.take(0, false); act.selectInView();"
        " const come = change => store.update(loaded(store.state, {...run, ...change})) || store.state;"
        " const one = come({version: '2'}), two = come({version: '3', priors: [{}, {}, {}], k: 3});"
        " return [one.beta, one.taking, one.selection.count, two.beta, two.taking] }"
    )
    assert found == [3, [False, True], 0, 3, [True, True, True]]


def test_a_run_that_came_anew_takes_the_selection_over_and_leaves_beta(page):
    """The last message may be older than the run and than what was done meanwhile."""
    page.evaluate(VIEW)
    found = page.evaluate(
        "() => { const { store, act, run, loaded, answered, message } = live;"
        " store.update(answered(store.state, message)); act.setBeta(3);"
        " store.update(loaded(store.state, {...run, version: '2'}, message)); const replayed = store.state;"
        " const next = {...message, state: {...message.state, selection: 'wA=='}};"
        " store.update(answered(store.state, next)); const followed = store.state;"
        " store.update(answered(store.state, message));"
        " return [replayed, followed, store.state].map(s => [s.beta, Array.from(s.selection.bits)]) }"
    )
    assert found == [[3, [1, 0, 1]], [3, [1, 1, 0]], [3, [1, 1, 0]]]


def test_the_state_is_changed_by_actions_alone(page):
    page.evaluate(VIEW)
    assert page.evaluate("() => { live.store.state.beta = 5; return live.store.state.beta }") == 0
    page.evaluate("() => { live.act.take(0, false); live.act.take(1, false) }")
    page.evaluate("() => { live.act.toggleWeights(); live.act.weigh(1, -3) }")
    assert page.evaluate("[live.store.state.taking, live.store.state.weights]") == [[False, True], [1, 0.1]]
    page.evaluate("() => { live.act.toggle('ood'); live.act.selectInView() }")
    assert page.evaluate("Array.from(live.store.state.selection.bits)") == [1, 1, 0]
    page.evaluate("() => live.act.toggle('ood')")
    page.evaluate("() => live.act.selectWithin([300, 0, 500, 0, 500, 500, 300, 500], 'add')")
    assert page.evaluate("Array.from(live.store.state.selection.bits)") == [1, 1, 1]
    page.evaluate("() => live.act.selectWithin([300, 0, 500, 0, 500, 500, 300, 500], 'remove')")
    assert json.loads(page.evaluate("live.sent.at(-1)[1]")) == {"version": "1", "bits": "wA=="}
    page.evaluate("() => live.act.inspectAt(214, 214)")
    assert page.evaluate("live.store.state.looked") == 8
    page.wait_for_function("() => live.sent.at(-1)[0] === 'inspect' && live.sent.at(-1)[1] === '8'")
    page.evaluate("() => { live.act.step(-1); live.act.step(-1); live.act.step(-1) }")  # to the first of the subset
    assert page.evaluate("live.store.state.looked") == 9
    page.evaluate("() => { live.act.mark(9); live.act.tag('odd') }")
    (first,) = json.loads(page.evaluate("live.sent.at(-1)[1]"))
    assert {k: v for k, v in first.items() if k != "id"} == {
        "what": "tag",
        "tag": "odd",
        "version": "1",
        "bits": "IA==",
    }
    page.evaluate("() => live.act.note(9, 'seen')")  # overtakes the first, which is said again
    both = json.loads(page.evaluate("live.sent.at(-1)[1]"))
    assert [one["what"] for one in both] == ["tag", "note"]
    page.evaluate("id => live.act.acknowledge(id)", first["id"])  # what Python has not done yet is said once more
    assert json.loads(page.evaluate("live.sent.at(-1)[1]")) == both[1:]
    sent = page.evaluate("id => { live.act.acknowledge(id); return live.sent.length }", both[1]["id"])
    assert page.evaluate("() => { live.act.acknowledge(0); return live.sent.length }") == sent


def test_the_map_is_zoomed_around_the_pointer_and_follows_the_hand(page):
    page.evaluate(VIEW)
    place = (
        "async () => { const { toMap } = await import('/map/viewport.js');"
        " return toMap({canvas: {width: 428, height: 428}, ratio: 1}, live.store.state.where, 100, 50) }"
    )
    before = page.evaluate(place)
    page.evaluate("() => { live.act.zoom('in', [100, 50]); live.act.zoom('in', [100, 50]) }")
    np.testing.assert_allclose(page.evaluate(place), before)
    page.evaluate("() => { live.act.pan(30, 40); live.act.pan(-30, -40) }")
    np.testing.assert_allclose(page.evaluate(place), before)
    page.evaluate("() => live.act.zoom('all')")
    assert page.evaluate("live.store.state.where") == {"zoom": 1, "x": 0.5, "y": 0.5}
