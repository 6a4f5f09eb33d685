"""Why a sample got its score: parts that add up to it, and the known images that look most like it to the network."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from heat_core.composition import compose, influence
from heat_core.errors import HeatError
from heat_core.features import Features
from heat_core.results import Run
from heat_core.samples import PLAIN, Lens

_BLOCK = 8192


@dataclass(frozen=True)
class Part:
    """One prior's part in a score.

    Attributes:
        prior: its name. prior_energy: E_q / T. residual: E_θ. hybrid: their sum (Eq. 2). standardised: the hybrid in
            standard deviations from its mean on training features. influence: its say in this sample's score, in [0, 1].
        from_prior, from_residual: influence × the prior's and the residual's share of `standardised`.
    """

    prior: str
    prior_energy: float
    residual: float
    hybrid: float
    standardised: float
    influence: float
    from_prior: float
    from_residual: float


@dataclass(frozen=True)
class Explanation:
    """`score` = Σ (from_prior + from_residual) over `parts` + `from_beta`: what composing otherwise than by the
    influence-weighted mean adds, (H(influence) - log K) / β for equal weights."""

    parts: list[Part]
    from_beta: float
    score: float


def explain(run: Run, prior_energies: np.ndarray, residuals: np.ndarray, lens: Lens = PLAIN) -> Explanation:
    """Take the score of one sample apart.

    Args:
        prior_energies: (K,) E_q / T and residuals: (K,) E_θ, in the order of `run.priors`, as `Run.prior_energies` and
            `Run.residual_energies` hold them for the run's own samples.
    """
    chosen = list(run.priors if lens.priors is None else lens.priors)
    weights = np.ones(len(chosen)) if lens.weights is None else np.asarray(lens.weights, dtype=float)
    chosen, weights = [p for p, w in zip(chosen, weights, strict=True) if w > 0], weights[weights > 0]
    columns = [run.priors.index(p) for p in chosen]
    mean, std = (np.array(run.summary[key])[columns] for key in ("mean", "std"))
    std = np.where(std > 0, std, 1.0)
    prior, residual = np.asarray(prior_energies)[columns], np.asarray(residuals)[columns]
    standardised = (prior + residual - mean) / std
    score = float(compose(standardised[None], lens.beta, weights)[0])
    say = influence(standardised[None], lens.beta, weights)[0]
    from_prior, from_residual = say * (prior - mean) / std, say * residual / std
    parts = [
        Part(*values) for values in zip(
            chosen, *(a.tolist() for a in (prior, residual, prior + residual, standardised, say, from_prior, from_residual)),
            strict=True,
        )
    ]  # fmt: skip
    return Explanation(parts, score - float((from_prior + from_residual).sum()), score)


def nearest_training(run: Run, features: np.ndarray, k: int = 6) -> tuple[list[str], np.ndarray]:
    """The training images whose features are most like the given ones.

    Args:
        features: (D,) `avg` of one sample.

    Returns:
        k ids, nearest first, and their (k,) cosine similarities.

    Raises:
        HeatError: where the training features are no longer on this machine.
    """
    train = training_features(run)
    query = np.asarray(features, dtype=np.float32)
    query = query / max(float(np.linalg.norm(query)), 1e-12)
    similarity = np.empty(len(train), np.float32)
    for i in range(0, len(train), _BLOCK):  # the file is memory-mapped, and may be larger than the memory
        block = np.asarray(train.avg[i : i + _BLOCK], dtype=np.float32)
        similarity[i : i + _BLOCK] = block @ query / np.maximum(np.linalg.norm(block, axis=1), 1e-12)
    nearest = np.argsort(-similarity, kind="stable")[:k]
    return [train.ids[i] for i in nearest], similarity[nearest]


def training_features(run: Run) -> Features:
    """The features that the run was trained on; HeatError where they are no longer on this machine."""
    return _features_of(run, "train")


def features_of_sample(run: Run, dataset: str, sample_id: str) -> np.ndarray:
    """(D,) `avg` of one of the run's own samples, from where its features lie."""
    features = _features_of(run, dataset)
    if sample_id not in features.ids:
        raise HeatError(f"The features of {sample_id} are no longer on this machine.")
    return np.asarray(features.avg[features.ids.index(sample_id)])


def _features_of(run: Run, name: str) -> Features:
    folder = Path(run.summary.get("features", {}).get(name, ""))
    if not run.summary.get("features") or not (folder / "avg.npy").exists():
        raise HeatError(
            f"The features of {name!r} are not on this machine: run the experiment here to make them again."
        )
    cache = run.__dict__.setdefault("_features", {})
    if name not in cache:
        features = Features.open(folder)
        if name == "train" and len(features) > len(run.training_ids):  # the run held some of its folder out
            features = features.subset(np.flatnonzero(np.isin(features.ids, run.training_ids)))
        cache[name] = features
    return cache[name]
