"""From an Experiment to a finished run folder: features → priors and baselines → residuals → map.

Every stage writes what it made, so that a cut-off run resumes where it stopped, and a page of the app fills as soon as
its stage is done.
"""

import hashlib
import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock, Timeout
from scipy.special import softmax

from heat_core.backbones import Backbone
from heat_core.beta import choose_beta, noisy
from heat_core.columns import Column
from heat_core.composition import standardise
from heat_core.detectors import Detector, load, resolve
from heat_core.embedding import write_points
from heat_core.errors import Cancelled, HeatError
from heat_core.experiment import PRIOR_TITLES, PRIORS, Experiment
from heat_core.features import Features
from heat_core.heads import choose_head, logits_of
from heat_core.heat import CorrectedPrior, fit_prior
from heat_core.jobs import new_run
from heat_core.projection import Projector
from heat_core.results import ID, Run, prior_row
from heat_core.settings import settings_for
from heat_core.sources import TRAIN, open_source
from heat_core.storage import read_json, write_json, write_npz, writing

Report = Callable[..., None]
# Where the tables put the priors among the detectors (see `Detector.place`): EL with the logits, densities last.
_PRIOR_PLACES = {"el": 30, "dice": 70, "knn": 110, "vim": 150, "gmm": 400, "gmm-std": 410}


@dataclass(frozen=True)
class Corrected:
    """What a trained residual adds: its energies on every scored set, and the hybrid energy's mean and standard
    deviation on training features."""

    residuals: list[np.ndarray]
    mean: float
    std: float


def run(
    experiment: Experiment,
    projector: Projector,
    folder: Path | None = None,
    on_event: Callable[[dict], None] = lambda e: None,
) -> Run:
    """Do the experiment (or resume it in its folder) and return the finished run; `heat_core.run` calls this.

    Raises:
        HeatError: with a sentence; the folder keeps it, and everything that was finished.
    """
    folder = folder or new_run(experiment)
    with _recorded(folder, on_event) as report:
        source = open_source(experiment, report)
        detectors, columns, reasons = _choose_detectors(experiment, source.backbone, report)
        train = source.features(TRAIN, columns)
        _require_classes(train, experiment.id)
        _require_same_inputs(folder, {TRAIN: train})
        head, fitted = choose_head(source.head, train, report)
        parts = fit_priors(experiment, train, head, fitted, reasons, report)
        fitted_detectors, columns = _fit_detectors(detectors, experiment, source.backbone, train, head, reasons, report)
        scored = {name: source.features(name, columns) for name in (ID, *experiment.ood)}
        _require_same_inputs(folder, scored)
        write_npz(folder / "head.npz", {"weight": head[0], "bias": head[1]})
        base = _baselines(train, scored, parts, fitted_detectors, head, reasons, report)
        _write_energies(folder, base, parts, {})
        if projector.wanted:
            write_points(folder / projector.input, train, list(scored.values()), experiment.seed)
            projector.fit(folder, experiment.seed)
        corrected: dict[str, Corrected] = {}
        with _a_core_for_the_map(projector):
            for name in [p for p in experiment.priors if p in parts]:
                part = parts[name]
                _train(folder, experiment, part, train, source.device, report)
                residuals = [part.residual_energy(f) for f in scored.values()]
                corrected[name] = Corrected(residuals, *part.statistics(train))
                _write_energies(folder, base, parts, corrected)
        if not corrected:
            raise HeatError(" ".join(reasons[p] for p in experiment.priors))
        _suggest_beta(folder, parts, corrected, scored[ID], experiment.seed, report)
        if projector.wanted:
            report("map", "Waiting for the UMAP map.")
            projector.wait()
    return Run.open(folder)


@contextmanager
def _recorded(folder: Path, on_event: Callable[[dict], None]) -> Iterator[Report]:
    """Hold the run's lock, append events to events.jsonl, and leave the final status in run.json."""
    lock, began = FileLock(folder / "job.lock"), time.time()
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise HeatError(
            f"Run {folder.name} is being worked on by another process: wait for it, or cancel it."
        ) from None

    def report(stage: str, message: str = "", **more: Any) -> None:
        event = {"time": time.time(), "stage": stage, "message": message, **more}
        with writing(folder / "events.jsonl"), open(folder / "events.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(event) + "\n")
        on_event(event)

    def status(name: str, **more: Any) -> None:
        info = read_json(folder / "run.json") | {"status": name, "pid": os.getpid(), **more}
        write_json(folder / "run.json", info)

    try:
        status("running", started=began, versions=_versions(), error=None)
        yield report
        status("done", seconds=time.time() - began)
        report("done", f"Finished in {time.time() - began:.0f} s.")
    except (Cancelled, KeyboardInterrupt):
        status("cancelled")
        report("cancelled", "Cancelled; what was finished is kept.")
        raise
    except Exception as error:
        sentence = str(error) if isinstance(error, HeatError) else f"Unexpected error: {type(error).__name__}: {error}."
        try:
            status("failed", error=sentence)
            report("failed", sentence)
        except HeatError:  # the disk is full: the reader will see an interrupted run
            pass
        raise
    finally:
        lock.release()


def _require_classes(train: Features, name: str) -> None:
    """Two classes are needed after unreadable images were left out, too."""
    if train.labels is None or len(train.class_names) < 2:
        raise HeatError(f"Only images of one class of {name!r} could be read: a classifier needs at least two.")


def _require_same_inputs(folder: Path, sets: dict[str, Features]) -> None:
    """A resumed run must not mix what it made of other features with these."""
    inputs = {
        name: hashlib.blake2b(np.ascontiguousarray(f.avg), digest_size=16).hexdigest() for name, f in sets.items()
    }
    path = folder / "inputs.json"
    known = read_json(path) if path.exists() else {}
    if changed := [name for name, digest in inputs.items() if known.get(name, digest) != digest]:
        raise HeatError(
            f"The features of {changed[0]!r} are not those that this run began with (its images or the backbone "
            "changed): start a new run."
        )
    write_json(path, known | inputs)


def _versions() -> dict[str, str]:
    import sklearn
    import timm

    packages = {m.__name__: m.__version__ for m in (torch, timm, np, sklearn)}
    return {"python": platform.python_version(), **packages}


def _choose_detectors(experiment: Experiment, backbone: Backbone | None, report: Report):
    """The detectors' classes by name, the extra columns of the training set that they read, and who cannot run, why."""
    chosen: dict[str, type[Detector]] = {}
    columns: dict[str, Column] = {}
    reasons: dict[str, str] = {}
    for name in resolve(experiment.detectors):
        kind = load(name)
        try:
            if kind.reads_images and backbone is None:
                raise HeatError("it reads the images, and this run has only their features.")
            columns |= {c.name: c for c in kind.train_columns(backbone)}
            chosen[name] = kind
        except HeatError as error:
            reasons[name] = f"{name} is left out: {error}"
            report("features", reasons[name])
    return chosen, tuple(columns.values()), reasons


def fit_priors(experiment: Experiment, train: Features, head, fitted, reasons: dict[str, str], report: Report):
    """name → the fitted prior, for the paper's three (which are rows of every table) and the experiment's own.

    One that cannot be fitted is left out, and `reasons` says why.
    """
    parts: dict[str, CorrectedPrior] = {}
    for name in dict.fromkeys((*PRIORS, *experiment.priors)):
        try:
            part = parts[name] = fit_prior(name, train, head, experiment.covariance, fitted, experiment.id_set)
        except HeatError as error:
            reasons[name] = f"{name} is left out: {error}"
            report("priors", reasons[name])
            continue
        notes = [f"{name}: energy {part.reference.mean():.4g} ± {part.reference.std():.3g}"]
        if (used := getattr(part.prior, "covariance_used_", None)) and experiment.covariance == "auto":
            notes.append(f"{used} covariance ({len(train)} images for {train.avg.shape[1]} dimensions)")
        if getattr(part.prior, "floored_", 0):
            notes.append(f"the covariance is singular in {part.prior.floored_} directions; ledoit-wolf is safer")
        if part.held_out:
            notes.append("scale taken from a held-out fifth of the training set, since samples are few")
        report("priors", "; ".join(notes) + ".", prior=name, spread=float(part.reference.std()))
    return parts


def _fit_detectors(chosen, experiment: Experiment, backbone, train: Features, head, reasons, report: Report):
    """The fitted detectors by name, and the extra columns of the other sets that they read."""
    fitted: dict[str, Detector] = {}
    columns: dict[str, Column] = {}
    for name, kind in chosen.items():
        try:
            report("priors", f"Fitting {kind.title}.")
            detector = kind.for_run(head, experiment, backbone).fit(train)
            columns |= {c.name: c for c in detector.test_columns(backbone)}
            fitted[name] = detector
        except HeatError as error:
            reasons[name] = f"{name} is left out: {error}"
            report("priors", reasons[name])
    return fitted, tuple(columns.values())


def _baselines(train, scored, parts, fitted, head, reasons, report: Report) -> dict[str, np.ndarray]:
    """What does not change while residuals train: ids, labels, predictions and the scores of the other detectors."""
    arrays: dict[str, np.ndarray] = {"train/ids": np.array(train.ids)}
    for i, f in enumerate(scored.values()):
        logits = logits_of(f, head)
        arrays[f"{i}/ids"] = np.array(f.ids)
        arrays[f"{i}/labels"] = np.asarray([] if f.labels is None else f.labels)
        arrays[f"{i}/predicted"] = logits.argmax(axis=1)
        arrays[f"{i}/confidence"] = softmax(logits, axis=1).max(axis=1)
        for detector, method in fitted.items():
            arrays[f"{i}/score-{detector}"] = method.score(f)
        for prior, part in parts.items():
            arrays[f"{i}/energy-{prior}"] = part.prior_energy(f)
            arrays.setdefault(f"{i}/score-{prior_row(prior)}", arrays[f"{i}/energy-{prior}"])
    titles = _titles(fitted, parts)
    summary = {"class_names": train.class_names, "baselines": list(titles), "titles": titles, "left_out": reasons,
               "train_size": len(train),
               "features": {name: str(f.folder.resolve()) for name, f in ({TRAIN: train} | scored).items()}}  # fmt: skip
    test = scored[ID]
    if test.labels is not None and set(test.class_names) <= set(train.class_names):
        truth = np.array([train.class_names.index(name) for name in test.class_names])[test.labels]
        arrays["0/labels"] = truth  # in the numbering of the run's classes
        summary["accuracy"] = float((arrays["0/predicted"] == truth).mean())
        report("priors", f"ID test accuracy of the classifier: {summary['accuracy']:.1%}.")
    return arrays | {"summary": summary}


def _titles(fitted: dict[str, Detector], parts: dict[str, CorrectedPrior]) -> dict[str, str]:
    """Row → title, in the order of the tables."""
    rows = {prior_row(p): (_PRIOR_PLACES[p], "soft-KNN" if p == "knn" else PRIOR_TITLES[p]) for p in parts}
    rows |= {name: (detector.place, detector.title) for name, detector in fitted.items()}
    return {row: title for row, (_, title) in sorted(rows.items(), key=lambda item: (item[1][0], item[0]))}


def _write_energies(folder: Path, base, parts: dict[str, CorrectedPrior], corrected: dict[str, Corrected]) -> None:
    arrays = {name: values for name, values in base.items() if name != "summary"}
    for i in range(sum(name.endswith("/predicted") for name in arrays)):
        empty = np.empty((len(arrays[f"{i}/ids"]), 0))
        priors = [arrays[f"{i}/energy-{p}"] / parts[p].temperature for p in corrected]
        arrays[f"{i}/prior"] = np.column_stack(priors) if priors else empty
        arrays[f"{i}/residual"] = np.column_stack([c.residuals[i] for c in corrected.values()]) if priors else empty
    summary = base["summary"] | {
        "priors": list(corrected),
        "mean": [c.mean for c in corrected.values()],
        "std": [c.std for c in corrected.values()],
        "temperature": [parts[p].temperature for p in corrected],
    }
    write_npz(folder / "energies.npz", arrays | {"summary": np.array(json.dumps(summary))})


def _suggest_beta(folder: Path, parts, corrected: dict[str, Corrected], known: Features, seed: int, report) -> None:
    """Write beta.json: the β that tells unseen ID features from noisy ones, without any OOD data."""
    mean, std = np.array([(c.mean, c.std) for c in corrected.values()]).T

    def energies(features: Features) -> np.ndarray:
        return standardise(np.column_stack([parts[p].hybrid_energy(features) for p in corrected]), mean, std)

    choice = choose_beta(energies(known), energies(noisy(known, seed)))
    write_json(
        folder / "beta.json", {"beta": str(choice.beta), "grid": [str(b) for b in choice.grid], "auroc": choice.auroc}
    )
    report("beta", f"β without OOD data: {choice.beta:g} tells ID features from noisy ones.")


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


def _train(folder: Path, experiment: Experiment, part: CorrectedPrior, train: Features, device, report: Report) -> None:
    settings = settings_for(part.name, experiment.preset, experiment.settings)
    path = folder / f"residual-{part.name}.safetensors"
    if path.exists():
        part.load(path)
        report("residual", f"The residual of {part.name} is already trained.", prior=part.name)
        return

    def epoch(record: dict[str, Any]) -> None:
        message = f"{part.name}: epoch {record['epoch']} of {record['epochs']}, loss {record['loss']:.4f}"
        report("residual", message, prior=part.name, temperature=part.temperature,
               prior_spread=float(part.reference.std()) / part.temperature, **record)  # fmt: skip

    report("residual", f"Training the residual of {part.name}.", prior=part.name)
    if stopped := part.train(train, settings, device, experiment.seed, epoch):
        report("residual", f"{part.name}: {stopped}", prior=part.name, diverged=True)
    part.save(path, settings)
