"""Third stage of a run: training of the residuals, one prior after another, and the suggested β."""

from pathlib import Path
from typing import Any

import numpy as np

from heat_core.energies.beta_selection import add_noise, choose_beta
from heat_core.energies.corrected_prior import CorrectedPrior
from heat_core.energies.residual_cache import ResidualCache, residual_origin, train_and_store
from heat_core.energies.residual_trainer import EpochRecord
from heat_core.features.features import Features
from heat_core.pipeline.run_state import RunState
from heat_core.plugins import PluginError
from heat_core.runs.events import Progress
from heat_core.runs.experiment import ID
from heat_core.runs.results_file import BETA_FILE, residual_path
from heat_core.storage import write_checked_json


def train(state: RunState, cache: ResidualCache | None = None) -> None:
    """Train the residual of each prior of the experiment that could be fitted, and save the record after each.

    A prior of a plugin that fails is left out, with the reason in `state.reasons`.

    Args:
        state: state after `score_fast`.
        cache: residuals that need not be trained again.
    """
    for name in [name for name in state.experiment.priors if name in state.model.fitted]:
        try:
            _train_residual(name, state, cache)
            _add_corrected(state.model.add_trained(name, state.train), state)
        except PluginError as error:
            state.leave_out(name, f"The residual of {name} is left out: {error}", "residual")
        state.save_record()


def _train_residual(name: str, state: RunState, cache: ResidualCache | None) -> None:
    """Train a residual and store it; a stored one that was made with the same settings is loaded instead."""
    e, device, progress = state.experiment, state.source.device, state.progress
    part, settings = state.model.fitted[name], state.model.settings_of(name)
    path = residual_path(state.folder, name)
    origin = residual_origin(name, settings, e)
    is_own = path.exists() and _load_own(part, path, origin, progress)
    if is_own or (cache and cache.restore(part, state.train, settings, e.seed, device.type)):
        progress("residual", f"The residual of {part.name} is already trained.", prior=part.name)
        if not is_own:
            part.save(path, settings, origin)
        return
    progress("residual", f"Training the residual of {part.name}.", prior=part.name)
    on_epoch = lambda epoch: _report_epoch(part, epoch, progress)  # noqa: E731
    if stopped := train_and_store(state.model, name, state.train, device, on_epoch, cache):
        progress("residual", f"{part.name}: {stopped}", prior=part.name, diverged=True)
    if part.rho is not None:
        message = f"{part.name}: the residual varies {part.rho:.2g} times as much as its prior (`balanced`)."
        progress("residual", message, prior=part.name, rho=part.rho)
    part.save(path, settings, origin)


def _load_own(part: CorrectedPrior, path: Path, origin: str, progress: Progress) -> bool:
    """Load a residual that an earlier job of the run stored; return whether it has the origin that is asked for."""
    if part.load(path) == origin:
        return True
    message = (
        f"The residual of {part.name} is not used again: it was made with other settings, or by an older version of "
        "HEAT Explorer."
    )
    progress("residual", message, prior=part.name)
    return False


def _report_epoch(part: CorrectedPrior, epoch: EpochRecord, progress: Progress) -> None:
    message = f"{part.name}: epoch {epoch['epoch']} of {epoch['epochs']}, loss {epoch['loss']:.4f}"
    fixed: dict[str, Any] = {"prior": part.name, "temperature": part.temperature}
    progress("residual", message, **fixed, prior_spread=float(part.reference.std()) / part.temperature, **epoch)


def _add_corrected(part: CorrectedPrior, state: RunState) -> None:
    """Add a corrected prior to the record: E_q / T, E_θ, and the scale of their sum."""
    residuals = [part.residual_energy(features) for features in state.scored.values()]
    record, energies = state.record, state.prior_energies[part.name]
    prior = [np.column_stack([s.prior, e / part.temperature]) for s, e in zip(record.sets, energies, strict=True)]
    residual = [np.column_stack([s.residual, e]) for s, e in zip(record.sets, residuals, strict=True)]
    state.record = record.with_corrected(state.model.scale, (*record.temperatures, part.temperature), prior, residual)


def suggest_beta(state: RunState) -> None:
    """Write beta.json: the β that best separates unseen ID features from noisy ones, without any OOD data."""
    id_features = state.scored[ID]

    def energies(features: Features) -> np.ndarray:
        return state.model.scale.standardise(np.column_stack([p.hybrid_energy(features) for p in state.model.trained]))

    choice = choose_beta(energies(id_features), energies(add_noise(id_features, state.experiment.seed)))
    content = {"beta": str(choice.beta), "grid": [str(b) for b in choice.grid], "auroc": list(choice.auroc)}
    write_checked_json(state.folder / BETA_FILE, content)
    state.progress("beta", f"β without OOD data: {choice.beta:g} tells ID features from noisy ones.")
