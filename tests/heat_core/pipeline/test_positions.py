"""Where in an image: positions left out one by one, against a plain loop in float64."""

import json
import shutil
import time
from dataclasses import replace

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from scipy.special import logsumexp
from timm.data import resolve_data_config

from heat_core import Experiment, HeatError, Run, run
from heat_core.__main__ import main
from heat_core.backbones.registry import Backbone, load_backbone
from heat_core.data.image_location import ImageLocation
from heat_core.energies.corrected_prior import refit_prior
from heat_core.energies.priors import GaussianMixture
from heat_core.features.features import Features
from heat_core.jobs import jobs
from heat_core.pipeline.positions import pooled_values, position_contributions, positions_of, visible_box
from heat_core.runs.lock import FAILED_FILE
from heat_core.runs.position_maps import POSITIONS, Positions
from heat_core.runs.results_file import ENERGIES, RunRecord
from heat_core.storage import write_npz
from tests.conftest import make_folder
from tests.tolerance import assert_close_in_norm

SETTINGS = {"width": 16, "updates": 6, "epochs": 3, "langevin_steps": 2}


def experiment(folder, backbone: str, weights, **changes) -> Experiment:
    base = {"backbone": backbone, "weights": str(weights), "image_size": 96, "preset": "quick", "settings": SETTINGS}
    sets = {"id": str(folder / "known"), "ood": {"-u/x": str(folder / "unknown")}, "priors": ["el"], "map": False}
    return Experiment(**sets | base | changes)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    make_folder(folder / "known", {"a": 15, "b": 15, "c": 15})
    make_folder(folder / "unknown", {"": 8})
    return folder


@pytest.fixture(scope="module")
def cnn(images, tmp_path_factory):
    """A run of a small CNN with random weights, 3 × 3 positions; its table has GMM, its HEAT has not."""
    home = tmp_path_factory.mktemp("cnn")
    torch.manual_seed(0)
    save_file(timm.create_model("test_resnet").state_dict(), home / "w.safetensors")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEAT_HOME", str(home))
        yield run(experiment(images, "test_resnet", home / "w.safetensors"))


def normalised(z: np.ndarray) -> np.ndarray:
    return z / np.linalg.norm(z, axis=-1, keepdims=True)


def plainly(values: np.ndarray, train: Features, covariance: str, head) -> tuple[np.ndarray, np.ndarray, int]:
    """E and logit of z less those of z without p, position by position: (P,), (P,), the class."""
    mixture = GaussianMixture(covariance).fit(normalised(np.asarray(train.avg, np.float32)), train.labels)

    def energy(z: np.ndarray) -> float:
        away = normalised(z) - mixture.means_
        return -logsumexp(-0.5 * np.einsum("cd,de,ce->c", away, mixture.precision_, away))

    weight, bias = head
    z = values.mean(axis=0)
    seen = int(np.argmax(weight @ z + bias))
    others = [np.delete(values, p, axis=0).mean(axis=0) for p in range(len(values))]
    of_energy = np.array([energy(z) - energy(o) for o in others])
    return of_energy, np.array([(weight @ z - weight @ o)[seen] for o in others]), seen


def test_contributions_are_those_of_a_plain_loop(cnn):
    e, dataset = cnn.experiment, "-u/x"
    backbone = load_backbone(e.backbone, e.weights, e.image_size)
    for sample in map(str, cnn.ids(dataset)[:3]):
        found = positions_of(cnn, f"{dataset}/{sample}")
        with torch.inference_mode():
            volume = backbone.model.forward_features(backbone.transform(cnn.image(dataset, sample))[None])
        values = volume[0].double().numpy().reshape(volume.shape[1], -1).T
        of_energy, of_logit, seen = plainly(values, cnn.features("train"), e.covariance, cnn.head)
        assert_close_in_norm(found.energy, of_energy.reshape(3, 3), 1e-6)
        assert_close_in_norm(found.logit, of_logit.reshape(3, 3), 1e-6)
        assert np.ptp(found.energy) > 1e-3
        assert np.ptp(found.logit) > 1e-6
        row = cnn.ids(dataset).tolist().index(sample)
        assert found.class_name == cnn.class_names[cnn.predicted(dataset)[row]] == cnn.class_names[seen]
        assert found.energy_of_image == pytest.approx(cnn.detector_scores(dataset, "gmm")[row], rel=1e-4)
        assert found.energy_sum == pytest.approx(of_energy.sum())
        assert found.logit_sum == pytest.approx(0, abs=1e-9)
        np.testing.assert_allclose(found.box, [0, 0, 1, 1], atol=0.005)


def test_a_training_image_and_a_file_are_as_good(cnn, tmp_path, monkeypatch):
    sample = str(cnn.training_ids[4])
    of_sample = positions_of(cnn, f"train/{sample}")
    cnn.image("train", sample).save(tmp_path / "same.png")
    of_file = positions_of(cnn, str(tmp_path / "same.png"))
    np.testing.assert_array_equal(of_file.energy, of_sample.energy)
    assert of_file.class_name == of_sample.class_name


@pytest.mark.parametrize("side", [96, 160])
def test_the_patches_of_a_vit_are_a_grid_without_its_register(side):
    """A ViT that averages its patch tokens; one token before them is none."""
    torch.manual_seed(0)
    model = timm.create_model("test_vit2", fc_norm=False, img_size=side)
    model.head = torch.nn.Identity()
    config = resolve_data_config({}, model=model) | {"input_size": (3, side, side), "crop_pct": 1.0}
    backbone = Backbone.from_timm(model, "test_vit2", config)
    rng, count = np.random.default_rng(0), side // 16
    picture = Image.fromarray(rng.integers(0, 255, (side, side, 3), dtype=np.uint8))
    values, grid = pooled_values(backbone, picture)
    with torch.inference_mode():
        tokens = model.forward_features(backbone.transform(picture)[None])[0].double()
    assert grid == (count, count)
    torch.testing.assert_close(values, tokens[1:])

    z = (values.mean(dim=0).numpy() + rng.normal(size=(60, values.shape[1]))).astype(np.float32)
    train = Features(z, None, np.arange(60) % 3, [str(i) for i in range(60)], ["a", "b", "c"])
    head = rng.normal(size=(3, z.shape[1])), rng.normal(size=3)
    part = refit_prior("gmm", train, head, "auto", "uniform", "")
    found = position_contributions(values, grid, part, head, train.class_names, np.array([0.0, 0, 1, 1]))
    of_energy, of_logit, seen = plainly(values.numpy(), train, "auto", head)
    np.testing.assert_allclose(found.energy, of_energy.reshape(grid), rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(found.logit, of_logit.reshape(grid), rtol=1e-5, atol=1e-10)
    assert found.class_name == train.class_names[seen]


def test_what_a_crop_leaves_of_a_picture():
    model = timm.create_model("test_resnet")
    picture = Image.new("RGB", (400, 300))
    for share, expected in ((1.0, [0.125, 0, 0.875, 1]), (0.5, [0.3125, 0.25, 0.6875, 0.75])):
        config = resolve_data_config({}, model=model) | {"input_size": (3, 96, 96), "crop_pct": share}
        box = visible_box(Backbone.from_timm(model, "test_resnet", config), picture)
        np.testing.assert_allclose(box, expected, atol=0.01)


# ---- in a process of its own -----------------------------------------------------------------------------------------


def answer_in(folder) -> None:
    until = time.monotonic() + 120
    while not ((folder / POSITIONS).exists() or (folder / FAILED_FILE).exists()):
        assert time.monotonic() < until, (folder / "log.txt").read_text()
        time.sleep(0.1)


@pytest.mark.slow
def test_a_process_leaves_the_positions_or_the_reason(cnn, tmp_path):
    sample, well, badly = str(cnn.ids("-u/x")[0]), tmp_path / "well", tmp_path / "badly"
    for folder in (well, badly):
        folder.mkdir()
    jobs.start_positions(cnn, "-u/x", sample, well)
    answer_in(well)
    found, here = Positions.load(well / POSITIONS), positions_of(cnn, f"-u/x/{sample}")
    np.testing.assert_allclose(found.energy, here.energy, rtol=1e-4, atol=1e-4)
    assert (found.class_name, found.energy.shape) == (here.class_name, (3, 3))
    jobs.start_positions_of_file(cnn, ImageLocation(tmp_path / "none.png"), badly)
    answer_in(badly)
    assert "none.png is no sample of this run (SET/ID), and no file." in (badly / FAILED_FILE).read_text()


def test_on_the_command_line(cnn, capsys):
    assert main(["positions", str(cnn.folder), f"id/{cnn.ids('id')[0]}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [len(line.split()) for line in lines if ":" not in line] == [3] * 6
    assert lines[0].startswith("GMM energy: ")


# ---- refused ---------------------------------------------------------------------------------------------------------


def test_a_class_token_cannot_be_taken_apart(images, tmp_path, weights_of, capsys):
    done = run(experiment(images, "test_vit", weights_of("test_vit"), image_size=None))
    into = tmp_path / "into"
    into.mkdir()
    assert main(["positions", str(done.folder), f"id/{done.ids('id')[0]}", "--into", str(into)]) == 2
    assert "The pooling of test_vit cannot be taken apart" in capsys.readouterr().err
    assert "cannot be taken apart" in (into / FAILED_FILE).read_text()
    assert not (into / POSITIONS).exists()


def test_one_position_cannot_be_left_out(images, weights_of):
    done = run(experiment(images, "test_resnet", weights_of("test_resnet"), image_size=32))
    with pytest.raises(HeatError, match="one position of such an image: choose a larger image size"):
        positions_of(done, f"id/{done.ids('id')[0]}")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("given features", "made from features"),
        ("no such sample", "no sample of this run"),
        ("no such set", "no sample of this run"),
        ("no picture", "no longer"),
        ("no image", "cannot be read as an image"),
        ("no features", "not on this machine"),
        ("no head", "missing"),
    ],
)
def test_what_cannot_work_gives_a_sentence(cnn, home, tmp_path, damage, said):
    folder, what = home / "runs" / "copy", f"id/{cnn.ids('id')[0]}"
    shutil.copytree(cnn.folder, folder)
    shutil.copy(cnn.folder.parents[1] / "w.safetensors", home)
    info, record = json.loads((folder / "run.json").read_text()), RunRecord.load(folder / ENERGIES)
    if damage == "given features":
        info["experiment"]["backbone"] = "features"
    elif damage == "no such sample":
        what = "id/none.png"
    elif damage == "no such set":
        what = what.replace("id/", "odd/")
    elif damage == "no picture":
        shutil.copytree(cnn.experiment.id, tmp_path / "moved")
        (tmp_path / "moved" / str(cnn.ids("id")[0])).unlink()
        info["experiment"]["id"] = str(tmp_path / "moved")
    elif damage == "no image":
        (tmp_path / "text.png").write_text("hello")
        what = str(tmp_path / "text.png")
    elif damage == "no features":
        replace(record, features=record.features | {"train": str(tmp_path / "gone")}).save(folder / ENERGIES)
    elif damage == "no head":
        (folder / "head.npz").unlink()
    (folder / "run.json").write_text(json.dumps(info))
    with pytest.raises(HeatError, match=said):
        positions_of(Run.open(folder), what)


GRID = np.arange(6.0).reshape(2, 3)
SOUND = Positions(GRID, -GRID, "<b>cät", 3.5, 0.25, np.array([0.0, 0.1, 1.0, 0.9]))


def test_what_is_saved_is_read_again(tmp_path):
    SOUND.save(tmp_path / POSITIONS)
    again = Positions.load(tmp_path / POSITIONS)
    for name, value in SOUND.__dict__.items():
        np.testing.assert_array_equal(getattr(again, name), value, name)
    assert (again.energy_sum, again.logit_sum) == (15.0, -15.0)


@pytest.mark.parametrize(
    "damage",
    ["missing", "cut", "another kind", {"logit": GRID.T}, {"energy": GRID * np.nan}, {"box": np.zeros(3)}],
    ids=str,
)
def test_damaged_positions_give_a_sentence(tmp_path, damage):
    path = tmp_path / POSITIONS
    if isinstance(damage, dict):
        replace(SOUND, **damage).save(path)
    elif damage == "another kind":
        write_npz(path, {"format": np.array(1), "class_name": np.array("x"), "energy": GRID})
    elif damage == "cut":
        SOUND.save(path)
        path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(HeatError, match=r"missing|again"):
        Positions.load(path)
