"""Reader of the file of a `torch.export` program (.pt2): JSON and raw numbers in a zip; nothing is unpickled."""

import json
import zipfile
import zlib
from pathlib import Path
from typing import Any, Self

import torch

from heat_core.errors import HeatError
from heat_core.names import printable
from heat_core.storage import is_file, is_folder, permission_error

# Codes of torch's schema → dtypes.
DTYPES = {
    1: torch.uint8,
    2: torch.int8,
    3: torch.int16,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    12: torch.bool,
    13: torch.bfloat16,
}
_SCHEMA = 8  # version that torch 2.9 and newer write
_READ_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    UnicodeDecodeError,
)
# Errors of parsing code on a file that is damaged or of another kind.
PARSE_ERRORS = (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError, RuntimeError)


class Archive:
    """Content of a .pt2 file, read record by record.

    Raises:
        HeatError: where the file does not exist, or is truncated, damaged or of another kind.
    """

    def __init__(self, path: Path) -> None:
        if not is_file(path):
            what = "is a folder: name the file in it" if is_folder(path) else "does not exist"
            raise HeatError(f"The program {printable(path)} {what}.")
        self.path = path
        try:
            self._file = zipfile.ZipFile(path)
            names = self._file.namelist()
        except PermissionError as error:
            raise permission_error(path, error) from error
        except _READ_ERRORS as error:
            raise self.unusable_error("it is cut off, or no zip") from error
        self._root = names[0].split("/")[0] if names else ""
        if f"{self._root}/models/model.json" not in names:
            kind = (
                "it holds pickled weights, or is cut off" if f"{self._root}/data.pkl" in names else "it holds no graph"
            )
            raise self.unusable_error(kind)
        self.names = {name.removeprefix(f"{self._root}/") for name in names}

    def unusable_error(self, why: str) -> HeatError:
        """Build the error for a file that cannot be used, with the reason."""
        return HeatError(
            f"{printable(self.path)} is not a program of torch.export that can be used ({printable(why)}): make one "
            "with Backbone.wrap(module, transform).save(FILE)."
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, name: str) -> bytes:
        """Read a record; torch writes none compressed, so that compressed ones are refused."""
        try:
            info = self._file.getinfo(f"{self._root}/{name}")
            if info.compress_type != zipfile.ZIP_STORED:
                raise self.unusable_error(f"{name} is compressed")
            return self._file.read(info)
        except KeyError as error:
            raise self.unusable_error(f"it has no {name}") from error
        except _READ_ERRORS as error:
            raise self.unusable_error(f"{name} is damaged") from error

    def json(self, name: str) -> dict[str, Any]:
        """Read a record that is a JSON object."""
        record = self.read(name)
        try:
            content = json.loads(record.decode())
        except (ValueError, RecursionError) as error:
            raise self.unusable_error(f"{name} is no JSON") from error
        if not isinstance(content, dict):
            raise self.unusable_error(f"{name} is no object")
        return content

    def extra_json(self, name: str) -> dict[str, Any]:
        """Read a JSON object among the extra files."""
        if f"extra/{name}" not in self.names:
            raise self.unusable_error(f"it has no extra file {name}, which says how images are prepared")
        return self.json(f"extra/{name}")

    def program(self) -> dict[str, Any]:
        """Read the graph and its signature."""
        content = self.json("models/model.json")
        version = content.get("schema_version")
        if not isinstance(version, dict) or version.get("major") != _SCHEMA:
            raise self.unusable_error("another version of torch wrote it")
        return content

    def tensors(self) -> dict[str, torch.Tensor]:
        """Read weights and constants by their names; tensors that share memory in the file share it here too."""
        tensors: dict[str, torch.Tensor] = {}
        for kind in ("weights", "constants"):
            config = self.json(f"data/{kind}/model_{kind}_config.json")
            storages: dict[str, torch.Tensor] = {}
            try:
                for name, entry in config["config"].items():
                    tensors[name] = self._tensor(f"data/{kind}/{entry['path_name']}", entry, storages)
            except PARSE_ERRORS as error:
                if isinstance(error, HeatError):
                    raise
                raise self.unusable_error(f"the list of its {kind} is damaged") from error
        return tensors

    def _tensor(self, record: str, entry: dict[str, Any], storages: dict[str, torch.Tensor]) -> torch.Tensor:
        meta = entry["tensor_meta"]
        if entry["use_pickle"] or not meta:
            raise self.unusable_error(f"{record} is pickled")
        if record not in storages:
            content = bytearray(self.read(record))
            dtype = DTYPES[meta["dtype"]]
            storages[record] = torch.frombuffer(content, dtype=dtype) if content else torch.empty(0, dtype=dtype)
        sizes, strides = ([int(n["as_int"]) for n in meta[key]] for key in ("sizes", "strides"))
        return torch.as_strided(storages[record], sizes, strides, int(meta["storage_offset"]["as_int"]))
