"""Experiment → Run: the whole way on real (embedded) images, resuming, and what a damaged run says."""

import json
import subprocess
import sys
import time

import numpy as np
import pytest

from heat_core import Experiment, HeatError, Lens, Run, compose, run
from heat_core.jobs import jobs
from heat_core.runs.creation import new_run
from heat_core.runs.manage import list_runs
from heat_core.storage import read_npz, write_npz
from tests.conftest import copy_run


def small(**changes) -> Experiment:
    settings = {"width": 16, "updates": 6, "epochs": 3, "langevin_steps": 2}
    base = {
        "id": "demo-digits",
        "id_test": "demo-digits",
        "ood": {"unseen": "demo-unseen-digits"},
        "backbone": "heat-demo-resnet",
        "preset": "quick",
        "limit": 30,
        "map": False,
        "settings": settings,
    }
    return Experiment(**base | changes)


@pytest.fixture
def copied(demo_run, home):
    """A copy of the demo's run folder that a test may damage."""
    folder = home / "runs" / demo_run.id
    copy_run(demo_run, folder)
    return folder


def test_the_demo_detects_what_its_classifier_does_not_know(demo_run):
    assert demo_run.status == "done"
    metrics = demo_run.metrics()
    baselines = ["msp", "maxlogit", "el", "knn", "gmm", "gmm-std"]
    assert list(metrics) == [*baselines, "heat-gmm", "heat-gmm-std", "heat-el", "heat"]
    assert demo_run.accuracy > 0.97
    for row in metrics.values():
        assert set(row) == {*demo_run.ood_names, "average"}
        assert all(0 <= v <= 1 for cell in row.values() for v in cell.values())


def test_the_demo_shows_what_the_method_is_for(demo_run):
    """EL and GMM fail in different places, and HEAT at β = 0 is the best row by more than the noise of a seed."""
    metrics = demo_run.metrics()

    def fpr95(row, where):
        return metrics[row][where]["fpr95"]

    assert fpr95("gmm", "unseen digits") > fpr95("el", "unseen digits") + 0.2  # near
    assert fpr95("el", "photo patches") > fpr95("gmm", "photo patches") + 0.2  # far
    heat = metrics.pop("heat")["average"]
    assert heat["auroc"] >= max(row["average"]["auroc"] for row in metrics.values()) + 0.01
    assert heat["fpr95"] <= min(row["average"]["fpr95"] for row in metrics.values()) - 0.03


def test_each_residual_improves_its_prior(demo_run):
    """A residual of zero would leave every ranking, and so every AUROC, exactly as it was."""
    metrics, gains = demo_run.metrics(), {}
    for k, prior in enumerate(demo_run.priors):
        corrected, uncorrected = metrics[f"heat-{prior}"]["average"], metrics[prior]["average"]
        gains[prior] = corrected["auroc"] - uncorrected["auroc"]
        assert gains[prior] > 0, prior
        assert corrected["fpr95"] < uncorrected["fpr95"], prior
        for name in demo_run.datasets:
            alone = (demo_run.prior_energies(name)[:, k] - demo_run.scale.mean[k]) / demo_run.scale.std[k]
            moved = demo_run.detector_scores(name, f"heat-{prior}") - alone
            assert moved.std() > 0.01, (prior, name)  # in standard deviations of ID; not the same shift for all
    assert max(gains.values()) > 0.005


def test_scores_are_the_composition_of_the_standardised_energies(demo_run):
    energies = demo_run.energies("photo patches")
    assert energies.shape == (520, 3)
    np.testing.assert_array_equal(demo_run.scores("photo patches", Lens(1.5)), compose(energies, 1.5))
    np.testing.assert_array_equal(
        demo_run.scores("photo patches", Lens(-1, ("el", "gmm"))), compose(energies[:, [2, 0]], -1)
    )
    hybrid = demo_run.prior_energies("id") + demo_run.residual_energies("id")
    expected = (hybrid - demo_run.scale.mean) / demo_run.scale.std
    np.testing.assert_allclose(demo_run.energies("id"), expected)
    np.testing.assert_allclose(
        demo_run.prior_energies("id")[:, 0] * demo_run.record.temperatures[0], demo_run.detector_scores("id", "gmm")
    )


def test_samples_and_map_keep_their_ids(demo_run):
    for name in demo_run.datasets:
        ids = demo_run.ids(name)
        assert len(set(ids)) == len(ids) == len(demo_run.scores(name)) == len(demo_run.predicted(name))
        assert demo_run.image(name, str(ids[-1])).size == (32, 32)
    points = demo_run.map
    assert np.isfinite(points.xy).all()
    for i, name in enumerate(demo_run.datasets):
        np.testing.assert_array_equal(points.row[points.dataset == i], np.arange(len(demo_run.ids(name))))
    with pytest.raises(HeatError, match="no longer"):
        demo_run.image("id", "digit/9999")


def test_unknown_parts_of_a_run_give_a_sentence(demo_run):
    with pytest.raises(HeatError, match="no set"):
        demo_run.energies("birds")
    with pytest.raises(HeatError, match="no residual"):
        demo_run.scores("id", Lens(priors=("vim",)))
    with pytest.raises(HeatError, match="at least one prior"):
        demo_run.scores("id", Lens(priors=()))
    with pytest.raises(HeatError, match="no detector"):
        demo_run.detector_scores("id", "oracle")


def test_same_seed_same_run(home):
    a, b, other = run(small()), run(small()), run(small(seed=1))
    np.testing.assert_array_equal(a.energies("unseen"), b.energies("unseen"))
    assert not np.array_equal(a.energies("unseen"), other.energies("unseen"))
    assert {r.id for r in list_runs()} == {a.id, b.id, other.id}


def test_own_images_with_any_timm_backbone(tmp_path, image_folder, weights_of):
    """A folder without a test split, a ViT with a thousand classes: the head is fitted, a fifth is held out."""
    known = image_folder(tmp_path / "known", {"a": 15, "b": 15})
    unknown = image_folder(tmp_path / "unknown", {"": 8})
    messages = []
    done = run(
        small(
            id=str(known),
            id_test=None,
            ood={"mine": str(unknown)},
            backbone="test_vit",
            weights=str(weights_of("test_vit")),
            limit=None,
        ),
        on_event=lambda e: messages.append(e["message"]),
    )
    assert done.energies("id").shape == (6, 3)
    assert done.energies("mine").shape == (8, 3)
    assert any("logistic-regression head" in m for m in messages)
    assert any("ledoit-wolf" in m for m in messages)
    assert done.image("id", str(done.ids("id")[0])).size == (32, 32)


def test_a_1x1_feature_map_leaves_gmm_std_out_and_says_so(tmp_path, image_folder, weights_of):
    known, unknown = image_folder(tmp_path / "k", {"a": 15, "b": 15}), image_folder(tmp_path / "u", {"": 8})
    done = run(
        small(
            id=str(known),
            id_test=None,
            ood={"u": str(unknown)},
            backbone="test_resnet",
            weights=str(weights_of("test_resnet")),
            image_size=32,
        )
    )
    assert done.priors == ["gmm", "el"]
    assert "larger image size" in done.left_out["gmm-std"]


def test_resuming_trains_only_what_is_missing(home):
    whole = run(small())
    reference = whole.energies("unseen")
    (whole.folder / "residual-el.safetensors").unlink()
    stages = []
    again = run(whole.experiment, whole.folder, on_event=lambda e: stages.append(e["message"]))
    assert "The residual of gmm is already trained." in stages
    assert any(m.startswith("el: epoch 1") for m in stages)
    np.testing.assert_array_equal(again.energies("unseen"), reference)


@pytest.mark.slow
def test_a_killed_job_is_interrupted_and_can_be_resumed(home):
    folder = new_run(small(settings={"width": 64, "updates": 4000, "epochs": 400, "langevin_steps": 5}))
    process = jobs.start(folder)
    until = time.monotonic() + 120
    while not any(e.get("epoch") for e in Run.open(folder).events()):
        assert time.monotonic() < until
        time.sleep(0.1)
    assert Run.open(folder).status == "running"
    with pytest.raises(HeatError, match="another process"):
        run(small(), folder)
    process.kill()
    process.wait()
    assert Run.open(folder).status == "interrupted"
    info = json.loads((folder / "run.json").read_text())
    info["experiment"]["settings"]["updates"] = info["experiment"]["settings"]["epochs"] = 4
    (folder / "run.json").write_text(json.dumps(info))
    assert jobs.start(folder).wait(120) == 0
    assert Run.open(folder).status == "done"


def test_a_cancelled_job_says_so_and_keeps_what_was_finished(home):
    folder = new_run(small(settings={"width": 64, "updates": 4000, "epochs": 400, "langevin_steps": 5}))
    process = jobs.start(folder)
    until = time.monotonic() + 120
    while not Run.open(folder).has_energies:
        assert time.monotonic() < until
        time.sleep(0.1)
    jobs.cancel(Run.open(folder))
    assert process.wait(30) == 130
    cancelled = Run.open(folder)
    assert cancelled.status == "cancelled"
    assert cancelled.metrics()["gmm"]["unseen"]["auroc"] > 0.5
    with pytest.raises(HeatError, match="not running"):
        jobs.cancel(cancelled)


def test_nan_weights_fail_with_a_sentence_that_the_run_keeps(home, monkeypatch):
    from heat_core.pipeline import sources

    def broken(*args, **keywords):
        raise HeatError("1 of 3 images have NaN features")

    monkeypatch.setattr(sources, "extract", broken)
    with pytest.raises(HeatError):
        run(small())
    (failed,) = list_runs()
    assert (failed.status, failed.info["error"]) == ("failed", "1 of 3 images have NaN features")


@pytest.mark.parametrize("file", ["run.json", "energies.npz", "map.npz"])
@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_a_damaged_run_gives_a_sentence(copied, file, damage):
    path = copied / file
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    def read_everything():
        damaged = Run.open(copied)
        return damaged.metrics(), damaged.map

    with pytest.raises(HeatError, match=r"missing|damaged"):
        read_everything()
    assert len(list_runs()) == (file != "run.json")


def test_a_cut_off_residual_gives_a_sentence(home):
    done = run(small())
    path = done.folder / "residual-gmm.safetensors"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(HeatError, match="damaged"):
        run(done.experiment, done.folder)
    assert Run.open(done.folder).metrics()["gmm"]["unseen"]["auroc"] > 0.5  # the numbers are still there


def test_a_last_event_that_was_cut_off_is_left_out(copied):
    path = copied / "events.jsonl"
    whole = len(Run.open(copied).events())
    path.write_text(path.read_text() + '{"stage": "resi')
    assert len(Run.open(copied).events()) == whole


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    write_npz(tmp_path / "a.npz", {"x": np.arange(3)})

    def full(*args, **keywords):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(HeatError, match="No space left"):
        write_npz(tmp_path / "a.npz", {"x": np.arange(4)})
    np.testing.assert_array_equal(read_npz(tmp_path / "a.npz")["x"], [0, 1, 2])
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]


def test_opening_a_run_does_not_import_torch(demo_run):
    code = (
        f"import sys, heat_core; heat_core.Run.open({str(demo_run.folder)!r}).metrics(); print('torch' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"


@pytest.mark.slow
def test_heat_core_needs_no_streamlit_plotly_or_umap():
    code = (
        "import sys; [sys.modules.__setitem__(m, None) for m in ('streamlit', 'plotly', 'umap')]; "
        "import heat_core.pipeline.pipeline, heat_core.__main__, numpy as np; "
        "from heat_core.pipeline.umap_process import project; "
        "print(project(np.random.default_rng(0).normal(size=(20, 5))).shape)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "(20, 2)"
