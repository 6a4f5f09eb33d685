"""Studies shown as curves: `lambda` (Figs. 3a, 6a), `beta` (Figs. 3b, 6b), `share` (Figs. 4, 7), `updates`."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from heat_core.analysis.beta_sweep import BETAS
from heat_core.analysis.comparison_rows import Entry
from heat_core.composition import HEAT, Lens, format_beta
from heat_core.energies.settings import settings_for
from heat_core.errors import HeatError
from heat_core.runs.experiment import Experiment
from heat_core.runs.row_names import corrected_row, prior_row
from heat_core.runs.run import Run
from heat_core.studies.other_scale import is_rescaled
from heat_core.studies.results import TITLES, Band, Curves, Result, metric_cache
from heat_core.studies.study import EBM, FinishedRuns, Study, StudySetting, main_setting, row_over_seeds

_PLATEAU = 0.2  # points of AUROC below the best value within which a curve counts as level


def _rows_of_settings(runs_by_label: Sequence[tuple[str, Sequence[Run]]], detector: str) -> list[Entry]:
    return [entry for _, runs in runs_by_label if (entry := row_over_seeds(runs, detector))]


def _level_line(runs: Sequence[Run], detector: str, metric: str) -> dict[str, float]:
    """Return the average of a row as a level, title → value; empty where no run has the detector."""
    entry = row_over_seeds(runs, detector)
    return (
        {}
        if entry is None
        else {entry.run.title(detector): float(metric_cache().average_band([entry], metric).mean[0])}
    )


# ---- λ ---------------------------------------------------------------------------------------------------------------


def _vary_lambda(base: Experiment, values: Sequence[float]) -> list[StudySetting]:
    if any(not value > 0 for value in values):
        raise HeatError("λ must be greater than 0: otherwise the loss has no lower bound.")
    as_trained = base.settings | {"balanced": False}
    return [main_setting(base)] + [
        StudySetting(f"λ = {v:g}", replace(base, settings=as_trained | {"lambda_": v}, detectors=[]), v) for v in values
    ]


def _show_lambda(finished: FinishedRuns) -> list[Result]:
    """Show the effect of λ without rescaling, as in the paper; the rescaled residuals are level lines."""
    varied = [(setting, runs) for setting, runs in finished.runs if setting.label != "base"]
    if not varied:
        return []
    results, x = [], tuple(f"{setting.value:g}" for setting, _ in varied)
    priors = [p for p in varied[0][1][0].priors if all(p in runs[0].priors for _, runs in varied)]
    for p in priors:
        entries = [Entry(runs[0], corrected_row(p), other_seeds=runs[1:]) for _, runs in varied]
        prior = row_over_seeds(varied[0][1], prior_row(p))
        levels = {m: _level_line(varied[0][1], prior_row(p), m) for m in TITLES}
        name = varied[0][1][0].title(corrected_row(p))
        base = finished.runs_of("base")
        base_rescales = base and settings_for(p, base[0].experiment.preset, base[0].experiment.settings).rescale
        which = "rescaled" if base_rescales else "the base"
        rescaled = {m: {f"{t}, {which}": v for t, v in _level_line(base, corrected_row(p), m).items()} for m in TITLES}
        curves = [
            Curves(name, x, "λ", m, {name: metric_cache().average_band(entries, m)}, levels[m] | rescaled[m])
            for m in TITLES
        ]
        better = [s.value for (s, _), e in zip(varied, entries, strict=True) if prior and _improves(e, prior)]
        values = f"λ = {', '.join(f'{v:g}' for v in better)}" if better else "none of the values of λ"
        answers = [f"Without rescaling, {name} has a significantly better AUROC than its prior at {values}."]
        results.append(Result(f"λ and {name} (Fig. 3a)", curves=curves, answers=answers))
    return results


def _improves(entry: Entry, prior: Entry) -> bool:
    return metric_cache().difference(entry, prior, "auroc").low > 0


# ---- β ---------------------------------------------------------------------------------------------------------------


def _vary_beta(base: Experiment, values: Sequence[float]) -> list[StudySetting]:  # noqa: ARG001 (the values need no further runs)
    return [main_setting(base)]


def _show_beta(finished: FinishedRuns) -> list[Result]:
    runs = finished.runs_of("base")
    if not runs or len(runs[0].priors) < 2:
        return []
    entries = [Entry(runs[0], HEAT, Lens(beta=beta), other_seeds=runs[1:]) for beta in BETAS]
    x = tuple(format_beta(beta) for beta in BETAS)
    curves, bands = [], {}
    for metric in TITLES:
        levels: dict[str, float] = {}
        for p in runs[0].priors:
            levels |= _level_line(runs, corrected_row(p), metric)
        bands[metric] = metric_cache().average_band(entries, metric)
        curves.append(Curves("HEAT", x, "β", metric, {"HEAT": bands[metric]}, levels))
    return [Result("β (Fig. 3b)", curves=curves, answers=[_describe_plateau(bands["auroc"], x)])]


def _describe_plateau(band: Band, x: Sequence[str]) -> str:
    """Describe the range of β around the best one over which AUROC stays within `_PLATEAU` of it."""
    best = int(np.argmax(band.mean))
    low = high = best
    while low > 0 and band.mean[low - 1] >= band.mean[best] - _PLATEAU:
        low -= 1
    while high + 1 < len(x) and band.mean[high + 1] >= band.mean[best] - _PLATEAU:
        high += 1
    zero = band.mean[x.index("0")]
    return (
        f"AUROC is best at β = {x[best]} ({band.mean[best]:.2f}) and within {_PLATEAU} points of that from "
        f"β = {x[low]} to {x[high]}; at β = 0 it is {zero:.2f}."
    )


# ---- share of the training images ------------------------------------------------------------------------------------


def _vary_share(base: Experiment, values: Sequence[float]) -> list[StudySetting]:
    few = replace(base, priors=["gmm"], detectors=[EBM])
    return [StudySetting(f"{v:.0%}", replace(few, share=v), v) for v in values]


def _show_share(finished: FinishedRuns) -> list[Result]:
    runs_by_label = [(setting.label, runs) for setting, runs in finished.runs]
    if not runs_by_label:
        return []
    x = tuple(label for label, _ in runs_by_label)
    curves = []
    for metric in TITLES:
        bands = {}
        for detector in (prior_row("gmm"), EBM, corrected_row("gmm")):
            entries = _rows_of_settings(runs_by_label, detector)
            if len(entries) == len(runs_by_label):
                bands[entries[0].run.title(detector)] = metric_cache().average_band(entries, metric)
        curves.append(Curves("Few training images", x, "share of the training images", metric, bands))
    answers = []
    for label, runs in runs_by_label:
        hybrid, pure, prior = (row_over_seeds(runs, d) for d in (corrected_row("gmm"), EBM, prior_row("gmm")))
        if hybrid and pure and prior:
            answers.append(f"{label}: " + metric_cache().describe_difference(hybrid, pure, ("HEAT-GMM", "EBM")))
            answers.append(f"{label}: " + metric_cache().describe_difference(hybrid, prior, ("HEAT-GMM", "GMM")))
    return [Result("Effect of the share of the training images (Figs. 4, 7)", curves=curves, answers=answers)]


# ---- number of updates -----------------------------------------------------------------------------------------------


def _vary_updates(base: Experiment, values: Sequence[float]) -> list[StudySetting]:
    if not all(value >= 1 and float(value).is_integer() for value in values):
        raise HeatError("A number of updates must be a whole number of at least 1.")
    to_the_end = base.settings | {"saturation": 0.0, "stop_below": 0.0}
    return [main_setting(base)] + [
        StudySetting(
            f"{v:,.0f} updates",
            replace(base, settings=to_the_end | {"updates": int(v)}, detectors=[EBM]),
            v,
        )
        for v in sorted(values)
    ]


def _show_updates(finished: FinishedRuns) -> list[Result]:
    """Show all curves in one figure with the priors as levels, and then each beside the base."""
    varied = [(setting, runs) for setting, runs in finished.runs if setting.label != "base"]
    if not varied:
        return []
    runs, base = varied[0][1], finished.runs_of("base")
    by_label = [(setting.label, of_setting) for setting, of_setting in varied]
    x = tuple(f"{setting.value:,.0f}" for setting, _ in varied)
    together: dict[str, dict[str, Band]] = {m: {} for m in TITLES}
    parts, answers = [], []
    for row in (*map(corrected_row, runs[0].priors), HEAT, EBM):
        entries = _rows_of_settings(by_label, row)
        if len(entries) < len(varied):
            continue
        title = runs[0].title(row)
        for m, bands in together.items():
            bands[title] = metric_cache().average_band(entries, m)
        levels = {m: {f"{t}, the base": v for t, v in _level_line(base, row, m).items()} for m in TITLES}
        curves = [Curves(title, x, "updates", m, {title: together[m][title]}, levels[m]) for m in TITLES]
        parts.append(Result(f"Updates and {title} (updates)", curves=curves))
        if len(x) > 1:
            names = f"{title}, {by_label[-1][0]}", by_label[0][0]
            answers.append(metric_cache().describe_difference(entries[-1], entries[0], names))
    priors: dict[str, dict[str, float]] = {m: {} for m in TITLES}
    for m, of_metric in priors.items():
        for p in runs[0].priors:
            of_metric.update(_level_line(runs, prior_row(p), m))
    answers += _about_updates(runs[0].experiment)
    curves = [Curves("Priors and all curves", x, "updates", m, together[m], priors[m]) for m in TITLES]
    return [Result("Effect of the number of updates (updates)", curves=curves, answers=answers), *parts]


def _about_updates(experiment: Experiment) -> list[str]:
    """Say when the trainings of the study `updates` end, and whether their residuals are rescaled."""
    sentences = [
        "Every residual of these curves, and the EBM, made all of its updates (saturation = 0, stop_below = 0), unless "
        "its training diverged, which the study then reports. The base has its own number of updates and its "
        "own end."
    ]
    if is_rescaled(experiment):
        sentences.append("Residuals are rescaled as in the base; --set balanced=false shows them as trained.")
    return sentences


LAMBDA = Study(
    "Effect of λ on the residual",
    "Figs. 3a and 6a",
    _vary_lambda,
    _show_lambda,
    (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0),
)
BETA = Study("Effect of β on HEAT", "Figs. 3b and 6b", _vary_beta, _show_beta)
SHARE = Study("How few training images are enough", "Figs. 4 and 7", _vary_share, _show_share, (0.1, 0.2, 0.5, 1.0))
UPDATES = Study(
    "How many updates the residuals need",
    "beyond the paper",
    _vary_updates,
    _show_updates,
    (165, 660, 2640, 15600),
)
