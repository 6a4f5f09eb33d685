"""Processing of shards on Ray. Each actor holds the job, and has one GPU or some of the CPU cores.

Ray restarts actors that were killed. The results are written to a disk that all machines share.
"""

import logging
import os
import pickle
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

from heat_core.backbones.state_dict import first_line
from heat_core.errors import HeatError, describe_error
from heat_core.names import printable
from heat_core.progress import no_progress
from heat_core.runs.events import Progress
from heat_core.shards.shard_plan import DEFAULT_RAY_THREADS

# A socket's path may have 103 characters on macOS, of which Ray's names below the folder take about 70.
_LONGEST_TEMPORARY_FOLDER = 30
SHORT_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")
_RETRIES = 3  # attempts to repeat a shard whose actor was killed


class RayEngine:
    """Engine that processes shards on a Ray cluster.

    Args:
        address: address of the cluster, or `auto` for that of this machine; None = a new one on this machine.
        workers: number of actors; None = as many as the cluster has resources for.
        threads: CPU cores per actor.
    """

    def __init__(
        self, address: str | None = None, workers: int | None = None, threads: int = DEFAULT_RAY_THREADS
    ) -> None:
        self.address, self.workers, self.threads = address, workers, threads

    def __call__(self, job: Any, numbers: list[int], report: Progress = no_progress) -> Iterator[Any]:
        """Do the job for each number, and yield the results in the order of the numbers.

        Args:
            job: picklable job: number → result.
            numbers: numbers of the shards.
            report: receives a sentence about the workers.

        Raises:
            HeatError: if Ray is not installed, cannot be reached, or lacks CPU cores; or if the job fails.
        """
        if not numbers:
            return
        ray, data = _import_ray()
        with _connection(ray, self.address):
            yield from self._map_numbers(ray, data, job, numbers, report)

    def _map_numbers(self, ray: Any, data: Any, job: Any, numbers: list[int], report: Progress) -> Iterator[Any]:
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        gpus = any(node.get("GPU", 0) >= 1 for node in nodes)
        capacity = sum(self._worker_capacity(node, gpus) for node in nodes)
        if not capacity:
            most_cores = max(int(node.get("CPU", 0)) for node in nodes)
            raise HeatError(
                f"Ray has {most_cores} cores on a machine, and a worker needs {self.threads}: give fewer --threads."
            )
        workers = min(self.workers or capacity, capacity, len(numbers))
        report("ray", f"{workers} workers of {self.threads} cores{' and a GPU' if gpus else ''}.")
        job_in_ray = ray.put(job)  # the reference must live on, because a restarted actor reads the job again
        rows = data.from_items([{"number": n} for n in numbers], override_num_blocks=len(numbers)).map_batches(
            _Worker,
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
                f"Ray stopped ({printable(str(error).splitlines()[0])}): a worker that is killed {_RETRIES + 1} times "
                "often lacks memory, give fewer --workers; what was finished is kept."
            ) from error

    def _worker_capacity(self, node: dict[str, float], gpus: bool) -> int:
        """Return the number of workers that fit on a machine; if any machine has a GPU, each worker needs one."""
        by_cores = int(node.get("CPU", 0)) // self.threads
        return min(by_cores, int(node.get("GPU", 0))) if gpus else by_cores


class _Worker:
    """Ray actor that receives the job when it starts, then shard numbers."""

    def __init__(self, job_in_ray: Any) -> None:
        import ray

        self.job = ray.get(job_in_ray)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        return {"result": [pickle.dumps(self._run_job(int(number))) for number in batch["number"]]}

    def _run_job(self, number: int) -> Any:
        try:
            return self.job(number)
        except Exception as error:  # Ray would raise its own error with a page of text
            where = f"{describe_error(error)} (on {socket.gethostname()}, number {number})"
            return error if isinstance(error, HeatError) else HeatError(where)


def _import_ray() -> tuple[Any, Any]:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no usage reports without consent
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise HeatError("--engine ray needs Ray: pip install 'heat-explorer[cluster]'.") from error
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = True  # sums of the results are then reproducible
    for name in ("ray.data", "ray"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return ray, ray.data


@contextmanager
def _connection(ray: Any, address: str | None) -> Iterator[None]:
    """Connect to a cluster, or start one here, for the block; nothing is done if this process is connected already."""
    if ray.is_initialized():
        yield
        return
    with nullcontext() if address else _short_temporary_folder() as folder:
        try:
            if address:
                _connect(ray, address)
            else:
                _start(ray, folder)
            yield
        finally:
            ray.shutdown()


def _connect(ray: Any, address: str) -> None:
    try:
        if re.fullmatch(r"[\w.-]+:\d+", address):  # Ray would retry for minutes
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), timeout=10).close()
        ray.init(address=address, logging_level=logging.ERROR)
    except Exception as error:  # Ray raises many kinds of errors
        raise HeatError(
            f"There is no Ray cluster at {printable(address)} ({printable(first_line(error))}): start one with "
            "`ray start --head`, or leave --address out."
        ) from error


def _start(ray: Any, temporary_folder: str | None) -> None:
    more = {"_temp_dir": temporary_folder} if temporary_folder else {}
    try:
        ray.init(address="local", include_dashboard=False, logging_level=logging.ERROR, **more)
    except Exception as error:  # Ray raises many kinds of errors
        why = printable(first_line(error))
        raise HeatError(
            f"Ray cannot be started on this machine ({why}): mend that, or leave --engine ray out."
        ) from error


@contextmanager
def _short_temporary_folder() -> Iterator[str | None]:
    """Make a folder for Ray's sockets, whose paths the system limits; yield None if Ray's own folder is short enough.

    Raises:
        HeatError: if no short folder can be written.
    """
    own = os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()
    if os.name == "nt" or len(os.fsencode(own)) <= _LONGEST_TEMPORARY_FOLDER:
        yield None
        return
    for place in SHORT_FOLDERS:
        with suppress(OSError):
            folder = tempfile.mkdtemp(prefix="heat-", dir=place)
            break
    else:
        raise HeatError(
            f"The folder for temporary files, {printable(own)}, has too long a path for Ray's sockets: set TMPDIR to a "
            f"shorter one, of at most {_LONGEST_TEMPORARY_FOLDER} characters."
        )
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
