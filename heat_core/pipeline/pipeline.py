"""From an Experiment to a finished run folder: features → priors and fast detectors → residuals, map → slow detectors.

Every stage writes what it made, so that a cut-off run resumes where it stopped, and a page of the app fills as soon as
its stage is done.
"""

import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.special import softmax

from heat_core.composition import Scale
from heat_core.detectors import Context, Detector
from heat_core.energies.beta import choose_beta, noisy
from heat_core.energies.heat import CorrectedPrior, fit_prior
from heat_core.energies.names import OF_FEATURES, PRIORS, kind_of
from heat_core.energies.residual import EpochRecord
from heat_core.energies.settings import settings_for
from heat_core.errors import HeatError
from heat_core.features.features import Features
from heat_core.features.heads import ChosenHead, choose_head, logits_of
from heat_core.pipeline.residual_cache import Shelf
from heat_core.pipeline.run_detectors import NO_CLASSES, Bench, Reasons, add_slow, cautions, choose, finished, fit_fast
from heat_core.pipeline.sources import open_source
from heat_core.pipeline.umap_process import Projector
from heat_core.progress import Every
from heat_core.runs.clusters import found_clusters, head_of
from heat_core.runs.creation import new_run
from heat_core.runs.events import Event, Progress, recorded
from heat_core.runs.experiment import ID, TRAIN, Experiment
from heat_core.runs.feature_map import write_points
from heat_core.runs.provenance import require_same_features, require_same_head
from heat_core.runs.record import ENERGIES, RunRecord, SetRecord, residual_path
from heat_core.runs.row_names import ordered_titles, prior_row
from heat_core.runs.run import BETA_FILE, HEAD_FILE, Run
from heat_core.storage import write_npz, write_sealed
from heat_core.types import Head, OnStep
from heat_core.version import __version__


def run(
    experiment: Experiment,
    projector: Projector,
    folder: Path | None = None,
    on_event: Callable[[Event], None] = lambda _: None,
    shelf: Shelf | None = None,
) -> Run:
    """Do the experiment (or resume it in its folder) and return the finished run; `heat_core.run` calls this.

    Args:
        experiment: what to do.
        projector: fits the map, or does not.
        folder: of the run; default: a new one.
        on_event: hears everything that `events.jsonl` gets.
        shelf: residuals that need not be trained again.

    Raises:
        HeatError: with a sentence; the folder keeps it, and everything that was finished.
    """
    experiment = experiment.anchored()  # nothing hangs on how a path was typed
    folder = folder or new_run(experiment)
    with recorded(folder, on_event, _versions()) as progress:
        source = open_source(experiment, progress)
        methods, reasons = choose(experiment, source.backbone, source.labelled, progress)
        train = source.features(TRAIN, methods.columns)
        if not source.labelled:
            train = found_clusters(folder, train, experiment.clusters, experiment.seed)
        _require_classes(train, experiment.id)
        require_same_features(folder, {TRAIN: train})
        on_step = _every_second(progress)
        if source.labelled:
            chosen = choose_head(source.head, train, source.no_head, on_step)
        else:
            chosen = head_of(train, on_step)
        progress("priors", chosen.reason)
        parts = fit_priors(experiment, train, chosen, source.labelled, reasons, progress)
        context = Context(
            experiment.id_set,
            settings_for("gmm", experiment.preset, experiment.settings),
            experiment.seed,
            source.backbone,
        )
        fitted, columns = fit_fast(methods.fast, context, train, chosen.head, reasons, progress)
        scored = {name: source.features(name, columns) for name in (ID, *experiment.ood)}
        require_same_features(folder, scored)
        require_same_head(folder, chosen.head)
        write_npz(folder / HEAD_FILE, {"weight": chosen.head[0], "bias": chosen.head[1]})
        energies = {name: [part.prior_energy(f) for f in scored.values()] for name, part in parts.items()}
        record = _first_record(train, scored, energies, fitted, chosen.head, reasons, progress)
        told = [source.columns(name, features.ids) for name, features in scored.items()]
        sets = [replace(of, columns=columns) for of, columns in zip(record.sets, told, strict=True)]
        kinds = methods.fast | methods.slow
        doubts = cautions(kinds, parts, source.backbone)
        for doubt in doubts:
            progress("priors", doubt)
        evidence = {name: kind.evidence for name, kind in kinds.items() if kind.evidence}
        record = replace(record, sets=sets, notes=(*source.notes, *doubts), evidence=evidence)
        order = list(ordered_titles(kinds, energies))
        for name, scores in finished(folder / ENERGIES, methods.slow, scored.values()).items():
            record = record.with_row(name, methods.slow[name].title, scores, order)
        record.save(folder / ENERGIES)
        mapping = projector.wanted and _ask_for_map(
            folder, projector, train, list(scored.values()), experiment, progress
        )
        done: list[CorrectedPrior] = []
        with _a_core_for_the_map(projector):
            for name in [p for p in experiment.priors if p in parts]:
                _train(folder, experiment, parts[name], train, source.device, shelf, progress)
                done.append(parts[name])
                residuals = [parts[name].residual_energy(f) for f in scored.values()]
                record = _with_residual(record, parts[name], train, energies[name], residuals)
                record.save(folder / ENERGIES)
        if done:
            _suggest_beta(folder, done, record.scale, scored[ID], experiment.seed, progress)
        if mapping:  # before what is slow: it is looked at first, and its core is needed
            progress("map", "Waiting for the UMAP map.")
            _auxiliary(projector.wait, progress)
        bench = Bench(source, train, scored, chosen.head, context)
        add_slow(record, folder / ENERGIES, methods.slow, order, bench, progress)
        if not done:
            raise HeatError(" ".join(reasons[p] for p in experiment.priors))
    return Run.open(folder)


def _every_second(progress: Progress) -> OnStep:
    """Tells how far the fit of a head is, once it takes long."""
    due = Every(1.0)

    def tell(evaluation: int, loss: float) -> None:
        if due():
            progress("priors", f"Fitting the head: step {evaluation}, mean loss {loss:.4f}.")

    return tell


def _ask_for_map(
    folder: Path,
    projector: Projector,
    train: Features,
    scored: list[Features],
    experiment: Experiment,
    progress: Progress,
) -> bool:
    """Let the map be fitted beside the residuals; whether it is."""

    def ask() -> None:
        write_points(folder / projector.input, train, scored, experiment.seed)
        projector.fit(folder, experiment.seed)

    return _auxiliary(ask, progress)


def _auxiliary(work: Callable[[], None], progress: Progress) -> bool:
    """Do something that the numbers do not depend on; where it fails that is said, and the run goes on."""
    try:
        work()
    except HeatError as error:
        progress("map", f"The run goes on without its map: {error}")
        return False
    return True


def _require_classes(train: Features, name: str) -> None:
    """Two classes are needed after unreadable images were left out, too."""
    if train.labels is None or len(train.class_names) < 2:
        raise HeatError(f"Only images of one class of {name!r} could be read: a classifier needs at least two.")


def _versions() -> dict[str, str]:
    import sklearn
    import timm

    packages = {m.__name__: m.__version__ for m in (torch, timm, np, sklearn)}
    return {"heat_core": __version__, "python": platform.python_version(), **packages}


def fit_priors(
    experiment: Experiment,
    train: Features,
    chosen: ChosenHead,
    labelled: bool,
    reasons: Reasons,
    progress: Progress,
) -> dict[str, CorrectedPrior]:
    """Name → the fitted prior, for the paper's three (which are rows of every table) and the experiment's own.

    One that cannot be fitted is left out, and `reasons` says why.
    """
    parts: dict[str, CorrectedPrior] = {}
    for name in dict.fromkeys((*PRIORS, *experiment.priors)):
        try:
            if not labelled and kind_of(name) not in OF_FEATURES:
                raise HeatError(NO_CLASSES)
            kind = experiment.covariance, chosen.refit, experiment.id_set, experiment.mixture_weights
            part = parts[name] = fit_prior(name, train, chosen.head, *kind)
        except HeatError as error:
            reasons[name] = f"{name} is left out: {error}"
            progress("priors", reasons[name])
            continue
        notes = [f"{name}: energy {part.reference.mean():.4g} ± {part.reference.std():.3g}"]
        if (used := getattr(part.prior, "covariance_used_", None)) and experiment.covariance == "auto":
            notes.append(f"{used} covariance ({len(train)} images for {train.avg.shape[1]} dimensions)")
        if floored := getattr(part.prior, "floored_", 0):
            notes.append(f"the covariance is singular in {floored} directions; ledoit-wolf is safer")
        if part.held_out:
            notes.append("scale taken from a held-out fifth of the training set, since samples are few")
        progress("priors", "; ".join(notes) + ".", prior=name, spread=float(part.reference.std()))
    return parts


def _first_record(
    train: Features,
    scored: dict[str, Features],
    energies: dict[str, list[np.ndarray]],
    fitted: dict[str, Detector],
    head: Head,
    reasons: Reasons,
    progress: Progress,
) -> RunRecord:
    """What does not change while residuals train: ids, labels, predictions, scores of priors and other detectors."""
    sets = []
    for i, features in enumerate(scored.values()):
        logits = logits_of(features, head)
        of_priors = {prior_row(name): of_sets[i] for name, of_sets in energies.items()}
        found = SetRecord(
            ids=np.array(features.ids),
            labels=None if features.labels is None else np.asarray(features.labels),
            predicted=logits.argmax(axis=1),
            confidence=softmax(logits, axis=1).max(axis=1),
            scores=of_priors | {name: detector.score(features) for name, detector in fitted.items()},
            prior=np.empty((len(features), 0)),
            residual=np.empty((len(features), 0)),
        )
        sets.append(found)
    accuracy, truth = None, _known_labels(scored[ID], train.class_names)
    if truth is not None:
        sets[0] = replace(sets[0], labels=truth)  # in the numbering of the run's classes
        accuracy = float((sets[0].predicted == truth).mean())
        progress("priors", f"ID test accuracy of the classifier: {accuracy:.1%}.")
    return RunRecord(
        sets=sets,
        training_ids=np.array(train.ids),
        class_names=train.class_names,
        titles=ordered_titles(fitted, energies),
        left_out=reasons,
        features={name: str(f.folder.resolve()) for name, f in ({TRAIN: train} | scored).items() if f.folder},
        accuracy=accuracy,
    )


def _known_labels(test: Features, class_names: list[str]) -> np.ndarray | None:
    """(N,) labels of a test set in the numbering of the training set; None where it has others, or none."""
    if test.labels is None or not set(test.class_names) <= set(class_names):
        return None
    return np.array([class_names.index(name) for name in test.class_names])[test.labels]


def _with_residual(
    record: RunRecord,
    part: CorrectedPrior,
    train: Features,
    energies: list[np.ndarray],
    residuals: list[np.ndarray],
) -> RunRecord:
    """The record with one more corrected prior; `energies` and `residuals`: E_q and E_θ of each set."""
    mean, std = part.statistics(train)
    before = record.scale
    std = std if std > 0 else 1.0  # a constant energy is only shifted
    scale = Scale((*before.priors, part.name), np.r_[before.mean, mean], np.r_[before.std, std])
    prior = [np.column_stack([s.prior, e / part.temperature]) for s, e in zip(record.sets, energies, strict=True)]
    residual = [np.column_stack([s.residual, e]) for s, e in zip(record.sets, residuals, strict=True)]
    return record.with_corrected(scale, (*record.temperatures, part.temperature), prior, residual)


def _suggest_beta(
    folder: Path, done: list[CorrectedPrior], scale: Scale, known: Features, seed: int, progress: Progress
) -> None:
    """Write beta.json: the β that tells unseen ID features from noisy ones, without any OOD data."""

    def energies(features: Features) -> np.ndarray:
        return scale.standardise(np.column_stack([part.hybrid_energy(features) for part in done]))

    choice = choose_beta(energies(known), energies(noisy(known, seed)))
    kept = {"beta": str(choice.beta), "grid": [str(b) for b in choice.grid], "auroc": list(choice.auroc)}
    write_sealed(folder / BETA_FILE, kept)
    progress("beta", f"β without OOD data: {choice.beta:g} tells ID features from noisy ones.")


@contextmanager
def _a_core_for_the_map(projector: Projector) -> Iterator[None]:
    """Train on one core fewer where the map is fitted beside: threads that share a core wait for one another.

    Whether the map is still being fitted does not count, so that the same run has the same sums in the same order.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(max(threads - 1, 1) if projector.wanted else threads)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _train(
    folder: Path,
    experiment: Experiment,
    part: CorrectedPrior,
    train: Features,
    device: torch.device,
    shelf: Shelf | None,
    progress: Progress,
) -> None:
    """Train a residual and keep it; one that is kept already is read back."""
    settings = settings_for(part.name, experiment.preset, experiment.settings)
    path = residual_path(folder, part.name)
    kept = shelf and shelf.path(part, train, settings, experiment.seed, device.type)
    if path.exists() or (shelf and kept and shelf.take(kept, path)):
        part.load(path)
        progress("residual", f"The residual of {part.name} is already trained.", prior=part.name)
        return

    def epoch(record: EpochRecord) -> None:
        message = f"{part.name}: epoch {record['epoch']} of {record['epochs']}, loss {record['loss']:.4f}"
        fixed: dict[str, Any] = {"prior": part.name, "temperature": part.temperature}
        progress("residual", message, **fixed, prior_spread=float(part.reference.std()) / part.temperature, **record)

    progress("residual", f"Training the residual of {part.name}.", prior=part.name)
    if stopped := part.train(train, settings, device, experiment.seed, epoch):
        progress("residual", f"{part.name}: {stopped}", prior=part.name, diverged=True)
    if part.rho is not None:
        said = f"{part.name}: the residual varies {part.rho:.2g} times as much as its prior (`balanced`)."
        progress("residual", said, prior=part.name, rho=part.rho)
    part.save(path, settings)
    if shelf and kept:
        shelf.keep(path, kept)
