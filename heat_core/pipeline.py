"""From an Experiment to a finished run folder: features → priors and baselines → residuals → map.

Every stage writes what it made, so that a cut-off run resumes where it stopped, and a page of the app fills as soon as
its stage is done.
"""

import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from scipy.special import softmax

from heat_core.backbones import Backbone, fit_head, load_backbone
from heat_core.beta import choose_beta, perturbed
from heat_core.columns import POOLED, Column
from heat_core.composition import standardise
from heat_core.datasets import ImageSet, open_dataset, require_classes
from heat_core.detectors import Detector, load, logits_of, resolve
from heat_core.embedding import embed
from heat_core.errors import Cancelled, HeatError
from heat_core.experiment import PRIORS, Experiment
from heat_core.extraction import auto_device, extract
from heat_core.features import Features
from heat_core.heat import CorrectedPrior, fit_prior
from heat_core.jobs import new_run
from heat_core.results import ID, Run, prior_row, table_order
from heat_core.settings import settings_for
from heat_core.storage import read_json, write_json, write_npz, writing

Report = Callable[..., None]
_OWN_HEAD_ACCURACY = 0.5  # below it the model's classes are not the dataset's, whatever their number


def run(experiment: Experiment, folder: Path | None = None, on_event: Callable[[dict], None] = lambda e: None) -> Run:
    """Do the experiment (or resume it in its folder) and return the finished run.

    Raises:
        HeatError: with a sentence; the folder keeps it, and everything that was finished.
    """
    folder = folder or new_run(experiment)
    with _recorded(folder, on_event) as report:
        device = auto_device()
        report("start", f"Using {device.type}.")
        images = _image_sets(experiment)  # all are opened before the first is extracted: bad folders show at once
        report("features", f"Loading {experiment.backbone}.")
        backbone = load_backbone(experiment.backbone, experiment.weights, experiment.image_size)
        extracting = partial(_extract, backbone, images, device, experiment.batch_size, report)
        detectors, columns, reasons = _choose_detectors(experiment, backbone, report)
        features = {"train": extracting("train", columns)}
        head, fitted, class_names = _head(backbone.head, features["train"], report)
        parts = _fit_priors(experiment, features["train"], head, fitted, reasons, report)
        fitted_detectors, columns = _fit_detectors(
            detectors, experiment, backbone, features["train"], head, reasons, report
        )
        scored = [ID, *experiment.ood]
        features |= {name: extracting(name, columns) for name in scored}
        base = _baselines(features, scored, parts, fitted_detectors, head, class_names, reasons, report)
        _write_energies(folder, base, features, parts, [], scored)
        trained: list[str] = []
        for name in [p for p in experiment.priors if p in parts]:
            _train(folder, experiment, parts[name], features["train"], device, report)
            trained.append(name)
            _write_energies(folder, base, features, parts, trained, scored)
        if not trained:
            raise HeatError(" ".join(reasons[p] for p in experiment.priors))
        _suggest_beta(folder, [parts[p] for p in trained], features["train"], experiment.seed, report)
        if experiment.map:
            report("map", "Fitting the UMAP map.")
            embed(folder / "map.npz", features["train"], [features[n] for n in scored], experiment.seed)
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


def _versions() -> dict[str, str]:
    import sklearn
    import timm
    import torch

    packages = {m.__name__: m.__version__ for m in (torch, timm, np, sklearn)}
    return {"python": platform.python_version(), **packages}


def _image_sets(experiment: Experiment) -> dict[str, ImageSet]:
    e = experiment
    train = require_classes(open_dataset(e.id, "train", f"{Path(e.id).parent.name}-{Path(e.id).name}".strip("-.")))
    if e.id_test:
        test = open_dataset(e.id_test, "test", f"{Path(e.id_test).parent.name}-{Path(e.id_test).name}".strip("-."))
    else:
        train, test = train.split()
    ood = {name: open_dataset(source, "test", name) for name, source in e.ood.items()}
    limits = e.limit_test or e.limit, e.limit_ood or e.limit
    return {
        "train": require_classes(train.limited(e.limit)),
        ID: test.limited(limits[0]),
        **{name: images.limited(limits[1]) for name, images in ood.items()},
    }


def _choose_detectors(experiment: Experiment, backbone: Backbone, report: Report):
    """The detectors' classes by name, the extra columns of the training set that they read, and who cannot run, why."""
    chosen: dict[str, type[Detector]] = {}
    columns: dict[str, Column] = {}
    reasons: dict[str, str] = {}
    for name in resolve(experiment.detectors):
        kind = load(name)
        try:
            columns |= {c.name: c for c in kind.train_columns(backbone)}
            chosen[name] = kind
        except HeatError as error:
            reasons[name] = f"{name} is left out: {error}"
            report("features", reasons[name])
    return chosen, tuple(columns.values()), reasons


def _extract(backbone: Backbone, images, device, batch_size: int, report: Report, name: str, columns) -> Features:
    reported = 0.0

    def progress(record: dict) -> None:
        nonlocal reported
        if time.monotonic() - reported > 0.5 or record["done"] == record["total"]:
            reported = time.monotonic()
            report("features", f"{name}: {record['done']} of {record['total']} images", dataset=name, **record)

    found = extract(
        backbone, images[name], device, batch_size, on_progress=progress, columns=(*POOLED, *columns)
    )  # fmt: skip
    if skipped := found.skipped:
        shown = ", ".join(skipped[:5]) + (" …" if len(skipped) > 5 else "")
        report("features", f"{name}: {len(skipped)} unreadable images skipped: {shown}", skipped=skipped)
    return found


def _head(own, train: Features, report: Report):
    """The linear head: the model's own where its classes are the dataset's, else a logistic regression on `avg`."""
    classes = train.class_names
    avg = np.asarray(train.avg, dtype=np.float64)
    if own is not None and len(own[0]) == len(classes):
        accuracy = float((logits_of(train, own).argmax(axis=1) == train.labels).mean())
        if accuracy >= _OWN_HEAD_ACCURACY:
            report("priors", f"The model's own head is used ({accuracy:.1%} of the training images right).")
            return own, None, classes
    report("priors", f"The model's classes are not the {len(classes)} of this set: fitting a logistic-regression head.")
    return fit_head(avg, train.labels), fit_head, classes


def _fit_priors(experiment: Experiment, train: Features, head, fitted, reasons: dict[str, str], report: Report):
    parts: dict[str, CorrectedPrior] = {}
    for name in dict.fromkeys((*PRIORS, *experiment.priors)):
        try:
            part = parts[name] = fit_prior(name, train, head, experiment.covariance, fitted)
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


def _baselines(features, scored, parts, fitted, head, class_names, reasons, report: Report) -> dict[str, np.ndarray]:
    """What does not change while residuals train: ids, labels, predictions and the scores of the other detectors."""
    arrays: dict[str, np.ndarray] = {}
    for i, name in enumerate(scored):
        f = features[name]
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
    rows = dict.fromkeys([*fitted, *map(prior_row, parts)])
    summary = {"class_names": class_names, "baselines": sorted(rows, key=table_order), "left_out": reasons,
               "train_size": len(features["train"])}  # fmt: skip
    test = features[ID]
    if test.labels is not None and test.class_names == class_names:
        summary["accuracy"] = float((arrays["0/predicted"] == test.labels).mean())
        report("priors", f"ID test accuracy of the classifier: {summary['accuracy']:.1%}.")
    return arrays | {"summary": summary}


def _write_energies(folder: Path, base, features, parts, trained: list[str], scored: list[str]) -> None:
    arrays = dict(base)
    for i, name in enumerate(scored):
        rows = len(features[name])
        columns = [
            (arrays[f"{i}/energy-{p}"] / parts[p].temperature, parts[p].residual_energy(features[name]))
            for p in trained
        ]
        arrays[f"{i}/prior"] = np.column_stack([c[0] for c in columns]) if columns else np.empty((rows, 0))
        arrays[f"{i}/residual"] = np.column_stack([c[1] for c in columns]) if columns else np.empty((rows, 0))
    statistics = [parts[p].statistics(features["train"]) for p in trained]
    summary = base["summary"] | {
        "priors": trained,
        "mean": [s[0] for s in statistics],
        "std": [s[1] for s in statistics],
        "temperature": [parts[p].temperature for p in trained],
    }
    write_npz(folder / "energies.npz", arrays | {"summary": np.array(json.dumps(summary))})


def _suggest_beta(folder: Path, trained: list[CorrectedPrior], train: Features, seed: int, report: Report) -> None:
    """Write beta.json: the β that tells ID features from perturbed ones best, all of them seen in training."""

    def energies(features: Features) -> np.ndarray:
        return standardise(np.column_stack([p.hybrid_energy(features) for p in trained]), *statistics.T)

    statistics = np.array([p.statistics(train) for p in trained])
    choice = choose_beta(energies(train), {name: energies(f) for name, f in perturbed(train, seed).items()})
    write_json(
        folder / "beta.json", {"beta": str(choice.beta), "grid": [str(b) for b in choice.grid], "auroc": choice.auroc}
    )
    report("beta", f"β without OOD data: {choice.beta:g} tells ID features from perturbed ones best.")


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
