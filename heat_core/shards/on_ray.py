"""Shards on Ray: an actor a GPU, or a share of the cores, holds the job. What dies is started again by Ray, and what
was finished lies on the disk that all machines share."""

import logging
import os
import pickle
import re
import socket
from collections.abc import Iterator
from typing import Any

from heat_core.errors import HeatError, sentence_of
from heat_core.progress import no_progress
from heat_core.runs.events import Progress
from heat_core.shards.plan import CORES_ON_RAY
from heat_core.storage import printable

_RETRIES = 3  # of a shard whose actor died


class OnRay:
    """The Ray engine.

    Args:
        address: of a cluster, `auto` for the one of this machine; None = a new one on this machine.
        workers: actors; None = as many as there is room for.
        threads: cores of each.
    """

    def __init__(self, address: str | None = None, workers: int | None = None, threads: int = CORES_ON_RAY) -> None:
        self.address, self.workers, self.threads = address, workers, threads

    def __call__(self, job: Any, numbers: list[int], report: Progress = no_progress) -> Iterator[Any]:
        """Do the numbers, and yield what the job answers, in their order.

        Raises:
            HeatError: where Ray is not installed, cannot be reached, or has no room; or the job's own.
        """
        if not numbers:
            return
        ray, data = _ray()
        ours = not ray.is_initialized()
        try:
            if ours:
                _connect(ray, self.address)
            yield from self._mapped(ray, data, job, numbers, report)
        finally:
            if ours:
                ray.shutdown()

    def _mapped(self, ray: Any, data: Any, job: Any, numbers: list[int], report: Progress) -> Iterator[Any]:
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        gpus = any(node.get("GPU", 0) >= 1 for node in nodes)
        fitting = sum(self._fitting(node, gpus) for node in nodes)
        if not fitting:
            most = max(int(node.get("CPU", 0)) for node in nodes)
            raise HeatError(f"Ray has {most} cores on a machine, and a worker wants {self.threads}: fewer --threads.")
        workers = min(self.workers or fitting, fitting, len(numbers))
        report("ray", f"{workers} workers of {self.threads} cores{' and a GPU' if gpus else ''}.")
        job_in_ray = ray.put(job)  # kept here: an actor that is started again asks for it once more
        rows = data.from_items([{"number": n} for n in numbers], override_num_blocks=len(numbers)).map_batches(
            Worker,
            fn_constructor_args=(job_in_ray,),
            batch_size=None,
            compute=data.ActorPoolStrategy(size=workers),
            num_cpus=self.threads,
            num_gpus=1 if gpus else 0,
            max_task_retries=_RETRIES,
        )
        try:
            for row in rows.iter_rows():
                result = pickle.loads(row["result"])
                if isinstance(result, HeatError):
                    raise result
                yield result
        except ray.exceptions.RayError as error:
            raise HeatError(
                f"Ray gave up ({printable(str(error).splitlines()[0])}): a worker that is killed {_RETRIES + 1} times "
                "often lacks memory, give fewer --workers; what was finished is kept."
            ) from error

    def _fitting(self, node: dict[str, float], gpus: bool) -> int:
        """How many workers a machine has room for; one without a GPU has none where others have some."""
        by_cores = int(node.get("CPU", 0)) // self.threads
        return min(by_cores, int(node.get("GPU", 0))) if gpus else by_cores


class Worker:
    """An actor: takes the job when it starts, then numbers."""

    def __init__(self, job_in_ray: Any) -> None:
        import ray

        self.job = ray.get(job_in_ray)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        return {"result": [pickle.dumps(self._answer(int(number))) for number in batch["number"]]}

    def _answer(self, number: int) -> Any:
        try:
            return self.job(number)
        except Exception as error:  # what Ray raises in its place is a page long
            where = f"{sentence_of(error)} (on {socket.gethostname()}, number {number})"
            return error if isinstance(error, HeatError) else HeatError(where)


def _ray() -> tuple[Any, Any]:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it asks nobody
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise HeatError("--engine ray needs Ray: pip install 'heat-explorer[cluster]'.") from error
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True  # sums of what comes back are the same each time
    for name in ("ray.data", "ray"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return ray, ray.data


def _connect(ray: Any, address: str | None) -> None:
    try:
        if address and re.fullmatch(r"[\w.-]+:\d+", address):  # Ray itself asks for minutes
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), timeout=10).close()
        ray.init(address=address or "local", include_dashboard=None if address else False, logging_level=logging.ERROR)
    except (OSError, ValueError, RuntimeError, OverflowError) as error:
        raise HeatError(
            f"There is no Ray cluster at {address or 'this machine'} ({str(error).splitlines()[0]}): start one with "
            "`ray start --head`, or leave --address out."
        ) from error
