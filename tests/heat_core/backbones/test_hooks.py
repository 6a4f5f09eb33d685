"""Any module as a backbone: where its parts are found, that its head is its own, and what is refused."""

import pickle
import threading
import types

import numpy as np
import pytest
import timm
import torch
from torch import nn
from torchvision import models
from torchvision import transforms as T

from heat_core import HeatError
from heat_core.backbones.registry import Backbone, load_backbone
from heat_core.data.datasets import open_dataset
from heat_core.features.columns import pooled_columns, require_stages
from heat_core.features.extraction import extract
from tests.heat_core.backbones.networks import CLASSES, NETWORKS, SIDE, TRANSFORM, Plain, drawn

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("named", [True, False], ids=["named", "found"])
def test_avg_gives_the_logits_and_std_is_that_of_the_volume(name, named):
    make, head, pool, of_volume = NETWORKS[name]
    module = drawn(make)
    backbone = Backbone.wrap(module, TRANSFORM, *((pool or "auto", head) if named else ()))
    pixels, caught = torch.randn(5, 3, SIDE, SIDE), []
    module.get_submodule(of_volume).register_forward_hook(lambda _, __, out: caught.append(out))
    with torch.inference_mode():
        avg, std = backbone(pixels)
        logits = module(pixels)
    weight, bias = backbone.head
    assert weight.shape == (CLASSES, avg.shape[1])
    assert logits.std(dim=0).min() > 1e-3  # the images are told apart
    np.testing.assert_allclose(avg.double().numpy() @ weight.T + bias, logits, rtol=1e-4, atol=1e-4)
    volume = caught[0][:, 1:].transpose(1, 2) if name == "vit" else caught[0].flatten(2)
    np.testing.assert_allclose(std, volume.numpy().std(axis=2), rtol=1e-3, atol=1e-5)
    assert backbone.input_size == (SIDE, SIDE)
    assert backbone.pixel_std.flatten().tolist() == pytest.approx([0.2, 0.25, 0.3], abs=1e-5)


def wrapped(module=None, **keywords) -> Backbone:
    torch.manual_seed(0)
    return Backbone.wrap(Plain() if module is None else module, TRANSFORM, **keywords)


@pytest.mark.parametrize(
    "answer",
    [
        lambda logits, avg: {"features": avg, "logits": logits},
        lambda logits, avg: (logits, avg),
        lambda logits, avg: {"out": [logits]},
    ],
)
def test_logits_are_taken_out_of_what_answers_with_more(answer):
    backbone = wrapped(Plain(answer=answer))
    assert backbone.extractor.head.module == "fc"
    assert backbone.head[0].shape == (3, 8)


def test_an_encoder_has_no_head():
    backbone = wrapped(Plain(answer=lambda logits, avg: avg), head="none")
    pixels = torch.randn(2, 3, SIDE, SIDE)
    torch.testing.assert_close(backbone(pixels)[0], backbone.model(pixels))
    assert backbone.head is None
    assert backbone.no_head_reason == "it is an encoder without one"


def test_without_a_volume_there_is_no_std():
    backbone = wrapped(pool=None)
    assert [column.name for column in pooled_columns(backbone)] == ["avg"]
    assert backbone(torch.randn(2, 3, SIDE, SIDE))[1] is None
    assert backbone.volume_kind == "one vector alone"


def test_methods_that_need_stages_say_so():
    with pytest.raises(
        HeatError, match=r"Gram reads the layers of the network, which wrapped:Plain@.* does not provide"
    ):
        require_stages(wrapped(), "Gram")


class OfBatch(Plain):
    """Each image is normalised by all images of its batch."""

    def forward(self, pixels):
        return super().forward(pixels - pixels.mean(dim=0))


@pytest.mark.parametrize(
    ("module", "keywords", "why"),
    [
        (Plain(), {"head": "fx"}, "Plain has no module 'fx' for head=: name one such as fc"),
        (Plain(), {"pool": "avgpool"}, "no module 'avgpool' for pool="),
        (Plain(), {"head": "stem"}, "stem of Plain does not give the model's logits"),
        (Plain(answer=lambda z, avg: z.softmax(dim=1)), {"head": "fc"}, "fc of Plain does not give the model's logits"),
        (Plain(answer=lambda z, avg: z.softmax(dim=1)), {}, "No linear layer of Plain outputs its logits"),
        (Plain(answer=lambda z, avg: None), {}, "returns a NoneType"),
        (nn.Sequential(nn.Flatten(), nn.Linear(5, 3)), {}, "Sequential cannot be used at 64×64 pixels"),
        (OfBatch(), {}, "depend on the other images"),
        (models.mobilenet_v3_small(num_classes=3), {"head": "classifier"}, "classifier of MobileNetV3 does not give"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_sentence(module, keywords, why):
    with pytest.raises(HeatError, match=why):
        wrapped(module, **keywords)


def test_a_module_that_was_not_called():
    module = Plain()
    module.aside = nn.Linear(2, 2)
    with pytest.raises(HeatError, match="aside of Plain was not called"):
        wrapped(module, head="aside")


def test_the_module_stays_as_it_is_and_the_backbone_too():
    torch.manual_seed(0)
    module = Plain().train()
    backbone = Backbone.wrap(module, TRANSFORM)
    assert module.training
    assert all(p.requires_grad for p in module.parameters())
    pixels = torch.randn(2, 3, SIDE, SIDE)
    before = backbone(pixels)[0]
    with torch.no_grad():
        module.stem.weight.add_(1.0)
    torch.testing.assert_close(backbone(pixels)[0], before)
    assert not list(module.stem._forward_hooks) + list(backbone.model.module.stem._forward_hooks)


def test_the_fingerprint_follows_weights_transform_and_places():
    torch.manual_seed(0)
    module, other = Plain(), Plain()
    smaller = T.Compose([T.Resize(64), T.CenterCrop(SIDE), T.ToTensor()])
    made = [
        Backbone.wrap(module, TRANSFORM),
        Backbone.wrap(module, TRANSFORM, head="fc"),
        Backbone.wrap(module, TRANSFORM, pool=None),
        Backbone.wrap(module, smaller),
        Backbone.wrap(other, TRANSFORM),
    ]
    assert made[0].fingerprint == made[1].fingerprint
    assert len({backbone.fingerprint for backbone in made}) == 4


def test_it_is_found_by_its_name_while_it_exists():
    backbone = wrapped(name="mine")
    assert backbone.name == f"wrapped:mine@{backbone.fingerprint}"
    assert load_backbone(backbone.name) is backbone
    name = backbone.name
    del backbone
    with pytest.raises(HeatError, match=r"mine@.* is a Python module, which this process does not have: wrap it"):
        load_backbone(name)


def test_it_can_be_sent_to_another_process():
    backbone = wrapped()
    again = pickle.loads(pickle.dumps(backbone))
    pixels = torch.randn(2, 3, SIDE, SIDE)
    for ours, theirs in zip(backbone(pixels), again(pixels), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_two_threads_do_not_affect_one_another():
    backbone = wrapped()
    inputs = [torch.full((4, 3, SIDE, SIDE), float(i)) for i in range(2)]
    expected, wrong = [backbone(pixels)[0] for pixels in inputs], []

    def work(i):
        for _ in range(200):
            if not torch.allclose(backbone(inputs[i])[0], expected[i]):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_it_can_be_exported_with_any_number_of_images():
    backbone = wrapped()
    program = torch.export.export(
        backbone, (torch.randn(3, 3, SIDE, SIDE),), dynamic_shapes=({0: torch.export.Dim("batch")},)
    )
    pixels = torch.randn(5, 3, SIDE, SIDE)
    for ours, theirs in zip(program.module()(pixels), backbone(pixels), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_a_network_of_timm_gives_the_same_wrapped_as_by_its_name():
    known = load_backbone("heat-demo-resnet")
    again = Backbone.wrap(known.model, known.transform)
    images = open_dataset("demo-digits", "test").limited(3)
    ours, theirs = (extract(b, images, torch.device("cpu")) for b in (known, again))
    np.testing.assert_array_equal(ours.avg, theirs.avg)
    np.testing.assert_array_equal(ours.std, theirs.std)
    np.testing.assert_array_equal(known.head[0], again.head[0])


@pytest.mark.parametrize(("side", "patch"), [(96, 16), (64, 8)])
def test_patches_stand_on_their_grid(side, patch):
    torch.manual_seed(0)
    module = models.VisionTransformer(side, patch, 1, 1, 8, 8, num_classes=3)
    nn.init.normal_(module.heads.head.weight)
    backbone = Backbone.wrap(module, T.Compose([T.Resize((side, side)), T.ToTensor()]))
    volume = backbone.extractor.forward(torch.randn(1, 3, side, side)).volume
    assert volume.shape[1] == 1 + (side // patch) ** 2
    assert backbone.grid(volume) == (side // patch, side // patch)


def test_maps_of_one_position_are_used():
    """Maps of one position are not replaced by larger ones of earlier stages.

    At 32 pixels the last stage of a ResNet has one position; the four of the stage before are not what is pooled.
    """
    small = T.Compose([T.Resize((32, 32)), T.ToTensor()])
    found, named = (Backbone.wrap(drawn(NETWORKS["resnet"][0]), small, pool) for pool in ("auto", "avgpool"))
    assert not named.has_positions
    assert not found.has_positions


def test_registers_are_no_positions():
    module = timm.create_model("vit_medium_patch16_reg4_gap_256", img_size=SIDE, embed_dim=12, depth=1, num_heads=2)
    backbone = Backbone.wrap(module, TRANSFORM)
    volume = backbone.extractor.forward(torch.randn(1, 3, SIDE, SIDE)).volume
    assert volume.shape[1] == 4 + 16
    assert backbone.positions(volume).shape[1] == 16


def test_half_precision_is_made_whole():
    backbone = wrapped(Plain().bfloat16())
    assert backbone(torch.randn(1, 3, SIDE, SIDE))[0].dtype == torch.float32


def test_outputs_with_attributes_are_dictionaries_too():
    with pytest.raises(HeatError, match="returns a SimpleNamespace"):
        wrapped(Plain(answer=lambda logits, avg: types.SimpleNamespace(scores=logits)))
