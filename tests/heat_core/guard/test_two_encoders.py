"""Guards whose priors read two encoders: they score as their run does, from a file and as one ONNX graph."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors import safe_open

from heat_core import Guard, HeatError, Lens, Run, pack
from heat_core.__main__ import main
from heat_core.guard import onnx_file
from heat_core.guard.onnx_file import METADATA_KEY, write_onnx
from heat_core.pipeline.build_guard import build_guard
from heat_core.pipeline.scoring import score
from heat_core.runs.results_file import ENERGIES
from heat_core.storage import read_npz, write_npz
from tests.heat_core.guard.conftest import PRIORS_OF_TWO


def other_images(folder):
    return sorted((folder / "other").iterdir())


def test_a_guard_scores_as_its_run(two_encoders):
    run, folder, guard = two_encoders
    found = guard(folder / "other")
    np.testing.assert_allclose(found.score, run.detector_scores("other", "heat", Lens(beta=0.5)), rtol=1e-5, atol=1e-4)
    assert found.priors == PRIORS_OF_TWO
    assert guard.second_network.name == "test_vit"


def test_the_app_scores_images_with_both_encoders(two_encoders):
    run, folder, guard = two_encoders
    scored = score(run, [folder / "other"])
    verdicts = guard(folder / "other")
    np.testing.assert_allclose(scored.prior + scored.residual, verdicts.prior + verdicts.residual, atol=1e-4)


def test_features_of_both_encoders_get_the_same_verdicts(two_encoders):
    run, folder, guard = two_encoders
    test = run.features("other")
    columns = {"second_avg": test.extra["avg@b"], "second_std": test.extra["std@b"]}
    verdicts = guard.of_features(test.avg, test.std, **columns)
    np.testing.assert_allclose(verdicts.score, guard(folder / "other").score, atol=1e-3)
    broken = test.extra["avg@b"].astype(np.float32)
    broken[2] = np.nan
    assert guard.of_features(test.avg, test.std, **columns | {"second_avg": broken}).error[2]
    with pytest.raises(HeatError, match="GMM-std@b reads second_std, which is missing"):
        guard.of_features(test.avg, test.std, second_avg=columns["second_avg"])
    with pytest.raises(HeatError, match="avg has 6 rows and second_avg 5"):
        guard.of_features(test.avg, test.std, **columns | {"second_avg": columns["second_avg"][:5]})


def test_an_unreadable_image_is_named_by_both(two_encoders, tmp_path):
    _, folder, guard = two_encoders
    (tmp_path / "broken.png").write_bytes(b"no picture")
    first, second = other_images(folder)[:2]
    found = guard([first, tmp_path / "broken.png", second])
    assert [bool(error) for error in found.error] == [False, True, False]
    np.testing.assert_allclose(found.score[[0, 2]], guard([first, second]).score, rtol=1e-6)
    assert np.isnan(guard([tmp_path / "broken.png"]).score).all()


def test_a_file_with_both_weights_needs_no_other_file(two_encoders, tmp_path, monkeypatch):
    run, folder, guard = two_encoders
    packed = tmp_path / "packed.safetensors"
    pack(run, packed, Lens(beta=0.5), with_weights=True)
    expected = guard(folder / "other").score
    for network in ("resnet10t", "test_vit"):
        monkeypatch.setenv("HEAT_HOME", str(tmp_path))
        (folder / f"{network}.safetensors").rename(tmp_path / f"{network}.safetensors")
    try:
        np.testing.assert_array_equal(Guard.load(packed)(folder / "other").score, expected)
        with pytest.raises(HeatError, match=r"test_vit\.safetensors, are not on this machine"):
            Guard.load(folder / "guard.safetensors", tmp_path / "resnet10t.safetensors")(folder / "other")
        moved = [str(tmp_path / f"{network}.safetensors") for network in ("resnet10t", "test_vit")]
        words = ["score", str(folder / "guard.safetensors"), "--weights", moved[0], "--second-weights", moved[1]]
        assert main([*words, "--out", str(tmp_path / "table.csv"), str(folder / "other")]) == 0
        found = Guard.load(folder / "guard.safetensors", moved[0], second_weights=moved[1])
        np.testing.assert_array_equal(found(folder / "other").score, expected)
    finally:
        for network in ("resnet10t", "test_vit"):
            (tmp_path / f"{network}.safetensors").rename(folder / f"{network}.safetensors")


def test_older_versions_refuse_the_format(two_encoders, tmp_path):
    run, folder, _ = two_encoders
    with safe_open(folder / "guard.safetensors", framework="np") as file:
        assert '"format": 2' in file.metadata()["heat_guard"]
    pack(run, tmp_path / "first.safetensors", Lens(priors=("gmm", "el")))
    with safe_open(tmp_path / "first.safetensors", framework="np") as file:
        assert '"format": 1' in file.metadata()["heat_guard"]
    with pytest.raises(HeatError, match="has no second encoder"):
        Guard.load(tmp_path / "first.safetensors", second_weights="w")


def test_the_onnx_graph_has_a_branch_for_each_encoder(two_encoders, tmp_path):
    import onnxruntime

    run, folder, guard = two_encoders
    write_onnx(guard, tmp_path / "guard.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "guard.onnx")
    images = [run.image("other", i) for i in run.ids("other")]
    pixels = [torch.stack([backbone.transform(image) for image in images]) for backbone in guard.backbones]
    assert pixels[0].shape[-1] != pixels[1].shape[-1]
    inputs = {"pixels": pixels[0].numpy(), "second_pixels": pixels[1].numpy()}
    logits, scores, energies, p_values = session.run(None, inputs)
    expected = guard(folder / "other")
    np.testing.assert_allclose(scores, expected.score, rtol=1e-5, atol=1e-4)
    np.testing.assert_array_equal(logits.argmax(1), expected.predicted)
    assert energies.shape == (6, len(PRIORS_OF_TWO))
    np.testing.assert_allclose(p_values, expected.p_value, atol=1.5 / (1 + len(guard.calibration)))
    described = json.loads(session.get_modelmeta().custom_metadata_map[METADATA_KEY])
    assert [described["inputs"][name]["height"] for name in inputs] == [p.shape[-2] for p in pixels]
    assert described["priors"] == list(PRIORS_OF_TWO)
    module = guard.module()
    np.testing.assert_allclose(module(*pixels)[1], expected.score, rtol=1e-5, atol=1e-4)
    with pytest.raises(HeatError, match="2 encoders: give pixels of each"):
        module(pixels[0])
    with pytest.raises(HeatError, match="has two encoders"):
        guard(pixels[0])


def test_a_graph_of_the_first_alone_has_one_branch(two_encoders):
    run, folder, _ = two_encoders
    guard = build_guard(run, Lens(priors=("gmm", "el")))
    images = [run.image("other", i) for i in run.ids("other")[:2]]
    _, scores, _ = guard.module()(torch.stack([guard.backbone.transform(image) for image in images]))
    np.testing.assert_allclose(scores, guard(other_images(folder)[:2]).score, rtol=1e-5, atol=1e-4)


def test_a_run_without_the_folder_of_the_second_says_what_to_do(two_encoders):
    run, _, _ = two_encoders
    folder = run.folder.with_name("older")  # beside it, since paths in a run are relative
    shutil.copytree(run.folder, folder)
    arrays = read_npz(run.folder / ENERGIES)
    summary = json.loads(str(arrays["summary"]))
    del summary["second_features"]
    write_npz(folder / ENERGIES, arrays | {"summary": np.array(json.dumps(summary))})
    older = Run.open(folder)
    with pytest.raises(HeatError, match="GMM-std@b reads a second encoder, whose features of this run are not on"):
        build_guard(older)
    assert build_guard(older, Lens(priors=("gmm", "el")), only_composed=True).second_network is None


def test_weights_that_one_file_does_not_hold_are_refused(two_encoders, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_file, "LARGEST", 2**20)
    with pytest.raises(HeatError, match=r"one ONNX file holds 0\.0"):
        onnx_file.write_onnx(two_encoders[2], tmp_path / "guard.onnx")
    assert not list(tmp_path.iterdir())
