"""Backbones by their names: timm's, programs of `torch.export`, Hugging Face's, modules that Python wrapped."""

from timm.data import resolve_data_config

from heat_core.backbones import hugging_face
from heat_core.backbones.backbone import WRAPPED_PREFIX, Backbone, wrapped_backbone
from heat_core.backbones.state_dict import first_line
from heat_core.backbones.timm_models import (
    CIFAR_PRESETS,
    DEMO,
    build_network,
    cifar_network,
    demo_network,
    image_size_error,
)
from heat_core.backbones.torch_export import exported
from heat_core.errors import HeatError
from heat_core.names import printable

__all__ = ["CIFAR_PRESETS", "DEMO", "Backbone", "cifar_network", "demo_network", "load_backbone"]


def load_backbone(name: str, weights: str | None = None, image_size: int | None = None) -> Backbone:
    """Load a classifier.

    Args:
        name: a timm name, `hf-hub:…` id, one of `CIFAR_PRESETS`, the demo's network, `torch:FILE.pt2` for a file of
            `Backbone.save`, `hf:ID` for a classifier of transformers (also a folder), or the name of a module that was
            wrapped in this process.
        weights: a local file (safetensors, or torch without pickled code), also in float16; default: timm's own.
        image_size: side of the input in pixels; default: the model's.

    Raises:
        HeatError: for an unknown name, weights that do not fit, or weights that cannot be had offline.
    """
    for prefix, load in _LOADERS.items():
        if name.startswith(prefix):
            if weights or image_size:
                raise HeatError(f"{printable(name)} has weights and an image size of its own: leave the others out.")
            return load(name)
    if image_size is not None and image_size < 8:
        raise HeatError(f"The image size is {image_size}: it must be at least 8 pixels.")
    model, config = build_network(name, weights, image_size)
    config = resolve_data_config({}, model=model) if config is None else config
    size = (image_size, image_size) if image_size else tuple(config["input_size"][1:])
    # An image size is asked for so that the whole image is seen at it: no border is cropped.
    config |= {"input_size": (3, *size)} | ({"crop_pct": 1.0} if image_size else {})
    try:
        return Backbone.from_timm(model, name, config)
    except HeatError:
        raise
    except Exception as error:  # networks of one fixed size fail at the first image, each in its own way
        if image_size is None:
            raise HeatError(f"{name} cannot be used ({first_line(error)}): choose another backbone.") from error
        raise image_size_error(name, image_size, error) from error


def _load_program(name: str) -> Backbone:
    """A program of `torch.export`, tried on images."""
    extractor, transform_info, fingerprint = exported.load_program(name)
    try:
        backbone = Backbone(extractor, printable(name), transform_info, fingerprint)
        backbone.require_independent()
    except HeatError:
        raise
    except Exception as error:  # operations that do not fit one another, as far as a file can have them
        raise HeatError(f"{printable(name)} cannot be used ({first_line(error)}): export it again.") from error
    return backbone


def _load_hugging_face(name: str) -> Backbone:
    """A classifier of transformers; its head and its volume are found."""
    return Backbone.from_module(*hugging_face.load_classifier(name), "auto", None, printable(name))


_LOADERS = {
    WRAPPED_PREFIX: wrapped_backbone,
    exported.EXPORTED_PREFIX: _load_program,
    hugging_face.HUGGING_FACE_PREFIX: _load_hugging_face,
}
