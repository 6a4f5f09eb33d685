"""Networks with their weights: timm's, the paper's for CIFAR, the demo's; and the errors where they do not fit."""

import sys
from contextlib import suppress
from typing import Any

import timm
import torch
from timm.data import resolve_data_config
from timm.models import load_state_dict_from_hf
from torch import nn

from heat_core.backbones.class_names import read_class_names
from heat_core.backbones.grey_input import has_grey_weights
from heat_core.backbones.quick_checks import CIFAR_PRESETS, DEMO, unknown_model_error
from heat_core.backbones.resnet_recipe import TrainingRecipe, TrainingRecord, read_training_record
from heat_core.backbones.state_dict import first_line, load_weights, read_weights, strip_prefixes
from heat_core.data.demo import DEMO_WEIGHTS
from heat_core.errors import HeatError
from heat_core.names import printable
from heat_core.storage import expand_home

CIFAR_NORM = {"mean": (0.4914, 0.4822, 0.4465), "std": (0.2023, 0.1994, 0.2010)}
_NO_CROP = {"crop_pct": 1.0, "interpolation": "bicubic"}  # no border is cropped


def build_network(name: str, weights: str | None, image_size: int | None) -> tuple[Any, dict[str, Any] | None]:
    """Build a network by its name, and return its data configuration where it differs from timm's own.

    Names of classes in the weights file become the network's `class_names`.

    Raises:
        HeatError: as `load_backbone`.
    """
    model, config = _build(name, weights, image_size)
    if weights and (names := read_class_names(expand_home(weights))):
        model.class_names = names
    return model, config


def _build(name: str, weights: str | None, image_size: int | None) -> tuple[Any, dict[str, Any] | None]:
    if name == DEMO:
        model = demo_network()
        state = read_weights(str(weights or DEMO_WEIGHTS))
        load_weights(model, state, name, weights or "the demo's weights", classifier_names(name))
        return model, {"input_size": (3, 32, 32), "mean": (0.5,) * 3, "std": (0.5,) * 3, **_NO_CROP}
    if weights and (record := read_training_record(weights)):
        record.require_architecture(name, weights)
        return _build_trained_resnet(record, name, weights)
    if name in CIFAR_PRESETS:
        architecture, repository, classes = CIFAR_PRESETS[name]
        state = read_weights(weights) if weights else _download_state_dict(repository)
        model = cifar_network(architecture, classes)
        state = strip_prefixes(state, model, weights or repository)
        load_weights(model, state, name, weights or repository, classifier_names(name))
        return model, {"input_size": (3, 32, 32), **CIFAR_NORM, **_NO_CROP}
    model, trained_at = _timm_model(name, weights, image_size)
    if trained_at is None or image_size:
        return model, None
    return model, resolve_data_config({}, model=model) | {"input_size": (3, trained_at, trained_at)}


def cifar_network(architecture: str, classes: int, **keywords: Any) -> Any:
    """Build timm's ResNet for 32×32 images, with a 3×3 stem of stride 1 and no max-pooling."""
    model: Any = timm.create_model(architecture, pretrained=False, num_classes=classes, **keywords)
    model.conv1 = nn.Conv2d(3, model.bn1.num_features, kernel_size=3, stride=1, padding=1, bias=False)
    model.maxpool = nn.Identity()
    return model


def small_resnet(recipe: TrainingRecipe, classes: int) -> Any:
    """Build the network of a recipe: `cifar_network` with all channels, also those of the stem, times the width.

    Raises:
        HeatError: where timm has no ResNet of that name, or not at that width.
    """
    name = recipe.architecture
    _require_known(name)
    if not timm.models.is_model_in_modules(name, ["resnet"]):
        raise HeatError(f"{name} is not one of timm's ResNets: choose one, such as resnet18, resnet34 or resnet50.")
    channels = tuple(int(c * recipe.width) for c in (64, 128, 256, 512))
    try:
        # timm lets the width be chosen for a deep stem only, whose convolutions `cifar_network` replaces by one
        model = cifar_network(name, classes, channels=channels, stem_type="deep", stem_width=channels[0] // 2)
    except Exception as error:  # such as groups that do not divide the channels
        raise HeatError(f"{name} cannot be built at width {recipe.width:g}: {first_line(error)}.") from error
    if not all(parameter.numel() for parameter in model.parameters()):  # of groups, rounded to 0
        raise HeatError(f"{name} has layers without channels at width {recipe.width:g}: choose a greater width.")
    return model


def _build_trained_resnet(record: TrainingRecord, name: str, weights: str) -> tuple[Any, dict[str, Any]]:
    """Build the network of a file of `train-backbone`, and its data configuration."""
    model = small_resnet(record.recipe, len(record.class_names))
    load_weights(model, strip_prefixes(read_weights(weights), model, weights), name, weights, classifier_names(name))
    model.class_names = record.class_names
    side = record.recipe.image_size
    return model, {"input_size": (3, side, side), "mean": record.mean, "std": record.std, **_NO_CROP}


def demo_network() -> Any:
    """Build the demo's ResNet-10 with 64 features and 0.2 M parameters; its stem has stride 2, for speed."""
    channels = (32, 48, 64, 64)
    model = cifar_network("resnet18", 6, layers=(1, 1, 1, 1), channels=channels, output_stride=16)
    model.conv1.stride = (2, 2)
    return model


def _timm_model(name: str, weights: str | None, image_size: int | None) -> tuple[Any, int | None]:
    if not name.startswith("hf-hub:"):
        _require_known(name)
    model, trained_at = _load_weights_file(name, weights) if weights else (_load_pretrained(name), None)
    if image_size and hasattr(model, "set_input_size"):  # it resizes position embeddings, which must be loaded before
        try:
            model.set_input_size(img_size=image_size)
        except Exception as error:  # timm's models raise many kinds
            raise image_size_error(name, image_size, error) from error
    return model, trained_at


def _require_known(name: str) -> None:
    if not timm.is_model(name):
        raise unknown_model_error(name, timm.list_models())


def _load_pretrained(name: str) -> Any:
    try:
        return timm.create_model(name, pretrained=True)
    except Exception as error:  # the hub, the network and timm raise many kinds
        raise HeatError(
            f"The weights of {name} could not be loaded ({first_line(error)}): connect to the internet, or pass a "
            "weights file."
        ) from error


def _load_weights_file(name: str, weights: str) -> tuple[Any, int | None]:
    """Build a network for a weights file; return it and the image size of the weights where it is not timm's own.

    The network has as many classes as the weights (none for self-supervised ones), and the image size for which their
    position embeddings were trained.
    """
    state = read_weights(weights)

    def create(**keywords: Any) -> Any:
        try:
            return timm.create_model(name, pretrained=False, **keywords)
        except Exception as error:
            raise HeatError(
                f"{name} could not be built with the weights {printable(weights)}: {first_line(error)}."
            ) from error

    default = create()
    state = strip_prefixes(state, default, weights)
    classes = _count_classes(state, name) or _count_classes(_translate_keys(state, default), name)
    grey = {"in_chans": 1} if has_grey_weights(state, default) else {}
    model, trained_at = create(num_classes=classes, **grey), None
    misshapen = [k for k, v in state.items() if k in (own := model.state_dict()) and v.shape != own[k].shape]
    if misshapen and (size := _pretrained_image_size(state, model)):
        with suppress(HeatError):
            model, trained_at = create(num_classes=classes, img_size=size, **grey), size
    load_weights(model, _translate_keys(state, model), name, weights, classifier_names(name))
    return model, trained_at


def _pretrained_image_size(state: dict[str, torch.Tensor], model: Any) -> int | None:
    """Derive the image size for which a ViT's position embeddings were trained; None where they do not show it."""
    positions = state.get("pos_embed")
    patches: Any = getattr(model, "patch_embed", None)
    if positions is None or positions.ndim != 3 or not hasattr(patches, "patch_size"):
        return None
    own = model.state_dict().get("pos_embed")
    prefix = own.shape[1] - patches.num_patches if own is not None else 0
    grid = round((positions.shape[1] - prefix) ** 0.5)
    if grid < 1 or grid**2 != positions.shape[1] - prefix:
        return None
    return grid * int(patches.patch_size[0])


def _translate_keys(state: dict[str, torch.Tensor], model: Any) -> dict[str, torch.Tensor]:
    """Translate keys to timm's current names, where timm has a translation that matches more of them."""
    translate = getattr(sys.modules.get(type(model).__module__), "checkpoint_filter_fn", None)
    own = set(model.state_dict())
    if translate is None or own <= set(state):
        return state
    try:
        translated = translate(dict(state), model)
    except Exception:  # the function is made for timm's own checkpoints and may fail on others
        return state
    return translated if len(own & set(translated)) > len(own & set(state)) else state


def image_size_error(name: str, side: int, error: Exception) -> HeatError:
    """Build the error for a network that cannot take images of `side` pixels."""
    return HeatError(
        f"{name} cannot take images of {side} pixels ({first_line(error)}): choose another image size, or leave it out."
    )


def _count_classes(state: dict[str, torch.Tensor], name: str) -> int:
    """Count the classes of the weights' classifier; 0 where they have none."""
    for classifier in classifier_names(name):
        if (weight := state.get(f"{classifier}.weight")) is not None:
            return len(weight)
    return 0


def classifier_names(name: str) -> list[str]:
    """List the names of the classifier modules of a timm network."""
    names = timm.get_pretrained_cfg_value(name, "classifier") if timm.is_model(name) else None
    return [names] if isinstance(names, str) else list(names or ("fc", "head", "classifier", "head.fc"))


def _download_state_dict(repository: str) -> dict[str, torch.Tensor]:
    try:
        return load_state_dict_from_hf(repository, weights_only=True)
    except Exception as error:
        raise HeatError(
            f"The weights of {repository} could not be loaded from the Hugging Face hub ({first_line(error)}): "
            "connect to the internet once, or pass a weights file."
        ) from error
