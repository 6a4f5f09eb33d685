"""A folder of shards: what it was begun with, and how it is worked on."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from heat_core.errors import HeatError
from heat_core.locks import exclusive, remove_leftovers
from heat_core.names import printable
from heat_core.shards.image_list_file import LIST_FILE, ImageListSummary, write_image_list
from heat_core.storage import read_checked_json, write_checked_json

PLAN_FILE = "plan.json"
DEFAULT_SHARD_SIZE = 10_000  # images
DEFAULT_RAY_THREADS = 4  # CPU cores of an actor
_FORMAT = 1
_JSON_KEYS = {
    "subject": "of",
    "list_digest": "list",
    "image_count": "rows",
    "shard_size": "size",
    "threads": "threads",
    "batch_size": "batch_size",
}  # attribute of ShardPlan → key of plan.json


@dataclass(frozen=True)
class ShardPlan:
    """What a folder of shards was begun with; a resumed job must agree with it.

    Attributes:
        subject: what the results depend on: a run and its lens, or a network.
        list_digest: digest of the list of images.
        image_count: number of images in the list.
        shard_size: images a shard.
        threads: CPU threads for each shard.
        batch_size: images at a time; None = chosen for the device.
    """

    subject: str
    list_digest: str
    image_count: int
    shard_size: int
    threads: int
    batch_size: int | None

    @property
    def shard_count(self) -> int:
        """The number of shards."""
        return -(-self.image_count // self.shard_size)

    def save(self, folder: Path) -> None:
        """Write the plan into the folder."""
        content = {key: getattr(self, name) for name, key in _JSON_KEYS.items()}
        write_checked_json(folder / PLAN_FILE, {"format": _FORMAT, **content})

    @classmethod
    def load(cls, folder: Path) -> "ShardPlan":
        """Read the plan of a folder; HeatError where it is damaged or of another version."""
        cure = f"delete {printable(folder)} and start again"
        content = read_checked_json(folder / PLAN_FILE, cure)
        if content.get("format", _FORMAT) != _FORMAT:
            raise HeatError(f"{printable(folder)} was begun by another version of heat_core: give another --out.")
        if set(content) != {"format", *_JSON_KEYS.values()}:
            raise HeatError(f"{printable(folder / PLAN_FILE)} is damaged: {cure}.")
        return cls(**{name: content[key] for name, key in _JSON_KEYS.items()})


@dataclass(frozen=True)
class EngineOptions:
    """How a folder of shards is worked on; a folder that was begun keeps its own shard size and threads.

    Attributes:
        engine: `loop` or `ray`.
        address: address of a Ray cluster, `auto` for the one of this machine; None = a new one on this machine.
        workers: actors on Ray; None = as many as there is room for.
        threads: CPU threads for each shard; None = all cores, on Ray four at most, or as the folder was begun.
        shard_size: images a shard.
    """

    engine: str = "loop"
    address: str | None = None
    workers: int | None = None
    threads: int | None = None
    shard_size: int = DEFAULT_SHARD_SIZE

    def __post_init__(self) -> None:
        for name, value in (("--shard", self.shard_size), ("--threads", self.threads), ("--workers", self.workers)):
            if value is not None and value < 1:
                raise HeatError(f"{name} is {value}: give 1 or more.")
        if self.engine == "loop" and (self.address is not None or self.workers is not None):
            raise HeatError("--address and --workers are Ray's: give --engine ray too.")

    @property
    def default_threads(self) -> int:
        """The threads of a new folder."""
        cores = os.cpu_count() or 1
        return self.threads or (min(DEFAULT_RAY_THREADS, cores) if self.engine == "ray" else cores)


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder of shards: one process alone leads the work in it."""
    message = f"Another process is at work in {printable(folder)}: wait for it, or stop it."
    with exclusive(folder / ".lock", message, timeout=0, target=folder):
        remove_leftovers(folder)
        yield


def open_plan(
    folder: Path, sources: Sequence[Path], subject: str, options: EngineOptions, batch_size: int | None = None
) -> tuple[ShardPlan, ImageListSummary]:
    """Begin a folder of shards, or read how it was begun.

    Args:
        folder: folder of the list and the results.
        sources: folders, image files, manifests.
        subject: what the results depend on.
        options: how it is worked on; a folder that was begun keeps its own shard size and threads.
        batch_size: images at a time.

    Raises:
        HeatError: where the folder was begun with something else.
    """
    if not (folder / PLAN_FILE).exists():
        return _begin_plan(folder, sources, subject, options, batch_size)
    plan = ShardPlan.load(folder)
    for difference, begun, now in (
        ("for something else", plan.subject, subject),
        ("with another number of threads", plan.threads, options.threads or plan.threads),
        ("with another batch size", plan.batch_size, batch_size),
    ):
        if begun != now:
            raise HeatError(f"{printable(folder)} was begun {difference} ({begun}, not {now}): give another --out.")
    return plan, write_image_list(sources, folder, plan.shard_size, plan.list_digest)


def _begin_plan(
    folder: Path, sources: Sequence[Path], subject: str, options: EngineOptions, batch_size: int | None
) -> tuple[ShardPlan, ImageListSummary]:
    """Write the list and the plan of a folder that holds nothing else."""
    if left := [p.name for p in folder.iterdir() if not p.name.startswith(".") and p.name != LIST_FILE]:
        raise HeatError(f"{printable(folder)} holds {printable(left[0])}, but no plan: give an empty folder.")
    summary = write_image_list(sources, folder, options.shard_size)
    plan = ShardPlan(
        subject, summary.digest, summary.image_count, options.shard_size, options.default_threads, batch_size
    )
    plan.save(folder)
    return plan, summary
