"""Digests of files, arrays, tensors, JSON and texts. A digest changes when the content does.

Runs store digests and fingerprints that these functions made. Each function must therefore always return the same
digest for the same content.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from heat_core.memory import release_pages

if TYPE_CHECKING:
    import torch

_BLOCK = 2**28  # bytes of an array that are read at a time
_ALGORITHMS: dict[str, Callable[[bytes], Any]] = {
    "blake2b": partial(hashlib.blake2b, digest_size=16),
    "sha256": hashlib.sha256,
}


def digest_of_file(path: Path) -> str:
    """Digest a file's content into 32 hexadecimal digits."""
    digest = hashlib.blake2b(digest_size=16)
    with open(path, "rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def digest_of_array(values: np.ndarray) -> str:
    """Digest an array's type, shape and content into 32 hexadecimal digits."""
    return digest_of_arrays({"": np.asarray(values)})


def digest_of_arrays(arrays: dict[str, np.ndarray], prefix: bytes = b"") -> str:
    """Digest a prefix and the names, types, shapes and contents of arrays into 32 hexadecimal digits.

    Args:
        arrays: name → array; their order does not matter.
        prefix: bytes that are digested before the arrays.
    """
    digest = hashlib.blake2b(prefix, digest_size=16)
    for name in sorted(arrays):
        values = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {values.dtype.str} {values.shape}".encode())
        content = values.reshape(-1).view(np.uint8)
        for i in range(0, len(content), _BLOCK):
            digest.update(content[i : i + _BLOCK].data)
            release_pages(arrays[name])
    return digest.hexdigest()


def digest_of_tensors(tensors: Iterable[tuple[str, "torch.Tensor"]], prefix: str, algorithm: str = "blake2b") -> str:
    """Digest a prefix and the names and contents of tensors.

    Args:
        tensors: (name, tensor) pairs, as of a state dictionary; the digest depends on their order.
        prefix: text that is digested before the tensors.
        algorithm: "blake2b" (32 hexadecimal digits) or "sha256" (64).
    """
    digest = _ALGORITHMS[algorithm](prefix.encode())
    for name, tensor in tensors:
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def digest_of_json(content: Any, size: int = 16) -> str:
    """Digest the JSON text of `content`, with sorted keys, into `size` bytes (two hexadecimal digits each)."""
    return hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=size).hexdigest()


def digest_of_texts(*texts: str) -> str:
    """Digest texts, joined by line breaks, into 16 hexadecimal digits."""
    return digest_of_bytes("\n".join(texts).encode(errors="surrogateescape"))


def digest_of_bytes(*parts: bytes, length: int = 16) -> str:
    """Digest the concatenated parts into the first `length` hexadecimal digits of their SHA-256."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()[:length]


def version_of(status: os.stat_result) -> tuple[int, int, int]:
    """Return numbers that change when the file of these stats does, for what is derived from it and cached."""
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size
