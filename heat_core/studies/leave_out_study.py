"""Studies `leave-out` and `leave-out-residuals`: what would be missed, estimated from known images alone."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from heat_core.analysis.comparison import Cell, Comparison
from heat_core.analysis.comparison_rows import ScoreSource
from heat_core.composition import HEAT
from heat_core.data.made.made_sets import MADE
from heat_core.runs.experiment import FEATURES, ID, Experiment
from heat_core.runs.row_names import corrected_row
from heat_core.runs.run import Run
from heat_core.studies.results import TITLES, Result
from heat_core.studies.study import FinishedRuns, Study, StudySetting

_LABEL = "leave-out"
_COLUMNS = {"near": "near: held-out classes", "far": "far: no object", "given": "the OOD sets given"}


def _vary(base: Experiment, values: Sequence[float]) -> list[StudySetting]:
    """Add the made sets to the base; its residuals, which the study does not read, are those of `quick`."""
    return _vary_sets(base if base.preset == "quick" else replace(base, preset="quick", settings={}), values)


def _vary_sets(base: Experiment, values: Sequence[float]) -> list[StudySetting]:  # noqa: ARG001
    """Add the made sets to the base."""
    made = [] if base.backbone == FEATURES else [source for source in MADE if source not in base.ood.values()]
    return [StudySetting(_LABEL, replace(base, ood=base.ood | {source: source for source in made}, detectors=[]))]


def _require(base: Experiment) -> None:
    from heat_core.studies.held_out_classes import require_test_classes  # imports torch

    require_test_classes(base)


def _measure(run: Run, report: Callable[[str], None], with_residuals: bool = False) -> dict[str, Any]:
    from heat_core.studies.held_out_classes import measure_near_and_far  # imports torch

    return measure_near_and_far(run, with_residuals, report)


def _show(finished: FinishedRuns) -> list[Result]:
    runs, measured = finished.runs_of(_LABEL), finished.measurements
    return [_near_and_far(runs[0], measured), _classes(runs[0], measured)] if runs and measured else []


def _titles(run: Run, measured: dict[str, Any]) -> dict[str, str]:
    """Map each measured row to its title: the priors, those with a residual, and all of them composed."""
    composed = "HEAT, β = 0" if _has_residuals(measured) else "all composed, β = 0"
    titles = {HEAT: composed} | {p: run.prior_title(p) for p in run.priors}
    return {row: titles.get(row) or run.title(row) for row in measured["near"]["auroc"]}


def _has_residuals(measured: dict[str, Any]) -> bool:
    rows = measured["near"]["auroc"]
    return any(corrected_row(row) in rows for row in rows)


def _near_and_far(run: Run, measured: dict[str, Any]) -> Result:
    titles = _titles(run, measured)
    columns = {column: title for column, title in _COLUMNS.items() if measured[column]}
    tables = [
        Comparison(
            metric,
            list(titles.values()),
            [("", title) for title in columns.values()],
            [[_cell(*measured[column][metric][row]) for column in columns] for row in titles],
            [ScoreSource(run.id, row) for row in titles],
            [()] * len(columns),
        )
        for metric in TITLES
    ]
    areas = {columns[name]: measured[name]["auroc"] for name in columns}
    best = {column: max(titles, key=lambda row, rows=rows: rows[row][0]) for column, rows in areas.items()}  # type: ignore[misc]
    sentences = [f"Highest AUROC, {c}: {titles[row]}, {areas[c][row][0]:.1f}." for c, row in best.items()]
    sentences.append(
        "Near: priors and head are fitted on the other classes, and the test images of the class left out are unknown; "
        "the mean over the classes, with its 95 % interval over classes. The other columns: fitted on all classes, "
        f"with intervals over images. {_about_residuals(run, measured)}, and every head is a logistic regression."
    )
    sentences.append(
        "The network stays as it is: where it was trained on these very classes, it knows the class left out too, and "
        "near is too good."
    )
    sentences += measured.get("stopped", [])  # measurements of older versions have none
    return Result("From known images alone (near and far)", tables, answers=sentences)


def _about_residuals(run: Run, measured: dict[str, Any]) -> str:
    if not _has_residuals(measured):
        return "No residual is part of these numbers"
    e = run.experiment
    changed = ", ".join(f"{name}={value}" for name, value in e.settings.items())
    preset = f"{e.preset} (changed: {changed})" if changed else e.preset
    return f"Residuals are trained on the same classes with the settings of the preset {preset}"


def _classes(run: Run, measured: dict[str, Any]) -> Result:
    titles = _titles(run, measured)
    classes = sorted(measured["classes"], key=lambda of_class: -of_class["fpr95"][HEAT])
    tables = [
        Comparison(
            metric,
            [f"{c['class']}, taken for {c['taken_for']} ({c['share']:.0f} %)" for c in classes],
            [("", title) for title in titles.values()],
            [[_cell(c[metric][row]) for row in titles] for c in classes],
            [ScoreSource(run.id, HEAT, values=_values_of(c)) for c in classes],
            [()] * len(titles),
        )
        for metric in TITLES
    ]
    first, composed = classes[0], "HEAT" if _has_residuals(measured) else "all priors composed"
    sentences = [
        f"If {first['class']} were new, {first['fpr95'][HEAT]:.0f} % of its images would go unnoticed (FPR95 of "
        f"{composed}), more than of any other class; {first['share']:.0f} % of its images would be taken for "
        f"{first['taken_for']}.",
        "The class that a row names second is the one that most of its images are taken for, by a head that was fitted "
        "without them.",
    ]
    if measured["skipped"]:
        sentences.append(f"Without test images, and not measured: {', '.join(measured['skipped'])}.")
    return Result("Each class as if it were new (classes)", tables, answers=sentences)


def _values_of(of_class: dict[str, Any]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the facets of a class's images in Inspect; () where no folders are the class's own."""
    folders = tuple(f"{ID}/{folder}" for folder in of_class["folders"])
    return (("folder", folders),) if folders else ()


def _cell(value: float, low: float = float("nan"), high: float = float("nan")) -> Cell:
    return Cell(value, low, high, 0, False)


LEAVE_OUT = Study(
    "What would be missed, from known images alone: each class left out in turn",
    "beyond the paper",
    _vary,
    _show,
    measure=_measure,
    require=_require,
    uses_seeds=False,
)
LEAVE_OUT_RESIDUALS = replace(
    LEAVE_OUT,
    title="What would be missed, with residuals: each class left out in turn",
    vary=_vary_sets,
    measure=partial(_measure, with_residuals=True),
    more_work="Priors × (classes + 1) trainings of residuals follow, whose time is not counted here.",
)
