"""Studies shown as tables: `priors` (Tabs. 1 to 3), `methods` (4 to 9 and 11), `dice` (10), `near-far` (Fig. 1)."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np

from heat_core.analysis.comparison import Comparison
from heat_core.analysis.comparison_rows import Entry
from heat_core.composition import HEAT, Lens
from heat_core.runs.experiment import AVERAGE, GROUPS, Experiment
from heat_core.runs.row_names import corrected_row, prior_row
from heat_core.runs.run import Run
from heat_core.studies.other_scale import OtherScale, other_scale_setting
from heat_core.studies.paper import add_paper_columns
from heat_core.studies.results import Band, Curves, Result, metric_cache
from heat_core.studies.study import (
    EBM,
    FinishedRuns,
    Study,
    StudySetting,
    main_setting,
    row_over_seeds,
    rows_over_seeds,
)


def _vary_nothing(base: Experiment, values: Sequence[float]) -> list[StudySetting]:  # noqa: ARG001 (nothing is varied)
    return [main_setting(base)]


def _tables(
    entries: list[Entry], runs: Sequence[Run], study: str, part: str, scales: OtherScale | None = None
) -> list[Comparison]:
    id_set, tables = runs[0].experiment.id_set, metric_cache().compare(entries)
    if scales:
        tables = [scales.add_column(table, entries) for table in tables]
    return [add_paper_columns(table, id_set, study, part) for table in tables]


# ---- priors ----------------------------------------------------------------------------------------------------------


def _vary_priors(base: Experiment, values: Sequence[float]) -> list[StudySetting]:  # noqa: ARG001
    return [main_setting(base), other_scale_setting(base)]


def _show_priors(finished: FinishedRuns) -> list[Result]:
    runs = finished.runs_of("base")
    if not runs or not runs[0].priors:
        return []
    scales = OtherScale.of(finished)
    return [_corrections(runs, scales), _against_ebm(runs, scales), _subsets(runs, scales)]


def _corrections(runs: Sequence[Run], scales: OtherScale) -> Result:
    priors = runs[0].priors
    names = [name for p in priors for name in (prior_row(p), corrected_row(p))]
    answers = []
    for p in priors:
        prior, corrected = row_over_seeds(runs, prior_row(p)), row_over_seeds(runs, corrected_row(p))
        if prior and corrected:
            titles = runs[0].title(corrected_row(p)), runs[0].prior_title(p)
            answers.append(metric_cache().describe_difference(corrected, prior, titles))
    tables = _tables(rows_over_seeds(runs, names), runs, "priors", "corrections", scales)
    return Result("Does each residual improve its prior? (Tab. 1)", tables, answers=[*answers, *scales.describe()])


def _against_ebm(runs: Sequence[Run], scales: OtherScale) -> Result:
    rows = {name: row_over_seeds(runs, name) for name in (prior_row("gmm"), EBM, corrected_row("gmm"))}
    entries = [entry for entry in rows.values() if entry]
    hybrid, pure = rows[corrected_row("gmm")], rows[EBM]
    answers = [metric_cache().describe_difference(hybrid, pure, ("HEAT-GMM", "EBM"))] if hybrid and pure else []
    tables = _tables(entries, runs, "priors", "ebm", scales)
    return Result("Is the hybrid energy better than an EBM without a prior? (Tab. 2)", tables, answers=answers)


def _subsets(runs: Sequence[Run], scales: OtherScale) -> Result:
    subsets = [chosen for size in range(1, len(runs[0].priors) + 1) for chosen in combinations(runs[0].priors, size)]
    entries = [
        Entry(runs[0], HEAT, Lens(priors=chosen), " + ".join(runs[0].prior_title(p) for p in chosen), tuple(runs[1:]))
        for chosen in subsets
    ]
    single = metric_cache().average_band(entries[: len(runs[0].priors)], "auroc").mean
    best = entries[int(single.argmax())]
    answers = []
    if len(runs[0].priors) > 1:
        answers = [metric_cache().describe_difference(entries[-1], best, ("HEAT", f"its best part, HEAT-{best.label}"))]
    tables = _tables(entries, runs, "priors", "subsets", scales)
    return Result("Is the composition better than its parts? (Tab. 3)", tables, answers=answers)


# ---- methods ---------------------------------------------------------------------------------------------------------


def _show_methods(finished: FinishedRuns) -> list[Result]:
    runs = finished.runs_of("base")
    if not runs:
        return []
    part = _table_of_methods(runs[0].experiment)
    entries = rows_over_seeds(runs, runs[0].detectors)
    answers = []
    others = [e for e in entries if not e.detector.startswith(HEAT)]
    heat = row_over_seeds(runs, HEAT)
    if heat and others:
        areas = metric_cache().average_band(others, "auroc").mean
        best = others[int(areas.argmax())]
        answers = [
            metric_cache().describe_difference(
                heat, best, ("HEAT", f"{runs[0].title(best.detector)}, the best other method")
            )
        ]
    return [Result("All detectors (Tab. 4)", _tables(entries, runs, "methods", part), answers=answers)]


def _table_of_methods(experiment: Experiment) -> str:
    """Choose the paper's table of methods that has the same kind of network and of OOD sets."""
    for part in ("vit", "supcon"):
        if part in experiment.backbone:
            return part
    return "openood" if {"species", "imagenet-o"} & {name.lower() for name in experiment.ood} else "methods"


# ---- dice ------------------------------------------------------------------------------------------------------------


def _vary_dice(base: Experiment, values: Sequence[float]) -> list[StudySetting]:  # noqa: ARG001
    priors = [p for p in base.priors if p not in ("el", "dice")]
    return [main_setting(base), StudySetting("DICE", replace(base, priors=[*priors, "dice"], detectors=[]))]


def _show_dice(finished: FinishedRuns) -> list[Result]:
    base, changed = finished.runs_of("base"), finished.runs_of("DICE")
    if not (base and changed and base[0].priors and changed[0].priors):
        return []
    lens = Lens(priors=tuple(changed[0].priors))  # identifies the row of the paper's table
    entries = [
        entry
        for entry in (
            row_over_seeds(base, HEAT, label=_composition_label(base)),
            row_over_seeds(changed, HEAT, lens, label=_composition_label(changed)),
        )
        if entry is not None
    ]
    answers = [metric_cache().describe_difference(entries[1], entries[0], (entries[1].label, entries[0].label))]
    return [Result("DICE in place of EL (Tab. 10)", _tables(entries, base, "dice", "dice"), answers=answers)]


def _composition_label(runs: Sequence[Run]) -> str:
    return f"HEAT ({', '.join(runs[0].prior_title(p) for p in runs[0].priors)})"


# ---- near and far ----------------------------------------------------------------------------------------------------


def _show_near_far(finished: FinishedRuns) -> list[Result]:
    runs = finished.runs_of("base")
    if not runs:
        return []
    names = [n for p in ("el", "gmm") if p in runs[0].priors for n in (prior_row(p), corrected_row(p))]
    entries = rows_over_seeds(runs, [*names, *([HEAT] if runs[0].priors else [])])
    title = "Near-OOD and far-OOD sets (Fig. 1)"
    if not entries or not any(runs[0].experiment.group(name) for name in runs[0].ood_names):
        return [Result(title, answers=["No OOD set is marked as near or far: mark them with --group."])]
    tables = [_group_averages(table) for table in metric_cache().compare(entries)]
    curves = [
        Curves(
            "Near and far",
            tuple(group for group, _ in table.columns[:-1]),
            "OOD sets",
            table.metric,
            {label: _band_of_cells(cells) for label, cells in zip(table.labels, table.cells, strict=True)},
        )
        for table in tables[:1]
    ]
    return [Result(title, tables, curves)]


def _band_of_cells(cells: Sequence[Any]) -> Band:
    """Convert the cells of a row to a curve, without its last cell, the average."""
    return Band(*np.array([(c.value, c.low, c.high) for c in cells[:-1]]).T)


def _group_averages(table: Comparison) -> Comparison:
    """Keep the average of each group, and that of all sets."""
    kept_columns = []
    for group in GROUPS:
        columns = [j for j, (g, _) in enumerate(table.columns) if g == group]
        kept_columns += columns[-1:]  # the last column of a group of several is their average
    kept_columns.append(table.columns.index(("", AVERAGE)))
    return replace(
        table,
        columns=[table.columns[j] for j in kept_columns],
        cells=[[cells[j] for j in kept_columns] for cells in table.cells],
        members=[table.members[j] for j in kept_columns],
    )


PRIORS = Study(
    "Effect of the residuals and of the composition",
    "Tabs. 1, 2 and 3",
    _vary_priors,
    _show_priors,
)
METHODS = Study("All detectors on near, mid and far OOD sets", "Tabs. 4 to 9 and 11", _vary_nothing, _show_methods)
DICE = Study("HEAT with DICE in place of EL", "Tab. 10", _vary_dice, _show_dice)
NEAR_FAR = Study("Near-OOD and far-OOD sets: priors, corrected priors, HEAT", "Fig. 1", _vary_nothing, _show_near_far)
