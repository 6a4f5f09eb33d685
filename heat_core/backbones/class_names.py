"""Names of a network's classes, in the order of its logits, where the network or its weights file has them."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from heat_core.backbones.hooks import LogitsModel
from heat_core.names import printable

_KEYS = ("class_names", "classes", "CLASSES", "class_to_idx", "id2label")
_NESTED = ("meta", "hyper_parameters", "args", "config")  # entries of checkpoints that describe the network


def class_names_of(model: nn.Module) -> list[str]:
    """Return the names that a network has as an attribute or in its configuration; [] where it has none.

    These are `class_names`, `classes`, `class_to_idx`, transformers' `config.id2label` and timm's `label_names`.
    """
    module: Any = model.module if isinstance(model, LogitsModel) else model
    candidates = [getattr(module, key, None) for key in _KEYS]
    candidates.append(getattr(getattr(module, "config", None), "id2label", None))
    timm_config = getattr(module, "pretrained_cfg", None)
    candidates.append(timm_config.get("label_names") if isinstance(timm_config, dict) else None)
    return next(filter(None, map(parse_class_names, candidates)), [])


def parse_class_names(names: Any) -> list[str]:
    """Return names that are given as a list, as number → name, or as name → number; [] for anything else."""
    if isinstance(names, dict):
        pairs = list(names.items())
        if all(isinstance(number, int) and not isinstance(number, bool) for number in names.values()):
            pairs = [(number, name) for name, number in pairs]
        by_number = {int(number): name for number, name in pairs if str(number).isdecimal()}
        names = [by_number[i] for i in range(len(pairs))] if sorted(by_number) == list(range(len(pairs))) else []
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        return []
    return list(map(printable, names))


def read_class_names(path: Path) -> list[str]:
    """Return the names in a weights file: in the metadata of safetensors, or beside the tensors; [] where none are."""
    with suppress(SafetensorError, OSError), safe_open(path, framework="pt") as file:
        return _find_names({key: _parse_json(text) for key, text in (file.metadata() or {}).items()})
    with suppress(Exception):  # the file may be anything, and its weights are read elsewhere, with errors
        return _find_names(torch.load(path, map_location="cpu", weights_only=True, mmap=True))
    return []


def _parse_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _find_names(content: Any) -> list[str]:
    """Search the entries that may hold names, and those that describe the network."""
    if not isinstance(content, dict):
        return []
    nested = [content[key] for key in _NESTED if isinstance(content.get(key), dict)]
    candidates = (description.get(key) for description in (content, *nested) for key in _KEYS)
    return next(filter(None, map(parse_class_names, candidates)), [])
