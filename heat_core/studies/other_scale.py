"""Residuals as trained beside rescaled ones: the paper's way and ours, as two columns of the same tables."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from heat_core.analysis.comparison import Comparison
from heat_core.analysis.comparison_rows import Entry
from heat_core.composition import HEAT
from heat_core.energies.settings import settings_for
from heat_core.runs.experiment import AVERAGE, Experiment
from heat_core.runs.row_names import corrected_row
from heat_core.runs.run import Run
from heat_core.studies.results import metric_cache
from heat_core.studies.study import FinishedRuns, StudySetting, row_over_seeds

_AS_TRAINED, _RESCALED = "as trained", "rescaled"


def other_scale_setting(base: Experiment) -> StudySetting:
    """Make the setting whose residuals are as trained where those of the base are rescaled, and the reverse."""
    rescaled = is_rescaled(base)
    changed = replace(base, settings=base.settings | {"balanced": not rescaled}, detectors=[])
    return StudySetting(_AS_TRAINED if rescaled else _RESCALED, changed)


def is_rescaled(base: Experiment) -> bool:
    """Return whether an experiment rescales a residual of its priors."""
    return any(settings_for(p, base.preset, base.settings).rescale for p in base.priors)


@dataclass(frozen=True)
class OtherScale:
    """Finished runs that differ from those of the base in the scale of their residuals.

    Attributes:
        name: "as trained" or "rescaled".
        runs: these runs, one per seed; empty where none is finished.
        base: the finished runs of the base.
    """

    name: str
    runs: tuple[Run, ...]
    base: tuple[Run, ...]

    @classmethod
    def of(cls, finished: FinishedRuns) -> "OtherScale":
        """Find the runs among those of a study whose base has a finished run."""
        base = finished.runs_of("base")
        name = other_scale_setting(base[0].experiment).label
        return cls(name, finished.runs_of(name), base)

    def add_column(self, table: Comparison, entries: Sequence[Entry]) -> Comparison:
        """Append the averages of the same rows with the other scale; a row that is not HEAT's has none of its own.

        Where there are such rows the column has no ranks: the best of HEAT's rows need not be the best of all.

        Args:
            table: table of the rows of the base.
            entries: these rows.
        """
        others = [self._same_row(entry) for entry in entries]
        present = [entry for entry in others if entry]
        if not present:
            return table
        (found,) = metric_cache().compare(present, [table.metric])
        averages = [row[-1] for row in found.cells]
        if len(present) < len(others):
            averages = [cell and replace(cell, rank=0, is_tied=False) for cell in averages]
        left = iter(averages)
        cells = [[*row, next(left) if other else None] for row, other in zip(table.cells, others, strict=True)]
        return replace(table, columns=[*table.columns, (self.name, AVERAGE)], cells=cells, members=[*table.members, ()])

    def _same_row(self, entry: Entry) -> Entry | None:
        found = row_over_seeds(self.runs, entry.detector, entry.lens)
        return found if found and entry.detector in (HEAT, *map(corrected_row, found.run.priors)) else None

    def describe(self) -> list[str]:
        """Say how the two differ, with intervals, and what exactly is compared; nothing where no run is finished."""
        if not self.runs:
            return []
        sentences = []
        for row in (*map(corrected_row, self.runs[0].priors), HEAT):
            base, other = row_over_seeds(self.base, row), row_over_seeds(self.runs, row)
            if base and other:
                rescaled, trained = (other, base) if self.name == _RESCALED else (base, other)
                names = f"{base.run.title(row)}, rescaled", "as trained"
                sentences.append(metric_cache().describe_difference(rescaled, trained, names))
        first, second = (_AS_TRAINED, _RESCALED) if self.name == _RESCALED else (_RESCALED, _AS_TRAINED)
        sentences.append(
            f"The columns of the sets hold residuals {first}, and the column “{self.name}” the average with the same "
            f"residuals {second}; only HEAT's rows differ. As trained (balanced=false) is the paper's way, rescaled "
            "(balanced=true) is not in the paper. Every other setting is the same in both."
        )
        sentences.append(
            "A rescaled residual is the one as trained times a factor. With fewer than 10 training images per "
            "dimension, and classes of five or more, it is another one, trained without the fifth of the images on "
            "which the factor is measured."
        )
        return sentences + _about_training(self.base[0].experiment)


def _about_training(base: Experiment) -> list[str]:
    """Say what the training of the base's residuals adds to that of the paper; nothing where it adds nothing."""
    settings = [settings_for(p, base.preset, base.settings) for p in base.priors]
    ways = ["averages the weights of a residual"] if any(s.averaging for s in settings) else []
    ways += ["ends its training early"] if any(s.saturation for s in settings) else []
    if not ways:
        return []
    return [
        f"This training {' and '.join(ways)}, so that residuals as trained are not the paper's either: --preset paper "
        "trains as the paper does."
    ]
