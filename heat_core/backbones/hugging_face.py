"""Image classifiers of Hugging Face's transformers, by the id of the Hub or a folder of `save_pretrained`.

Weights are read from safetensors alone, and no code that lies beside them is run.
"""

from typing import Any

import torch
from PIL import Image
from torch import nn

from heat_core.backbones.state_dict import first_line
from heat_core.errors import HeatError
from heat_core.names import printable
from heat_core.storage import expand_home, is_folder

HUGGING_FACE_PREFIX = "hf:"  # before the id, or the folder


class ProcessorTransform:
    """The image processor of a model as a transform."""

    def __init__(self, processor: Any) -> None:
        self.processor = processor

    def __call__(self, image: Image.Image) -> torch.Tensor:
        return self.processor(image, return_tensors="pt")["pixel_values"][0]

    def __repr__(self) -> str:
        return repr(self.processor)


def load_classifier(name: str) -> tuple[nn.Module, ProcessorTransform]:
    """The module and the transform of `hf:ID`.

    Raises:
        HeatError: where transformers is not installed, or the model cannot be had or was not made for classification.
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
    except Exception as error:  # of the hub, the network, files and configurations
        raise HeatError(
            f"{printable(name)} could not be had ({first_line(error)}): connect to the internet once, or give a folder "
            "with config.json, preprocessor_config.json and model.safetensors of an image classifier."
        ) from error
    if missing := sorted(info["missing_keys"]):
        raise HeatError(
            f"{printable(name)} has no weights for {missing[0]}, so that it is no finished classifier: choose one that "
            "was trained for image classification."
        )
    return module, ProcessorTransform(processor)
