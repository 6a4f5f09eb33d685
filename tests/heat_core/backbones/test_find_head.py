"""The head that is found by what it does: it gives the network's own logits, or there is none and a reason."""

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from heat_core.backbones.find_head import find_linear_head
from heat_core.backbones.registry import load_backbone
from tests.tolerance import assert_close_in_norm

pytestmark = pytest.mark.usefixtures("one_thread")
DIM, CLASSES = 12, 5


class Unsaid(nn.Module):
    """A convolution, mean-pooling and a head; it does not say where its classifier is."""

    num_classes = CLASSES

    def __init__(self, head: nn.Module, maps: bool = False) -> None:
        super().__init__()
        self.stem, self.fc, self.maps = nn.Conv2d(3, DIM, 3), head, maps

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        return self.stem(x).relu()

    def pool(self, volume: torch.Tensor) -> torch.Tensor:
        return volume.mean(dim=(2, 3), keepdim=self.maps)

    def forward_head(self, volume: torch.Tensor, pre_logits: bool = False) -> torch.Tensor:
        avg = self.pool(volume)
        return avg.flatten(1) if pre_logits else self.logits(avg, volume)

    def logits(self, avg: torch.Tensor, volume: torch.Tensor) -> torch.Tensor:
        return self.fc(avg).flatten(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.forward_head(self.forward_features(x))


class Toy(Unsaid):
    """A network with timm's methods."""

    def get_classifier(self) -> nn.Module:
        return self.fc


class TwoHeads(Toy):
    """Distilled: the logits of two heads, averaged or added."""

    def __init__(self, first: nn.Module, second: nn.Module, share: float = 0.5, drop: bool = False) -> None:
        super().__init__(first)
        self.fc_dist, self.share, self.drop = second, share, nn.Dropout() if drop else None

    def logits(self, avg: torch.Tensor, volume: torch.Tensor) -> torch.Tensor:
        avg = self.drop(avg) if self.drop else avg
        return self.share * (self.fc(avg) + self.fc_dist(avg))


class AuxiliaryMaximum(Toy):
    """As VOLO: half of the maximum over the positions of another head is added."""

    def __init__(self) -> None:
        super().__init__(nn.Linear(DIM, CLASSES))
        self.aux = nn.Linear(DIM, CLASSES)

    def logits(self, avg: torch.Tensor, volume: torch.Tensor) -> torch.Tensor:
        return self.fc(avg) + 0.5 * self.aux(volume.flatten(2).transpose(1, 2)).amax(dim=1)


class Scaled(Toy):
    """Its classifier is a linear layer, and its logits are others."""

    def logits(self, avg: torch.Tensor, volume: torch.Tensor) -> torch.Tensor:
        return 2 * self.fc(avg)


class Pair(Toy):
    """Its logits are no single tensor."""

    def forward(self, x: torch.Tensor):
        return super().forward(x), None


def normed(dim: int = DIM) -> nn.Sequential:
    """BatchNorm with statistics as of training, then a linear layer."""
    norm = nn.BatchNorm1d(dim)
    norm.running_mean, norm.running_var = torch.randn(dim), torch.rand(dim) + 0.2
    norm.weight.data, norm.bias.data = torch.randn(dim), torch.randn(dim)
    return nn.Sequential(norm, nn.Dropout(0.5), nn.Linear(dim, CLASSES))


def asked(model: nn.Module):
    """What is found of a network, and its `avg` and logits of other images than those that it was found with."""
    model.eval().requires_grad_(False)
    with torch.inference_mode():
        pixels, others = torch.randn(4, 3, 8, 8), torch.randn(9, 3, 8, 8)
        avg = model.forward_head(model.forward_features(others), pre_logits=True)
        head, reason = find_linear_head(
            model, pixels, model.forward_head(model.forward_features(pixels), pre_logits=True)
        )
        return head, reason, avg.double().numpy(), model(others)


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


AFFINE = {
    "linear": lambda: Toy(nn.Linear(DIM, CLASSES)),
    "without bias": lambda: Toy(nn.Linear(DIM, CLASSES, bias=False)),
    "dropout": lambda: Toy(nn.Sequential(nn.Dropout(0.5), nn.Linear(DIM, CLASSES))),
    "two layers": lambda: Toy(nn.Sequential(nn.Linear(DIM, 7), nn.Linear(7, CLASSES))),
    "BatchNorm": lambda: Toy(normed()),
    "1 x 1 convolution": lambda: Toy(nn.Conv2d(DIM, CLASSES, 1), maps=True),
    "two heads": lambda: TwoHeads(nn.Linear(DIM, CLASSES), nn.Linear(DIM, CLASSES)),
    "two heads with BatchNorm": lambda: TwoHeads(normed(), normed()),
    "two heads, Dropout before": lambda: TwoHeads(nn.Linear(DIM, CLASSES), nn.Linear(DIM, CLASSES), drop=True),
    "as many classes as features": lambda: Toy(nn.Linear(DIM, DIM)),
    "two heads of as many classes as features": lambda: TwoHeads(nn.Linear(DIM, DIM), nn.Linear(DIM, DIM)),
    "not said where": lambda: Unsaid(nn.Linear(DIM, CLASSES)),
}


@pytest.mark.parametrize("kind", AFFINE)
def test_a_head_that_is_affine_gives_the_networks_logits(kind):
    head, reason, avg, logits = asked(AFFINE[kind]())
    assert reason == ""
    assert (head[0].dtype, head[1].dtype) == (np.float64, np.float64)
    assert (head[0].shape, head[1].shape) == ((logits.shape[1], DIM), (logits.shape[1],))
    np.testing.assert_allclose(avg @ head[0].T + head[1], logits, atol=1e-4)


def test_square_heads_behind_a_dropout():
    """Two heads with as many classes as features are found behind a dropout."""
    head, _, avg, logits = asked(TwoHeads(nn.Linear(DIM, DIM), nn.Linear(DIM, DIM), drop=True))
    np.testing.assert_allclose(avg @ head[0].T + head[1], logits, atol=1e-4)


@pytest.mark.parametrize("bias", [True, False])
def test_a_linear_layers_weights_are_taken_bit_for_bit(bias):
    layer = nn.Linear(DIM, CLASSES, bias=bias)
    head, *_ = asked(Toy(layer))
    np.testing.assert_array_equal(head[0].astype(np.float32), layer.weight.numpy())
    np.testing.assert_array_equal(head[1].astype(np.float32), layer.bias.numpy() if bias else np.zeros(CLASSES))


def test_the_mean_of_two_heads_is_the_mean_of_their_weights():
    first, second = nn.Linear(DIM, CLASSES), nn.Linear(DIM, CLASSES)
    head, *_ = asked(TwoHeads(first, second))
    assert_close_in_norm(head[0], (first.weight + second.weight).numpy() / 2, 1e-6)
    assert_close_in_norm(head[1], (first.bias + second.bias).numpy() / 2, 1e-6)


def test_a_batchnorms_statistics_are_in_the_head():
    norm, _, layer = model = normed()
    head, *_ = asked(Toy(model))
    scale = (norm.weight / (norm.running_var + norm.eps).sqrt()).numpy()
    np.testing.assert_allclose(head[0], layer.weight.numpy() * scale, rtol=1e-4, atol=1e-6)
    shift = norm.bias.numpy() - norm.running_mean.numpy() * scale
    np.testing.assert_allclose(head[1], layer.weight.numpy() @ shift + layer.bias.numpy(), rtol=1e-4, atol=1e-5)


MORE, CURVED = (
    "its classifier reads more than the pooled features",
    "its classifier is not linear in the pooled features",
)
NO_HEAD = {
    "auxiliary maximum": (AuxiliaryMaximum, MORE),
    "other logits": (lambda: Scaled(nn.Linear(DIM, CLASSES)), MORE),
    "two heads, added": (lambda: TwoHeads(nn.Linear(DIM, CLASSES), nn.Linear(DIM, CLASSES), 1.0), MORE),
    "MLP": (lambda: Toy(nn.Sequential(nn.Linear(DIM, 32), nn.GELU(), nn.Linear(32, CLASSES))), CURVED),
    "LayerNorm": (lambda: Toy(nn.Sequential(nn.LayerNorm(DIM), nn.Linear(DIM, CLASSES))), CURVED),
    "softmax": (lambda: Toy(nn.Sequential(nn.Linear(DIM, CLASSES), nn.Softmax(dim=1))), CURVED),
    "no classifier": (lambda: Toy(nn.Identity()), "the weights have no classifier"),
    "a pair": (lambda: Pair(nn.Linear(DIM, CLASSES)), "the network does not give one vector of logits"),
}


@pytest.mark.parametrize("kind", NO_HEAD)
def test_a_head_that_is_not_affine_is_none_with_its_reason(kind):
    make, reason = NO_HEAD[kind]
    assert asked(make())[:2] == (None, reason)


def test_no_classes_are_no_classifier():
    model = Toy(nn.Linear(DIM, CLASSES))
    model.num_classes = 0
    assert asked(model)[:2] == (None, "the weights have no classifier")


def test_looking_leaves_the_network_as_it_was():
    model = Toy(normed())
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    asked(model)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert model.fc[2].weight.dtype == torch.float32


@pytest.mark.parametrize(("name", "size"), [("test_resnet", 32), ("test_vit", 32), ("shvit_s1", 32)])
def test_networks_of_timm(tmp_path, name, size):
    model = timm.create_model(name, num_classes=3).eval()
    for key, buffer in model.named_buffers():  # a trained BatchNorm has statistics of its own
        if key.startswith("head") and key.endswith("mean"):
            buffer.copy_(torch.randn(buffer.shape) * 0.3)
        if key.startswith("head") and key.endswith("var"):
            buffer.copy_(torch.rand(buffer.shape) + 0.2)
    save_file({key: value.clone() for key, value in model.state_dict().items()}, tmp_path / "w.safetensors")
    backbone = load_backbone(name, str(tmp_path / "w.safetensors"), size)
    assert backbone.no_head_reason == ""
    with torch.inference_mode():
        pixels = torch.randn(5, 3, size, size)
        avg, logits = backbone(pixels)[0], backbone.model(pixels)
    weight, bias = backbone.head
    np.testing.assert_allclose(avg.double().numpy() @ weight.T + bias, logits, atol=1e-4)
