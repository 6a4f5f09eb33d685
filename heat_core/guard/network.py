"""The network that computes a guard's features: how it is identified, and how it is loaded again."""

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

_WEIGHTS_SUFFIX, _PROGRAM_SUFFIX = ".safetensors", ".pt2"  # files that are packed unchanged, in their own precision


@dataclass(frozen=True)
class Network:
    """Identity of a backbone, from which it can be loaded again.

    Attributes:
        name: name of the backbone, as `load_backbone` takes it.
        weights: path of the weights on the machine where the run was made; None for timm's own weights.
        image_size: image size in pixels that was asked for, or None.
        fingerprint: digest of weights and transform.
        preprocessing: how pixels are made of an image: `size`, `mean` and `std`, and the text `transform`.
        weight_bytes: content of the file of weights if the guard contains it, else None.
        backbone: the network itself if the caller has it, else None.
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
        """Describe a loaded backbone.

        Args:
            backbone: the backbone.
            weights: path of its weights, or None.
            image_size: image size in pixels that was asked for, or None.
        """
        transform = backbone.transform_info
        preprocessing = {
            "size": transform.size,
            "mean": transform.mean,
            "std": transform.std,
            "transform": transform.fingerprint_text,
        }
        return cls(backbone.name, weights, image_size, backbone.fingerprint, preprocessing, None, backbone)

    def load(self) -> Backbone:
        """Load the network, or return the caller's, and check its fingerprint.

        Raises:
            HeatError: when its weights are not available, or are not those with which the guard was made.
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
        """Return the content of a file of the network's weights; HeatError for networks that no such file restores."""
        if self.weight_bytes is not None:
            return self.weight_bytes
        if self.name.startswith((WRAPPED_PREFIX, HUGGING_FACE_PREFIX)):
            raise HeatError(
                f"The weights of {printable(self.name)} are not enough to restore it: pack without them, and give the "
                "network to Guard.load(…, backbone=…)."
            )
        if self.name.startswith(EXPORTED_PREFIX):
            return expand_home(self.name.removeprefix(EXPORTED_PREFIX)).read_bytes()
        if self.weights and Path(self.weights).suffix == _WEIGHTS_SUFFIX:
            return expand_home(self.weights).read_bytes()
        return save({name: values.contiguous() for name, values in self.load().model.state_dict().items()})
