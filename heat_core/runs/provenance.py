"""What a run was made from: a resumed run must not mix what it made of other features or another head with these."""

from pathlib import Path
from typing import Any

from heat_core.digests import digest_of_array
from heat_core.energies.names import SECOND_ENCODER
from heat_core.errors import HeatError
from heat_core.features.features import Features
from heat_core.storage import read_checked_json, write_checked_json
from heat_core.types import Head

_FILE = "inputs.json"


def require_same_features(folder: Path, sets: dict[str, Features]) -> None:
    """Refuse features that are not those that the run began with, in any column; sets that it did not know are kept."""
    for name, features in sets.items():
        columns = {"avg": features.avg, "std": features.std, "labels": features.labels}
        columns |= {column: values for column, values in features.extra.items() if column.endswith(SECOND_ENCODER)}
        digests = {c: digest_of_array(column) for c, column in columns.items() if column is not None}
        _require_same(folder, f"features of {name!r}", digests)


def require_same_head(folder: Path, head: Head) -> None:
    """Refuse a head that is not the one that the run began with."""
    _require_same(folder, "head", {"weight": digest_of_array(head[0]), "bias": digest_of_array(head[1])})


def require_same_avg(folder: Path, sets: dict[str, Features]) -> None:
    """Refuse features whose `avg` is not that which the run began with, where it kept a digest; nothing is written."""
    known = _read_digests(folder)
    for name, features in sets.items():
        before = known.get(f"features of {name!r}", {})
        if before and before.get("avg") != digest_of_array(features.avg):
            raise HeatError(
                f"The features of {name!r} are not those that this run was made from (images, backbone or files of "
                "features have changed): start a new run."
            )


def _require_same(folder: Path, what: str, digests: dict[str, str]) -> None:
    known = _read_digests(folder)
    before = known.get(what, digests)
    if before != digests:
        parts = [p for p in (*digests, *before) if before.get(p) != digests.get(p)] if isinstance(before, dict) else []
        raise HeatError(
            f"The {what} are not those that this run began with ({', '.join(dict.fromkeys(parts)) or 'all'}: images, "
            "backbone or files of features have changed): start a new run."
        )
    write_checked_json(folder / _FILE, known | {what: digests})


def _read_digests(folder: Path) -> dict[str, Any]:
    """What was used → its digests by column; {} where the run kept none yet."""
    path = folder / _FILE
    return read_checked_json(path, f"delete {folder} and start a new run") if path.exists() else {}
