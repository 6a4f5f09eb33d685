"""Guards: a run in one file says of images what the run says."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file

from heat_core import Experiment, HeatError, Lens, Run, pack, run
from heat_core.energies.names import BUILT_IN
from heat_core.guard.file import is_guard
from heat_core.guard.guard import Guard
from heat_core.pipeline.build_guard import build_guard
from heat_core.runs.experiment import TRAIN
from tests.conftest import copy_run
from tests.tolerance import assert_close_in_norm


@pytest.fixture(scope="module")
def packed(demo_run, tmp_path_factory):
    path = tmp_path_factory.mktemp("guard") / "guard.safetensors"
    pack(demo_run, path)
    return path


@pytest.fixture
def pictures(demo_run, tmp_path):
    """Five of the run's own test images as files, and one that is none."""
    for i in range(5):
        demo_run.image("id", str(demo_run.ids("id")[i])).save(tmp_path / f"{i}.png")
    (tmp_path / "2b.png").write_bytes(b"no image")
    return tmp_path


@pytest.mark.slow
def test_it_scores_as_its_run_does_without_the_run(demo_run, packed, tmp_path):
    """A guard scores as its run does, in a process that has no access to the run."""
    features = demo_run.features("unseen digits")
    np.savez(tmp_path / "features.npz", avg=features.avg, std=features.std)
    code = (
        "import sys, numpy as np; from heat_core.guard.guard import Guard\n"
        "f = np.load(sys.argv[2]); v = Guard.load(sys.argv[1]).of_features(f['avg'], f['std'])\n"
        "np.savez(sys.argv[3], score=v.score, p=v.p_value, predicted=v.predicted, confidence=v.confidence,"
        " energies=np.stack(list(v.energies.values()), 1))"
    )
    words = [sys.executable, "-c", code, packed, tmp_path / "features.npz", tmp_path / "found.npz"]
    subprocess.run(words, check=True, env={"PATH": "", "HEAT_HOME": str(tmp_path / "nowhere")})
    found = np.load(tmp_path / "found.npz")
    expected, known = demo_run.scores("unseen digits"), demo_run.scores("id")
    assert_close_in_norm(found["score"], expected, 1e-5)
    literal = [(1 + (known >= s).sum()) / (len(known) + 1) for s in found["score"]]
    np.testing.assert_allclose(found["p"], literal, atol=1e-12)
    np.testing.assert_array_equal(found["predicted"], demo_run.predicted("unseen digits"))
    assert_close_in_norm(found["confidence"], demo_run.confidence("unseen digits"), 1e-6)
    parts = demo_run.prior_energies("unseen digits") + demo_run.residual_energies("unseen digits")
    assert_close_in_norm(found["energies"], parts, 1e-5)
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.slow
def test_every_prior_comes_back_to_the_last_digit(demo_run, home):
    folder = demo_run.features("id").folder
    sets = {"id": str(demo_run.features(TRAIN).folder), "id_test": str(folder), "ood": {"x": str(folder)}}
    settings = {"epochs": 1, "updates": 4, "width": 32, "langevin_steps": 2}
    made = run(
        Experiment(**sets, backbone="features", priors=list(BUILT_IN), detectors=[], map=False, settings=settings)
    )
    assert made.priors == list(BUILT_IN)
    pack(made, home / "all.safetensors")
    guard, features = Guard.load(home / "all.safetensors"), demo_run.features("id")
    found = guard.of_features(features.avg, features.std)
    np.testing.assert_allclose(found.prior + found.residual, made.prior_energies("id") + made.residual_energies("id"))
    np.testing.assert_allclose(found.score, made.scores("id"), rtol=1e-9)
    with pytest.raises(HeatError, match="has no network"):
        guard("a.png")


def test_images_in_every_shape_get_the_same_verdicts(packed, pictures):
    guard = Guard.load(packed)
    names = [str(pictures / f"{i}.png") for i in range(5)]
    by_path = guard(names)
    assert by_path.ids == names
    opened = [Image.open(name).convert("RGB") for name in names]
    by_picture, one = guard(opened), guard(opened[3])
    by_pixels = guard(torch.stack([guard.backbone.transform(image) for image in opened]))
    for other in (by_picture, by_pixels):
        assert_close_in_norm(other.score, by_path.score, 1e-5)
        assert other.predicted_class == by_path.predicted_class
    np.testing.assert_allclose(one.score, by_path.score[3], atol=1e-4)
    assert [len(guard(pictures)), guard(pictures).ids[3].endswith("2b.png")] == [6, True]
    grey = guard([opened[0].convert("L"), opened[0].convert("RGBA")])
    assert grey.error == ["", ""]


def test_an_unreadable_image_keeps_its_place(packed, pictures):
    """An image that cannot be read keeps its place, and the others keep their verdicts."""
    guard = Guard.load(packed)
    names = [pictures / "0.png", pictures / "2b.png", pictures / "gone.png", pictures / "1.png"]
    found, alone = guard(names), guard([names[0], names[3]])
    assert found.error == ["", "not readable", "not readable", ""]
    assert_close_in_norm(found.score[[0, 3]], alone.score, 1e-5)
    assert np.isnan(found.score[1:3]).all()
    assert found.predicted[1] == -1
    assert found.predicted_class[1] == ""
    assert not found.unknown(0.99)[1]
    assert guard([names[1]]).error == ["not readable"]


def test_features_that_are_not_finite_get_an_error_and_no_score(demo_run, packed):
    features, guard = demo_run.features("id"), Guard.load(packed)
    avg = np.array(features.avg[:4])
    avg[1, 0], avg[2, 3] = np.nan, np.inf
    found = guard.of_features(avg, features.std[:4])
    assert found.error == ["", "its features are not finite", "its features are not finite", ""]
    assert_close_in_norm(found.score[[0, 3]], demo_run.scores("id")[[0, 3]], 1e-5)


@pytest.mark.parametrize(
    ("avg", "std", "why"),
    [
        (np.zeros((2, 64)), None, "GMM-std reads std"),
        (np.zeros((2, 63)), np.zeros((2, 64)), "avg has 63 dimensions, and this guard reads 64"),
        (np.zeros((2, 64)), np.zeros((3, 64)), "one row per image"),
        (np.zeros(64), None, "must be an"),
        (np.array([["a"]]), None, "must be an"),
    ],
)
def test_features_of_another_kind_give_a_sentence(packed, avg, std, why):
    with pytest.raises(HeatError, match=why):
        Guard.load(packed).of_features(avg, std)


@pytest.mark.parametrize("images", [[], [3], torch.zeros(3, 32, 32), torch.zeros(1, 3, 32, 32, dtype=torch.uint8)])
def test_what_is_no_image_gives_a_sentence(packed, images):
    with pytest.raises(HeatError):
        Guard.load(packed)(images)


def test_the_lens_is_packed_with_the_priors_it_uses_alone(demo_run, tmp_path):
    """The lens of the pack is kept, and the priors that it leaves out are not in the file."""
    lens = Lens(beta=-2.0, priors=("gmm", "el"), weights=(2.0, 1.0), threshold=0.7)
    pack(demo_run, tmp_path / "g.safetensors", lens)
    guard, features = Guard.load(tmp_path / "g.safetensors"), demo_run.features("id")
    found = guard.of_features(features.avg)  # GMM-std is not in it: no std is needed
    assert_close_in_norm(found.score, demo_run.scores("id", lens), 1e-5)
    np.testing.assert_allclose(guard.calibration.scores, demo_run.scores("id", lens), atol=1e-12)
    assert [list(found.energies), guard.threshold] == [["gmm", "el"], 0.7]
    with safe_open(tmp_path / "g.safetensors", "pt") as file:
        assert not [name for name in file.keys() if "std/" in name.removeprefix("scale")]  # noqa: SIM118


def test_it_says_what_the_calibration_stands_on(demo_run, packed):
    assert Guard.load(packed).calibration_note.startswith(f"Calibrated on {len(demo_run.ids('id')):,} ")
    chosen = Lens(beta=demo_run.suggested_beta or 0.0)
    if chosen.beta:
        assert "was chosen by them" in build_guard(demo_run, chosen).calibration_note


def test_p_values_within_the_predicted_class(demo_run, packed):
    guard, features = Guard.load(packed), demo_run.features("unseen digits")
    found = guard.of_features(features.avg, features.std, by_class=True)
    known, seen = demo_run.scores("id"), demo_run.predicted("id")
    own = [known[seen == c] for c in found.predicted[:20]]
    literal = [(1 + (k >= s).sum()) / (len(k) + 1) for k, s in zip(own, found.score[:20], strict=True)]
    np.testing.assert_allclose(found.p_value[:20], literal)


def test_weights_are_packed_on_request(demo_run, packed, pictures, tmp_path):
    build_guard(demo_run).save(tmp_path / "whole.safetensors", with_weights=True)
    found = Guard.load(tmp_path / "whole.safetensors")
    assert found.network.weight_bytes
    np.testing.assert_allclose(found([pictures / "0.png"]).score, Guard.load(packed)([pictures / "0.png"]).score)
    found.save(tmp_path / "again.safetensors", with_weights=True)
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "whole.safetensors").read_bytes()


def test_another_network_is_refused(run_of_files, tmp_path):
    made = run_of_files()
    pack(made, tmp_path / "g.safetensors")
    weights = tmp_path / "resnet10t.safetensors"
    state = {k: v + 0.01 for k, v in __import__("safetensors.torch").torch.load_file(weights).items()}
    moved = weights.rename(tmp_path / "moved.safetensors")
    with pytest.raises(HeatError, match="are not on this machine: give their file"):
        Guard.load(tmp_path / "g.safetensors")(tmp_path / "other")
    assert len(Guard.load(tmp_path / "g.safetensors", weights=moved)(tmp_path / "other")) == 6
    save_file(state, weights)
    with pytest.raises(HeatError, match="give the weights that it was made with"):
        Guard.load(tmp_path / "g.safetensors")(tmp_path / "other")
    with pytest.raises(HeatError, match="are others than when run"):
        pack(Run.open(made.folder), tmp_path / "h.safetensors")


@pytest.mark.parametrize("damage", ["flip", "cut", "format", "other", "empty", "gone", "folder", "header"])
def test_a_damaged_file_gives_a_sentence(packed, tmp_path, damage):
    path = tmp_path / "g.safetensors"
    content = bytearray(packed.read_bytes())
    if damage == "flip":
        content[-1000] ^= 1
    elif damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "empty":
        content = bytearray()
    path.write_bytes(content)
    if damage in ("format", "header"):
        with safe_open(packed, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            header = json.loads(file.metadata()["heat_guard"])
        header |= {"format": 9} if damage == "format" else {"parts": {}}
        save_file(tensors, path, metadata={"heat_guard": json.dumps(header)})
    elif damage == "other":
        save_file({"a": torch.zeros(1)}, path)
    elif damage == "gone":
        path.unlink()
    elif damage == "folder":
        path.unlink()
        path.mkdir()
    with pytest.raises(HeatError, match=r"pack|guard"):
        Guard.load(path)


def test_what_a_file_says_of_itself(packed, demo_run):
    assert is_guard(packed)
    assert not is_guard(demo_run.folder / "residual-gmm.safetensors")
    assert not is_guard(demo_run.folder)


def test_a_run_without_what_it_was_made_from_gives_a_sentence(demo_run, home):
    folder = home / "runs" / "copy"
    copy_run(demo_run, folder)
    (folder / "residual-el.safetensors").unlink()
    with pytest.raises(HeatError, match="residual-el"):
        pack(Run.open(folder), home / "g.safetensors")
    assert not (home / "g.safetensors").exists()
    with pytest.raises(HeatError, match="no residual for 'knn'"):
        pack(demo_run, home / "g.safetensors", Lens(priors=("knn",)))


def test_it_holds_nothing_that_only_training_needs(packed, demo_run):
    kept = demo_run.features(TRAIN).avg.nbytes
    residuals = sum(path.stat().st_size for path in demo_run.folder.glob("residual-*.safetensors"))
    assert packed.stat().st_size < residuals + 100_000 < residuals + kept
    with safe_open(packed, "pt") as file:
        names = set(file.keys())
    assert {"gmm/prior/whitener", "gmm/prior/white_means", "el/prior/weight"} < names
    assert not {n for n in names if n.endswith(("/precision", "/root", "/prior/mean", "/prior/std"))}


def test_a_changed_guard_has_another_fingerprint(packed):
    from heat_core.guard.file import guard_fingerprint

    guard = Guard.load(packed)
    before = guard_fingerprint(guard)
    assert guard_fingerprint(Guard.load(packed)) == before
    guard.lens = replace(guard.lens, beta=1.0)
    assert guard_fingerprint(guard) != before
