"""The subsets that the browser works out on every frame, against heat_core's."""

import json
from dataclasses import replace

import numpy as np
import pytest

from heat_core import Lens
from heat_core.analysis import facets
from heat_core.analysis.measured.quality_facets import quality_facets
from heat_core.analysis.metadata_facets import column_facets
from heat_core.analysis.questions import Query, filter_mask, question_mask, sort_samples
from heat_core.analysis.samples import Samples
from heat_core.findings.slices import population_mask
from heat_core.pipeline.measurements.measurements_file import FINDINGS, QUALITIES, Measurements, SetMeasurements
from heat_core.workbench.payload import pack
from heat_core.workbench.view_message import exact_numbers
from tests.app.modules import module_page
from tests.browser import NEEDS_CHROMIUM
from tests.synthetic import synthetic_run

pytestmark = NEEDS_CHROMIUM


@pytest.fixture(scope="module")
def page():
    with module_page() as page:
        yield page


SUBSET = """async ([bytes, change, answers]) => {
  const { decodeRun } = await import('/state/decode_run.js'), { createStore } = await import('/state/store.js');
  const { changeForRun } = await import('/state/messages.js');
  const { createScoring, createSubset } = await import('/state/selectors.js');
  const { PLAIN_QUERY } = await import('/compute/query.js');
  const { selectionFromPoints } = await import('/state/selection.js');
  const run = decodeRun(Uint8Array.from(bytes)), store = createStore(), scoringOf = createScoring();
  store.update(changeForRun(store.state, run));
  const { facetNames } = await import('/compute/facets.js');
  const { ask, lasso, threshold, beta, parts, tags, decisions, alike } = change;
  store.update({ query: {...PLAIN_QUERY, ...ask}, threshold, beta, tags, decisions, similar: alike ?? null,
    parts: {names: parts.names, codes: Uint8Array.from(parts.codes)} });
  if (lasso) store.update({ selection: selectionFromPoints(lasso.map(n => run.pointOf[n]), run.n) });
  const result = createSubset(scoringOf)(store.state);
  return { numbers: Array.from(result.points, i => run.number[i]), questions: result.subset.questions,
    facets: Object.fromEntries(facetNames({ run }).map(name => [name, result.countsOf(name)])),
    share: result.subset.share, lasso: result.subset.lasso };
}"""

QUERIES = {
    "plain": Query(),
    "flagged, typical first": Query("flagged", order="typical"),
    "gained on EL": Query("gained", "el", order="unusual"),
    "lost, closest": Query("lost", "msp", order="close"),
    "missed by all of three": Query("missed-by-all", "el", ("el", "msp", "heat")),
    "missed by the baseline": Query("missed-by-baseline", "gmm"),
    "tagged": Query("tagged"),
    "narrowed by facets": Query("all", values=(("set", ("far", "id")), ("seen", ("cat", "owl")))),
    "narrowed by part and cluster": Query("all", values=(("part", ("GMM prior", "EL residual")), ("cluster", ()))),
    "narrowed by tag": Query("all", values=(("tag", ("odd",)),)),
    "searched": Query("all", find="R-00001"),
    "brushed": Query("all", brush=(0.25, 2.0)),
    "everything at once": Query(
        "all", values=(("set", ("near", "far")), ("seen", ("dog",))), brush=(-1.0, 3.0), find="00", order="score:desc"
    ),
    "by id": Query("all", order="id:asc"),
    "by class, backwards": Query("all", order="seen:desc"),
    "by true class": Query("all", order="true:desc"),
    "by an energy": Query("all", order="el:asc"),
    "alike": Query("all", like="near/near-000003"),
    "narrowed by columns": Query("all", values=(("column:<b>a:b", ("x",)), ("column:n", ("2", "10")))),
    "narrowed by a column that is gone": Query("all", values=(("column:gone", ("x",)),)),
    "by a column": Query("all", values=(("set", ("id", "near")),), order="column:n:asc"),
    "misclassified": Query("misclassified"),
    "mislabelled": Query("mislabelled"),
    "looks known": Query("looks-known"),
    "duplicates": Query("duplicates", values=(("brightness", ("dark",)),)),
    "some left out": Query("all", excluded=(("set", ("far",)), ("tag", ("odd",)), ("column:gone", ("x",)))),
    "some kept and some left out": Query(
        "missed", values=(("seen", ("cat", "dog")),), excluded=(("seen", ("dog",)), ("column:n", ("2",)))
    ),
    "decided, not bright": Query("all", values=(("decision", ("ignored",)),), excluded=(("brightness", ("bright",)),)),
    "by a column, backwards": Query("missed", order="column:<b>a:b:desc"),
}


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    texts, numbers = (
        np.resize(np.array(values), 60) for values in (["x", "", "y", "2024"], [2.0, np.nan, 10.0, 2.0, 1.0])
    )
    columns = {"id": {"<b>a:b": texts.astype(object), "n": numbers}, "near": {"<b>a:b": texts.astype(object)[:40]}}
    run = synthetic_run(tmp_path_factory.mktemp("subset") / "run", seed=4, columns=columns, shifted={"dark": 25})
    rng = np.random.default_rng(1)
    measured = [_random_measurements(rng, len(run.ids(name))) for name in run.datasets]
    Measurements(tuple(measured)).save(run.folder / FINDINGS)
    return Samples(run)


def _random_measurements(rng: np.random.Generator, count: int) -> SetMeasurements:
    return SetMeasurements(
        quality=rng.uniform(0, 1, (count, len(QUALITIES))),
        is_mislabelled=rng.random(count) < 0.2,
        has_one_class_nearby=rng.random(count) < 0.9,
        is_duplicate=rng.random(count) < 0.3,
    )


@pytest.mark.parametrize("lasso", [False, True])
@pytest.mark.parametrize("name", QUERIES)
def test_a_subset_is_what_python_answers(page, samples, name, lasso):
    query, lens = QUERIES[name], Lens(beta=0.5, threshold=1.25)
    data, numbers = pack(samples, "v")
    tags = facets.Tags({"": np.array([3]), "odd": np.array([1, 70, 90]), "known": np.array([70])}, len(samples))
    decided = facets.Tags({"ignored": np.arange(10, 80), "removed": np.array([2])}, len(samples))
    parts = facets.by_decisive_part(samples, lens)
    facet_of = {
        "set": facets.by_set(samples),
        "seen": facets.by_predicted_class(samples),
        "part": parts,
        "cluster": facets.by_cluster(samples),
        "tag": tags,
        "decision": decided,
        **quality_facets(samples),
        **column_facets(samples),
        "column:gone": facets.Facet((), np.full(len(samples), -1)),
    }
    selection = np.arange(30, 120, 3) if lasso else None
    alike = np.array([63, 5, 80, 100, 61]) if query.like else None
    keep = filter_mask(samples, query, facet_of, lens, selection, alike)
    mask = keep & question_mask(samples, query, lens, tags.any_mask())
    expected = alike[mask[alike]] if alike is not None else sort_samples(samples, np.flatnonzero(mask), query, lens)
    change = {
        "ask": query.__dict__
        | {name: {k: list(v) for k, v in getattr(query, name)} for name in ("values", "excluded")},
        "lasso": selection.tolist() if lasso else None,
        "threshold": 1.25,
        "beta": 0.5,
        "parts": {"names": list(parts.names), "codes": parts.codes[numbers].tolist()},
        "tags": {tag: members.tolist() for tag, members in tags.members.items()},
        "decisions": {"list": [], "numbers": {name: members.tolist() for name, members in decided.members.items()}},
        "alike": None if alike is None else {"like": query.like, "numbers": alike.tolist()},
    }
    result = page.evaluate(SUBSET, [list(data), json.loads(json.dumps(change)), None])
    assert result["numbers"] == expected.tolist()
    for question, count in result["questions"].items():
        wanted = keep & question_mask(samples, replace(query, question=question), lens, tags.any_mask())
        assert count == wanted.sum(), question
    is_answer = question_mask(samples, query, lens, tags.any_mask())
    counted = population_mask(samples, query.question)
    assert result["share"] == {"bad": (keep & is_answer).sum(), "population": (keep & counted).sum()}
    assert {"column:<b>a:b", "column:n", "brightness", "decision"} <= set(result["facets"])
    for facet in facet_of.keys() & result["facets"].keys():
        others = filter_mask(samples, query, facet_of, lens, selection, alike, facet)
        given = facet_of[facet]
        names = given.members if isinstance(given, facets.Tags) else given.names
        for kind, among in (("bad", others & is_answer), ("population", others & counted)):
            expected_counts = [int((among & given.mask_of([value])).sum()) for value in names]
            assert result["facets"][facet][kind] == expected_counts, (facet, kind)
    if lasso:
        inside = np.isin(np.arange(len(samples)), selection)
        verdict = 2 * samples.is_ood + samples.flagged("heat", lens)
        if not (query.values or query.excluded or query.find or query.like or query.brush):
            assert result["lasso"] == [int((inside & (verdict == v)).sum()) for v in range(4)]


SET_ROWS = """async ([bytes, exact]) => {
  const { decodeRun } = await import('/state/decode_run.js');
  const { createSetRows, writeSetMetrics } = await import('/panels/set_metrics.js');
  const { describeVerdict } = await import('/common/verdicts.js');
  const run = decodeRun(Uint8Array.from(bytes)), root = document.createElement('div');
  root.innerHTML = '<table class="numbers"><tbody></tbody></table><p class="note"></p>';
  createSetRows(root, run, () => {});
  const scores = new Float32Array(run.n), inputs = { run, hidden: [], threshold: null, alpha: null };
  writeSetMetrics(root, { ...inputs, scores, cutoff: 0, approximate: [], exact });
  const verdicts = run.sets.map((_, s) => describeVerdict(run, run.set.indexOf(s), true).description);
  const rows = Array.from(root.querySelectorAll('tr:not(.train)'));
  return [rows.map(row => Array.from(row.cells, c => c.textContent)), verdicts];
}"""


def test_shifted_sets_are_known_and_in_no_average(page, samples):
    lens = Lens(beta=0.5)
    exact = exact_numbers(samples, lens)
    rows, verdicts = page.evaluate(SET_ROWS, [list(pack(samples, "v")[0]), exact])
    means = samples.run.metrics(lens)["heat"]["average"]
    shown = [f"{100 * means[metric]:.1f}" for metric in ("fpr95", "auroc")]
    flagged = exact["sets"][3]["flagged"]
    assert [name for name, *_ in rows] == ["ID test", "near", "far", "dark (shifted known images)", "average"]
    assert rows[3] == ["dark (shifted known images)", f"{flagged} / 25", "–", "–"]
    assert rows[4][2:] == shown
    assert verdicts == ["known, flagged by mistake", *["unknown, caught"] * 2, "known, flagged by mistake"]
