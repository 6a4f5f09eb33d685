"""Folders of shards: the plan that a folder was begun with, and the options of the engine that processes it."""

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
# Attribute of ShardPlan → key of plan.json.
_JSON_KEYS = {
    "subject": "of",
    "list_digest": "list",
    "image_count": "rows",
    "shard_size": "size",
    "threads": "threads",
    "batch_size": "batch_size",
}


@dataclass(frozen=True)
class ShardPlan:
    """Plan that a folder of shards was begun with; a resumed job must agree with it.

    Attributes:
        subject: text that identifies what the results depend on: a run and its lens, or a network.
        list_digest: digest of the image list.
        image_count: number of images in the list.
        shard_size: images per shard.
        threads: CPU threads per shard.
        batch_size: images per batch; None = chosen for the device.
    """

    subject: str
    list_digest: str
    image_count: int
    shard_size: int
    threads: int
    batch_size: int | None

    @property
    def shard_count(self) -> int:
        """Number of shards."""
        return -(-self.image_count // self.shard_size)

    def save(self, folder: Path) -> None:
        """Write the plan into the folder."""
        content = {key: getattr(self, name) for name, key in _JSON_KEYS.items()}
        write_checked_json(folder / PLAN_FILE, {"format": _FORMAT, **content})

    @classmethod
    def load(cls, folder: Path) -> "ShardPlan":
        """Read the plan of a folder.

        Raises:
            HeatError: if the plan is damaged or of another version.
        """
        remedy = f"delete {printable(folder)} and start again"
        content = read_checked_json(folder / PLAN_FILE, remedy)
        if content.get("format", _FORMAT) != _FORMAT:
            raise HeatError(f"{printable(folder)} was begun by another version of heat_core: give another --out.")
        if set(content) != {"format", *_JSON_KEYS.values()}:
            raise HeatError(f"{printable(folder / PLAN_FILE)} is damaged: {remedy}.")
        return cls(**{name: content[key] for name, key in _JSON_KEYS.items()})


@dataclass(frozen=True)
class EngineOptions:
    """Options of the engine that processes shards; a folder that was begun keeps its own shard size and threads.

    Attributes:
        engine: `loop` or `ray`.
        address: address of a Ray cluster, or `auto` for that of this machine; None = a new one on this machine.
        workers: number of actors on Ray; None = as many as the cluster has resources for.
        threads: CPU threads per shard; None = those of the folder's plan, or in a new folder all cores, on Ray at most
            four.
        shard_size: images per shard.

    Raises:
        HeatError: if a number is less than 1, or if options of Ray are given for the engine `loop`.
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
        """Number of threads per shard in a new folder."""
        cores = os.cpu_count() or 1
        return self.threads or (min(DEFAULT_RAY_THREADS, cores) if self.engine == "ray" else cores)


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder of shards, so that only one process directs the work in it.

    Raises:
        HeatError: if another process holds the lock.
    """
    message = f"Another process is at work in {printable(folder)}: wait for it, or stop it."
    with exclusive(folder / ".lock", message, timeout=0, target=folder):
        remove_leftovers(folder)
        yield


def open_plan(
    folder: Path, sources: Sequence[Path], subject: str, options: EngineOptions, batch_size: int | None = None
) -> tuple[ShardPlan, ImageListSummary]:
    """Begin a folder of shards, or read the plan that it was begun with.

    Args:
        folder: folder of the image list and of the results.
        sources: folders, image files and manifests.
        subject: text that identifies what the results depend on.
        options: options of the engine; a folder that was begun keeps its own shard size and threads.
        batch_size: images per batch; None = chosen for the device.

    Raises:
        HeatError: if the folder was begun with other images or settings, or if it holds other files.
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
    """Write the image list and the plan into a folder that holds no other files."""
    if left := [p.name for p in folder.iterdir() if not p.name.startswith(".") and p.name != LIST_FILE]:
        raise HeatError(f"{printable(folder)} holds {printable(left[0])}, but no plan: give an empty folder.")
    summary = write_image_list(sources, folder, options.shard_size)
    plan = ShardPlan(
        subject, summary.digest, summary.image_count, options.shard_size, options.default_threads, batch_size
    )
    plan.save(folder)
    return plan, summary
