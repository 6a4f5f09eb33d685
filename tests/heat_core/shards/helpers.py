"""Helpers that the tests of long lists share."""

from pathlib import Path

from heat_core.composition import Lens
from heat_core.digests import digest_of_file
from heat_core.pipeline.build_guard import build_guard
from heat_core.progress import no_progress
from heat_core.shards.list_scoring import score_list
from heat_core.shards.shard_plan import EngineOptions


def score_images(made, out: Path, report=no_progress, sources=None, lens=Lens(beta=1), keep=2, **options):  # noqa: B008
    options = EngineOptions(**{"shard_size": 5, "threads": 1} | options)
    return score_list(build_guard(made[0], lens), sources or [made[1]], out, options, keep, report=report)


def parquet_digests(out: Path) -> dict[str, str]:
    return {p.name: digest_of_file(p) for p in sorted(out.glob("*.parquet"))}
