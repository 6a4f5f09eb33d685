"""Findings on the questions about a run, and what the workbench gets of them."""

from dataclasses import replace

import numpy as np
import pytest

from heat_core import Lens
from heat_core.analysis.facets import Tags
from heat_core.analysis.measured.traits import traits
from heat_core.analysis.notes import read_notes, write_tags
from heat_core.analysis.questions import Query, question_mask, questions_of
from heat_core.analysis.samples import Samples
from heat_core.findings import report
from heat_core.findings.slice_search import Slice
from heat_core.findings.slices import QuestionFindings, find_slices, value_title
from heat_core.workbench.slices_message import slices_message
from heat_core.workbench.view_state import ViewState, from_query_params, to_query_params
from tests.synthetic import synthetic_run


@pytest.fixture
def samples(tmp_path) -> Samples:
    """900 OOD images; the column `light` is dark where many are missed."""
    settings = {"ood": {"near": 400, "far": 500}, "priors": ("gmm",)}
    run = synthetic_run(tmp_path / "run", **settings)
    missed = question_mask(Samples(run), Query("missed"))[60:460]
    dark = missed | (np.arange(400) % 5 == 0)
    light = np.where(dark, "dark", "day").astype(object)
    return Samples(synthetic_run(tmp_path / "with", **settings, columns={"near": {"light": light}}))


def test_the_headline():
    assert QuestionFindings("missed", "missed", 2200, 73, 10, []).sentence() == "73 of 2,200 missed, 3.3 % (2.6–4.2)"
    assert QuestionFindings("missed", "missed", 0, 0, 0, []).sentence() == "0 of 0 missed, 0.0 % (0.0–100.0)"


def test_each_question_is_counted_among_its_images(samples):
    found = {f.question: f for f in report(samples.run)}
    assert set(found) == set(questions_of(samples)) - {"all"}
    assert {f.population for q, f in found.items() if q in ("flagged", "misclassified")} == {60}
    assert {f.population for q, f in found.items() if q in ("missed", "gained", "lost", "missed-by-baseline")} == {900}
    assert found["tagged"].population == 960
    for question, of_question in found.items():
        assert of_question.bad == question_mask(samples, Query(question)).sum()
    assert find_slices(samples, Query("all")) is None


def test_the_slice_that_was_put_there_is_first(samples):
    found = find_slices(samples, Query("missed"))
    first = found.slices[0]
    assert first.values == (("column:light", "dark"),)
    inside = samples.columns["light"] == "dark"
    missed = question_mask(samples, Query("missed"))
    assert (first.n, first.bad) == (inside.sum(), (inside & missed).sum())
    assert first.lift == pytest.approx(missed[inside].mean() / missed[samples.is_ood].mean())


def test_what_defines_a_question_is_not_searched(samples):
    """The main score contribution follows from the verdict, a tag from tagging."""
    lens = Lens(beta=1.0)
    for question in ("missed", "flagged", "gained"):
        assert all(facet != "part" for s in find_slices(samples, Query(question), lens).slices for facet, _ in s.values)
    near = [samples.key(int(i)) for i in np.flatnonzero(samples.dataset == 1)[:200]]
    write_tags(samples.run.folder, near, "odd")
    tags = {"tag": Tags.from_notes(samples, read_notes(samples.run.folder))}
    tagged = find_slices(samples, Query("tagged"), lens, tags)
    assert (tagged.bad, tagged.population) == (200, 960)
    assert (("set", "near"),) in [s.values for s in tagged.slices]
    assert all(facet != "tag" for s in tagged.slices for facet, _ in s.values)


def test_a_tag_can_be_a_slice(samples):
    missed = np.flatnonzero(question_mask(samples, Query("missed")))
    tags = {"tag": Tags({"odd": missed[:30]}, len(samples))}
    assert (("tag", "odd"),) in [s.values for s in find_slices(samples, Query("missed"), tags=tags).slices]


def test_values_are_read_on_their_own():
    titles = {
        ("set", "id"): "ID test",
        ("folder", "textures/crystalline"): "textures/crystalline",
        ("seen", "roses"): "predicted roses",
        ("column:camera", "B"): "camera B",
        ("contrast", "low"): "low contrast",
        ("brightness", "dark"): "dark",
        ("colour", "colour"): "in colour",
        ("tag", "a\nb"): "tagged a\\nb",
    }
    assert {(facet, value): value_title(facet, value) for facet, value in titles} == titles
    found = QuestionFindings("flagged", "known images flagged", 90, 9, 10, [], ("rain",))
    part = Slice((("set", "rain"), ("contrast", "low")), 20, 8, 0.4, 0.2, 0.6, 4.0, 0.001, 0.01)
    assert found.slice_title(part) == "rain (shifted known images) and low contrast"


def test_the_message_is_computed_when_something_changed(samples):
    view, nothing = ViewState(), {"tag": Tags({}, len(samples))}
    message = slices_message(samples, view, nothing)
    assert message["question"] == "missed"
    assert message["list"][0]["values"] == [["column:light", "dark", "light dark"]]
    assert message["population"] == 900
    assert message["low"] < message["rate"] < message["high"]
    assert slices_message(samples, replace(view, sample="near/near-000001", hidden_sets=("far",)), nothing) is message
    assert slices_message(samples, replace(view, beta=2.0), nothing) is not message
    tags = {"tag": Tags({"odd": np.arange(100, 160)}, len(samples))}
    assert slices_message(samples, view, tags) is not message
    # A question that was not measured gives way to the first one, as in the page; one that all answer has no share.
    assert slices_message(samples, replace(view, query=Query("mislabelled")), nothing)["question"] == "missed"
    assert slices_message(samples, replace(view, query=Query("all")), nothing) is None


def test_facets_of_quality_have_parameters_of_their_own(samples):
    """`size` and `colour` are settings of the page too."""
    values = (("size", ("below 64 px",)), ("colour", ("grey",)), ("kind", ("JPEG",)))
    view = ViewState(colour="class", query=Query(values=values), choices={"size": "200"})
    params = to_query_params(view)
    assert (params["size"], params["colour"], params["quality-size"]) == ("200", "class", '["below 64 px"]')
    again = from_query_params(params, samples.run)
    assert (dict(again.query.values), again.colour) == (dict(values), "class")
    assert again.choices == {"size": "200"}


def test_traits_of_a_run_that_was_not_measured(samples):
    np.testing.assert_array_equal(traits(samples), samples.is_misclassified.astype("u1"))
    assert not {"mislabelled", "looks-known", "duplicates"} & set(questions_of(samples))
