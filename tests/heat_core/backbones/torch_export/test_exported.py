"""Backbones as files: the same features again, programs of other people, and files that are none of these."""

import copy
import json
import pickle
import shutil

import numpy as np
import pytest
import torch
from torch import nn
from torchvision import transforms as T

from heat_core import HeatError
from heat_core.backbones.registry import Backbone, load_backbone
from heat_core.features.columns import Batch, pooled_columns
from tests.heat_core.backbones.networks import NETWORKS, SIDE, TRANSFORM, Plain, drawn
from tests.tolerance import assert_close_in_norm

pytestmark = pytest.mark.usefixtures("one_thread")
TRANSFORM_FILE = {"crop": SIDE, "mean": [0.4] * 3, "std": [0.2] * 3}
BATCH = {0: torch.export.Dim("batch")}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A small network as a file, and the backbone that it was made of."""
    torch.manual_seed(0)
    backbone = Backbone.wrap(Plain(), TRANSFORM)
    path = tmp_path_factory.mktemp("plain") / "net.pt2"
    backbone.save(path)
    return path, backbone


def of(path) -> Backbone:
    return load_backbone(f"torch:{path}")


def same(a: Backbone, b: Backbone) -> None:
    pixels = torch.randn(5, 3, *a.input_size)
    for ours, theirs in zip(a(pixels), b(pixels), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_file_gives_the_same_features_and_the_same_head(name, tmp_path):
    backbone = Backbone.wrap(drawn(NETWORKS[name][0]), TRANSFORM)
    backbone.save(tmp_path / "net.pt2")
    again = of(tmp_path / "net.pt2")
    same(backbone, again)
    for ours, theirs in zip(backbone.head, again.head, strict=True):
        assert_close_in_norm(ours, theirs, 1e-6)
    assert again.input_size == backbone.input_size
    torch.testing.assert_close(again.pixel_std, backbone.pixel_std, rtol=1e-4, atol=0)
    pixels = torch.randn(2, 3, SIDE, SIDE)
    volumes = [b.extractor.forward(pixels).volume for b in (backbone, again)]
    torch.testing.assert_close(*(b.positions(v) for b, v in zip((backbone, again), volumes, strict=True)))
    assert backbone.grid(volumes[0]) == again.grid(volumes[1])


def test_a_network_of_timm_becomes_a_file_too(tmp_path):
    known = load_backbone("heat-demo-resnet")
    known.save(tmp_path / "digits.pt2")
    same(known, of(tmp_path / "digits.pt2"))
    of(tmp_path / "digits.pt2").save(tmp_path / "again.pt2")
    same(known, of(tmp_path / "again.pt2"))


@pytest.mark.filterwarnings("error:No complete tensor")
def test_a_backbone_that_has_run_can_be_saved_too(tmp_path):
    backbone = Backbone.wrap(drawn(NETWORKS["resnet"][0]), TRANSFORM).to(memory_format=torch.channels_last)
    backbone.save(tmp_path / "net.pt2")
    same(backbone, of(tmp_path / "net.pt2"))


def test_its_fingerprint_is_that_of_the_content(plain, tmp_path):
    path, _ = plain
    shutil.copy(path, tmp_path / "other name.pt2")
    assert of(path).fingerprint == of(tmp_path / "other name.pt2").fingerprint
    torch.manual_seed(1)
    Backbone.wrap(Plain(), TRANSFORM).save(tmp_path / "other.pt2")
    assert of(path).fingerprint != of(tmp_path / "other.pt2").fingerprint


def test_nothing_of_this_machine_is_in_it(plain):
    assert b"stack_trace" not in plain[0].read_bytes()
    assert __file__.encode() not in plain[0].read_bytes()


def test_it_can_be_sent_differentiated_and_exported(plain):
    path, backbone = plain
    again = pickle.loads(pickle.dumps(copy.deepcopy(of(path)))).to(memory_format=torch.channels_last)
    same(backbone, again)
    gradients = []
    for one in (backbone, again):
        batch = Batch(one, torch.linspace(-1, 1, 2 * 3 * SIDE**2).reshape(2, 3, SIDE, SIDE), gradients=True)
        gradients.append(torch.autograd.grad(batch.avg.square().sum(), batch.pixels)[0])
    torch.testing.assert_close(*gradients)
    program = torch.export.export(again, (torch.randn(3, 3, SIDE, SIDE),), dynamic_shapes=(BATCH,))
    pixels = torch.randn(7, 3, SIDE, SIDE)
    torch.testing.assert_close(program.module()(pixels)[1], backbone(pixels)[1])


# ---- programs of other people ----------------------------------------------------------------------------------------


class Contract(nn.Module):
    """A network that keeps the contract by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm, self.fc = nn.Conv2d(3, 8, 8, 8), nn.BatchNorm2d(8), nn.Linear(8, 3)

    def forward(self, pixels):
        volume = self.norm(self.stem(pixels)).relu()
        avg = volume.mean(dim=(2, 3))
        return {"avg": avg, "logits": self.fc(avg), "volume": volume}


def exported(path, module, note=TRANSFORM_FILE, example=None, shapes=BATCH, evaluated=True):
    torch.manual_seed(0)
    module = module.eval() if evaluated else module
    example = torch.zeros(4, 3, SIDE, SIDE) if example is None else example
    examples = example if isinstance(example, tuple) else (example,)
    program = torch.export.export(module, examples, dynamic_shapes=(shapes,) * len(examples))
    torch.export.save(program, path, extra_files={} if note is None else {"heat.json": json.dumps(note)})
    return path


class Changed(Contract):
    """The same, with what it gives changed by a function."""

    def __init__(self, change) -> None:
        super().__init__()
        self.change = change

    def forward(self, pixels):
        return self.change(super().forward(pixels))


def test_a_program_that_keeps_the_contract_is_taken(tmp_path):
    module = Contract()
    found = of(exported(tmp_path / "net.pt2", module))
    pixels = torch.randn(6, 3, SIDE, SIDE)
    with torch.inference_mode():
        given = module(pixels)
    avg, std = found(pixels)
    torch.testing.assert_close(avg, given["avg"])
    torch.testing.assert_close(std, given["volume"].std(dim=(2, 3), correction=0))
    np.testing.assert_allclose(avg.numpy() @ found.head[0].T + found.head[1], given["logits"], rtol=1e-4, atol=1e-5)
    assert found.input_size == (SIDE, SIDE)
    assert found.pixel_std.flatten().tolist() == pytest.approx([0.2] * 3)


def test_logits_and_volume_may_be_missing(tmp_path):
    found = of(exported(tmp_path / "net.pt2", Changed(lambda given: {"avg": given["avg"]})))
    assert found.head is None
    assert found.no_head_reason == "the program gives no logits"
    assert [column.name for column in pooled_columns(found)] == ["avg"]


def logits_alone(given):
    return given["logits"]


@pytest.mark.parametrize(
    ("module", "keywords", "why"),
    [
        (Contract(), {"note": None}, "no extra file heat.json"),
        (Contract(), {"note": {"mean": [0] * 3, "std": [1] * 3}}, "needs mean, std, and resize or crop"),
        (Contract(), {"note": TRANSFORM_FILE | {"flip": True}}, "flip is no step"),
        (Contract(), {"note": TRANSFORM_FILE | {"std": [1, 0, 1]}}, "three numbers"),
        (Contract(), {"note": TRANSFORM_FILE | {"interpolation": "magic"}}, "magic"),
        (
            Contract(),
            {"note": TRANSFORM_FILE | {"crop": 32}},
            r"takes images of \(64, 64\), and heat.json makes them \(32, 32\)",
        ),
        (Contract(), {"shapes": None}, "number of its images is fixed"),
        (Contract(), {"shapes": {0: 2 * torch.export.Dim("half")}}, "number of its images is fixed"),
        (Contract(), {"shapes": {0: torch.export.Dim("few", max=8)}}, "number of its images is fixed"),
        (Contract(), {"evaluated": False}, "changes its own weights"),
        (nn.Conv2d(1, 3, 3), {"example": torch.zeros(2, 1, SIDE, SIDE)}, r"does not take \(B, 3, H, W\)"),
        (Contract().double(), {"example": torch.zeros(2, 3, SIDE, SIDE).double()}, r"does not take \(B, 3, H, W\)"),
        (nn.Bilinear(3, 3, 2), {"example": (torch.zeros(2, 3), torch.zeros(2, 3))}, "takes 2 inputs"),
        (Changed(logits_alone), {}, "does not give a dictionary of tensors"),
        (Changed(lambda given: {"avg": given["avg"], "more": given}), {}, "does not give a dictionary of tensors"),
        (Changed(lambda given: {"features": given["avg"]}), {}, "it gives features: let it give avg"),
        (Changed(lambda given: given | {"logits": 2 * given["logits"]}), {}, "no linear layer of its avg"),
        (Changed(lambda given: given | {"logits": given["volume"]}), {}, "no linear layer of its avg"),
        (
            Changed(lambda given: {"avg": given["avg"].digamma()}),
            {},
            "aten.digamma.default, which is not among the accepted oper",
        ),
        (Changed(lambda given: {"avg": given["avg"] + given["avg"].mean(dim=0)}), {}, "depend on the other images"),
        (Changed(lambda given: given | {"avg": given["volume"]}), {}, "does not pool its features into one vector"),
    ],
)
def test_programs_that_do_not_are_refused_with_a_sentence(module, keywords, why, tmp_path):
    path = exported(tmp_path / "net.pt2", module, **keywords)
    with pytest.raises(HeatError, match=why):
        of(path)


@pytest.mark.parametrize(
    ("write", "why"),
    [
        (lambda path: path.write_text("hello"), "cut off, or no zip"),
        (lambda path: torch.save({"weight": torch.zeros(3)}, path), "holds pickled weights"),
        (lambda path: path.mkdir(), "is a folder"),
        (lambda path: None, "does not exist"),
    ],
)
def test_files_of_another_kind_are_refused(write, why, tmp_path):
    path = tmp_path / "net.pt2"
    write(path)
    with pytest.raises(HeatError, match=f"program .*{why}"):
        of(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_file_that_is_cut_off_is_refused(plain, share, tmp_path):
    content = plain[0].read_bytes()
    (tmp_path / "net.pt2").write_bytes(content[: int(share * len(content))])
    with pytest.raises(HeatError, match=r"\(it is cut off, or no zip|or is cut off\)"):
        of(tmp_path / "net.pt2")


def test_weights_and_image_size_are_its_own(plain):
    for more in ({"weights": "w.safetensors"}, {"image_size": 32}):
        with pytest.raises(HeatError, match="has weights and an image size of its own"):
            load_backbone(f"torch:{plain[0]}", **more)


# ---- what cannot be written ------------------------------------------------------------------------------------------


class Deciding(Plain):
    """Which branch it takes depends on the pixels."""

    def forward(self, pixels):
        return super().forward(pixels if pixels.abs().max() < 1e9 else -pixels)


class Careful(Plain):
    """A part of it asks for a precision, which torch exports as a program in the program."""

    def forward(self, pixels):
        with torch.autocast("cpu", enabled=False):
            return super().forward(pixels)


@pytest.mark.parametrize(
    ("module", "transform", "name", "why"),
    [
        (Careful(), TRANSFORM, "net.pt2", r"Careful@.* cannot be exported \(it uses torch.ops.higher_order.wrap_with"),
        (Plain(), TRANSFORM, "net.pt", "must end in .pt2"),
        (Plain(), lambda image: TRANSFORM(image), "net.pt2", "transform cannot be saved"),
        (Deciding(), TRANSFORM, "net.pt2", "cannot be exported"),
    ],
)
def test_what_cannot_be_written_says_so_and_leaves_nothing(module, transform, name, why, tmp_path):
    torch.manual_seed(0)
    backbone = Backbone.wrap(module, transform)
    with pytest.raises(HeatError, match=why):
        backbone.save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_an_image_is_prepared_as_before(plain):
    image = T.ToPILImage()(torch.rand(3, 90, 130))
    torch.testing.assert_close(of(plain[0]).transform(image), plain[1].transform(image), rtol=0, atol=1e-5)
