"""Studies from what was asked to their numbers: shared runs, shared residuals, kills and resumes."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from heat_core import Experiment, HeatError
from heat_core.energies.corrected_prior import fit_prior
from heat_core.energies.residual_cache import ResidualCache
from heat_core.energies.settings import settings_for
from heat_core.features.store import load_features
from heat_core.reporting import tables
from heat_core.runs.events import read_events
from heat_core.runs.manage import list_runs
from heat_core.studies import STUDY_NAMES
from heat_core.studies.catalogue import STUDIES
from heat_core.studies.execution import current_results, plan_runs, run_study, seconds_left
from heat_core.studies.page import to_csv
from heat_core.studies.request import StudyFolder, StudyRequest, list_studies, new_study, run_folder, studies_home


class Killed(BaseException):
    """An exception that no code catches, as if the process had ended."""


def numbers(study: StudyFolder) -> list[str]:
    """Everything that a study shows; times are another each time."""
    results = current_results(study)[1]
    assert results
    timeless = [t for result in results for t in result.tables if t.metric != "ms"]
    return [tables.to_csv(t) for t in timeless] + [to_csv(c) for result in results for c in result.curves]


def trained(study: StudyFolder) -> int:
    return sum(e["message"].startswith("Training the residual") for e in read_events(study.folder))


def request_of(name: str, base, seeds=(0, 1)) -> StudyRequest:
    values = {"lambda": (0.1, 10.0), "updates": (2.0, 5.0)}
    return StudyRequest(name, base, seeds, values.get(name, ()))


def test_the_names_are_those_of_the_catalogue():
    assert set(STUDY_NAMES) == set(STUDIES)


@pytest.mark.parametrize("name", [n for n in STUDY_NAMES if n != "paper"])
def test_a_study_that_was_killed_goes_on_where_it_was(name, base, tmp_path, monkeypatch):
    monkeypatch.setenv("HEAT_HOME", str(tmp_path / "whole"))
    whole = new_study(request_of(name, base))
    run_study(whole)
    expected = numbers(whole)

    monkeypatch.setenv("HEAT_HOME", str(tmp_path / "killed"))
    study = new_study(request_of(name, base))
    runs = len({one.folder for one in plan_runs(study.request)})
    heard = []

    def die(event):
        heard.append(event)
        if event.get("done") == runs - 1 and re.search("epoch|already trained", event["message"]):
            raise Killed

    with pytest.raises(Killed):
        run_study(study, die)
    before = {run.id: (run.folder / "energies.npz").stat().st_mtime_ns for run in list_runs() if run.status == "done"}
    assert len(before) == runs - 1
    assert list_studies()[0].info["status"] == "running"  # it could not say that it ended

    again = new_study(request_of(name, base))
    assert again.folder == study.folder
    run_study(again)
    assert list_studies()[0].info["status"] == "done"
    after = {run.id: (run.folder / "energies.npz").stat().st_mtime_ns for run in list_runs()}
    assert {run: after[run] for run in before} == before
    assert numbers(again) == expected


@pytest.mark.slow
def test_a_process_that_is_killed_loses_nothing(base, tmp_path, home):
    """The whole set of the paper from the command line, ended by SIGKILL in its middle."""
    base = replace(base, map=True, settings=base.settings | {"updates": 40, "epochs": 10})  # `study` has no --no-map
    words = [*shlex.split(base.to_command())[4:]]
    command = [sys.executable, "-m", "heat_core", "study", "paper", *words, "--seeds", "0"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    until = time.monotonic() + 120
    while time.monotonic() < until and sum(run.status == "done" for run in list_runs()) < 3:
        time.sleep(0.05)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    (study,) = list_studies()
    done = {run.id: (run.folder / "energies.npz").stat().st_mtime_ns for run in list_runs() if run.status == "done"}
    assert len(done) >= 3
    run_study(study)
    assert {run.id: (run.folder / "energies.npz").stat().st_mtime_ns for run in list_runs() if run.id in done} == done
    titles = [result.title for result in current_results(study)[1]]
    for what in ("Tab. 1)", "Tab. 3)", "Tab. 4)", "Tab. 10)", "Tab. 12)", "Fig. 1)", "Fig. 3b)", "Figs. 4, 7)"):
        assert sum(what in title for title in titles) == 1, what


def test_studies_share_runs_and_residuals(base):
    first = new_study(StudyRequest("priors", base, (0,)))
    run_study(first)
    assert trained(first) == 3
    for name, more in (("beta", 0), ("methods", 0), ("near-far", 0), ("dice", 1)):
        study = new_study(StudyRequest(name, base, (0,)))
        run_study(study)
        assert trained(study) == more, name
    kept = len(list((studies_home() / "residuals").glob("*.safetensors")))
    assert kept == 4


def test_residuals_as_trained_stand_beside_rescaled_ones(base):
    """Both columns are the runs' own numbers, trained once, in either order and also where the base is as trained."""
    columns = {}
    for balanced, name in ((True, "as trained"), (False, "rescaled")):
        asked = replace(base, settings=base.settings | {"balanced": balanced})
        study = new_study(StudyRequest("priors", asked, (0,)))
        run_study(study)
        assert trained(study) == (3 if balanced else 0)
        finished, (corrections, _, subsets) = current_results(study)
        (other,) = finished.runs_of(name)
        table = corrections.tables[1]
        own = [group for group, _ in table.columns].index(name)
        labels = [label for label, row in zip(table.labels, table.cells, strict=True) if row[own]]
        assert labels == ["HEAT-GMM", "HEAT-GMM-std", "HEAT-EL"]
        shown = [row[own].value for row in table.cells if row[own]]
        expected = [100 * other.metrics()[f"heat-{p}"]["average"]["auroc"] for p in ("gmm", "gmm-std", "el")]
        assert shown == pytest.approx(expected, abs=1e-9)
        columns[name] = [run.residual_energies("id") for run in (other, *finished.runs_of("base"))]
        assert {row[own].rank for row in table.cells if row[own]} == {0}  # the priors have none, and might be better
        assert min(row[own].rank for row in subsets.tables[0].cells) == 1
        assert any(answer.startswith("HEAT, rescaled against as trained: ") for answer in corrections.answers)
        assert corrections.answers[-1].startswith("This training averages the weights of a residual and ends its")
    for given, same in zip(columns["as trained"], reversed(columns["rescaled"]), strict=True):
        np.testing.assert_array_equal(given, same)
    rescaled, as_trained = columns["rescaled"]
    factor = rescaled.std(axis=0) / as_trained.std(axis=0)
    np.testing.assert_allclose(rescaled, factor * as_trained, rtol=1e-4, atol=1e-5 * np.abs(rescaled).max())


def test_few_images_have_another_residual_as_trained(base):
    """With fewer than 10 images a dimension the rescaled residual sees a fifth less, so that both are trained."""
    study = new_study(StudyRequest("priors", replace(base, share=0.4), (0,)))
    run_study(study)
    assert trained(study) == 6


def test_a_run_of_its_own_takes_nothing_from_the_shelf(base):
    from heat_core import run

    run_study(new_study(StudyRequest("beta", base, (0,))))
    events = []
    run(base, on_event=events.append)
    assert sum(e["message"].startswith("Training the residual") for e in events) == 3


def test_a_newer_field_at_its_default_changes_no_digest(base, tmp_path):
    """A field that was added later changes no digest at its default.

    Earlier studies and runs are found again; with other class weights they are others, and so is the residual.
    """
    named = Experiment("a", {"b": "c"}, preset="paper")  # the default of then
    assert new_study(StudyRequest("dice", named)).id == "dice-c8d57cad1e5c"  # as before the field
    assert new_study(StudyRequest("dice", replace(named, mixture_weights="empirical"))).id != "dice-c8d57cad1e5c"
    assert run_folder(named, "x") == run_folder(Experiment.from_dict(named.to_dict()), "x")
    assert run_folder(named, "x") != run_folder(replace(named, mixture_weights="empirical"), "x")

    train = load_features(Path(base.id)).subset(np.arange(100))  # of uneven classes
    settings = settings_for("gmm", base.preset, base.settings)
    parts = {kind: fit_prior("gmm", train, None, weights=kind) for kind in ("uniform", "empirical")}
    paths = {kind: ResidualCache(tmp_path).path_for(part, train, settings, 0, "cpu") for kind, part in parts.items()}
    assert paths["uniform"] == ResidualCache(tmp_path).path_for(
        fit_prior("gmm", train, None), train, settings, 0, "cpu"
    )
    assert paths["uniform"] != paths["empirical"]


def test_other_files_are_another_run(base, tmp_path):
    request = StudyRequest("beta", base, (0,))
    folder = plan_runs(request)[0].folder
    z = np.load(tmp_path / "close" / "avg.npy")
    np.save(tmp_path / "close" / "avg.npy", z + 1)
    assert plan_runs(request)[0].folder != folder
    assert run_folder(base, "a") == run_folder(replace(base, name="another", map=True), "a") != run_folder(base, "b")


def test_the_estimate_falls_as_runs_end(base):
    request = StudyRequest("beta", base, (0, 1))
    before = seconds_left(plan_runs(request))
    run_study(new_study(request))
    assert before > 0 == seconds_left(plan_runs(request))


def test_a_run_that_fails_does_not_stop_the_others(base):
    study = new_study(StudyRequest("share", base, (0,), (0.001, 1.0)))  # one sample a class does not vary
    with pytest.raises(HeatError, match=r"0%, seed 0: .*do not vary"):
        run_study(study)
    assert [setting.label for setting, _ in current_results(study)[0].runs] == ["100%"]
    assert list_studies()[0].info["status"] == "failed"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"seeds": ()}, "at least one seed"),
        ({"seeds": (1, 1)}, "each seed only once"),
        ({"values": (1.0, 1.0)}, "given twice"),
        ({"study": "alpha"}, "There is no study 'alpha'"),
        ({"study": "lambda", "values": (0.0,)}, "λ must be greater than 0"),
        ({"study": "share", "values": (2.0,)}, "share must lie above 0"),
        ({"study": "updates", "values": (0.5,)}, "whole number of at least 1"),
    ],
)
def test_impossible_requests_are_refused(change, sentence, base):
    content = {"study": "beta", "base": base, "seeds": (0,), "values": ()} | change
    with pytest.raises(HeatError, match=sentence):
        plan_runs(StudyRequest(**content))


def test_a_damaged_study_says_so_and_hides_no_other(base):
    work_folder = new_study(StudyRequest("beta", base, (0,))).folder
    broken = new_study(StudyRequest("beta", base, (0, 1))).folder
    (broken / "run.json").write_text("{")
    assert [study.folder for study in list_studies()] == [work_folder]
    with pytest.raises(HeatError):
        StudyFolder(broken)
