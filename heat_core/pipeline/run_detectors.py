"""Detectors of a run: selection, the fast ones before training, the slow ones after the residuals.

A detector that cannot run or fails is left out with a reason.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from heat_core.backbones.registry import Backbone
from heat_core.detectors import Context, Detector, load, registry, resolve
from heat_core.energies.corrected_prior import CorrectedPrior
from heat_core.energies.hybrid_model import NO_CLASSES
from heat_core.energies.names import prior_title, spec_of
from heat_core.errors import HeatError
from heat_core.estimators.base import checked_scores
from heat_core.features.batches import ExtractionProgress
from heat_core.features.columns import Column, require_maps
from heat_core.features.features import Features
from heat_core.names import printable
from heat_core.pipeline.sources import Source
from heat_core.plugins import blaming
from heat_core.runs.events import Progress
from heat_core.runs.experiment import TRAIN, Experiment
from heat_core.runs.results_file import RunRecord
from heat_core.types import Head

ExclusionReasons = dict[str, str]  # detector or prior that cannot run → reason
DetectorClasses = dict[str, type[Detector]]
SetScores = list[np.ndarray]  # (N,) scores of each scored set
StepReport = Callable[..., None]  # receives a sentence, and further keys of the `Event`


@dataclass(frozen=True)
class SelectedDetectors:
    """Detectors that can run, by name.

    Attributes:
        fast: detectors that are fitted before anything is trained.
        slow: detectors with `Detector.slow`, in the order in which they run.
        columns: extra columns of the training set that the fast ones read.
    """

    fast: DetectorClasses
    slow: DetectorClasses
    columns: tuple[Column, ...]


def select_detectors(
    experiment: Experiment, backbone: Backbone | None, labelled: bool, progress: Progress
) -> tuple[SelectedDetectors, ExclusionReasons]:
    """Select the detectors that can run, and collect the reasons why others cannot.

    Args:
        experiment: the experiment.
        backbone: the network, or None where the features are given.
        labelled: whether the ID set has classes.
        progress: receives the reasons.
    """
    kinds: DetectorClasses = {}
    columns: dict[str, Column] = {}
    reasons: ExclusionReasons = {}
    for name in resolve(experiment.detectors):
        try:
            kind = load(name)
            if kind.reads_images and backbone is None:
                raise HeatError("it reads the images, and this run has only their features.")
            with blaming(registry.origin(name)):
                if not labelled and not kind.is_classifier_free():
                    raise HeatError(NO_CLASSES)
                train_columns = kind.train_columns(backbone)
            columns |= {} if kind.slow else {c.name: c for c in train_columns}
            kinds[name] = kind
        except HeatError as error:
            reasons[name] = f"{name} is left out: {error}"
            progress("features", reasons[name])
    fast = {name: kind for name, kind in kinds.items() if not kind.slow}
    slow = {name: kind for name, kind in kinds.items() if kind.slow}
    return SelectedDetectors(fast, slow, tuple(columns.values())), reasons


def fit_fast_detectors(
    kinds: DetectorClasses, context: Context, train: Features, head: Head, reasons: ExclusionReasons, progress: Progress
) -> tuple[dict[str, Detector], tuple[Column, ...]]:
    """Fit the fast detectors; return them by name, and the extra columns of the other sets that they read.

    A detector that cannot be fitted is left out, with the reason in `reasons`.
    """
    fitted: dict[str, Detector] = {}
    columns: dict[str, Column] = {}
    for name, kind in kinds.items():
        try:
            progress("priors", f"Fitting {kind.title}.")
            with blaming(registry.origin(name)):
                detector = kind.for_run(context).fit_with_head(train, head)
                columns |= {c.name: c for c in detector.test_columns(context.backbone)}
            fitted[name] = detector
        except HeatError as error:
            reasons[name] = f"{name} is left out: {error}"
            progress("priors", reasons[name])
    return fitted, tuple(columns.values())


def score_fast_detectors(
    fitted: Mapping[str, Detector], sets: Iterable[Features], reasons: ExclusionReasons, progress: Progress
) -> dict[str, SetScores]:
    """Score every set with the fitted fast detectors: detector → scores of each set.

    A detector whose scores cannot be used is left out, with the reason in `reasons`.
    """
    scores: dict[str, SetScores] = {}
    sets = list(sets)
    for name, detector in fitted.items():
        try:
            with blaming(registry.origin(name)):
                scores[name] = [_score(detector, features) for features in sets]
        except HeatError as error:
            reasons[name] = f"{name} is left out: {error}"
            progress("priors", reasons[name])
    return scores


def _score(detector: Detector, features: Features) -> np.ndarray:
    return checked_scores(detector.score_features(features), len(features), detector.title)


def detector_warnings(
    kinds: DetectorClasses, parts: Mapping[str, CorrectedPrior], backbone: Backbone | None
) -> list[str]:
    """Write sentences about rows that are known to fail on this network.

    Shaping assumes activations after a ReLU, and fails on others (arXiv:2604.08572). EL fails on many ViTs, though not
    on all: Tab. 9 of the paper has one on which it performs well.
    """
    if all(part.non_negative for part in parts.values() if part.view.column == "avg"):
        return []
    warnings = []
    shaping = [kind.title for kind in kinds.values() if kind.rectified]
    shaping += [prior_title(prior) for prior in parts if spec_of(prior).rectified]
    if shaping:
        warnings.append(
            "Some features are below zero. Made for activations after a ReLU, and known to fail on others, as those of "
            f"ViTs: {', '.join(dict.fromkeys(shaping))}."
        )
    if "el" in parts and backbone is not None and not _has_maps(backbone):
        warnings.append(
            f"{printable(backbone.name)} has no feature maps, as a ViT, and features below zero. Known to fail on many "
            "such networks: EL, alone and corrected."
        )
    return warnings


def _has_maps(backbone: Backbone) -> bool:
    try:
        return require_maps(backbone, "EL").has_maps
    except HeatError:
        return False


# ---- slow detectors --------------------------------------------------------------------------------------------------


def load_finished_scores(
    path: Path, slow: Iterable[str], sets: Iterable[Features], origin: str, progress: Progress
) -> dict[str, SetScores]:
    """Load the scores of slow detectors that an interrupted run has finished: detector → scores of each set.

    They are scores of the same features by the same head: `provenance` refuses to resume with others. Scores that were
    made with other settings of the training or by an older version would not fit the run's residuals, which are then
    trained anew: they are not used again. A damaged record gives {}, too.

    Args:
        path: file of the record.
        slow: names of the slow detectors.
        sets: the scored sets.
        origin: origin that the record must have (see `RunRecord.origin`).
        progress: receives a sentence where scores are not used again.
    """
    try:
        record = RunRecord.load(path) if path.exists() else None
    except HeatError:
        return {}
    if record is None or [s.ids.tolist() for s in record.sets] != [list(f.ids) for f in sets]:
        return {}
    finished = {name: [s.scores[name] for s in record.sets] for name in slow if name in record.titles}
    if not finished or record.origin == origin:
        return finished
    progress(
        "priors",
        f"Scores that are not used again: {', '.join(record.titles[name] for name in finished)}. They were made with "
        "other settings, or by an older version of HEAT Explorer.",
    )
    return {}


@dataclass(frozen=True)
class DetectorInputs:
    """Inputs from which slow detectors learn and which they score.

    Attributes:
        source: source of features with extra columns.
        train: the training features, without extra columns.
        scored: the scored sets by name, without extra columns.
        head: linear head of the run.
        context: settings of the run that detectors may read.
    """

    source: Source
    train: Features
    scored: dict[str, Features]
    head: Head
    context: Context

    def make(self, kind: type[Detector], report: StepReport) -> Detector:
        """Make a detector that has the run's head and is not fitted yet; HeatError where it cannot be made."""

        def on_progress(sentence: str, seconds_left: float) -> None:
            report(sentence, eta=seconds_left)

        return kind.for_run(replace(self.context, on_progress=on_progress)).with_head(self.head)

    def features(self, names: Iterable[str], columns: tuple[Column, ...], report: StepReport) -> list[Features]:
        """Load the features of some sets with extra columns; columns that are on disk are not computed again."""
        plain = {name: self.train if name == TRAIN else self.scored[name] for name in names}
        if not columns:
            return list(plain.values())
        extended, images_left = [], sum(map(len, plain.values()))
        for name, features in plain.items():
            images_left -= len(features)
            with_columns = self.source.features(name, columns, partial(_report_images, report, name, images_left))
            extended.append(replace(features, extra=with_columns.extra))
        return extended


def _report_images(report: StepReport, name: str, images_left: int, record: ExtractionProgress) -> None:
    """Report the progress on a set, with the seconds left for it and for the `images_left` images of later sets."""
    left = record["eta"] + images_left / record["images_per_s"]
    report(f"{name}, {record['done']} of {record['total']} images", dataset=name, eta=left)


def score_slow_detectors(
    record: RunRecord, path: Path, slow: DetectorClasses, order: list[str], inputs: DetectorInputs, progress: Progress
) -> RunRecord:
    """Fit and score slow detectors one by one; the record is saved with each row, and returned with all of them.

    Args:
        record: record so far; rows that it has are not computed again.
        path: file of the record.
        slow: the detectors.
        order: names of all rows, in the order of the tables.
        inputs: inputs from which they learn and which they score.
        progress: receives every step.
    """
    for i, (name, kind) in enumerate(slow.items()):

        def report(sentence: str, done: int = i, name: str = name, title: str = kind.title, **more: Any) -> None:
            progress("detectors", f"{title}: {sentence}", detector=name, done=done, total=len(slow), **more)

        if name in record.titles:
            report("already done", i + 1)
            continue
        try:
            with blaming(registry.origin(name)):
                detector = inputs.make(kind, report)
                columns = detector.fit_columns(inputs.context.backbone)
            (train,) = inputs.features([TRAIN], columns, report)
            report("fitting")
            with blaming(registry.origin(name)):
                detector.fit_with_head(train, inputs.head)
                columns = detector.test_columns(inputs.context.backbone)
            report("scoring")
            sets = inputs.features(inputs.scored, columns, report)
            with blaming(registry.origin(name)):
                scores = [_score(detector, features) for features in sets]
        except HeatError as error:
            reason = f"{name} is left out: {error}"
            record = replace(record, left_out=record.left_out | {name: reason})
            record.save(path)
            report(reason, i + 1)
            continue
        record = record.with_detector(name, detector.title, scores, order)
        record.save(path)
        report("done", i + 1)
    return record
