"""Feature extractor of any module: hooks record the inputs of its head and of its pooling while it runs.

The head is a module whose input is `avg`. The volume is the input of the module that pools, or else the last maps or
tokens that any module outputs before the head.
"""

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from difflib import get_close_matches
from typing import Any, NamedTuple

import torch
from torch import nn

from heat_core.backbones.feature_extractor import Activations, FeatureExtractor, reduced_grids
from heat_core.errors import HeatError
from heat_core.types import Head

AUTO, NONE = "auto", "none"
_MAX_PREFIX_TOKENS = 16  # largest number of class, distillation and register tokens before the positions
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d)
_MAX_RECORDED_VALUES = 1 << 17  # largest size per image of a tensor that may be the logits


class LogitsModel(nn.Module):
    """Module whose output is one tensor, the logits of a module with a structured output.

    Outputs of Hugging Face and dictionaries give their entry `logits` or else their first one, tuples their first part.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Compute the logits (B, C).

        Raises:
            HeatError: where the output holds no tensor.
        """
        answer: Any = self.module(images)
        while not isinstance(answer, torch.Tensor):
            if isinstance(answer, dict) and answer:
                answer = answer["logits"] if "logits" in answer else next(iter(answer.values()))
            elif isinstance(answer, list | tuple) and answer:
                answer = answer[0]
            else:
                raise HeatError(f"The module returns a {type(answer).__name__}: it must give a tensor of logits.")
        return answer


class HookPoint(NamedTuple):
    """Input or output of a module, where a tensor is recorded.

    Attributes:
        module: dotted name of the module.
        is_input: whether the point is the module's input or its output.
    """

    module: str
    is_input: bool

    @property
    def fingerprint_text(self) -> str:
        """Text of the point in fingerprints; it has the class's former name, so that stored features still match."""
        return f"Place(module={self.module!r}, is_input={self.is_input!r})"


@contextmanager
def capture_tensors(
    module: nn.Module, points: list[HookPoint], on_tensor: Callable[[HookPoint, torch.Tensor], None]
) -> Iterator[None]:
    """Call `on_tensor` for each tensor at one of the points in this thread; other threads may run the same module."""
    thread = threading.get_ident()

    def report(point: HookPoint, values: tuple[Any, ...]) -> None:
        tensor = next((value for value in values if isinstance(value, torch.Tensor)), None)
        if tensor is not None and threading.get_ident() == thread:
            on_tensor(point, tensor)

    with ExitStack() as hooks:
        for point in points:
            part = module.get_submodule(point.module)
            if point.is_input:
                handle = part.register_forward_pre_hook(
                    lambda _, args, keywords, point=point: report(point, (*args, *keywords.values())), with_kwargs=True
                )
            else:
                handle = part.register_forward_hook(lambda _, __, output, point=point: report(point, (output,)))
            hooks.callback(handle.remove)
        yield


class HookedExtractor(FeatureExtractor):
    """Feature extractor of any module.

    Args:
        model: the module.
        name: the module's name in messages.
        head: point where `avg` is recorded; None: the module's output is `avg`.
        pool: point where the volume is recorded; None: there is no volume.
        channels: dimension of `avg`.
    """

    def __init__(
        self, model: LogitsModel, name: str, head: HookPoint | None, pool: HookPoint | None, channels: int
    ) -> None:
        self.model, self.name, self.head, self.pool, self.channels = model, name, head, pool, channels

    def forward(self, images: torch.Tensor) -> Activations:
        """Run the module and return the recorded `avg` and volume.

        Raises:
            HeatError: where the module of the head or of the pooling was not called.
        """
        tensors: dict[HookPoint, torch.Tensor] = {}
        points = [point for point in (self.head, self.pool) if point]
        with capture_tensors(self.model.module, points, tensors.__setitem__):
            output = self.model(images)
        if absent := [point.module for point in points if point not in tensors]:
            raise HeatError(f"{absent[0]} of {self.name} was not called: name a module that every image passes.")
        avg = output if self.head is None else tensors[self.head]
        return Activations(avg.flatten(1), tensors[self.pool] if self.pool else None, [])

    @property
    def fingerprint_text(self) -> str:
        """Text in fingerprints of the points where `avg` and the volume are recorded."""
        return " ".join("None" if point is None else point.fingerprint_text for point in (self.head, self.pool))

    def linear_head(self, images: torch.Tensor, avg: torch.Tensor) -> tuple[Head | None, str]:
        """Return the head that was named or found; where one is expected, it must give the model's logits.

        Raises:
            HeatError: where the head, applied to `avg`, does not give the model's logits.
        """
        if self.head is None:
            return None, "it is an encoder without one"
        head, why = super().linear_head(images, avg)
        if head is None:
            raise HeatError(
                f"{self.head.module} of {self.name} does not give the model's logits as a linear layer of what it "
                f"reads ({why}): name the last linear layer with head=, or pass head='none' for an encoder."
            )
        return head, why

    def num_prefix_tokens(self, tokens: int, size: tuple[int, int]) -> int:
        """Return T minus the number of cells of the largest grid to which the input may be reduced."""
        cells = max((h * w for h, w in reduced_grids(size) if h * w <= tokens), default=0)
        return tokens - cells if cells > 1 and tokens - cells <= _MAX_PREFIX_TOKENS else tokens


def find_extractor(
    module: nn.Module, name: str, head: str | None, pool: str | None, shape: tuple[int, int, int]
) -> HookedExtractor:
    """Find the points where `avg` and the volume are recorded, by running the module once.

    Args:
        module: module in evaluation mode.
        name: the module's name in messages.
        head: dotted name of a module whose input is `avg`; None or `auto` = the innermost one whose output is the
            logits; `none` = there is no head, and the module's output is `avg`.
        pool: dotted name of a module whose input is the volume; `auto` = the last maps or tokens before the head; None
            or `none` = there is no volume.
        shape: (C, H, W) of the input.

    Raises:
        HeatError: where there is no module of that name, or no head is found.
    """
    model = LogitsModel(module)
    trace = _ForwardTrace(model, name, shape)
    for argument, module_name in {"head": head, "pool": pool}.items():
        if module_name not in (None, AUTO, NONE):
            trace.require_module(argument, str(module_name))
    head_point, end, width = trace.find_head(head)
    extractor = HookedExtractor(model, name, head_point, None, width)
    if pool == AUTO:
        extractor.pool = trace.find_volume(extractor, end, shape[1:])
    elif pool not in (None, NONE):
        extractor.pool = HookPoint(str(pool), True)
    return extractor


class _RecordedTensor(NamedTuple):
    """Tensor at a point; `values` is a copy made at that time, or None where the tensor is large."""

    point: HookPoint
    shape: tuple[int, ...]
    values: torch.Tensor | None


class _ForwardTrace:
    """Record of every input and output of a module's parts, in order."""

    def __init__(self, model: LogitsModel, name: str, shape: tuple[int, int, int]) -> None:
        self.name, self._records = name, list[_RecordedTensor]()
        self._module_names = [part for part, _ in model.module.named_modules()]
        images = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))
        points = [HookPoint(part, is_input) for part in self._module_names for is_input in (True, False)]
        with torch.inference_mode(), capture_tensors(model.module, points, self._record):
            self._output = model(images)

    def _record(self, point: HookPoint, tensor: torch.Tensor) -> None:
        is_small = tensor.ndim > 1 and tensor[:1].numel() <= _MAX_RECORDED_VALUES
        self._records.append(
            _RecordedTensor(point, tuple(tensor.shape), tensor.flatten(1).clone() if is_small else None)
        )

    def require_module(self, argument: str, module: str) -> None:
        """Refuse a name that no module has, or whose module was not called."""
        if module not in self._module_names:
            near = get_close_matches(module, self._module_names, n=4, cutoff=0.4) or self._module_names[-4:]
            raise HeatError(
                f"{self.name} has no module {module!r} for {argument}=: name one such as {', '.join(near)}."
            )
        if self._last_index(HookPoint(module, True)) is None:
            raise HeatError(
                f"{module} of {self.name} was not called: name one that every image passes for {argument}=."
            )

    def _last_index(self, point: HookPoint, end: int | None = None) -> int | None:
        """Return the index of the last record of a point, before `end`; None where there is none."""
        return next((i for i in reversed(range(len(self._records[:end]))) if self._records[i].point == point), None)

    def find_head(self, module_name: str | None) -> tuple[HookPoint | None, int, int]:
        """Return the point of `avg`, the index of its record, and its dimension."""
        if module_name == NONE:
            return None, len(self._records), self._output.flatten(1).shape[1]
        point = self._find_logits_layer() if module_name in (None, AUTO) else HookPoint(str(module_name), True)
        index = self._last_index(point)
        assert index is not None
        return point, index, math.prod(self._records[index].shape[1:])

    def _find_logits_layer(self) -> HookPoint:
        logits = self._output.flatten(1)
        for i, (point, _, out) in enumerate(self._records):
            input_index = None if point.is_input else self._last_index(HookPoint(point.module, True), i)
            if input_index is None or out is None or out.shape != logits.shape or not torch.equal(out, logits):
                continue
            _, shape, values = self._records[input_index]
            is_identity = values is not None and values.shape == out.shape and not (values != out).any()
            if math.prod(shape[1:]) == shape[1] and not is_identity:
                return HookPoint(point.module, True)
        raise HeatError(
            f"No linear layer of {self.name} outputs its logits: name the one that reads the features with head=, "
            "or pass head='none' for an encoder that outputs the features."
        )

    def find_volume(self, extractor: HookedExtractor, end: int, size: tuple[int, int]) -> HookPoint | None:
        """Find the last maps or tokens with at least two positions that a module outputs before the head.

        The result is None where a convolution reduces them to one position: the pooled vector is then the convolution's
        output.
        """
        for point, shape, _ in reversed(self._records[:end]):
            if _has_positions(extractor, shape, size):
                if not point.is_input:
                    return point
                if isinstance(extractor.model.module.get_submodule(point.module), _CONVOLUTIONS):
                    return None
        return None


def _has_positions(extractor: HookedExtractor, shape: tuple[int, ...], size: tuple[int, int]) -> bool:
    if len(shape) == 4:
        channels_last = shape[3] == extractor.channels != shape[1]
        return math.prod(shape[1:3] if channels_last else shape[2:]) > 1
    return len(shape) == 3 and shape[2] > 1 and shape[1] - extractor.num_prefix_tokens(shape[1], size) > 1
