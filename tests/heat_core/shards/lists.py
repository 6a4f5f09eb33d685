"""What the tests of long lists share."""

from pathlib import Path

from heat_core.composition import Lens
from heat_core.pipeline.build_guard import guard_of
from heat_core.progress import no_progress
from heat_core.shards.plan import How
from heat_core.shards.scores import score_list
from heat_core.storage import digest_of


def scored(made, out: Path, report=no_progress, sources=None, lens=Lens(beta=1), keep=2, **how):  # noqa: B008
    how = How(**{"size": 5, "threads": 1} | how)
    return score_list(guard_of(made[0], lens), sources or [made[1]], out, how, keep, report=report)


def bytes_of(out: Path) -> dict[str, str]:
    return {p.name: digest_of(p) for p in sorted(out.glob("*.parquet"))}
