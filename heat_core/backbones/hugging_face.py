"""Image classifiers of Hugging Face's transformers, by their id on the Hub or from a folder of `save_pretrained`.

Weights are read from safetensors only, and no code that comes with them is executed.
"""

from typing import Any

import torch
from PIL import Image
from torch import nn

from heat_core.backbones.state_dict import first_line
from heat_core.errors import HeatError
from heat_core.names import printable
from heat_core.storage import expand_home, is_folder

HUGGING_FACE_PREFIX = "hf:"  # prefix of the id or the folder


class ProcessorTransform:
    """Transform that applies a model's image processor."""

    def __init__(self, processor: Any) -> None:
        self.processor = processor

    def __call__(self, image: Image.Image) -> torch.Tensor:
        """Prepare an image: a (3, H, W) tensor."""
        return self.processor(image, return_tensors="pt")["pixel_values"][0]

    def __repr__(self) -> str:
        return repr(self.processor)


def load_classifier(name: str) -> tuple[nn.Module, ProcessorTransform]:
    """Load the module and the transform of `hf:ID`.

    Raises:
        HeatError: where transformers is not installed, the model cannot be loaded, or it was not made for
            classification.
    """
    try:
        import transformers
    except ImportError as error:
        raise HeatError(f"{name} needs transformers: pip install 'heat-explorer[hf]'.") from error
    source = name.removeprefix(HUGGING_FACE_PREFIX)
    source = str(expand_home(source)) if is_folder(expand_home(source)) else source
    options = {"trust_remote_code": False}
    transformers.logging.disable_progress_bar()
    try:
        processor = transformers.AutoImageProcessor.from_pretrained(source, **options)
        module, info = transformers.AutoModelForImageClassification.from_pretrained(
            source, use_safetensors=True, output_loading_info=True, **options
        )
    except Exception as error:  # the hub, the network, files and configurations raise many kinds
        raise HeatError(
            f"{printable(name)} could not be loaded ({first_line(error)}): connect to the internet once, or give a "
            "folder with config.json, preprocessor_config.json and model.safetensors of an image classifier."
        ) from error
    if missing := sorted(info["missing_keys"]):
        raise HeatError(
            f"{printable(name)} has no weights for {missing[0]}, so that it is no finished classifier: choose one that "
            "was trained for image classification."
        )
    return module, ProcessorTransform(processor)
