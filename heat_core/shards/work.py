"""Shards are worked on by an engine: the plain loop, or Ray. What was finished before is not done again."""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from heat_core.progress import no_progress
from heat_core.runs.events import Progress
from heat_core.shards.jobs import ShardJob
from heat_core.shards.plan import How
from heat_core.storage import printable

Result = TypeVar("Result")
Job = Callable[..., Result]  # (number) or (number, report) → result
Engine = Callable[[Job[Result], list[int], Progress], Iterator[Result]]


def loop(job: Job[Result], numbers: list[int], report: Progress = no_progress) -> Iterator[Result]:
    """The plain engine: one after the other, in this process."""
    for number in numbers:
        yield job(number, report)


def engine_of(how: How, threads: int) -> Engine[Any]:
    """The engine that was asked for; `threads` are those that the folder was begun with."""
    if how.engine == "loop":
        return loop
    from heat_core.shards.on_ray import OnRay

    return OnRay(how.address, how.workers, threads)


def work(job: ShardJob, how: How, report: Progress = no_progress) -> list[Path]:
    """Do the shards that are not finished; returns the files of all, in order."""
    plan = job.plan
    left = [number for number in range(plan.shards) if not job.path(number).exists()]
    if len(left) < plan.shards:
        report(job.kind, f"{plan.shards - len(left)} of {plan.shards} shards were finished before.")
    began, images, ended = time.monotonic(), 0, plan.shards - len(left)
    for done in engine_of(how, plan.threads)(job, left, report):
        images, ended = images + done.rows, ended + 1
        rate = images / max(time.monotonic() - began, 1e-9)
        eta = (plan.shards - ended) * plan.size / rate
        more = f", {done.unreadable} not readable" if done.unreadable else ""
        where = f"{done.rows} images{more} in {done.seconds:.0f} s on {printable(done.host)}"
        report(
            job.kind,
            f"{ended} of {plan.shards} shards ({where}) · {rate:.0f} images/s · {eta:.0f} s left",
            **asdict(done),
        )
    return [job.path(number) for number in range(plan.shards)]
