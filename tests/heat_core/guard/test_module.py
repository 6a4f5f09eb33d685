"""The guard as one network: the same verdicts, also after torch.export and in onnxruntime."""

import copy

import numpy as np
import pytest
import torch

from heat_core import Experiment, HeatError, Lens, composition, run
from heat_core.guard.guard import Guard
from heat_core.guard.module import GuardModule, compose, export_program
from heat_core.guard.onnx_file import OUTPUTS, write_onnx
from heat_core.pipeline.build_guard import build_guard
from tests.conftest import make_folder, save_network

SETTINGS = {"epochs": 1, "updates": 4, "width": 32}
NETWORKS = {"cnn": ("resnet10t", 32), "vit": ("vit_tiny_patch16_224", 48)}


@pytest.fixture(scope="module", params=sorted(NETWORKS))
def guarded(request, tmp_path_factory) -> tuple[Guard, torch.Tensor]:
    """A guard of a run over image files with a network drawn at random, and pixels of seven images."""
    folder, (name, side) = tmp_path_factory.mktemp(request.param), NETWORKS[request.param]
    make_folder(folder / "known", {"a": 60, "b": 60})
    make_folder(folder / "other", {"": 6})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEAT_HOME", str(folder / "home"))
        sets = {"id": str(folder / "known"), "ood": {"other": str(folder / "other")}}
        network = {"backbone": name, "image_size": side, "weights": str(save_network(folder, name))}
        made = run(Experiment(**sets, **network, detectors=[], settings=SETTINGS, map=False))
        guard = build_guard(made, Lens(beta=-0.7))
        images = [made.image("other", i) for i in made.ids("other")] + [made.image("id", made.ids("id")[0])]
    return guard, torch.stack([guard.backbone.transform(image) for image in images])


def assert_like(found, guard: Guard, pixels: torch.Tensor, atol: float) -> None:
    logits, score, energies = (np.asarray(values) for values in found)
    expected = guard(pixels)
    np.testing.assert_allclose(score, expected.score, atol=atol)
    composed = guard.lens.select_priors(guard.scale.priors)
    np.testing.assert_allclose(energies, np.stack([expected.energies[p] for p in composed], axis=1), atol=atol)
    np.testing.assert_array_equal(logits.argmax(axis=1), expected.predicted)
    confidence = torch.softmax(torch.from_numpy(logits), dim=1).amax(dim=1)
    np.testing.assert_allclose(confidence, expected.confidence, atol=atol)


def test_it_says_what_the_guard_says(guarded):
    guard, pixels = guarded
    assert_like(guard.module()(pixels), guard, pixels, 1e-3)


def test_it_can_be_exported_and_takes_batches_of_any_size(guarded, tmp_path):
    guard, pixels = guarded
    torch.export.save(export_program(guard), tmp_path / "guard.pt2")
    program = torch.export.load(tmp_path / "guard.pt2").module()
    for part in (pixels, pixels[:1], pixels[:3]):
        for found, expected in zip(program(part), guard.module()(part), strict=True):
            np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.slow
def test_onnxruntime_finds_the_same_to_1e_4(guarded, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    guard, pixels = guarded
    write_onnx(guard, tmp_path / "guard.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["guard.onnx"]  # one file, weights inside
    session = onnxruntime.InferenceSession(tmp_path / "guard.onnx")
    assert [out.name for out in session.get_outputs()] == list(OUTPUTS)
    for part in (pixels, pixels[:1]):
        outputs = session.run(None, {"pixels": part.numpy()})
        for found, expected in zip(outputs[:3], guard.module()(part), strict=True):
            np.testing.assert_allclose(found, expected.numpy(), atol=1e-4)


class Larger(torch.nn.Module):
    """A network with a guard as one of its parts, and weights of its own."""

    def __init__(self, part: torch.nn.Module) -> None:
        super().__init__()
        self.part, self.own = part, torch.nn.Linear(1, 1)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.own(self.part(pixels)[1][:, None])


def unfreeze(network: torch.nn.Module) -> None:
    for module in network.modules():
        module.training = True
    network.requires_grad_(True)


@pytest.mark.parametrize("switch", [torch.nn.Module.train, unfreeze, torch.nn.Module.requires_grad_])
@pytest.mark.parametrize("copied", [False, True])
def test_training_a_larger_network_leaves_it_as_it_was(guarded, switch, copied):
    guard, pixels = guarded
    larger = Larger(guard.module())
    larger = copy.deepcopy(larger) if copied else larger
    before, state = larger.part(pixels)[1], copy.deepcopy(larger.part.state_dict())
    assert not any(parameter.requires_grad for parameter in larger.part.parameters())
    switch(larger)
    torch.testing.assert_close(larger.part(pixels)[1], before)
    optimizer = torch.optim.SGD(larger.parameters(), lr=0.1, weight_decay=0.1)
    larger(pixels).sum().backward()
    optimizer.step()
    assert not any(module.training for module in larger.part.modules())
    for name, values in larger.part.state_dict().items():
        torch.testing.assert_close(values, state[name], rtol=0, atol=0, msg=name)
    larger.eval()
    torch.testing.assert_close(larger.part(pixels)[1], before)


def test_a_backbone_in_training_mode_keeps_its_features(guarded):
    guard, pixels = guarded
    backbone = copy.deepcopy(guard.backbone).cpu()
    before = backbone(pixels)[0]
    torch.nn.ModuleList([backbone]).train()
    torch.testing.assert_close(backbone(pixels)[0], before)


def test_gradients_reach_the_pixels(guarded):
    guard, pixels = guarded
    moved = pixels.clone().requires_grad_()
    guard.module()(moved)[1].sum().backward()
    assert moved.grad is not None
    assert moved.grad.abs().sum() > 0


def test_it_does_not_follow_nor_change_the_guard(guarded):
    guard, pixels = guarded
    before = guard.module()(pixels)[1]
    guard.module().parts[0].residual.scale(0.0)
    np.testing.assert_allclose(guard.module()(pixels)[1], before)


@pytest.mark.parametrize("beta", [0.0, 1e-9, -1e-9, 1e-6, 1e-3, -0.3, 1.0, -5.0, 1e3, 1e6, -1e6, np.inf, -np.inf])
@pytest.mark.parametrize("weights", [(1.0, 1.0, 1.0), (2.0, 0.0, 1.0), (0.0, 0.0, 5.0)])
def test_composition_is_that_of_the_plain_formula_in_float64(beta, weights):
    rng = np.random.default_rng(0)
    energies = np.r_[rng.normal(size=(40, 3)), 100 * rng.normal(size=(10, 3)), np.ones((1, 3))]
    shares = torch.tensor(weights, dtype=torch.float64) / sum(weights)
    found = compose(torch.tensor(energies, dtype=torch.float32), beta, shares)
    np.testing.assert_allclose(found, composition.compose(energies, beta, weights), rtol=1e-5, atol=1e-5)


def test_a_network_that_cannot_be_exported_gives_a_sentence(guarded, tmp_path, monkeypatch):
    guard, _ = guarded

    def data_dependent(self, pixels):
        if pixels.sum() > 0:
            return pixels
        return -pixels

    monkeypatch.setattr(GuardModule, "forward", data_dependent)
    with pytest.raises(HeatError, match="cannot be exported to ONNX"):
        write_onnx(guard, tmp_path / "guard.onnx")
    assert not list(tmp_path.iterdir())
