"""What one line of the benchmark is."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass


class Seconds(float):
    """What a job returns that took its own time, since clearing up after it does not count."""


Job = Callable[[], object]  # what is timed
Prepare = Callable[[bool], Job]  # quick? → the job; data and libraries are loaded here


@dataclass(frozen=True)
class Case:
    """One thing that users wait for, and who else does it.

    Attributes:
        name: on the command line.
        work: what is done, in words.
        ours: prepares our side.
        theirs: prepares the rival's, or None where there is none.
        rival: who that is.
        goal: the ratio theirs / ours that is wanted; where there is no rival, the seconds.
        flops: of the products that the work cannot do without; None where there are none to speak of.
    """

    name: str
    work: str
    ours: Prepare
    theirs: Prepare | None
    rival: str
    goal: float
    flops: float | None = None


def select_cases(cases: Iterable[Case], names: list[str]) -> list[Case]:
    """Return the cases of these names, or of names that begin with them; all where none is given."""
    cases = list(cases)
    for name in names:
        if not any(_matches(case, name) for case in cases):
            raise SystemExit(f"There is no benchmark {name!r}: choose among {', '.join(c.name for c in cases)}.")
    return [case for case in cases if not names or any(_matches(case, name) for name in names)]


def _matches(case: Case, name: str) -> bool:
    return case.name == name or case.name.startswith(f"{name}_")
