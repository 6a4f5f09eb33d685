"""Engines that process shards: a loop in this process, or Ray. Shards that are already finished are not repeated."""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from heat_core.names import printable
from heat_core.progress import no_progress
from heat_core.runs.events import Progress
from heat_core.shards.shard_jobs import ShardJob, ShardResult
from heat_core.shards.shard_plan import EngineOptions, ShardPlan

Result = TypeVar("Result")
Job = Callable[..., Result]  # (number) or (number, report) → result of the shard with this number
Engine = Callable[[Job[Result], list[int], Progress], Iterator[Result]]


def run_in_process(job: Job[Result], numbers: list[int], report: Progress = no_progress) -> Iterator[Result]:
    """Do a job for each number in turn in this process, and yield the results; this is the engine `loop`."""
    for number in numbers:
        yield job(number, report)


def make_engine(options: EngineOptions, threads: int) -> Engine[Any]:
    """Return the engine that the options name.

    Args:
        options: options of the work.
        threads: CPU threads of each shard, as stored in the folder's plan.
    """
    if options.engine == "loop":
        return run_in_process
    from heat_core.shards.ray_engine import RayEngine

    return RayEngine(options.address, options.workers, threads)


def run_shards(job: ShardJob, options: EngineOptions, report: Progress = no_progress) -> list[Path]:
    """Do the unfinished shards of a folder.

    Args:
        job: job that is done for each shard.
        options: options of the engine.
        report: receives the progress.

    Returns:
        The result files of all shards, in order.
    """
    plan = job.plan
    left = [number for number in range(plan.shard_count) if not job.result_path(number).exists()]
    if len(left) < plan.shard_count:
        report(job.kind, f"{plan.shard_count - len(left)} of {plan.shard_count} shards were finished before.")
    progress = _ShardProgress(plan, left, job.kind, report)
    for result in make_engine(options, plan.threads)(job, left, progress.report_within_shard):
        progress.report_shard(result)
    return [job.result_path(number) for number in range(plan.shard_count)]


class _ShardProgress:
    """Counter of finished shards and images, which reports them with the rate and the time left.

    Args:
        plan: plan of the folder.
        left: numbers of the unfinished shards.
        stage: stage of the reports.
        report: receives the reports.
    """

    def __init__(self, plan: ShardPlan, left: list[int], stage: str, report: Progress) -> None:
        self._plan, self._stage, self._report = plan, stage, report
        self._began, self._images = time.monotonic(), 0
        self._finished_shards = plan.shard_count - len(left)
        images_left = sum(min(plan.shard_size, plan.image_count - n * plan.shard_size) for n in left)
        self._images_before = plan.image_count - images_left

    def report_within_shard(self, stage: str, message: str = "", **more: Any) -> None:
        """Pass on a report of the engine, with counts of the whole list in place of those of a shard."""
        if "done" in more:
            more |= {"done": self._images_before + self._images + more["done"], "total": self._plan.image_count}
        self._report(stage, message, **more)

    def report_shard(self, result: ShardResult) -> None:
        """Report a finished shard."""
        self._images += result.image_count
        self._finished_shards += 1
        rate = self._images / max(time.monotonic() - self._began, 1e-9)
        seconds_left = (self._plan.shard_count - self._finished_shards) * self._plan.shard_size / rate
        unreadable = f", {result.unreadable_count} not readable" if result.unreadable_count else ""
        details = f"{result.image_count} images{unreadable} in {result.seconds:.0f} s on {printable(result.host)}"
        message = f"{self._finished_shards} of {self._plan.shard_count} shards ({details})"
        self._report(
            self._stage,
            f"{message} · {rate:.0f} images/s · {seconds_left:.0f} s left",
            done=self._images_before + self._images,
            total=self._plan.image_count,
            **asdict(result),
        )
