"""Second stage of a run: results that do not change while residuals train, as the first `energies.npz`."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from scipy.special import softmax

from heat_core.detectors import registry
from heat_core.energies.names import prior_kind, prior_title, spec_of
from heat_core.energies.names import registry as prior_registry
from heat_core.energies.residual_cache import residual_origin
from heat_core.features.features import Features
from heat_core.features.heads import logits_of
from heat_core.pipeline.provenance import require_same_features, require_same_head
from heat_core.pipeline.run_detectors import SetScores, detector_warnings, load_finished_scores, score_fast_detectors
from heat_core.pipeline.run_state import RunState
from heat_core.plugins import PluginError
from heat_core.runs.experiment import ID, TRAIN
from heat_core.runs.results_file import ENERGIES, HEAD_FILE, RunRecord
from heat_core.runs.row_names import ordered_titles, prior_row
from heat_core.runs.set_record import SetRecord
from heat_core.storage import write_npz


def score_fast(state: RunState) -> None:
    """Score every set with the priors and the fast detectors, and save the first record.

    Raises:
        HeatError: where a set or the head differs from that with which the run began.
    """
    source, folder, head = state.source, state.folder, state.model.head.head
    names = (ID, *state.experiment.scored_sets)
    state.scored = {name: source.features(name, state.scored_columns) for name in names}
    require_same_features(folder, state.scored)
    require_same_head(folder, head)
    write_npz(folder / HEAD_FILE, {"weight": head[0], "bias": head[1]})
    state.prior_energies = {}
    for name, part in list(state.model.fitted.items()):
        try:
            state.prior_energies[name] = [part.prior_energy(features) for features in state.scored.values()]
        except PluginError as error:
            del state.model.fitted[name]
            state.leave_out(name, f"{name} is left out: {error}")
    scores = score_fast_detectors(state.fast_detectors, state.scored.values(), state.reasons, state.progress)
    state.fast_detectors = {name: detector for name, detector in state.fast_detectors.items() if name in scores}
    state.record = _with_notes(_first_record(state, scores), state)
    state.row_order = list(ordered_titles(state.detectors.fast | state.detectors.slow, state.prior_energies))
    _restore_slow_rows(state)
    state.save_record()


def _first_record(state: RunState, scores: dict[str, SetScores]) -> RunRecord:
    """Make the record with ids, labels, predictions, and scores of priors and fast detectors."""
    sets = [_set_record(features, i, state, scores) for i, features in enumerate(state.scored.values())]
    known = {ID, *state.experiment.shifted}
    truths = [_known_labels(f, state.train.class_names) if n in known else None for n, f in state.scored.items()]
    # Labels of known images are in the numbering of the run's classes.
    sets = [s if truth is None else replace(s, labels=truth) for s, truth in zip(sets, truths, strict=True)]
    accuracy, truth = None, truths[0]
    if truth is not None:
        accuracy = float((sets[0].predicted == truth).mean())
        state.progress("priors", f"ID test accuracy of the classifier: {accuracy:.1%}.")
    all_features = {TRAIN: state.train} | state.scored
    return RunRecord(
        sets=sets,
        training_ids=np.array(state.train.ids),
        class_names=state.train.class_names,
        titles=ordered_titles(state.fast_detectors, state.prior_energies),
        left_out=state.reasons,
        features={name: str(f.folder.absolute()) for name, f in all_features.items() if f.folder},
        second_features={name: str(f.second_folder.absolute()) for name, f in all_features.items() if f.second_folder},
        accuracy=accuracy,
        origin=residual_origin("gmm", state.context.training, state.experiment),  # the EBM is trained with these
    )


def _set_record(features: Features, i: int, state: RunState, scores: dict[str, SetScores]) -> SetRecord:
    """Make the record of the i-th scored set."""
    logits = logits_of(features, state.model.head.head)
    of_priors = {prior_row(name): energies[i] for name, energies in state.prior_energies.items()}
    return SetRecord(
        ids=np.array(features.ids),
        labels=None if features.labels is None else np.asarray(features.labels),
        predicted=logits.argmax(axis=1),
        confidence=softmax(logits, axis=1).max(axis=1),
        scores=of_priors | {name: of_sets[i] for name, of_sets in scores.items()},
        prior=np.empty((len(features), 0)),
        residual=np.empty((len(features), 0)),
    )


def _known_labels(test: Features, class_names: list[str]) -> np.ndarray | None:
    """Return the (N,) labels of a test set in the numbering of the training set; None where it has others, or none."""
    if test.labels is None or not set(test.class_names) <= set(class_names):
        return None
    return np.array([class_names.index(name) for name in test.class_names])[test.labels]


def _with_notes(record: RunRecord, state: RunState) -> RunRecord:
    """Add the further columns of manifests, notes, the evidence of each detector, and plugins to the record."""
    columns = [state.source.columns(name, features.ids) for name, features in state.scored.items()]
    sets = [replace(s, columns=c) for s, c in zip(record.sets, columns, strict=True)]
    detectors = state.detectors.fast | state.detectors.slow
    warnings = [
        *state.source.notes_about({TRAIN: state.train} | state.scored),
        *detector_warnings(detectors, state.model.fitted, state.source.backbone),
    ]
    plugins = _plugins(detectors, state.prior_energies)
    titles = {name: kind.title for name, kind in detectors.items()}
    warnings += [f"{titles.get(name) or prior_title(name)} comes from {plugin}." for name, plugin in plugins.items()]
    for warning in warnings:
        state.progress("priors", warning)
    evidence = {name: detector.evidence for name, detector in detectors.items() if detector.evidence}
    evidence |= {name: spec_of(name).evidence for name in state.prior_energies if name in plugins}
    notes = (*state.source.notes, *warnings)
    return replace(record, sets=sets, notes=notes, evidence=evidence, plugins=plugins)


def _plugins(detectors: Iterable[str], priors: Iterable[str]) -> dict[str, str]:
    """Map the detectors and priors that are not of this package to the plugin that they come from."""
    origins = {name: registry.origin(name) for name in detectors}
    origins |= {name: prior_registry.origin(prior_kind(name)) for name in priors}
    return {name: origin for name, origin in origins.items() if origin}


def _restore_slow_rows(state: RunState) -> None:
    """Add the scores of slow detectors that an earlier job finished with the same settings and version."""
    slow, sets = state.detectors.slow, state.scored.values()
    finished = load_finished_scores(state.folder / ENERGIES, slow, sets, state.record.origin, state.progress)
    for name, scores in finished.items():
        state.record = state.record.with_detector(name, slow[name].title, scores, state.row_order)
