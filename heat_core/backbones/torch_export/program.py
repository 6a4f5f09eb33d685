"""A program of `torch.export` as a module that executes its operations one after the other.

torch's own reader unpickles example inputs and weights, evaluates texts as expressions and loads compiled code, so that
a file could execute anything. Here only the operations on tensors and numbers that are listed in `OPERATIONS` and
`_NUMBERS` are executed; other content is refused or ignored.
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
_STRIDED, _FLOAT, _KEYWORD = 7, 7, 2  # codes of torch's schema
_OPERATION = re.compile(r"torch\.ops\.aten\.(\w+)\.(\w+)")
_SYMBOL = re.compile(r"Symbol\('(\w+)',[^()]*\)$")
_ASSERTIONS = ("torch.ops.aten._assert_", "torch.ops.aten.sym_constrain_range")  # no result depends on them
_NUMBERS: dict[str, Callable[..., Any]] = {  # torch computes sizes as sums and products of others
    **{f"_operator.{f.__name__}": f for f in (operator.add, operator.sub, operator.mul, operator.neg, operator.pow)},
    **{f"_operator.{f.__name__}": f for f in (operator.floordiv, operator.truediv, operator.mod)},
    **{f"_operator.{f.__name__}": f for f in (operator.eq, operator.ne, operator.lt, operator.le, operator.gt)},
    **{f"_operator.{f.__name__}": f for f in (operator.ge, operator.and_, operator.or_, operator.not_)},
    **{f"torch.{f.__name__}": f for f in (torch.sym_int, torch.sym_float, torch.sym_max, torch.sym_min, torch.sym_not)},
    **{f"torch.{f.__name__}": f for f in (torch.sym_ite, torch.sym_sum)},
    **{f"math.{f.__name__}": f for f in (math.ceil, math.floor, math.trunc)},
}


class _Value(NamedTuple):
    """Reference by name to the result of an earlier operation."""

    name: str


class _ImageDevice(NamedTuple):
    """Stand-in for the device of the images, which replaces the device on which the program was made."""


class _Operation(NamedTuple):
    """Operation of a program.

    Attributes:
        target: name of the operation.
        args: positional arguments, some of them a `_Value` or `_ImageDevice`.
        kwargs: keyword arguments, of the same kinds.
        outputs: results in the structure in which the operation returns them: a `_Value`, None, or a list of them.
        unneeded: names of values that no later operation reads.
    """

    target: str
    args: list[Any]
    kwargs: dict[str, Any]
    outputs: list[Any]
    unneeded: list[str]


class Program(nn.Module):
    """Module that executes a program: images → its outputs by name.

    Args:
        content: the graph and its signature, as returned by `Archive.program`.
        tensors: weights and constants by their names.

    Attributes:
        size: (H, W) of the images; None where any size is accepted.
        class_names: names of the classes of the logits; [] where they are not known.

    Raises:
        ValueError: naming the reason why the program cannot be used; a damaged file may raise others of
            `archive.PARSE_ERRORS`.
    """

    def __init__(self, content: dict[str, Any], tensors: dict[str, torch.Tensor]) -> None:
        super().__init__()
        graph, signature = content["graph_module"]["graph"], content["graph_module"]["signature"]
        self.class_names = list[str]()
        self._buffer_names: dict[str, str] = {}  # value → name of the buffer that holds it
        image_names = list[str]()
        for ((kind, entry),) in (spec.items() for spec in signature["input_specs"]):
            if kind == "user_input":
                image_names.append(entry["arg"]["as_tensor"]["name"])
            elif kind in ("parameter", "buffer", "tensor_constant"):
                buffer = self._buffer_names[entry["arg"]["name"]] = f"tensor_{len(self._buffer_names)}"
                self.register_buffer(buffer, tensors[entry[f"{kind}_name"]])
            else:
                raise ValueError(f"it takes a {kind}")
        if len(image_names) != 1:
            raise ValueError(f"it takes {len(image_names)} inputs, not one batch of images")
        self._image_name = image_names[0]
        self.size = _input_size(graph["tensor_values"][self._image_name], content["range_constraints"])
        self.outputs = _parse_outputs(content)
        self._operations = _parse_operations(graph["nodes"], {self._image_name, *self.outputs.values()})
        if any(_modifies_weights(step, self._buffer_names) for step in self._operations):
            raise ValueError("it changes its own weights: export it after module.eval()")

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Compute the outputs by name for (B, 3, H, W) images."""
        values: dict[str, Any] = {name: getattr(self, buffer) for name, buffer in self._buffer_names.items()}
        values[self._image_name] = images
        for step in self._operations:
            args, kwargs = (_substitute(part, values, images) for part in (step.args, step.kwargs))
            _store_outputs(step.outputs, operation(step.target)(*args, **kwargs), values)
            for name in step.unneeded:
                values.pop(name, None)
        return {name: values[value] for name, value in self.outputs.items()}

    def linear_layer(self, input_name: str, output_name: str) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Return weight and bias of the linear layer that computes one output from another, or None."""
        layer_input, layer_outputs = _Value(self.outputs[input_name]), [_Value(self.outputs[output_name])]
        for target, args, _, outputs, _ in self._operations:
            if target == "torch.ops.aten.linear.default" and outputs == layer_outputs and args[0] == layer_input:
                names = [self._buffer_names.get(value.name) for value in _iter_values(args[1:])]
                tensors = [getattr(self, name) for name in names if name]
                if names and len(tensors) == len(names):
                    return tensors[0], tensors[1] if len(tensors) > 1 else tensors[0].new_zeros(len(tensors[0]))
        return None


def _input_size(images: dict[str, Any], ranges: dict[str, Any]) -> tuple[int, int] | None:
    """Return (H, W) of a (B, 3, H, W) input, None where it may be any; B must be free."""
    batch, channels, *sides = images["sizes"]
    if images["dtype"] != _FLOAT or len(sides) != 2 or channels.get("as_int") != 3:
        raise ValueError("it does not take (B, 3, H, W) images of float32")
    symbol = _SYMBOL.match(batch["as_expr"]["expr_str"]) if "as_expr" in batch else None
    allowed = ranges.get(symbol[1], {}) if symbol else {}
    if allowed.get("max_val", 0) is not None or (allowed["min_val"] or 0) > 2:  # 2 stands for any number
        raise ValueError(
            "the number of its images is fixed: export it with dynamic_shapes=({0: torch.export.Dim('batch')},)"
        )
    lengths = [side.get("as_int") for side in sides]
    return None if None in lengths else (int(lengths[0]), int(lengths[1]))


def _parse_outputs(content: dict[str, Any]) -> dict[str, str]:
    """Map each output to its value, for a program that returns a dictionary of tensors."""
    module = content["graph_module"]
    _, shape = json.loads(module["module_call_graph"][0]["signature"]["out_spec"])
    if shape["type"] != "builtins.dict" or any(leaf["type"] is not None for leaf in shape["children_spec"]):
        raise ValueError("it does not give a dictionary of tensors: avg, and logits and volume where there are such")
    specs = module["signature"]["output_specs"]
    if unsupported := [kind for spec in specs for kind in spec if kind != "user_output"]:
        raise ValueError(f"it has a {unsupported[0]}")
    values = [spec["user_output"]["arg"]["as_tensor"]["name"] for spec in specs]
    return dict(zip(json.loads(shape["context"]), values, strict=True))


def _parse_operations(nodes: list[dict[str, Any]], output_names: set[str]) -> list[_Operation]:
    """List the operations, each with the values that are not needed after it.

    The nodes are read backwards, since the last use of a value comes first in that order.
    """
    operations, needed = list[_Operation](), set(output_names)
    for node in reversed(nodes):
        target = str(node["target"])
        if target.startswith(_ASSERTIONS):
            continue
        operation(target)
        inputs = [(i.get("kind") == _KEYWORD, str(i["name"]), _parse_argument(i["arg"])) for i in node["inputs"]]
        args = [value for is_keyword, _, value in inputs if not is_keyword]
        kwargs = {name: value for is_keyword, name, value in inputs if is_keyword}
        outputs = [_parse_argument(output) for output in node["outputs"]]
        unneeded = {value.name for value in _iter_values([args, kwargs, outputs])} - needed
        needed |= unneeded
        operations.append(_Operation(target, args, kwargs, outputs, sorted(unneeded)))
    return operations[::-1]


def _modifies_weights(step: _Operation, buffer_names: dict[str, str]) -> bool:
    """Tell whether an operation writes into a weight or buffer of the program."""
    name = step.target.split(".")[-2]
    first = next(iter(step.args), None)
    return name.endswith("_") and isinstance(first, _Value) and first.name in buffer_names


@cache
def operation(target: str) -> Callable[..., Any]:
    """Return an operation by its name.

    Raises:
        ValueError: where it is not among the accepted operations.
    """
    if target in _NUMBERS:
        return _NUMBERS[target]
    match = _OPERATION.fullmatch(target)
    if match is None or match[1].rstrip("_") not in OPERATIONS:
        raise ValueError(f"it uses {target}, which is not among the accepted operations")
    return getattr(getattr(torch.ops.aten, match[1]), match[2])


def _parse_argument(argument: dict[str, Any]) -> Any:
    """Parse an argument or output in the form of torch's schema."""
    ((kind, value),) = argument.items()
    match kind:
        case "as_none":
            return None
        case "as_tensor":
            return _Value(value["name"])
        case "as_name":
            return _Value(value)
        case "as_tensors":
            return [_Value(tensor["name"]) for tensor in value]
        case "as_optional_tensors" | "as_sym_ints" | "as_sym_floats" | "as_sym_bools":
            return [_parse_argument(item) for item in value]
        case "as_optional_tensor" | "as_sym_int" | "as_sym_float" | "as_sym_bool":
            return _parse_argument(value)
        case "as_int" | "as_bool" | "as_string" | "as_ints" | "as_bools":
            return value
        case "as_float":
            return float(value)  # infinity is stored as text
        case "as_floats":
            return [float(number) for number in value]
        case "as_scalar_type":
            return DTYPES[value]
        case "as_memory_format":
            return _MEMORY_FORMATS[value]
        case "as_layout" if value == _STRIDED:
            return torch.strided
        case "as_device":
            return _ImageDevice()
    raise ValueError(f"it has an argument {kind}")


def _iter_values(tree: Any) -> Iterator[_Value]:
    if isinstance(tree, _Value):
        yield tree
    elif isinstance(tree, list | dict):
        for branch in tree.values() if isinstance(tree, dict) else tree:
            yield from _iter_values(branch)


def _substitute(tree: Any, values: dict[str, Any], images: torch.Tensor) -> Any:
    """Replace `_Value` and `_ImageDevice` in arguments by the values and the device that they refer to."""
    if isinstance(tree, _Value):
        return values[tree.name]
    if isinstance(tree, _ImageDevice):
        return images.device
    if isinstance(tree, list):
        return [_substitute(branch, values, images) for branch in tree]
    if isinstance(tree, dict):
        return {name: _substitute(branch, values, images) for name, branch in tree.items()}
    return tree


def _store_outputs(outputs: list[Any], result: Any, values: dict[str, Any]) -> None:
    """Store the results of an operation under their names."""
    for name, value in zip(outputs, [result] if len(outputs) == 1 else result, strict=False):
        if isinstance(name, _Value):
            values[name.name] = value
        elif isinstance(name, list):
            _store_outputs(name, value[0] if len(name) == 1 else value, values)
