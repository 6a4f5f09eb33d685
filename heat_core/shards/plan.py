"""A folder of shards: what it was begun as, and how it is worked on."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from heat_core.errors import HeatError
from heat_core.shards.listing import LIST, Listed, write_list
from heat_core.storage import printable, read_sealed, sweep, write_sealed, writing

PLAN = "plan.json"
SHARD = 10_000  # images
CORES_ON_RAY = 4  # of an actor
_FORMAT = 1


@dataclass(frozen=True)
class Plan:
    """What a folder of shards was begun as; what goes on there must be the same.

    Attributes:
        of: what the results depend on: a run and its lens, or a network.
        list: digest of the list of images.
        rows: images.
        size: images a shard.
        threads: of the processor, for each shard.
        batch_size: images at a time; None = as the device likes.
    """

    of: str
    list: str
    rows: int
    size: int
    threads: int
    batch_size: int | None

    @property
    def shards(self) -> int:
        """How many there are."""
        return -(-self.rows // self.size)


@dataclass(frozen=True)
class How:
    """How a folder of shards is worked on. What the results depend on is kept by the folder once it was begun.

    Attributes:
        engine: `loop` or `ray`.
        address: of a Ray cluster, `auto` for the one of this machine; None = a new one on this machine.
        workers: actors on Ray; None = as many as there is room for.
        threads: of the processor, for each shard; None = all cores, on Ray four at most, or as the folder was begun.
        size: images a shard.
    """

    engine: str = "loop"
    address: str | None = None
    workers: int | None = None
    threads: int | None = None
    size: int = SHARD

    def __post_init__(self) -> None:
        for name, value in (("--shard", self.size), ("--threads", self.threads), ("--workers", self.workers)):
            if value is not None and value < 1:
                raise HeatError(f"{name} is {value}: give 1 or more.")
        if self.engine == "loop" and (self.address is not None or self.workers is not None):
            raise HeatError("--address and --workers are Ray's: give --engine ray too.")

    @property
    def usual_threads(self) -> int:
        """Of a folder that nobody has begun."""
        cores = os.cpu_count() or 1
        return self.threads or (min(CORES_ON_RAY, cores) if self.engine == "ray" else cores)


@contextmanager
def at_work(folder: Path) -> Iterator[None]:
    """Be the only one who leads the work in a folder of shards."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise HeatError(f"Another process is at work in {printable(folder)}: wait for it, or stop it.") from None
    try:
        sweep(folder)
        yield
    finally:
        lock.release()


def begin(
    folder: Path, sources: Sequence[Path], of: str, how: How, batch_size: int | None = None
) -> tuple[Plan, Listed]:
    """Begin a folder of shards, or read how it was begun.

    Args:
        folder: of the list and the results.
        sources: folders, image files, manifests.
        of: what the results depend on.
        how: it is worked on; a folder that was begun keeps its own size of shards, and its threads.
        batch_size: images at a time.

    Raises:
        HeatError: where the folder was begun with something else.
    """
    if not (folder / PLAN).exists():
        if left := [p.name for p in folder.iterdir() if not p.name.startswith(".") and p.name != LIST]:
            raise HeatError(f"{printable(folder)} holds {printable(left[0])}, but no plan: give an empty folder.")
        listed = write_list(sources, folder, how.size)
        plan = Plan(of, listed.digest, listed.rows, how.size, how.usual_threads, batch_size)
        write_sealed(folder / PLAN, {"format": _FORMAT, **asdict(plan)})
        return plan, listed
    plan = _read(folder)
    for what, begun, now in (
        ("for something else", plan.of, of),
        ("with another number of threads", plan.threads, how.threads or plan.threads),
        ("with another batch size", plan.batch_size, batch_size),
    ):
        if begun != now:
            raise HeatError(f"{printable(folder)} was begun {what} ({begun}, not {now}): give another --out.")
    return plan, write_list(sources, folder, plan.size, plan.list)


def _read(folder: Path) -> Plan:
    cure = f"delete {printable(folder)} and start again"
    content = read_sealed(folder / PLAN, cure)
    try:
        if content.pop("format") != _FORMAT:
            raise HeatError(f"{printable(folder)} was begun by another version of heat_core: give another --out.")
        return Plan(**content)
    except (KeyError, TypeError) as error:
        raise HeatError(f"{printable(folder / PLAN)} is damaged: {cure}.") from error
