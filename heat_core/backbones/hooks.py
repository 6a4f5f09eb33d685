"""The anatomy of any module: what its head and its pooling are given, heard while it runs.

The head is a module whose input is `avg`; the volume is the input of the module that pools, or else the last maps or
tokens that any module gave out before the head.
"""

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from difflib import get_close_matches
from typing import Any, NamedTuple

import torch
from torch import nn

from heat_core.backbones.feature_extractor import Anatomy, Seen, reduced
from heat_core.errors import HeatError
from heat_core.types import Head

AUTO, NONE = "auto", "none"
_MOST_PREFIX = 16  # tokens before the positions: of the class, distillation, registers
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d)
_SMALL = 1 << 17  # numbers an image of a tensor that may be the logits


class Logits(nn.Module):
    """A module whose answer is one tensor: the logits of what answers with more (outputs of Hugging Face, dictionaries,
    tuples of which the first counts)."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        answer: Any = self.module(images)
        while not isinstance(answer, torch.Tensor):
            if isinstance(answer, dict) and answer:
                answer = answer["logits"] if "logits" in answer else next(iter(answer.values()))
            elif isinstance(answer, list | tuple) and answer:
                answer = answer[0]
            else:
                raise HeatError(f"The module answers with a {type(answer).__name__}: it must give a tensor of logits.")
        return answer


class Place(NamedTuple):
    """Where a tensor passes: the dotted name of a module, and whether it is its input or its output."""

    module: str
    is_input: bool


@contextmanager
def listening(module: nn.Module, places: list[Place], hear: Callable[[Place, torch.Tensor], None]) -> Iterator[None]:
    """Tell of each tensor that passes one of the places, in this thread: others may run the same module."""
    thread = threading.get_ident()

    def tell(place: Place, values: tuple[Any, ...]) -> None:
        tensor = next((value for value in values if isinstance(value, torch.Tensor)), None)
        if tensor is not None and threading.get_ident() == thread:
            hear(place, tensor)

    with ExitStack() as hooks:
        for place in places:
            part = module.get_submodule(place.module)
            if place.is_input:
                handle = part.register_forward_pre_hook(
                    lambda _, args, keywords, place=place: tell(place, (*args, *keywords.values())), with_kwargs=True
                )
            else:
                handle = part.register_forward_hook(lambda _, __, output, place=place: tell(place, (output,)))
            hooks.callback(handle.remove)
        yield


class OfModule(Anatomy):
    """The anatomy of any module.

    Args:
        model: the module.
        name: as sentences call it.
        head: where `avg` passes; None: what the module answers is `avg`.
        pool: where the volume passes; None: it has none.
        channels: of `avg`.
    """

    def __init__(self, model: Logits, name: str, head: Place | None, pool: Place | None, channels: int) -> None:
        self.model, self.name, self.head, self.pool, self.channels = model, name, head, pool, channels

    def see(self, images: torch.Tensor) -> Seen:
        found: dict[Place, torch.Tensor] = {}
        places = [place for place in (self.head, self.pool) if place]
        with listening(self.model.module, places, found.__setitem__):
            answer = self.model(images)
        if absent := [place.module for place in places if place not in found]:
            raise HeatError(f"{absent[0]} of {self.name} was not called: name a module that every image passes.")
        avg = answer if self.head is None else found[self.head]
        return Seen(avg.flatten(1), found[self.pool] if self.pool else None, [])

    def own_head(self, images: torch.Tensor, avg: torch.Tensor) -> tuple[Head | None, str]:
        """The head that was named or found; where there is to be one, it must be the model's.

        Raises:
            HeatError: where the head, applied to `avg`, does not give the model's logits.
        """
        if self.head is None:
            return None, "it is an encoder without one"
        head, why = super().own_head(images, avg)
        if head is None:
            raise HeatError(
                f"{self.head.module} of {self.name} does not give the model's logits as a linear layer of what it "
                f"reads ({why}): name the last linear layer with head=, or say head='none' for an encoder."
            )
        return head, why

    def prefix(self, tokens: int, size: tuple[int, int]) -> int:
        """T less the cells of the largest grid that the input may be reduced to."""
        cells = max((h * w for h, w in reduced(size) if h * w <= tokens), default=0)
        return tokens - cells if cells > 1 and tokens - cells <= _MOST_PREFIX else tokens


def anatomy_of(module: nn.Module, name: str, head: str | None, pool: str | None, size: tuple[int, int]) -> OfModule:
    """Find where `avg` and the volume pass, by running the module once.

    Args:
        module: in evaluation mode.
        name: as sentences call it.
        head: dotted name of a module whose input is `avg`; None or `auto` = the innermost one that answers with the
            logits; `none` = there is none, what the module answers is `avg`.
        pool: dotted name of a module whose input is the volume; `auto` = the last maps or tokens before the head;
            None or `none` = there is no volume.
        size: (H, W) of the input in pixels.

    Raises:
        HeatError: where there is no module of that name, or no head is found.
    """
    model = Logits(module)
    passed = _Passed(model, name, size)
    named = {"head": head, "pool": pool}
    for what, wanted in named.items():
        if wanted not in (None, AUTO, NONE):
            passed.require(what, str(wanted))
    before, end, width = passed.head(head)
    found = OfModule(model, name, before, None, width)
    if pool == AUTO:
        found.pool = passed.volume(found, end, size)
    elif pool not in (None, NONE):
        found.pool = Place(str(pool), True)
    return found


class _Passing(NamedTuple):
    """A tensor that passed a place; its values as they were then, where they are few."""

    place: Place
    shape: tuple[int, ...]
    values: torch.Tensor | None


class _Passed:
    """Every tensor that passed into or out of a part of a module, in order."""

    def __init__(self, model: Logits, name: str, size: tuple[int, int]) -> None:
        self.name, self._all = name, list[_Passing]()
        self._names = [part for part, _ in model.module.named_modules()]
        images = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0))
        places = [Place(part, is_input) for part in self._names for is_input in (True, False)]
        with torch.inference_mode(), listening(model.module, places, self._hear):
            self._answer = model(images)

    def _hear(self, place: Place, tensor: torch.Tensor) -> None:
        few = tensor.ndim > 1 and tensor[:1].numel() <= _SMALL
        self._all.append(_Passing(place, tuple(tensor.shape), tensor.flatten(1).clone() if few else None))

    def require(self, what: str, module: str) -> None:
        """HeatError where there is no module of that name, or none that was called."""
        if module not in self._names:
            near = get_close_matches(module, self._names, n=4, cutoff=0.4) or self._names[-4:]
            raise HeatError(f"{self.name} has no module {module!r} for {what}=: name one such as {', '.join(near)}.")
        if self._last(Place(module, True)) is None:
            raise HeatError(f"{module} of {self.name} was not called: name one that every image passes for {what}=.")

    def _last(self, place: Place, end: int | None = None) -> int | None:
        """The last time that something passed a place, before another time."""
        return next((i for i in reversed(range(len(self._all[:end]))) if self._all[i].place == place), None)

    def head(self, wanted: str | None) -> tuple[Place | None, int, int]:
        """Where `avg` passes, when, and how many numbers it has."""
        if wanted == NONE:
            return None, len(self._all), self._answer.flatten(1).shape[1]
        place = self._found_head() if wanted in (None, AUTO) else Place(str(wanted), True)
        when = self._last(place)
        assert when is not None
        return place, when, math.prod(self._all[when].shape[1:])

    def _found_head(self) -> Place:
        logits = self._answer.flatten(1)
        for i, (place, _, out) in enumerate(self._all):
            read = None if place.is_input else self._last(Place(place.module, True), i)
            if read is None or out is None or out.shape != logits.shape or not torch.equal(out, logits):
                continue
            _, shape, given = self._all[read]
            if math.prod(shape[1:]) == shape[1] and (given is None or given.shape != out.shape or (given != out).any()):
                return Place(place.module, True)
        raise HeatError(
            f"No linear layer of {self.name} answers with its logits: name the one that reads the features with head=, "
            "or say head='none' for an encoder whose answer is the features."
        )

    def volume(self, anatomy: OfModule, end: int, size: tuple[int, int]) -> Place | None:
        """The last maps or tokens with two positions that a module gave out before the head; None where a convolution
        makes one position of them, which is then what is pooled."""
        for place, shape, _ in reversed(self._all[:end]):
            if _has_positions(anatomy, shape, size):
                if not place.is_input:
                    return place
                if isinstance(anatomy.model.module.get_submodule(place.module), _CONVOLUTIONS):
                    return None
        return None


def _has_positions(anatomy: OfModule, shape: tuple[int, ...], size: tuple[int, int]) -> bool:
    if len(shape) == 4:
        last = shape[3] == anatomy.channels != shape[1]
        return math.prod(shape[1:3] if last else shape[2:]) > 1
    return len(shape) == 3 and shape[2] > 1 and shape[1] - anatomy.prefix(shape[1], size) > 1
