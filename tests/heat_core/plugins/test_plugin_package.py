"""A package with a detector and a prior, installed with pip: in the lists, in a run, in the form, and in a guard."""

import os
import sys

import numpy as np
import pytest
import torch

from heat_core import Guard, HeatError, Lens, Run, detectors, pack, run
from heat_core.analysis.comparison import compare
from heat_core.analysis.comparison_rows import entries_of
from heat_core.energies.names import all_priors, prior_title, second_priors
from heat_core.energies.priors import prior_class
from heat_core.energies.views import VIEWS
from heat_core.reporting.tables import to_markdown
from heat_core.runs.creation import new_run
from tests.app.test_pages import page
from tests.heat_core.detectors.test_register import experiment
from tests.heat_core.plugins.conftest import heat, write_distribution

ORIGIN = "heat-diagonal 1.2"


@pytest.fixture
def done(plugin, tmp_path) -> Run:
    """A finished run with the prior and the detector of the package."""
    return run(experiment(tmp_path, ["msp", "feature-norm"], priors=["gmm", "diagonal"]))


def test_names_are_known_before_anything_is_imported(plugin):
    assert "feature-norm" in detectors.names()
    assert all_priors()[-1] == "diagonal"
    assert "diagonal@b" in second_priors()
    assert prior_title("diagonal") == "diagonal"
    assert not any(module.startswith("heat_diagonal.") for module in sys.modules)
    assert VIEWS["diagonal@b"].column == "avg@b"
    assert prior_title("diagonal@b") == "Diagonal@b"


def test_the_command_line_lists_the_detector_with_its_plugin(plugin, tmp_path, monkeypatch):
    """Beside it, a plugin and a module that cannot be imported are one sentence each, and everything else works."""
    write_distribution(tmp_path, "heat_broken", "0.1", "[heat_core.detectors]\nbroken = heat_broken.nothing\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    listed = heat("detectors", HEAT_PLUGINS="absent_module")
    assert listed.returncode == 0, listed.stderr
    (line,) = [line for line in listed.stdout.splitlines() if line.startswith("feature-norm")]
    assert line.endswith(f"(from {ORIGIN})")
    assert "broken" not in listed.stdout
    assert listed.stderr.splitlines() == [
        "The module absent_module of HEAT_PLUGINS cannot be imported (ModuleNotFoundError: No module named "
        "'absent_module').",
        "The plugin heat_broken 0.1 cannot be imported (ModuleNotFoundError: No module named 'heat_broken').",
    ]


def test_a_run_has_both_rows_and_keeps_where_they_come_from(done):
    assert done.priors == ["gmm", "diagonal"]
    assert done.title("heat-diagonal") == "HEAT-Diagonal"
    assert list(done.record.titles)[-2:] == ["gmm", "diagonal"]
    assert done.record.plugins == {"feature-norm": ORIGIN, "diagonal": ORIGIN}
    assert f"Diagonal comes from {ORIGIN}." in done.record.notes
    norms = -np.linalg.norm(done.features("unknown").avg, axis=1)
    np.testing.assert_allclose(done.detector_scores("unknown", "feature-norm"), norms, rtol=1e-6)
    rows = VIEWS["diagonal"].array(done.features("train")).astype(float)
    z = VIEWS["diagonal"].array(done.features("unknown")).astype(float)
    energy = 0.5 * (((z - rows.mean(axis=0)) / (rows.std(axis=0) + 1e-6)) ** 2).sum(axis=1)
    np.testing.assert_allclose(done.detector_scores("unknown", "diagonal"), energy, rtol=1e-4)


def test_the_gradient_of_the_example_is_autograds(plugin):
    z = torch.from_numpy(np.random.default_rng(0).normal(size=(20, 8))).requires_grad_()
    prior = prior_class("diagonal")().fit(z.detach().numpy() * 3, np.zeros(20))
    (expected,) = torch.autograd.grad(prior.energy(z).sum(), z)
    torch.testing.assert_close(prior.gradient(z.detach()), expected)


def test_a_job_finds_the_plugin(plugin, tmp_path):
    folder = new_run(experiment(tmp_path, ["feature-norm"], priors=["diagonal"]))
    job = heat("job", str(folder))
    assert job.returncode == 0, job.stderr
    assert Run.open(folder).detectors == ["el", "feature-norm", "gmm", "diagonal", "heat-diagonal", "heat"]


def test_the_prior_reads_a_second_encoder(plugin, run_of_files, weights_of, uninstall):
    second = {"second_backbone": "test_vit", "second_weights": str(weights_of("test_vit"))}
    done = run_of_files(["gmm", "diagonal@b"], **second)
    assert done.record.plugins == {"diagonal@b": ORIGIN}
    assert done.priors == ["gmm", "diagonal@b"]
    scores = done.detector_scores("other", "heat-diagonal@b")
    uninstall()
    opened = Run.open(done.folder)
    assert opened.title("heat-gmm+diagonal@b") == "HEAT-GMM+Diagonal@b"
    np.testing.assert_array_equal(opened.detector_scores("other", "heat-diagonal@b"), scores)


def test_without_the_plugin_a_run_stands_and_says_what_it_lacks(done, uninstall, tmp_path):
    uninstall()
    opened = Run.open(done.folder)
    assert "diagonal" not in all_priors()
    assert opened.status == "done"
    assert opened.title("heat-diagonal") == "HEAT-Diagonal"
    table = compare(entries_of(opened), replicates=10)
    kinds = dict(zip(table.labels, table.evidence, strict=True))
    assert (kinds["Feature norm"], kinds["Diagonal"], kinds["HEAT-Diagonal"]) == ("features",) * 3
    assert "HEAT-Diagonal" in to_markdown(table)
    assert f"Feature norm comes from {ORIGIN}." in opened.record.notes
    before = opened.info
    with pytest.raises(HeatError, match=rf"the row 'feature-norm', which comes from {ORIGIN}: install that"):
        run(opened.experiment, opened.folder)
    assert Run.open(opened.folder).info == before
    with pytest.raises(HeatError, match=rf"the row 'diagonal', which comes from {ORIGIN}: install that first"):
        pack(opened, tmp_path / "guard.safetensors")
    pack(opened, tmp_path / "guard.safetensors", Lens(priors=("gmm",)))


def test_a_guard_holds_the_prior_and_asks_for_its_plugin(done, tmp_path, uninstall):
    pack(done, tmp_path / "guard.safetensors")
    guard, features = Guard.load(tmp_path / "guard.safetensors"), done.features("unknown")
    scores = guard.of_features(features.avg).score
    np.testing.assert_allclose(scores, done.scores("unknown"), rtol=1e-4, atol=1e-4)
    guard.save(tmp_path / "again.safetensors")
    assert Guard.load(tmp_path / "again.safetensors").scale.priors == ("gmm", "diagonal")
    uninstall()
    with pytest.raises(HeatError, match=f"the prior 'diagonal', which comes from {ORIGIN}: install"):
        Guard.load(tmp_path / "guard.safetensors")


def test_the_form_of_a_new_run_offers_both(plugin):
    form = page("runs", view="new")
    assert not form.exception
    assert "diagonal" in form.pills(key="new-priors").options
    assert "feature-norm" in next(field for field in form.multiselect if field.label == "Baselines").options


def test_the_form_shows_why_a_module_cannot_be_imported(monkeypatch):
    monkeypatch.setenv("HEAT_PLUGINS", "absent_module")
    form = page("runs", view="new")
    assert any("absent" in warning.value and "cannot be imported" in warning.value for warning in form.warning)
