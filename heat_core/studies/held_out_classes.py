"""Near and far without OOD images: each class left out in turn, and images without an object.

Heads, priors and, where they are asked for, residuals are fitted here on features that are kept: no image goes through
the network again. Trained residuals are stored with those of the studies, so that a stopped measurement goes on.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from scipy.stats import t as student

from heat_core.analysis.metric_estimates import average_over_sets, estimate_metric
from heat_core.composition import HEAT
from heat_core.data.image_set import ImageSet
from heat_core.data.made.made_sets import MADE
from heat_core.energies.hybrid_model import HybridModel, hybrid_energies
from heat_core.energies.residual_cache import ResidualCache, train_and_store
from heat_core.errors import HeatError
from heat_core.features.batches import auto_device
from heat_core.features.features import SECOND_ENCODER, Features
from heat_core.features.heads import HeadChoice, fit_head, logits_of
from heat_core.features.store import load_features
from heat_core.metrics import METRICS
from heat_core.pipeline.experiment_sets import open_sets
from heat_core.pipeline.make_map import features_in_order
from heat_core.pipeline.validate_sets import quote
from heat_core.progress import no_progress
from heat_core.runs.experiment import FEATURES, ID, TRAIN, Experiment
from heat_core.runs.row_names import corrected_row
from heat_core.runs.run import Run
from heat_core.storage import expand_home
from heat_core.studies.request import studies_home
from heat_core.studies.results import TITLES
from heat_core.types import Head

_REPLICATES = 400
_FEWEST_CLASSES = 3  # one is left out, and a classifier needs two
_FEWEST_TESTED = 2

Scores = dict[str, np.ndarray]  # prior, corrected prior, or HEAT for all of them composed at β = 0 → (N,) scores


def require_test_classes(experiment: Experiment) -> None:
    """Refuse an experiment in which fewer than two of the known classes have ID test images, before its run.

    Raises:
        HeatError: there, and where a set cannot be opened.
    """
    train, test = _known_features(experiment) if experiment.backbone == FEATURES else _known_images(experiment)
    if train.labels is not None and test.labels is not None:
        names = {test.class_names[i] for i in np.unique(test.labels)}
        _require_two([name for name in train.class_names if name in names])


def _known_images(experiment: Experiment) -> tuple[ImageSet, ImageSet]:
    sets = open_sets(experiment)
    return sets[TRAIN], sets[ID]


def _known_features(experiment: Experiment) -> tuple[Features, Features]:
    train = load_features(expand_home(experiment.id))
    return (train, load_features(expand_home(experiment.id_test))) if experiment.id_test else train.split()


def _require_two(names: list[str]) -> None:
    """Refuse fewer than two classes with ID test images: without another class there are no known test images."""
    if len(names) < _FEWEST_TESTED:
        found = f"only {quote(names)} has some" if names else "none has any"
        sentence = f"leave-out needs at least two classes with test images: {found}."
        raise HeatError(f"{sentence} Give --id-test with images of every class.")


def measure_near_and_far(
    run: Run, with_residuals: bool = False, report: Callable[[str], None] = no_progress
) -> dict[str, Any]:
    """Measure AUROC and FPR95, in percent, of the run's priors, and of all of them composed at β = 0.

    Heads are logistic regressions in every case, also where the run has the network's own.

    Args:
        run: a finished run.
        with_residuals: whether residuals are trained, too, with the settings of the run: the corrected priors are then
            measured as well, and composed in place of the priors.
        report: receives a sentence before each fit.

    Returns:
        "classes": for each class that has test images its `class`, `images`, `folders` (those of its images, [] where
        they hold other classes too), `taken_for`, `share` (of its images that are taken for that class, in percent),
        and `auroc` and `fpr95` (row → value) with the class as the unknown one; "near": metric → row → mean over the
        classes, low, high; "far" and "given": the same over the made sets and over the other OOD sets, {} where there
        are none; "skipped": classes without test images; "stopped": sentences about residuals whose training diverged.

    Raises:
        HeatError: where the run has fewer than three classes, its test images have no classes or are all of one, or
            every prior reads a second encoder.
    """
    labels = _test_labels(run)
    train, test = features_in_order(run, TRAIN), features_in_order(run, ID)
    present = np.unique(labels).tolist()
    _require_two([run.class_names[i] for i in present])
    stopped: list[str] = []

    def on_stop(classes: str, sentence: str) -> None:
        stopped.append(f"{classes}, {sentence}")
        report(stopped[-1])

    report("Fitting on all classes.")
    model = _fit(run, train, with_residuals, partial(on_stop, "All classes"))
    classes = []
    for i, c in enumerate(present):
        report(f"Leaving out a class, {i + 1} of {len(present)}: {run.class_names[c]}.")
        others = _without_class(train, c)
        weight, bias = (np.delete(part, c, axis=0) for part in model.head.head)
        on_stop_without = partial(on_stop, f"Without {run.class_names[c]}")
        of_others = _fit(run, others, with_residuals, on_stop_without, start=(weight, bias))
        classes.append(_measure_class(run, of_others, test, labels, c))
    known = _scores(model, test)
    unknown = {name: _scores(model, features_in_order(run, name)) for name in run.ood_names}
    made = [name for name in run.ood_names if run.experiment.ood[name] in MADE]
    return {
        "classes": classes,
        "near": {metric: _mean_over_classes(classes, metric) for metric in TITLES},
        "far": _mean_over_sets(known, unknown, made),
        "given": _mean_over_sets(known, unknown, [name for name in unknown if name not in made]),
        "skipped": [name for i, name in enumerate(run.class_names) if i not in present],
        "stopped": stopped,
    }


def _test_labels(run: Run) -> np.ndarray:
    """Return the (N,) classes of the ID test images."""
    labels = run.labels(ID) if run.has_classes else None
    if labels is None or run.accuracy is None:
        raise HeatError("Classes can be left out only where the training images and the ID test images have the same.")
    if len(run.class_names) < _FEWEST_CLASSES:
        raise HeatError(f"Leaving a class out needs at least {_FEWEST_CLASSES} classes: {run.id} has fewer.")
    return labels


def _fit(
    run: Run, train: Features, with_residuals: bool, on_stop: Callable[[str], None], start: Head | None = None
) -> HybridModel:
    """Fit a head, from `start`, and the run's priors, and train their residuals where they are asked for.

    `on_stop` receives a sentence about each residual whose training diverged.
    """
    names = [name for name in run.priors if not name.endswith(SECOND_ENCODER)]
    if not names:
        raise HeatError("Every prior of this study reads a second encoder: give one of the first, such as gmm.")
    head = fit_head(train.avg, train.required_labels("A head"), start=start)
    model = HybridModel(run.experiment, HeadChoice(head, partial(fit_head, start=head), ""), has_classes=True)
    for name in names:
        model.fit_prior(name, train)
        if with_residuals and (stopped := _train(model, name, train)):
            on_stop(f"residual of {run.prior_title(name)}: {stopped}")
        model.add_trained(name, train)
    return model


def _train(model: HybridModel, name: str, train: Features) -> str | None:
    """Train the residual of a fitted prior, or take it from those of the studies; return why training stopped early."""
    device, cache = auto_device(), ResidualCache(studies_home() / "residuals")
    settings, seed = model.settings_of(name), model.options.seed
    if cache.restore(model.fitted[name], train, settings, seed, device.type):
        return None
    return train_and_store(model, name, train, device, no_progress, cache)


def _scores(model: HybridModel, features: Features) -> Scores:
    prior, residual = hybrid_energies(model.trained, features)
    energies, names = prior + residual, model.scale.priors
    scores = dict(zip(names, np.transpose(prior), strict=True))
    if any(part.residual for part in model.trained):
        scores |= dict(zip(map(corrected_row, names), np.transpose(energies), strict=True))
    return scores | {HEAT: model.scale.scores(energies)}


def _measure_class(run: Run, model: HybridModel, test: Features, labels: np.ndarray, left_out: int) -> dict[str, Any]:
    """Measure how well the scores of a model of the other classes separate the left-out class's test images."""
    is_new = labels == left_out
    scores = _scores(model, test)
    others = [name for i, name in enumerate(run.class_names) if i != left_out]
    predicted = logits_of(test.subset(np.flatnonzero(is_new)), model.head.head).argmax(axis=1)
    counts = np.bincount(predicted)
    metrics = {
        metric: {row: 100 * METRICS[metric](values[~is_new], values[is_new]) for row, values in scores.items()}
        for metric in TITLES
    }
    return {
        "class": run.class_names[left_out],
        "images": int(is_new.sum()),
        "folders": _own_folders(test.ids, is_new),
        "taken_for": others[int(counts.argmax())],
        "share": 100 * float(counts.max() / counts.sum()),
        **metrics,
    }


def _without_class(train: Features, left_out: int) -> Features:
    """Return the training features of the other classes, which are numbered without a gap."""
    labels = train.required_labels("A class that is left out")
    kept = train.subset(np.flatnonzero(labels != left_out))
    numbers = kept.required_labels("A class that is left out")
    names = [name for i, name in enumerate(train.class_names) if i != left_out]
    return replace(kept, labels=numbers - (numbers > left_out), class_names=names)


def _own_folders(ids: Sequence[str], is_new: np.ndarray) -> list[str]:
    """List the folders of a class's images; none where one of them, or no folder, holds images of other classes."""
    folders = np.array([sample.rpartition("/")[0] for sample in ids], dtype=object)
    own = set(folders[is_new])
    return sorted(own) if "" not in own and not own & set(folders[~is_new]) else []


def _mean_over_classes(classes: list[dict[str, Any]], metric: str) -> dict[str, list[float]]:
    """Average a metric over the classes, with Student's 95 % interval of the mean: row → mean, low, high."""
    factor = float(student.ppf(0.975, len(classes) - 1)) / np.sqrt(len(classes))
    means = {}
    for row in classes[0][metric]:
        values = np.array([of_class[metric][row] for of_class in classes])
        half = factor * values.std(ddof=1)
        low, high = np.clip([values.mean() - half, values.mean() + half], 0, 100)
        means[row] = [float(values.mean()), float(low), float(high)]
    return means


def _mean_over_sets(known: Scores, unknown: dict[str, Scores], names: list[str]) -> dict[str, dict[str, list[float]]]:
    """Average both metrics over sets, with bootstrap intervals over images: metric → row → mean, low, high."""
    means: dict[str, dict[str, list[float]]] = {metric: {} for metric in TITLES} if names else {}
    for metric, rows in means.items():
        for row, of_known in known.items():
            estimates = {n: estimate_metric(of_known, unknown[n][row], metric, _REPLICATES) for n in names}
            value, replicates = average_over_sets(estimates, names)
            rows[row] = [value, *np.percentile(replicates, [2.5, 97.5]).tolist()]
    return means
