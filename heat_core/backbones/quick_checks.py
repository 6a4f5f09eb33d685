"""Checks of a backbone's name and weights file that import no torch, for mistakes that can be told before a job starts.

What they let pass may still be refused when the network is loaded.
"""

import re
import zipfile
from contextlib import suppress
from difflib import get_close_matches
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from safetensors import SafetensorError, safe_open

from heat_core.backbones.resnet_recipe import read_training_record
from heat_core.errors import HeatError
from heat_core.names import printable
from heat_core.storage import expand_home, is_file, is_folder, permission_error

DEMO = "heat-demo-resnet"
# Networks of the paper for CIFAR: preset → (timm name, repository on the Hugging Face hub, number of classes).
CIFAR_PRESETS = {
    f"resnet{depth}{kind}_cifar{classes}": (f"resnet{depth}", f"edadaltocg/resnet{depth}{kind}_cifar{classes}", classes)
    for depth in (18, 34, 50)
    for kind in ("", "_supcon")
    for classes in (10, 100)
}
_PROGRAM, _TRANSFORMERS, _HUB, _WRAPPED = "torch:", "hf:", "hf-hub:", "wrapped:"
_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
_PICKLE = b"\x80"  # first byte of a torch file that is no zip
_REGISTERED = re.compile(r"@register_model\s+def (\w+)\(")
_DEPRECATED = re.compile(r"register_model_deprecations\(__name__, \{(.*?)\}\)", re.DOTALL)
_KEY = re.compile(r"""['"](\w+(?:\.\w+)?)['"]\s*:""")


def check_backbone(name: str, weights: str | None = None, image_size: int | None = None) -> None:
    """Refuse a backbone that cannot exist: an unknown name, a missing file, or a file with options that it excludes.

    Args:
        name: name of the backbone, as `load_backbone` takes it.
        weights: weights file that is given besides.
        image_size: side of the input in pixels that is given besides.

    Raises:
        HeatError: naming the remedy.
    """
    if name.startswith((_PROGRAM, _TRANSFORMERS)) and (weights or image_size):
        raise HeatError(f"{printable(name)} has weights and an image size of its own: leave the others out.")
    if name.startswith(_PROGRAM):
        _check_program(expand_home(name.removeprefix(_PROGRAM)))
    elif name.startswith(_TRANSFORMERS):
        _check_transformers(name.removeprefix(_TRANSFORMERS))
    elif name not in (DEMO, *CIFAR_PRESETS) and not name.startswith((_HUB, _WRAPPED)):
        _check_timm_name(name)


def check_weights(weights: str, name: str) -> None:
    """Refuse a weights file that is missing, is of another kind, or that `train-backbone` made for another network.

    Args:
        weights: path of the file.
        name: name of the backbone that takes the weights.

    Raises:
        HeatError: naming the remedy.
    """
    file = expand_home(weights)
    require_file(file, "weights file")
    try:
        with open(file, "rb") as content:
            begin = content.read(1)
    except OSError as error:
        raise permission_error(file, error) from error
    if begin != _PICKLE and not zipfile.is_zipfile(file) and not is_safetensors(file):
        raise HeatError(
            f"{printable(file)} is not a weights file, or is cut off: give safetensors, or torch tensors as torch.save "
            "writes them."
        )
    if name != DEMO and (record := read_training_record(weights)):
        record.require_architecture(name, weights)


def require_file(file: Path, what: str) -> None:
    """Refuse a path that is no file.

    Args:
        file: the path.
        what: noun for the file in the error.

    Raises:
        HeatError: if there is no such file, or it is a folder.
    """
    if not is_file(file):
        problem = "is a folder: name the file in it" if is_folder(file) else "does not exist"
        raise HeatError(f"The {what} {printable(file)} {problem}.")


def is_safetensors(file: Path) -> bool:
    """Tell whether a file is of safetensors, whatever its ending: blobs of the Hugging Face hub have none."""
    with suppress(SafetensorError, OSError), safe_open(file, framework="np"):
        return True
    return False


@cache
def timm_names() -> tuple[frozenset[str], frozenset[str]]:
    """Return the names of timm's models, and those with the tag of their weights, as far as its source has them.

    The source is searched, since timm itself imports torch. The second set lacks names that are composed at run time.
    """
    spec = find_spec("timm")
    folder = Path(spec.origin).parent / "models" if spec and spec.origin else Path()
    names: set[str] = set()
    tagged: set[str] = set()
    for file in folder.glob("*.py"):
        text = file.read_text(encoding="utf-8")
        names.update(_REGISTERED.findall(text))
        tagged.update(key for key in _KEY.findall(text) if "." in key)
        names.update(key for block in _DEPRECATED.findall(text) for key in _KEY.findall(block) if "." not in key)
    return frozenset(names), frozenset(tagged)


@cache
def known_backbones() -> list[str]:
    """Return every name of a backbone that is known without a download, sorted: networks of the paper, timm's names."""
    names, tagged = timm_names()
    return sorted({*CIFAR_PRESETS, *names, *tagged, DEMO})


def unknown_model_error(name: str, known: list[str]) -> HeatError:
    """Make the error for a name that timm does not have, with the names of `known` that are most like it."""
    near = get_close_matches(name, known, n=4, cutoff=0.5)
    hint = f" (did you mean {', '.join(near)}?)" if near else ""
    return HeatError(f"timm has no model {name!r}{hint}: timm.list_models() lists them all.")


def _check_timm_name(name: str) -> None:
    names, tagged = timm_names()
    base, dot, _ = name.partition(".")
    if base not in names:
        raise unknown_model_error(name, sorted(names))
    known = sorted(tag for tag in tagged if tag.startswith(f"{base}."))
    if dot and known and name not in tagged:
        raise HeatError(f"timm has no weights {name!r}: choose among {', '.join(known)}.")


def _check_program(file: Path) -> None:
    require_file(file, "program")
    if not zipfile.is_zipfile(file):
        raise HeatError(
            f"{printable(file)} is not a program of torch.export, or is cut off: make one with "
            "Backbone.wrap(module, transform).save(FILE)."
        )


def _check_transformers(source: str) -> None:
    folder = expand_home(source)
    if is_folder(folder):
        if not is_file(folder / "config.json"):
            raise HeatError(f"{printable(folder)} has no config.json: give a folder that save_pretrained wrote.")
    elif not _HUB_ID.fullmatch(source):
        raise HeatError(f"The folder {printable(folder)} does not exist, and no id on the Hugging Face hub looks so.")
