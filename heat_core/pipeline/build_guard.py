"""Making a guard of a finished run: its priors are fitted again on the stored training features, its residuals read."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from heat_core.backbones.registry import load_backbone
from heat_core.composition import HEAT, PLAIN, Lens
from heat_core.energies.corrected_prior import CorrectedPrior, restore_prior
from heat_core.energies.names import prior_title
from heat_core.errors import HeatError
from heat_core.features.features import SECOND_ENCODER, Features
from heat_core.features.store import backbone_fingerprint
from heat_core.guard.conformal import Calibration
from heat_core.guard.guard import Guard
from heat_core.guard.network import Network
from heat_core.names import printable
from heat_core.pipeline.provenance import require_plugins
from heat_core.progress import no_progress
from heat_core.runs.events import Progress
from heat_core.runs.experiment import FEATURES, ID, TRAIN
from heat_core.runs.results_file import residual_path
from heat_core.runs.run import Run


def build_guard(run: Run, lens: Lens = PLAIN, report: Progress = no_progress, only_composed: bool = False) -> Guard:
    """Build a guard for new images, which does not read the run's files again and can be used elsewhere.

    Args:
        run: run with at least one trained residual.
        lens: how its energies are composed.
        report: receives a stage and a sentence at every step.
        only_composed: leave out the priors that the lens does not compose.

    Raises:
        HeatError: where the run has no residual yet, or the files or weights that it was made from are missing or have
            changed.
    """
    e = run.experiment
    if not run.has_energies or not run.priors:
        raise HeatError(f"Run {run.id} has no trained residual yet: wait for it, or resume it.")
    composed = lens.select_priors(run.priors)
    priors = composed if only_composed else run.priors
    require_plugins({p: plugin for p, plugin in run.record.plugins.items() if p in priors})
    train, of_second = run.features(TRAIN), [p for p in priors if p.endswith(SECOND_ENCODER)]
    if of_second and train.second_folder is None:
        raise HeatError(
            f"{prior_title(of_second[0])} reads a second encoder, whose features of this run are not on this machine, "
            "or were made by an older version: start the run again, or choose the priors of the first alone (--priors)."
        )
    first = e.backbone, e.weights, e.image_size
    network = None if e.backbone == FEATURES else _network(run, first, train.folder, report)
    second = e.second_backbone or "", e.second_weights, e.second_image_size
    report("priors", "Fitting the priors on the run's training features.")
    return Guard(
        name=run.id,
        network=network,
        head=run.head,
        parts=restore_parts(run, train, priors),
        scale=run.scale.select(priors),
        lens=replace(lens, priors=None) if only_composed else lens,
        class_names=run.class_names,
        calibration=Calibration(run.detector_scores(ID, HEAT, lens), run.predicted(ID)),
        calibration_note=_calibration_remark(run, lens),
        second_network=_network(run, second, train.second_folder, report) if of_second else None,
    )


def restore_parts(run: Run, train: Features, priors: Sequence[str]) -> list[CorrectedPrior]:
    """Restore corrected priors of a run: fit each prior again on the training features, and read its residual.

    Raises:
        HeatError: where a prior cannot be fitted, or a file is missing or damaged.
    """
    e, head = run.experiment, run.head
    kind = e.covariance, e.mixture_weights, e.id_set
    return [restore_prior(p, train, head, *kind, residual_path(run.folder, p)) for p in priors]


def _network(run: Run, encoder: tuple[str, str | None, int | None], features: Path | None, report: Progress) -> Network:
    """Load an encoder (name, weights, image size) of a run, and compare it with the one of its folder of features."""
    name, weights, image_size = encoder
    report("features", f"Loading {printable(name)}.")
    backbone = load_backbone(name, weights, image_size)
    if features and backbone_fingerprint(features) not in (None, backbone.fingerprint):
        raise HeatError(
            f"The weights of {printable(name)} are others than when run {run.id} was made: put those back, or start "
            "the run again."
        )
    return Network.from_backbone(backbone, weights, image_size)


def _calibration_remark(run: Run, lens: Lens) -> str:
    """Write a sentence about the images of the calibration, and whether anything was chosen with them."""
    e = run.experiment
    each = " of each class" if run.has_classes else ""
    which = "ID test images" if e.id_test else f"held-out images of the ID set, every fifth{each}"
    count = f"{len(run.ids(ID)):,} {which}"
    if run.suggested_beta is not None and lens.beta == run.suggested_beta != 0:
        return f"Calibrated on {count}; nothing was fitted on them, but β = {lens.beta:g} was chosen by them."
    return f"Calibrated on {count}; nothing was fitted on them."
