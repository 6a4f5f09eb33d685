"""First stage of a run: training features, the head that reads them, the priors, and the fast detectors."""

from heat_core.detectors import Context
from heat_core.energies.clusters import find_clusters, fit_cluster_head
from heat_core.energies.corrected_prior import CorrectedPrior
from heat_core.energies.hybrid_model import HybridModel
from heat_core.energies.names import PRIORS
from heat_core.energies.settings import settings_for
from heat_core.errors import HeatError
from heat_core.features.features import Features
from heat_core.features.heads import HeadChoice, choose_head
from heat_core.pipeline.provenance import require_plugins_of_rows, require_same_features
from heat_core.pipeline.run_detectors import fit_fast_detectors, select_detectors
from heat_core.pipeline.run_state import RunState
from heat_core.progress import RateLimiter
from heat_core.runs.events import Progress
from heat_core.runs.experiment import TRAIN
from heat_core.types import OnStep


def fit(state: RunState) -> None:
    """Fit the head, the priors and the fast detectors on the training features.

    Raises:
        HeatError: where the training set has one class, or differs from that with which the run began.
    """
    e, source, progress = state.experiment, state.source, state.progress
    require_plugins_of_rows(state.folder)
    state.detectors, state.reasons = select_detectors(e, source.backbone, source.labelled, progress)
    state.train = _training_features(state)
    head = _choose_head(state)
    progress("priors", head.reason)
    state.model = HybridModel(e, head, source.labelled)
    _fit_priors(state)
    state.context = Context(e.id_set, settings_for("gmm", e.preset, e.settings), e.seed, source.backbone)
    state.fast_detectors, state.scored_columns = fit_fast_detectors(
        state.detectors.fast, state.context, state.train, head.head, state.reasons, progress
    )


def _training_features(state: RunState) -> Features:
    """Load the training features with classes, or with clusters in place of them."""
    e = state.experiment
    train = state.source.features(TRAIN, state.detectors.columns)
    if not state.source.labelled:
        train = find_clusters(state.folder, train, e.clusters, e.seed)
    _require_classes(train, e.id)
    require_same_features(state.folder, {TRAIN: train})
    return train


def _require_classes(train: Features, name: str) -> None:
    """Refuse fewer than two readable classes: a class whose images are all unreadable does not count."""
    if train.labels is None or len(train.class_names) < 2:
        raise HeatError(f"Only images of one class of {name!r} could be read: a classifier needs at least two.")


def _choose_head(state: RunState) -> HeadChoice:
    on_step = _report_head_steps(state.progress)
    if state.source.labelled:
        source = state.source
        return choose_head(source.head, state.train, source.no_head_reason, on_step, source.head_class_names)
    return fit_cluster_head(state.train, on_step)


def _report_head_steps(progress: Progress) -> OnStep:
    """Make a callback that reports the fit of a head once a second."""
    is_due = RateLimiter(1.0)

    def on_step(evaluation: int, loss: float) -> None:
        if is_due():
            progress("priors", f"Fitting the head: step {evaluation}, mean loss {loss:.4f}.")

    return on_step


def _fit_priors(state: RunState) -> None:
    """Fit the paper's three priors, which are rows of every table, and those of the experiment.

    A prior that cannot be fitted is left out, with the reason in `state.reasons`.
    """
    for name in dict.fromkeys((*PRIORS, *state.experiment.priors)):
        try:
            part = state.model.fit_prior(name, state.train)
        except HeatError as error:
            state.leave_out(name, f"{name} is left out: {error}")
            continue
        _report_prior(part, state)


def _report_prior(part: CorrectedPrior, state: RunState) -> None:
    """Report the energies of a fitted prior, and the covariance and samples that they come from."""
    train = state.train
    notes = [f"{part.name}: energy {part.reference.mean():.4g} ± {part.reference.std():.3g}"]
    if (used := getattr(part.prior, "covariance_used_", None)) and state.experiment.covariance == "auto":
        notes.append(f"{used} covariance ({len(train)} images for {train.avg.shape[1]} dimensions)")
    if floored := getattr(part.prior, "floored_", 0):
        notes.append(f"the covariance is singular in {floored} directions; ledoit-wolf is safer")
    if part.held_out:
        notes.append("scale taken from a held-out fifth of the training set, since samples are few")
    state.progress("priors", "; ".join(notes) + ".", prior=part.name, spread=float(part.reference.std()))
