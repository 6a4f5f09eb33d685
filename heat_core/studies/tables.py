"""The studies that are tables: `priors` (Tabs. 1 to 3), `methods` (Tabs. 4 to 9 and 11), `dice` (Tab. 10), `near-far`
(Fig. 1).
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from heat_core.analysis.comparison import Comparison, Entry
from heat_core.composition import HEAT, Lens
from heat_core.energies.names import PRIOR_TITLES
from heat_core.runs.experiment import AVERAGE, GROUPS, Experiment
from heat_core.runs.row_names import corrected_row, prior_row
from heat_core.runs.run import Run
from heat_core.studies.paper import beside
from heat_core.studies.results import Band, Curves, Result, bench
from heat_core.studies.study import EBM, Finished, Setting, Study, main, row, rows


def _only_main(base: Experiment, values: Sequence[float]) -> list[Setting]:  # noqa: ARG001 (nothing is varied)
    return [main(base)]


def _tables(entries: list[Entry], runs: Sequence[Run], study: str, part: str) -> list[Comparison]:
    id_set = runs[0].experiment.id_set
    return [beside(table, id_set, study, part) for table in bench().tables(entries)]


# ---- priors ----------------------------------------------------------------------------------------------------------


def _priors(finished: Finished) -> list[Result]:
    runs = finished.of("base")
    return [_corrections(runs), _against_ebm(runs), _subsets(runs)] if runs and runs[0].priors else []


def _corrections(runs: Sequence[Run]) -> Result:
    priors = runs[0].priors
    names = [name for p in priors for name in (prior_row(p), corrected_row(p))]
    answers = []
    for p in priors:
        prior, corrected = row(runs, prior_row(p)), row(runs, corrected_row(p))
        if prior and corrected:
            answers.append(bench().answer(corrected, prior, (f"HEAT-{PRIOR_TITLES[p]}", PRIOR_TITLES[p])))
    tables = _tables(rows(runs, names), runs, "priors", "corrections")
    return Result("Does each residual improve its prior? (Tab. 1)", tables, answers=answers)


def _against_ebm(runs: Sequence[Run]) -> Result:
    found = {name: row(runs, name) for name in (prior_row("gmm"), EBM, corrected_row("gmm"))}
    entries = [entry for entry in found.values() if entry]
    hybrid, pure = found[corrected_row("gmm")], found[EBM]
    answers = [bench().answer(hybrid, pure, ("HEAT-GMM", "EBM"))] if hybrid and pure else []
    tables = _tables(entries, runs, "priors", "ebm")
    return Result("Is the hybrid better than the energy learned from data alone? (Tab. 2)", tables, answers=answers)


def _subsets(runs: Sequence[Run]) -> Result:
    subsets = [chosen for size in range(1, len(runs[0].priors) + 1) for chosen in combinations(runs[0].priors, size)]
    entries = [
        Entry(runs[0], HEAT, Lens(priors=chosen), " + ".join(PRIOR_TITLES[p] for p in chosen), tuple(runs[1:]))
        for chosen in subsets
    ]
    single = bench().band(entries[: len(runs[0].priors)], "auroc").mean
    best = entries[int(single.argmax())]
    answers = []
    if len(runs[0].priors) > 1:
        answers = [bench().answer(entries[-1], best, ("HEAT", f"its best part, HEAT-{best.label}"))]
    tables = _tables(entries, runs, "priors", "subsets")
    return Result("Is the composition better than its parts? (Tab. 3)", tables, answers=answers)


# ---- methods ---------------------------------------------------------------------------------------------------------


def _methods(finished: Finished) -> list[Result]:
    runs = finished.of("base")
    if not runs:
        return []
    part = _table_of_methods(runs[0].experiment)
    entries = rows(runs, runs[0].detectors)
    answers = []
    others = [e for e in entries if not e.detector.startswith(HEAT)]
    heat = row(runs, HEAT)
    if heat and others:
        areas = bench().band(others, "auroc").mean
        best = others[int(areas.argmax())]
        answers = [bench().answer(heat, best, ("HEAT", f"{runs[0].title(best.detector)}, the best other method"))]
    return [Result("Every method (Tab. 4)", _tables(entries, runs, "methods", part), answers=answers)]


def _table_of_methods(experiment: Experiment) -> str:
    """Which of the paper's tables of methods has the same kind of network and of OOD sets."""
    for part in ("vit", "supcon"):
        if part in experiment.backbone:
            return part
    return "openood" if {"species", "imagenet-o"} & {name.lower() for name in experiment.ood} else "methods"


# ---- dice ------------------------------------------------------------------------------------------------------------


def _vary_dice(base: Experiment, values: Sequence[float]) -> list[Setting]:  # noqa: ARG001
    priors = [p for p in base.priors if p not in ("el", "dice")]
    return [main(base), Setting("DICE", replace(base, priors=[*priors, "dice"], detectors=[]))]


def _dice(finished: Finished) -> list[Result]:
    base, changed = finished.of("base"), finished.of("DICE")
    if not (base and changed and base[0].priors and changed[0].priors):
        return []
    lens = Lens(priors=tuple(changed[0].priors))  # says which row of the paper's it is
    entries = [
        entry
        for entry in (row(base, HEAT, label=_parts(base)), row(changed, HEAT, lens, label=_parts(changed)))
        if entry is not None
    ]
    answers = [bench().answer(entries[1], entries[0], (entries[1].label, entries[0].label))]
    return [Result("DICE in place of EL (Tab. 10)", _tables(entries, base, "dice", "dice"), answers=answers)]


def _parts(runs: Sequence[Run]) -> str:
    return f"HEAT ({', '.join(PRIOR_TITLES[p] for p in runs[0].priors)})"


# ---- near and far ----------------------------------------------------------------------------------------------------


def _near_far(finished: Finished) -> list[Result]:
    runs = finished.of("base")
    if not runs:
        return []
    names = [n for p in ("el", "gmm") if p in runs[0].priors for n in (prior_row(p), corrected_row(p))]
    entries = rows(runs, [*names, *([HEAT] if runs[0].priors else [])])
    title = "Where each fails: near and far (Fig. 1)"
    if not entries or not any(runs[0].experiment.group(name) for name in runs[0].ood_names):
        return [Result(title, answers=["No OOD set is said to be near or far: say so with --group."])]
    tables = [_of_groups(table) for table in bench().tables(entries)]
    curves = [
        Curves(
            "Near and far",
            tuple(group for group, _ in table.columns[:-1]),
            "OOD sets",
            table.metric,
            {label: _band(cells) for label, cells in zip(table.labels, table.cells, strict=True)},
        )
        for table in tables[:1]
    ]
    return [Result(title, tables, curves)]


def _band(cells: Sequence) -> Band:
    """What a row's cells are as a curve, without the average that closes it."""
    return Band(*np.array([(c.value, c.low, c.high) for c in cells[:-1]]).T)


def _of_groups(table: Comparison) -> Comparison:
    """The average of each group, and of all."""
    keep = []
    for group in GROUPS:
        of_group = [j for j, (g, _) in enumerate(table.columns) if g == group]
        keep += of_group[-1:]  # their average closes a group of several
    keep.append(table.columns.index(("", AVERAGE)))
    return replace(
        table,
        columns=[table.columns[j] for j in keep],
        cells=[[cells[j] for j in keep] for cells in table.cells],
        members=[table.members[j] for j in keep],
    )


PRIORS = Study(
    "What the residuals and the composition are worth",
    "Tabs. 1, 2 and 3",
    _only_main,
    _priors,
)
METHODS = Study("Every method, near, mid and far", "Tabs. 4 to 9 and 11", _only_main, _methods)
DICE = Study("HEAT with DICE in place of EL", "Tab. 10", _vary_dice, _dice)
NEAR_FAR = Study("Near and far: EL, GMM, their corrections, HEAT", "Fig. 1", _only_main, _near_far)
