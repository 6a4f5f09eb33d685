"""Whether a resumed run has the same features, head and plugins, so that it does not mix results of different ones."""

from pathlib import Path
from typing import Any

from heat_core import detectors
from heat_core.digests import digest_of_array
from heat_core.energies.names import prior_kind, registry
from heat_core.errors import HeatError
from heat_core.features.features import SECOND_ENCODER, Features
from heat_core.runs.results_file import ENERGIES, RunRecord
from heat_core.storage import read_checked_json, write_checked_json
from heat_core.types import Head

_FILE = "inputs.json"


def require_plugins_of_rows(folder: Path) -> None:
    """Refuse to resume a run without the plugins of its rows, which it would lose.

    Raises:
        HeatError: where one is not installed, or cannot be imported.
    """
    try:
        known = RunRecord.load(folder / ENERGIES).plugins if (folder / ENERGIES).exists() else {}
    except HeatError:  # a damaged record is made again
        return
    require_plugins(known)


def require_plugins(origins: dict[str, str]) -> None:
    """Refuse detectors and priors whose plugin is missing.

    Args:
        origins: detector or prior → name and version of its plugin (see `RunRecord.plugins`).

    Raises:
        HeatError: where one is not installed, or cannot be imported.
    """
    for name, plugin in origins.items():
        if not (detectors.registry.find(name) or registry.find(prior_kind(name))):
            raise HeatError(f"This run has the row {name!r}, which comes from {plugin}: install that first.")


def require_same_features(folder: Path, sets: dict[str, Features]) -> None:
    """Refuse features that differ in any column from those with which the run began; digests of new sets are stored.

    Raises:
        HeatError: naming the set and the columns that differ.
    """
    for name, features in sets.items():
        columns = {"avg": features.avg, "std": features.std, "labels": features.labels}
        columns |= {column: values for column, values in features.extra.items() if column.endswith(SECOND_ENCODER)}
        digests = {c: digest_of_array(column) for c, column in columns.items() if column is not None}
        _require_same(folder, f"features of {name!r}", digests)


def require_same_head(folder: Path, head: Head) -> None:
    """Refuse a head that is not the one with which the run began; the digest of a first one is stored.

    Raises:
        HeatError: where the head differs.
    """
    _require_same(folder, "head", {"weight": digest_of_array(head[0]), "bias": digest_of_array(head[1])})


def require_same_avg(folder: Path, sets: dict[str, Features]) -> None:
    """Refuse features whose `avg` differs from that with which the run began, where a digest of it is stored.

    Nothing is written.

    Raises:
        HeatError: naming the set.
    """
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
    """Read the digests by input and column; {} where none are stored yet."""
    path = folder / _FILE
    return read_checked_json(path, f"delete {folder} and start a new run") if path.exists() else {}
