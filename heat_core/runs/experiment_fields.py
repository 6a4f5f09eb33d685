"""Fields of an experiment as plain values: their keys in run.json, their types, command lines and Python lines."""

import os
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from heat_core.data.demo import demo_sets
from heat_core.data.made.made_sets import MADE
from heat_core.data.table_formats import is_image_source, is_image_table, table_title
from heat_core.errors import HeatError
from heat_core.names import printable
from heat_core.storage import expand_home, resolve_links

# Field → its key in run.json, where it differs: stored runs, and digests that studies share, have the former name.
_STORED_KEYS = {
    "second_backbone": "beside",
    "second_weights": "beside_weights",
    "second_image_size": "beside_image_size",
}
# Values of keys that a run.json may lack, although `Experiment` has another default today.
_STORED_DEFAULTS = {"preset": "paper"}
# Options of a network that take two values for two encoders → value that means "none" for the first encoder.
_NETWORK_OPTIONS = {"backbone": "", "weights": "-", "image_size": "0"}
_SECOND_FIELDS = {"backbone": "second_backbone", "weights": "second_weights", "image_size": "second_image_size"}
# Folder names, without - and _, of the sets for which methods publish settings.
_ID_SETS = {"cifar10": "cifar10", "cifar100": "cifar100"} | dict.fromkeys(
    ("imagenet", "imagenet1k", "imagenet2012", "ilsvrc2012"), "imagenet"
)
FILE_BACKBONES = ("torch", "hf")  # prefixes of backbones that are files, before the colon
_PATH_FIELDS = ("id", "id_test", "backbone", "weights", "second_backbone", "second_weights")
_PRIORS_OF_TWO_ENCODERS = ("gmm", "gmm@b", "el")
_PLAIN_OPTIONS = (
    "covariance",
    "mixture_weights",
    "clusters",
    "limit",
    "limit_test",
    "limit_ood",
    "share",
    "seed",
    "name",
    "batch_size",
    "parent",
)


def require_set_names(ood: Mapping[str, str], shifted: Mapping[str, str], known: tuple[str, ...]) -> None:
    """Refuse OOD and shifted sets without a name or source, and names that mean something else, or two sets.

    Args:
        ood: OOD set → its source.
        shifted: shifted set → its source.
        known: names that the sets of the known images and the average have in tables.

    Raises:
        HeatError: naming the set, and the remedy.
    """
    for sets, a, the in ((ood, "An OOD set", "The OOD set"), (shifted, "A shifted set", "The shifted set")):
        if not all(str(name).strip() for name in sets):
            raise HeatError(f"{a} has no name: write NAME=DIR for each.")
        if not all(sets.values()):
            raise HeatError(f"{the} {next(n for n, s in sets.items() if not s)!r} has no folder or name.")
        if reserved := {*known, "ID test", "ID train"} & set(sets):
            raise HeatError(f"{a} cannot be called {sorted(reserved)[0]!r}: choose another name for it.")
        for name in sets:
            if other := next((n for n in (*known, *ood, *shifted) if name.startswith(f"{n}/")), None):
                raise HeatError(f"{the} {name!r} is called as an image of {other!r} is: choose a name without /.")
    if both := sorted(set(ood) & set(shifted)):
        raise HeatError(f"An OOD set and a shifted set are called {both[0]!r}: give each a name of its own.")


def require_possible_made_sets(ood: Mapping[str, str], shifted: Mapping[str, str], has_images: bool) -> None:
    """Refuse made sets where there are no images, that are made twice, or whose name another set has.

    They carry no object, so that none of them is a shifted set.

    Raises:
        HeatError: naming the set, and the remedy.
    """
    made = [source for source in ood.values() if source in MADE]
    if made and not has_images:
        raise HeatError(f"Made sets need images: give --ood folders of features in place of {', '.join(made)}.")
    if twice := next((source for source in made if made.count(source) > 1), None):
        raise HeatError(f"The OOD set {twice!r} is made twice, and would count twice: name it once.")
    if other := next((name for name, source in ood.items() if name in MADE and source != name), None):
        raise HeatError(f"The OOD set {other!r} is called as a made set is: choose another name for {ood[other]}.")
    if wrong := next((text for pair in shifted.items() for text in pair if text in MADE), None):
        raise HeatError(f"{wrong} shows none of the ID's classes, so that it is no shifted set: give it as --ood.")


def published_id_set(path: Path) -> str:
    """Return the name of the ID set, among those with published settings, that a path has in its last three parts."""
    path = path.with_name(table_title(path)) if is_image_table(path) else path
    words = [part.lower().replace("-", "").replace("_", "") for part in path.parts[-3:]]
    return next((_ID_SETS[word] for word in reversed(words) if word in _ID_SETS), "")


def to_stored(values: Mapping[str, Any]) -> dict[str, Any]:
    """Rename field values to the keys of run.json, in the same order."""
    return {_STORED_KEYS.get(name, name): value for name, value in values.items()}


def from_stored(content: dict[str, Any]) -> dict[str, Any]:
    """Rename the keys of run.json to field names; keys that are no field are kept."""
    names = {key: name for name, key in _STORED_KEYS.items()}
    return _STORED_DEFAULTS | {names.get(key, key): value for key, value in content.items()}


def plain_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Convert paths to texts, tuples to lists, and numbers of numpy to those of Python among field values."""

    def convert(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: convert(inner) for key, inner in value.items()}
        value = os.fspath(value) if isinstance(value, os.PathLike) else value
        value = list(value) if isinstance(value, tuple) else value
        return value.item() if isinstance(value, np.generic) else value

    return {name: convert(value) for name, value in values.items()}


def map_paths(values: Mapping[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    """Apply a function to the sources of sets, the weights files and the backbones among field values."""

    def change_text(value: Any) -> Any:
        return change(value) if isinstance(value, str) else value

    mapped = {name: change_text(value) if name in _PATH_FIELDS else value for name, value in values.items()}
    for field in ("ood", "shifted"):
        if isinstance(sources := values.get(field), dict):
            mapped[field] = {name: change_text(source) for name, source in sources.items()}
    return mapped


def require_types(values: Mapping[str, Any], groups: tuple[str, ...]) -> None:
    """Check the types of field values.

    Args:
        values: field values by name.
        groups: allowed names of groups.

    Raises:
        TypeError: where a value has another type than its field is declared with.
    """
    text = "a text"
    texts = [values[name] for name in ("id", "backbone", "preset", "covariance", "mixture_weights", "name")]
    _require(all(isinstance(v, str) for v in texts), f"id, backbone, preset … must be {text}")
    optional = [values[name] for name in ("id_test", "weights", "second_backbone", "second_weights", "parent")]
    _require(all(v is None or isinstance(v, str) for v in optional), f"id_test, weights and parent must be {text}")
    sizes = ("image_size", "second_image_size", "batch_size", "clusters", "limit", "limit_test", "limit_ood")
    whole = [values[name] for name in sizes if values[name] is not None]
    _require(all(type(v) is int for v in (*whole, values["seed"])), "numbers must be whole")
    _require(type(values["share"]) in (int, float), "share must be a number")
    _require(isinstance(values["map"], bool), "map must be true or false")
    for names in (values["priors"], values["detectors"]):
        _require(isinstance(names, list) and all(isinstance(v, str) for v in names), "lists must hold texts")
    for named in (values["ood"], values["shifted"], values["groups"]):
        pairs = isinstance(named, dict) and all(isinstance(v, str) for pair in named.items() for v in pair)
        _require(pairs, "ood, shifted and groups must name texts")
    _require(set(values["groups"].values()) <= set(groups), "groups must be near, mid or far")
    _require(isinstance(values["settings"], dict), "settings must be an object")


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise TypeError(sentence)


def split_encoders(options: Mapping[str, Any]) -> dict[str, Any]:
    """Convert options of the command line to fields; those of a network may be lists of two, for two encoders.

    Raises:
        HeatError: where more than two values are given.
    """
    values = dict(options)
    for option, none in _NETWORK_OPTIONS.items():
        given = values.get(option)
        given = [given] if given is not None and not isinstance(given, list) else given or []
        if len(given) > 2:
            raise HeatError(f"--{option.replace('_', '-')} takes one value, or two for two encoders.")
        first, second, *_ = [None if str(value) == none else value for value in given] + [None, None]
        values |= {option: first, _SECOND_FIELDS[option]: second}
    if values["second_backbone"] and values.get("priors") is None:
        values["priors"] = list(_PRIORS_OF_TWO_ENCODERS)
    return values


def command_line(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """Write the command line of `heat_core run` that gives these field values.

    The preset is always written, since its default has changed once.
    """
    words = ["python", "-m", "heat_core", "run", "--id", values["id"]]
    words += ["--id-test", values["id_test"]] if values["id_test"] else []
    for option, none in _NETWORK_OPTIONS.items():
        first, second = values[option], values[_SECOND_FIELDS[option]]
        if first is not None or second is not None:
            given = [first] if second is None else [first if first is not None else none, second]
            words += [_flag(option), *map(str, given)]
    for option in ("ood", "shifted"):
        words += [_flag(option), *(f"{n}={s}" for n, s in values[option].items())] if values[option] else []
    words += ["--priors", *values["priors"], "--preset", values["preset"]]
    if values["detectors"] != defaults["detectors"]:
        words += ["--detectors", *values["detectors"]]
    if values["groups"]:
        words += ["--group", *(f"{name}={group}" for name, group in values["groups"].items())]
    for option in _PLAIN_OPTIONS:
        if values[option] != defaults[option]:
            words += [_flag(option), str(values[option])]
    if values["settings"]:
        words += ["--set", *(f"{k}={v}" for k, v in values["settings"].items())]
    if not values["map"]:
        words += ["--no-map"]
    return printable(shlex.join(words))


def _flag(option: str) -> str:
    return f"--{option.replace('_', '-')}"


def python_lines(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """Write Python lines that run an experiment with these field values; the preset is always written."""
    changed = {k: v for k, v in values.items() if k in ("id", "ood", "preset") or v != defaults[k]}
    lines = "".join(f"    {k}={v!r},\n" for k, v in changed.items())
    return f"from heat_core import Experiment, run\n\nresult = run(Experiment(\n{lines}))\nprint(result.metrics())\n"


def resolve_set(source: str) -> str:
    """Make the path of a folder, archive or manifest absolute; names of data sets stay."""
    return resolve_source(source, is_image_source)


def resolve_source(source: str, exists: Callable[[Path], bool]) -> str:
    """Make a path absolute where it exists; names of demo sets and of sets that runs make stay."""
    path = expand_home(source)
    return os.fspath(resolve_links(path)) if source not in (*demo_sets.SETS, *MADE) and exists(path) else source


def resolve_backbone(backbone: str) -> str:
    """Make the path in `torch:FILE` or `hf:FOLDER` absolute; other names stay."""
    kind, colon, path = backbone.partition(":")
    exists = colon and kind in FILE_BACKBONES and expand_home(path).exists()
    return f"{kind}:{os.fspath(resolve_links(expand_home(path)))}" if exists else backbone
