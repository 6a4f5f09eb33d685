"""Which network a guard's features come from, and how it is had again."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import save

from heat_core.backbones.backbone import WRAPPED, Backbone
from heat_core.backbones.hugging_face import HUGGING_FACE
from heat_core.backbones.registry import load_backbone
from heat_core.backbones.torch_export.exported import EXPORTED
from heat_core.errors import HeatError
from heat_core.storage import is_file, printable, typed

_WEIGHTS, _PROGRAM = ".safetensors", ".pt2"  # files that are kept as they are, in their own precision


@dataclass(frozen=True)
class Network:
    """A backbone by what tells it from others.

    Attributes:
        name: as `load_backbone` takes it.
        weights: the file that they were read from, on the machine where that was; None for timm's own.
        image_size: as it was asked for.
        fingerprint: of weights and transform.
        preprocessing: how pixels are made of an image: their size, mean and std, and what the transform says of itself.
        inside: a file of weights as bytes, where they travel with the guard.
        given: the network itself, where the caller has it.
    """

    name: str
    weights: str | None
    image_size: int | None
    fingerprint: str
    preprocessing: dict[str, Any]
    inside: bytes | None = None
    given: Backbone | None = None

    @classmethod
    def of(cls, backbone: Backbone, weights: str | None, image_size: int | None) -> "Network":
        """A loaded one."""
        of = backbone.preparation
        preprocessing = {"size": of.size, "mean": of.mean, "std": of.std, "transform": of.identity}
        return cls(backbone.name, weights, image_size, backbone.fingerprint, preprocessing, None, backbone)

    def load(self) -> Backbone:
        """The network.

        Raises:
            HeatError: where its weights cannot be had, or are others than those that the guard was made with.
        """
        found = self.given or self._loaded()
        if found.fingerprint != self.fingerprint:
            raise HeatError(
                f"This guard was made with {printable(self.name)} of the fingerprint {self.fingerprint}, and the "
                f"network that was found has {found.fingerprint}: give the weights that it was made with."
            )
        return found

    def _loaded(self) -> Backbone:
        if self.inside is None:
            if self.weights and not is_file(typed(self.weights)):
                raise HeatError(
                    f"The weights of this guard's network, {printable(self.weights)}, are not on this machine: give "
                    "their file (weights=…, --weights), or pack the guard with its weights inside."
                )
            return load_backbone(self.name, self.weights, self.image_size)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"weights{_PROGRAM if self.name.startswith(EXPORTED) else _WEIGHTS}"
            file.write_bytes(self.inside)
            if self.name.startswith(EXPORTED):
                return load_backbone(f"{EXPORTED}{file}")
            return load_backbone(self.name, str(file), self.image_size)

    def as_bytes(self) -> bytes:
        """A file of its weights; HeatError for networks that no file makes again."""
        if self.inside is not None:
            return self.inside
        if self.name.startswith((WRAPPED, HUGGING_FACE)):
            raise HeatError(
                f"The weights of {printable(self.name)} alone do not make it again: pack without them, and give the "
                "network to Guard.load(…, backbone=…)."
            )
        if self.name.startswith(EXPORTED):
            return typed(self.name.removeprefix(EXPORTED)).read_bytes()
        if self.weights and Path(self.weights).suffix == _WEIGHTS:
            return typed(self.weights).read_bytes()
        return save({name: values.contiguous() for name, values in self.load().model.state_dict().items()})
