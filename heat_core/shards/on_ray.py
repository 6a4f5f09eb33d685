"""Shards on Ray: an actor a GPU, or a share of the cores, holds the job. What dies is started again by Ray, and what
was finished lies on the disk that all machines share."""

import logging
import os
import pickle
from collections.abc import Iterator
from typing import Any

from heat_core.errors import HeatError
from heat_core.runs.events import Progress, silent

_CORES = 4  # for an actor without a GPU


class OnRay:
    """The Ray engine.

    Args:
        address: of a cluster, `auto` for the one of this machine; None = a new one on this machine.
        workers: actors; None = as many as there is room for.
        threads: cores of each.
    """

    def __init__(self, address: str | None = None, workers: int | None = None, threads: int = _CORES) -> None:
        self.address, self.workers, self.threads = address, workers, threads

    def __call__(self, job: Any, numbers: list[int], report: Progress = silent) -> Iterator[Any]:
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
        room = ray.cluster_resources()
        gpus, cores = int(room.get("GPU", 0)), int(room.get("CPU", 0))
        fitting = min(gpus, cores // self.threads) if gpus else cores // self.threads
        if not fitting:
            raise HeatError(f"Ray has {cores} cores, and a worker wants {self.threads}: give fewer --threads.")
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
        )
        for row in rows.iter_rows():
            result = pickle.loads(row["result"])
            if isinstance(result, HeatError):
                raise result
            yield result


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
        except HeatError as error:  # what Ray raises in its place is a page long
            return error


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
        ray.init(address=address, include_dashboard=None if address else False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise HeatError(
            f"There is no Ray cluster at {address or 'this machine'} ({str(error).splitlines()[0]}): start one with "
            "`ray start --head`, or leave --address out."
        ) from error
