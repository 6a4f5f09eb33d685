"""Which network a guard's features come from, and how it is had again."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save

from heat_core.backbones.backbone import WRAPPED_PREFIX, Backbone
from heat_core.backbones.hugging_face import HUGGING_FACE_PREFIX
from heat_core.backbones.registry import load_backbone
from heat_core.backbones.torch_export.exported import EXPORTED_PREFIX
from heat_core.errors import HeatError
from heat_core.names import printable
from heat_core.storage import expand_home, is_file

_WEIGHTS_SUFFIX, _PROGRAM_SUFFIX = ".safetensors", ".pt2"  # files that are kept as they are, in their own precision


@dataclass(frozen=True)
class Network:
    """A backbone by what tells it from others.

    Attributes:
        name: as `load_backbone` takes it.
        weights: the file that they were read from, on the machine where that was; None for timm's own.
        image_size: as it was asked for.
        fingerprint: of weights and transform.
        preprocessing: how pixels are made of an image: their size, mean and std, and what the transform says of itself.
        weight_bytes: a file of weights as bytes, where they travel with the guard.
        backbone: the network itself, where the caller has it.
    """

    name: str
    weights: str | None
    image_size: int | None
    fingerprint: str
    preprocessing: dict[str, Any]
    weight_bytes: bytes | None = None
    backbone: Backbone | None = None

    @classmethod
    def from_backbone(cls, backbone: Backbone, weights: str | None, image_size: int | None) -> "Network":
        """The network of a loaded backbone."""
        transform = backbone.transform_info
        preprocessing = {
            "size": transform.size,
            "mean": transform.mean,
            "std": transform.std,
            "transform": transform.fingerprint_text,
        }
        return cls(backbone.name, weights, image_size, backbone.fingerprint, preprocessing, None, backbone)

    def load(self) -> Backbone:
        """The network.

        Raises:
            HeatError: where its weights cannot be had, or are others than those that the guard was made with.
        """
        backbone = self.backbone or self._load_backbone()
        if backbone.fingerprint != self.fingerprint:
            raise HeatError(
                f"This guard was made with {printable(self.name)} of the fingerprint {self.fingerprint}, and the "
                f"network that was found has {backbone.fingerprint}: give the weights that it was made with."
            )
        return backbone

    def _load_backbone(self) -> Backbone:
        if self.weight_bytes is None:
            if self.weights and not is_file(expand_home(self.weights)):
                raise HeatError(
                    f"The weights of this guard's network, {printable(self.weights)}, are not on this machine: give "
                    "their file (weights=…, --weights), or pack the guard with its weights inside."
                )
            return load_backbone(self.name, self.weights, self.image_size)
        with tempfile.TemporaryDirectory() as folder:
            file = (
                Path(folder) / f"weights{_PROGRAM_SUFFIX if self.name.startswith(EXPORTED_PREFIX) else _WEIGHTS_SUFFIX}"
            )
            file.write_bytes(self.weight_bytes)
            if self.name.startswith(EXPORTED_PREFIX):
                return load_backbone(f"{EXPORTED_PREFIX}{file}")
            return load_backbone(self.name, str(file), self.image_size)

    def weights_as_bytes(self) -> bytes:
        """A file of its weights; HeatError for networks that no file makes again."""
        if self.weight_bytes is not None:
            return self.weight_bytes
        if self.name.startswith((WRAPPED_PREFIX, HUGGING_FACE_PREFIX)):
            raise HeatError(
                f"The weights of {printable(self.name)} alone do not make it again: pack without them, and give the "
                "network to Guard.load(…, backbone=…)."
            )
        if self.name.startswith(EXPORTED_PREFIX):
            return expand_home(self.name.removeprefix(EXPORTED_PREFIX)).read_bytes()
        if self.weights and Path(self.weights).suffix == _WEIGHTS_SUFFIX:
            return expand_home(self.weights).read_bytes()
        return save({name: values.contiguous() for name, values in self.load().model.state_dict().items()})
