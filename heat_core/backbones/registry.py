"""Loading of backbones by name: timm's, programs of `torch.export`, Hugging Face's, and modules wrapped in Python."""

from timm.data import resolve_data_config

from heat_core.backbones import hugging_face
from heat_core.backbones.backbone import WRAPPED_PREFIX, Backbone, wrapped_backbone
from heat_core.backbones.quick_checks import CIFAR_PRESETS, DEMO
from heat_core.backbones.state_dict import first_line
from heat_core.backbones.timm_models import build_network, cifar_network, demo_network, image_size_error
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
        weights: a local file (safetensors, or torch without pickled code), also in float16; default: timm's own
            weights.
        image_size: side of the input in pixels; default: that of the model.

    Raises:
        HeatError: for an unknown name, weights that do not fit, or weights that cannot be loaded offline.
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
    # With a given image size the whole image is resized to it, and no border is cropped.
    config |= {"input_size": (3, *size)} | ({"crop_pct": 1.0} if image_size else {})
    try:
        return Backbone.from_timm(model, name, config)
    except HeatError:
        raise
    except Exception as error:  # networks of a fixed size fail at the first image, with many kinds of errors
        if image_size is None:
            raise HeatError(f"{name} cannot be used ({first_line(error)}): choose another backbone.") from error
        raise image_size_error(name, image_size, error) from error


def _load_program(name: str) -> Backbone:
    """Load a program of `torch.export` and run it on random images."""
    extractor, transform_info, fingerprint = exported.load_program(name)
    try:
        backbone = Backbone(extractor, printable(name), transform_info, fingerprint)
        backbone.require_independent()
    except HeatError:
        raise
    except Exception as error:  # the operations of a file may not fit one another
        raise HeatError(f"{printable(name)} cannot be used ({first_line(error)}): export it again.") from error
    return backbone


def _load_hugging_face(name: str) -> Backbone:
    """Load a classifier of transformers, and find its head and its volume."""
    return Backbone.from_module(*hugging_face.load_classifier(name), "auto", None, printable(name))


_LOADERS = {
    WRAPPED_PREFIX: wrapped_backbone,
    exported.EXPORTED_PREFIX: _load_program,
    hugging_face.HUGGING_FACE_PREFIX: _load_hugging_face,
}
