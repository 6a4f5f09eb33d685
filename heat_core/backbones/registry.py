"""Backbones by their names: timm's, programs of `torch.export`, Hugging Face's, modules that Python wrapped."""

from timm.data import resolve_data_config

from heat_core.backbones import hugging_face
from heat_core.backbones.backbone import WRAPPED, Backbone, wrapped_here
from heat_core.backbones.state_dict import first_line
from heat_core.backbones.timm_models import CIFAR_PRESETS, DEMO, build, cifar_network, demo_network, wrong_size
from heat_core.backbones.torch_export import exported
from heat_core.errors import HeatError
from heat_core.storage import printable

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
    for kind, load in _KINDS.items():
        if name.startswith(kind):
            if weights or image_size:
                raise HeatError(f"{printable(name)} has weights and an image size of its own: leave the others out.")
            return load(name)
    if image_size is not None and image_size < 8:
        raise HeatError(f"The image size is {image_size}: it must be at least 8 pixels.")
    model, config = build(name, weights, image_size)
    config = resolve_data_config({}, model=model) if config is None else config
    size = (image_size, image_size) if image_size else tuple(config["input_size"][1:])
    # An image size is asked for so that the whole image is seen at it: no border is cropped.
    config |= {"input_size": (3, *size)} | ({"crop_pct": 1.0} if image_size else {})
    try:
        return Backbone.of_timm(model, name, config)
    except HeatError:
        raise
    except Exception as error:  # networks of one fixed size fail at the first image, each in its own way
        if image_size is None:
            raise HeatError(f"{name} cannot be used ({first_line(error)}): choose another backbone.") from error
        raise wrong_size(name, image_size, error) from error


def _of_file(name: str) -> Backbone:
    """A program of `torch.export`, tried on images."""
    anatomy, preparation, fingerprint = exported.read(name)
    try:
        found = Backbone(anatomy, printable(name), preparation, fingerprint)
        found.require_independent()
    except HeatError:
        raise
    except Exception as error:  # operations that do not fit one another, as far as a file can have them
        raise HeatError(f"{printable(name)} cannot be used ({first_line(error)}): export it again.") from error
    return found


def _of_hugging_face(name: str) -> Backbone:
    """A classifier of transformers; its head and its volume are found."""
    return Backbone.around(*hugging_face.read(name), "auto", None, printable(name))


_KINDS = {WRAPPED: wrapped_here, exported.EXPORTED: _of_file, hugging_face.HUGGING_FACE: _of_hugging_face}
