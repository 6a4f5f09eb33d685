"""A program of `torch.export` as a module: its operations, one after the other.

torch's own reader unpickles example inputs and weights, evaluates texts as expressions and loads compiled code: a file
could do anything. Here nothing of a file is run but those operations on tensors and numbers that are listed in
`OPERATIONS` and `_NUMBERS`; whatever else it holds is refused, or not looked at.
"""

import json
import math
import operator
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import nn

from heat_core.backbones.torch_export.allowed_ops import OPERATIONS
from heat_core.backbones.torch_export.archive import DTYPES

_MEMORY_FORMATS = {1: torch.contiguous_format, 2: torch.channels_last, 4: torch.preserve_format}
_STRIDED, _FLOAT, _KEYWORD = 7, 7, 2  # of torch's schema
_OPERATION = re.compile(r"torch\.ops\.aten\.(\w+)\.(\w+)")
_SYMBOL = re.compile(r"Symbol\('(\w+)',[^()]*\)$")
_ASSERTIONS = ("torch.ops.aten._assert_", "torch.ops.aten.sym_constrain_range")  # nothing hangs on them
_NUMBERS: dict[str, Callable[..., Any]] = {  # torch writes sizes as sums and products of one another
    **{f"_operator.{f.__name__}": f for f in (operator.add, operator.sub, operator.mul, operator.neg, operator.pow)},
    **{f"_operator.{f.__name__}": f for f in (operator.floordiv, operator.truediv, operator.mod)},
    **{f"_operator.{f.__name__}": f for f in (operator.eq, operator.ne, operator.lt, operator.le, operator.gt)},
    **{f"_operator.{f.__name__}": f for f in (operator.ge, operator.and_, operator.or_, operator.not_)},
    **{f"torch.{f.__name__}": f for f in (torch.sym_int, torch.sym_float, torch.sym_max, torch.sym_min, torch.sym_not)},
    **{f"torch.{f.__name__}": f for f in (torch.sym_ite, torch.sym_sum)},
    **{f"math.{f.__name__}": f for f in (math.ceil, math.floor, math.trunc)},
}


class _Value(NamedTuple):
    """What an earlier step made, by its name."""

    name: str


class _Here(NamedTuple):
    """Wherever the images lie, in place of the device on which the program was made."""


class _Step(NamedTuple):
    """An operation.

    Attributes:
        target: its name.
        positional: its arguments, some of them a `_Value` or `_Here`.
        named: the same by keyword.
        made: what it gives, as it gives it: a `_Value`, None, or a list of them.
        last: names of values that no later step needs.
    """

    target: str
    positional: list[Any]
    named: dict[str, Any]
    made: list[Any]
    last: list[str]


class Program(nn.Module):
    """Images → its outputs by name.

    Args:
        content: the graph and its signature, as of `Archive.program`.
        tensors: weights and constants by their names.

    Attributes:
        size: (H, W) of the images; None where it takes any.

    Raises:
        ValueError: saying why it cannot be used; or what else comes of a damaged file (`archive.MISUNDERSTOOD`).
    """

    def __init__(self, content: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
        super().__init__()
        graph, signature = content["graph_module"]["graph"], content["graph_module"]["signature"]
        self._held: dict[str, str] = {}  # value → the buffer that it is
        images = list[str]()
        for ((kind, said),) in (spec.items() for spec in signature["input_specs"]):
            if kind == "user_input":
                images.append(said["arg"]["as_tensor"]["name"])
            elif kind in ("parameter", "buffer", "tensor_constant"):
                buffer = self._held[said["arg"]["name"]] = f"tensor_{len(self._held)}"
                self.register_buffer(buffer, tensors[said[f"{kind}_name"]])
            else:
                raise ValueError(f"it takes a {kind}")
        if len(images) != 1:
            raise ValueError(f"it takes {len(images)} inputs, not one batch of images")
        self._images = images[0]
        self.size = _size(graph["tensor_values"][self._images], content["range_constraints"])
        self.outputs = _outputs(content)
        self._steps = _steps(graph["nodes"], {self._images, *self.outputs.values()})
        if any(_changes(step, self._held) for step in self._steps):
            raise ValueError("it changes its own weights: export it after module.eval()")

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """(B, 3, H, W) → what it gives, by name."""
        values: dict[str, Any] = {name: getattr(self, buffer) for name, buffer in self._held.items()}
        values[self._images] = images
        for step in self._steps:
            positional, named = (_filled(part, values, images) for part in (step.positional, step.named))
            _keep(step.made, operation(step.target)(*positional, **named), values)
            for name in step.last:
                values.pop(name, None)
        return {name: values[value] for name, value in self.outputs.items()}

    def linear(self, reads: str, gives: str) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Weight and bias of the linear layer that makes one output of another; None where there is none."""
        given, made = _Value(self.outputs[reads]), [_Value(self.outputs[gives])]
        for target, positional, _, its, _ in self._steps:
            if target == "torch.ops.aten.linear.default" and its == made and positional[0] == given:
                parts = [self._held.get(part.name) for part in _values(positional[1:])]
                found = [getattr(self, name) for name in parts if name]
                if parts and len(found) == len(parts):
                    return found[0], found[1] if len(found) > 1 else found[0].new_zeros(len(found[0]))
        return None


def _size(images: dict[str, Any], ranges: dict[str, Any]) -> tuple[int, int] | None:
    """(H, W) of a (B, 3, H, W) input, None where it may be any; B must be free."""
    batch, channels, *sides = images["sizes"]
    if images["dtype"] != _FLOAT or len(sides) != 2 or channels.get("as_int") != 3:
        raise ValueError("it does not take (B, 3, H, W) images of float32")
    symbol = _SYMBOL.match(batch["as_expr"]["expr_str"]) if "as_expr" in batch else None
    allowed = ranges.get(symbol[1], {}) if symbol else {}
    if allowed.get("max_val", 0) is not None or (allowed["min_val"] or 0) > 2:  # torch takes 2 for any number
        raise ValueError(
            "the number of its images is fixed: export it with dynamic_shapes=({0: torch.export.Dim('batch')},)"
        )
    given = [side.get("as_int") for side in sides]
    return None if None in given else (int(given[0]), int(given[1]))


def _outputs(content: dict[str, Any]) -> dict[str, str]:
    """Output → the value that it is, of a program that gives a dictionary of tensors."""
    module = content["graph_module"]
    _, shape = json.loads(module["module_call_graph"][0]["signature"]["out_spec"])
    if shape["type"] != "builtins.dict" or any(leaf["type"] is not None for leaf in shape["children_spec"]):
        raise ValueError("it does not give a dictionary of tensors: avg, and logits and volume where there are such")
    specs = module["signature"]["output_specs"]
    if strange := [kind for spec in specs for kind in spec if kind != "user_output"]:
        raise ValueError(f"it has a {strange[0]}")
    values = [spec["user_output"]["arg"]["as_tensor"]["name"] for spec in specs]
    return dict(zip(json.loads(shape["context"]), values, strict=True))


def _steps(nodes: list[dict[str, Any]], kept: set[str]) -> list[_Step]:
    """The operations, each with the values that nobody needs after it: read backwards, where that is known."""
    found, needed = list[_Step](), set(kept)
    for node in reversed(nodes):
        target = str(node["target"])
        if target.startswith(_ASSERTIONS):
            continue
        operation(target)
        given = [(i.get("kind") == _KEYWORD, str(i["name"]), _argument(i["arg"])) for i in node["inputs"]]
        positional = [value for by_name, _, value in given if not by_name]
        named = {name: value for by_name, name, value in given if by_name}
        made = [_argument(output) for output in node["outputs"]]
        last = {value.name for value in _values([positional, named, made])} - needed
        needed |= last
        found.append(_Step(target, positional, named, made, sorted(last)))
    return found[::-1]


def _changes(step: _Step, held: dict[str, str]) -> bool:
    """Whether a step writes into what the program holds."""
    name = step.target.split(".")[-2]
    first = next(iter(step.positional), None)
    return name.endswith("_") and isinstance(first, _Value) and first.name in held


@cache
def operation(target: str) -> Callable[..., Any]:
    """An operation by its name; ValueError where it is none of those that are taken."""
    if target in _NUMBERS:
        return _NUMBERS[target]
    match = _OPERATION.fullmatch(target)
    if match is None or match[1].rstrip("_") not in OPERATIONS:
        raise ValueError(f"it uses {target}, which is none of the operations that are taken")
    return getattr(getattr(torch.ops.aten, match[1]), match[2])


def _argument(said: dict[str, Any]) -> Any:
    """An argument or output as torch's schema writes it."""
    ((kind, value),) = said.items()
    match kind:
        case "as_none":
            return None
        case "as_tensor":
            return _Value(value["name"])
        case "as_name":
            return _Value(value)
        case "as_tensors":
            return [_Value(one["name"]) for one in value]
        case "as_optional_tensors" | "as_sym_ints" | "as_sym_floats" | "as_sym_bools":
            return [_argument(one) for one in value]
        case "as_optional_tensor" | "as_sym_int" | "as_sym_float" | "as_sym_bool":
            return _argument(value)
        case "as_int" | "as_bool" | "as_string" | "as_ints" | "as_bools":
            return value
        case "as_float":
            return float(value)  # infinity is a text
        case "as_floats":
            return [float(one) for one in value]
        case "as_scalar_type":
            return DTYPES[value]
        case "as_memory_format":
            return _MEMORY_FORMATS[value]
        case "as_layout" if value == _STRIDED:
            return torch.strided
        case "as_device":
            return _Here()
    raise ValueError(f"it has an argument {kind}")


def _values(tree: Any) -> Iterator[_Value]:
    if isinstance(tree, _Value):
        yield tree
    elif isinstance(tree, list | dict):
        for branch in tree.values() if isinstance(tree, dict) else tree:
            yield from _values(branch)


def _filled(tree: Any, values: dict[str, Any], images: torch.Tensor) -> Any:
    """Arguments with what they stand for."""
    if isinstance(tree, _Value):
        return values[tree.name]
    if isinstance(tree, _Here):
        return images.device
    if isinstance(tree, list):
        return [_filled(branch, values, images) for branch in tree]
    if isinstance(tree, dict):
        return {name: _filled(branch, values, images) for name, branch in tree.items()}
    return tree


def _keep(made: list[Any], result: Any, values: dict[str, Any]) -> None:
    """Give the results of an operation their names."""
    for name, value in zip(made, [result] if len(made) == 1 else result, strict=False):
        if isinstance(name, _Value):
            values[name.name] = value
        elif isinstance(name, list):
            _keep(name, value[0] if len(name) == 1 else value, values)
