"""Digests of files, arrays, tensors, JSON and texts: they change when the content does.

Stored digests and fingerprints come from these functions, so what one of them returns for the same content must stay.
"""

import hashlib
import json
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
    """Digest a file's content."""
    digest = hashlib.blake2b(digest_size=16)
    with open(path, "rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def digest_of_array(values: np.ndarray) -> str:
    """Digest an array's type, shape and content."""
    return digest_of_arrays({"": np.asarray(values)})


def digest_of_arrays(arrays: dict[str, np.ndarray], prefix: bytes = b"") -> str:
    """Digest the names, types, shapes and contents of arrays, and the prefix before them."""
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
    """Digest the names and contents of tensors in the order given, and the prefix before them.

    Args:
        tensors: (name, tensor) pairs, as of a state dictionary.
        prefix: what else the digest depends on.
        algorithm: "blake2b" (32 hexadecimal digits) or "sha256" (64).
    """
    digest = _ALGORITHMS[algorithm](prefix.encode())
    for name, tensor in tensors:
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def digest_of_json(content: Any, size: int = 16) -> str:
    """Digest what JSON writes of `content`, keys sorted, in `size` bytes (two hexadecimal digits each)."""
    return hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=size).hexdigest()


def digest_of_texts(*texts: str) -> str:
    """Digest texts into sixteen hexadecimal digits."""
    return digest_of_bytes("\n".join(texts).encode(errors="surrogateescape"))


def digest_of_bytes(*parts: bytes, length: int = 16) -> str:
    """Digest bytes, one part after the other, into the first `length` hexadecimal digits of their SHA-256."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()[:length]
