"""The Inspect page by AppTest: its messages to the browser and from it, the address; the New images page."""

import base64
import os
import shutil

import numpy as np
import pytest

from app.common.text import escape_markdown
from heat_core import Lens
from heat_core.analysis.notes import write_note
from heat_core.analysis.questions import Query
from heat_core.analysis.samples import Samples
from heat_core.analysis.selections import save_selection
from heat_core.runs.results_file import ENERGIES, RunRecord
from heat_core.runs.scored_images import ScoredImages
from heat_core.workbench.payload import pack
from heat_core.workbench.view_state import ViewState, from_query_params, page_url, to_query_params
from tests.app.test_pages import page
from tests.conftest import copy_run


@pytest.fixture
def said(monkeypatch) -> list[dict]:
    """What Python sent to the browser, message by message."""
    messages: list[dict] = []
    monkeypatch.setattr("app.workbench.inspect_view.send_state", lambda key, data: messages.append(data))
    return messages


def test_the_address_holds_the_whole_look(demo_run):
    view = ViewState(
        beta=-np.inf,
        threshold=2.5,
        priors=("gmm", "el"),
        weights=(2.0, 0.5),
        colour="verdict",
        hidden_sets=("photo patches",),
        selection="0123456789ab",
        sample="id/chalkboard/0005",
        query=Query(
            question="lost",
            baseline="el",
            methods=("el", "heat"),
            values=(("set", ("photo patches",)), ("seen", ("3", "=1,2"))),
            brush=(-0.5, 2.25),
            find="a,b&c",
            like="id/chalkboard/0005",
            order="score:desc",
        ),
        choices={"layout": "table", "size": "80"},
    )
    assert from_query_params(to_query_params(view), demo_run) == view
    assert from_query_params(to_query_params(ViewState(alpha=0.02)), demo_run) == ViewState(alpha=0.02)
    weighed = ViewState(weights=(1.0, 0.0, 2.0))  # a weight of 0 leaves a prior out
    assert from_query_params(to_query_params(weighed), demo_run) == weighed
    assert from_query_params({"w": "0,0,0"}, demo_run) == ViewState()
    for alpha in ("0.00001", "0", "1", "nan", "-1"):  # less than the smallest p can be, or no rate
        assert from_query_params({"alpha": alpha}, demo_run) == ViewState()
    assert page_url("compare", demo_run.id, ViewState()) == f"./compare?run={demo_run.id}&beta=0"
    assert from_query_params({}, demo_run) == ViewState()
    nonsense = {"beta": "much", "thr": "inf", "priors": "som", "w": "1,x", "colour": "plaid", "off": "{"}
    nonsense |= {
        "q": "why",
        "base": "nobody",
        "methods": ",x",
        "brush": "3,1",
        "order": "pretty:asc",
        "seen": "[",
        "set": "5",
    }
    assert from_query_params(nonsense, demo_run) == ViewState()


def test_a_link_reopens_the_view(demo_home, demo_run, said):
    samples = Samples(demo_run)
    chosen = np.flatnonzero(samples.dataset == 2)[:17]
    name, key = save_selection(demo_run.folder, chosen), samples.key(int(chosen[3]))
    test = page("inspect", run=demo_run.id, beta="-1", sel=name, sample=key, colour="verdict", q="all", layout="rows")
    assert not test.exception, test.exception
    view = test.session_state["view-state"]
    assert (view.beta, view.selection, view.colour, view.query.question) == (-1.0, name, "verdict", "all")
    state, subject = said[-1]["state"], said[-1]["subject"]
    assert (state["layout"], state["looked"], state["ask"]["question"]) == ("rows", int(chosen[3]), "all")
    assert (subject["number"], subject["key"]) == (int(chosen[3]), key)
    assert sum(p["value"] for p in subject["parts"]) == pytest.approx(subject["score"])
    assert subject["score"] == pytest.approx(samples.scores("heat", Lens(-1.0))[chosen[3]])
    assert len(subject["training"]["images"]) == len(subject["others"]["images"]) == 6
    assert test.query_params["sel"] == name


def test_it_opens_on_what_heat_misses_the_surest_first(demo_home, demo_run, said):
    test = page("inspect", run=demo_run.id)
    ask = said[-1]["state"]["ask"]
    assert (ask["question"], ask["order"], ask["baseline"]) == ("missed", "confident", None)
    assert not test.exception


def test_the_parts_responsible_are_sent_for_every_point(demo_home, demo_run, said):
    from heat_core.analysis.facets import by_decisive_part

    page("inspect", run=demo_run.id, beta="2")
    numbers = pack(Samples(demo_run), "v")[1]
    told = said[-1]["parts"]
    codes = np.frombuffer(base64.b64decode(told["codes"]), np.uint8)
    expected = by_decisive_part(Samples(demo_run), Lens(2.0))
    np.testing.assert_array_equal(codes, expected.codes[numbers])
    assert tuple(told["names"]) == expected.names


def test_a_selection_or_sample_that_is_gone_gives_a_sentence(demo_home, demo_run):
    test = page("inspect", run=demo_run.id, sel="ffffffffffff", sample="id/digit/none")
    assert not test.exception
    assert {"no selection" in t.value or "no sample" in t.value for t in test.toast} == {True}
    assert len(test.toast) == 2


def test_tags_and_notes_are_sent(demo_run, home, said):
    folder = copy_of(demo_run, home)
    samples = Samples(demo_run)
    write_note(folder, samples.key(5), "a seven, not a one", ["odd", "known"])
    write_note(folder, samples.key(9), "a note alone", [])
    write_note(folder, "id/gone", "of yesterday", ["odd"])
    test = page("inspect", run="copy", sample=samples.key(5))
    assert not test.exception
    assert said[-1]["tags"] == {"": [9], "known": [5], "odd": [5]}
    assert (said[-1]["subject"]["note"], said[-1]["subject"]["tags"]) == ("a seven, not a one", ["known", "odd"])


def test_a_run_deleted_under_an_open_page_gives_a_sentence(demo_run, home):
    folder = home / "runs" / demo_run.id
    copy_run(demo_run, folder)
    copy_run(demo_run, home / "runs" / "another")
    test = page("inspect", run=demo_run.id)
    shutil.rmtree(folder)
    test.run()
    assert not test.exception
    assert "no longer exists" in test.warning[0].value


def test_before_the_first_residual_the_live_page_waits(demo_run, home):
    from filelock import FileLock

    from heat_core.storage import read_json, write_json

    folder = home / "runs" / demo_run.id
    copy_run(demo_run, folder)
    trained_so_far(folder, ())
    for name in ("new_images", "runs", "compare"):
        assert not page(name).exception
    assert "resume it" in page("inspect").info[0].value
    write_json(folder / "run.json", read_json(folder / "run.json") | {"status": "running"})
    with FileLock(folder / "job.lock"):  # as its job would hold it
        waiting = page("inspect")
    assert "opens when it is" in waiting.info[0].value
    assert any(escape_markdown("residuals (0 of 3)") in c.value for c in waiting.caption)
    (pictures,) = [h.body for h in waiting.get("html") if "heat-row" in h.body]
    assert pictures.count('<img src="data:image/') == 10 * (2 + len(demo_run.ood_names))


def test_new_images_are_scored_and_explained(demo_run, home, image_folder, tmp_path, said):
    import time

    shutil.copytree(demo_run.folder.parents[1] / "features", home / "features")  # no link: features will be written
    folder = copy_run(demo_run, home / "runs" / demo_run.id)
    mine = image_folder(tmp_path / "mine", {"": 5})
    (mine / "broken.png").write_text("no picture")
    test = page("new_images", run=demo_run.id)
    test.text_input[0].set_value(str(mine)).run()
    next(b for b in test.button if b.label == "Score").click().run()
    until = time.monotonic() + 120
    while not list(folder.glob("own/*/scored.npz")):
        assert time.monotonic() < until, [p.read_text() for p in folder.glob("own/*/*.txt")]
        time.sleep(0.5)
    test = page("new_images", run=demo_run.id)
    assert not test.exception, test.exception
    assert any("of 5 are called unknown**" in m.value and "95 % interval" in m.value for m in test.markdown)
    assert escape_markdown("broken.png") in test.warning[0].value
    assert said[-1]["state"]["ask"]["question"] == "unknown"
    assert said[-1]["exact"]["sets"][1].keys() >= {"flagged"}


def copy_of(demo_run, home, name: str = "copy"):
    folder = home / "runs" / name
    copy_run(demo_run, folder)
    return folder


def trained_so_far(folder, priors: tuple[str, ...]) -> None:
    """Put a run's numbers back to when only the first residuals were trained."""
    RunRecord.load(folder / ENERGIES).with_priors(priors).save(folder / ENERGIES)


def test_a_further_residual_keeps_what_still_fits(demo_run, home):
    full = copy_of(demo_run, home)
    whole = (full / "energies.npz").read_bytes()
    trained_so_far(full, ("gmm", "el"))
    test = page("inspect", run="copy", w="2,1", thr="1.5", beta="-1")
    assert test.session_state["view-state"].weights == (2.0, 1.0)
    (full / "energies.npz").write_bytes(whole)
    test.run()
    assert not test.exception, test.exception
    view = test.session_state["view-state"]
    assert (view.weights, view.threshold, view.beta) == (None, 1.5, -1.0)


def test_every_page_composes_alike(demo_home, demo_run):
    query = {"run": demo_run.id, "priors": "gmm,el", "w": "3,1", "beta": "-1"}
    expected = demo_run.metrics(Lens(-1.0, ("gmm", "el"), (3.0, 1.0)), ["heat"])["heat"]["average"]
    (table,) = [h.body for h in page("compare", **query).get("html") if "heat-table" in h.body]
    assert "HEAT, 3 GMM + 1 EL" in table
    assert f"{100 * expected['auroc']:.1f}" in table
    test = page("new_images", **query)
    assert not test.exception, test.exception
    assert test.query_params["w"] == "3.0,1.0"


def test_back_over_a_change_of_run_brings_its_view(demo_run, home):
    for name in ("a", "b"):
        copy_of(demo_run, home, name)
    test = page("inspect", run="a", thr="1.5", priors="el")
    test.selectbox(key="run-choice").set_value("b").run()
    assert test.query_params["run"] == "b"
    assert "thr" not in test.query_params
    for key, value in {"run": "a", "thr": "1.5", "priors": "el"}.items():
        test.query_params[key] = value  # as the browser's back button does
    test.run()
    view = test.session_state["view-state"]
    assert (test.query_params["run"], view.threshold, view.priors) == ("a", 1.5, ("el",))


def test_back_on_compare_is_followed(demo_home, demo_run):
    test = page("compare", run=demo_run.id, beta="5")
    test.text_input(key="beta_box").set_value("7").run()
    assert test.query_params["beta"] == "7"
    test.query_params["beta"] = "5"
    test.run()
    assert test.text_input(key="beta_box").value == "5"


def test_a_malformed_address_does_not_break_the_page(demo_home, demo_run):
    strange = {"q": "nope", "base": "react2", "w": "1e308,1e308,1e308", "size": "-7", "layout": "x", "brush": "nan,inf"}
    test = page("inspect", run=demo_run.id, set='["nobody"]', like="id/none", order="x:y", **strange)
    assert not test.exception, test.exception
    for name in ("compare", "new_images", "runs", "studies"):
        assert not page(name, det="x", metric="y", runs="z", rows="q", batch="no", own="-1").exception


def test_the_only_run_deleted_starts_the_demo_again(home, monkeypatch):
    from heat_core.runs.manage import list_runs

    monkeypatch.setattr("app.common.run_picker.start", lambda folder: None)
    page("inspect")
    (first,) = list_runs()
    shutil.rmtree(first.folder)
    again = page("inspect")
    assert not again.exception, again.exception
    assert len(list_runs()) == 1


def test_images_scored_before_a_further_residual_are_stale(demo_run, home):
    """Images that were scored before a further residual was trained are to be scored again."""
    folder = copy_of(demo_run, home)
    batch = folder / "own" / "20260101-000000"
    batch.mkdir(parents=True)
    (batch / "log.txt").write_text("")
    two, three = np.zeros((3, 2)), np.zeros(3)
    names = np.array(["a", "b", "c"])
    ScoredImages(names, two, two, three.astype(int), three, np.zeros((3, 128)), two, names[:0]).save(
        batch / "scored.npz"
    )
    test = page("new_images", run="copy")
    assert not test.exception, test.exception
    assert "score them again" in test.warning[0].value
    (batch / "scored.npz").unlink()
    os.utime(batch / "log.txt", (0, 0))  # long ago, and no process holds the lock
    assert "ended without a message" in page("new_images", run="copy").error[0].value
