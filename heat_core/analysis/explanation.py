"""Explanations of single samples: the contributions that add up to a score, and sentences about a prediction."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from heat_core.analysis.samples import Samples
from heat_core.composition import PLAIN, Lens, influence
from heat_core.runs.run import Run


@dataclass(frozen=True)
class PriorContribution:
    """Contribution of one corrected prior to a score.

    Attributes:
        prior: name of the prior.
        prior_energy: E_q / T.
        residual: E_θ.
        hybrid: sum of the two (Eq. 2).
        standardised: hybrid energy in standard deviations from its mean over the ID training features.
        influence: weight of the prior in this sample's score, in [0, 1].
        from_prior: influence × the standardised prior energy.
        from_residual: influence × the residual in standard deviations.
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
    """A score as a sum of contributions: `score` = Σ (from_prior + from_residual) + `from_beta`.

    Attributes:
        contributions: one for each prior with a weight above 0.
        from_beta: difference between the composed score and the influence-weighted mean of the standardised energies;
            (H(influence) - log K) / β for equal weights.
        score: HEAT's score of the sample.
    """

    contributions: list[PriorContribution]
    from_beta: float
    score: float


def explain(run: Run, prior_energies: np.ndarray, residuals: np.ndarray, lens: Lens = PLAIN) -> Explanation:
    """Split the score of one sample into contributions.

    Args:
        run: run that scored the sample.
        prior_energies: (K,) E_q / T in the order of `run.priors` (a row of `Run.prior_energies`).
        residuals: (K,) E_θ in the same order (a row of `Run.residual_energies`).
        lens: composition of HEAT.

    Raises:
        HeatError: where the lens has invalid weights.
    """
    chosen = lens.select_priors(run.priors)
    hybrid = np.asarray(prior_energies) + np.asarray(residuals)
    score = float(run.scale.scores(hybrid[None], lens)[0])  # raises where the weights are invalid
    weights = np.ones(len(chosen)) if lens.weights is None else np.asarray(lens.weights, dtype=float)
    chosen = tuple(p for p, w in zip(chosen, weights, strict=True) if w > 0)
    lens = Lens(lens.beta, chosen, tuple(weights[weights > 0].tolist()))
    scale, columns = run.scale.select(chosen), run.scale.columns(chosen)
    prior, residual = np.asarray(prior_energies)[columns], np.asarray(residuals)[columns]
    hybrid = prior + residual
    standardised = scale.standardise(hybrid)
    weight = influence(standardised[None], lens.beta, lens.weights)[0]
    from_prior, from_residual = weight * scale.standardise(prior), weight * residual / scale.spread
    fields = (prior, residual, hybrid, standardised, weight, from_prior, from_residual)
    contributions = [
        PriorContribution(name, *values) for name, *values in zip(chosen, *(f.tolist() for f in fields), strict=True)
    ]
    return Explanation(contributions, score - float((from_prior + from_residual).sum()), score)


def describe_sample(samples: Samples, number: int, detectors: Sequence[str], lens: Lens = PLAIN) -> str:
    """Describe a sample in two sentences: its classes, and which detectors find it most and least unusual."""
    prediction = describe_prediction(samples.run.class_names[samples.predicted[number]], samples.confidence[number])
    truth = f", true class {samples.true_class[number]}" if samples.true_class[number] else ""
    return f"{prediction}{truth}. {describe_percentiles(samples, number, detectors, lens)}"


def describe_percentiles(samples: Samples, number: int, detectors: Sequence[str], lens: Lens = PLAIN) -> str:
    """Describe, with percentiles among known images, which detector finds a sample most unusual, and which least."""
    run, shares = samples.run, {m: samples.percentile(m, lens)[number] for m in detectors}
    high, low = max(shares, key=shares.__getitem__), min(shares, key=shares.__getitem__)
    text = f"{run.title(high)} finds it more unusual than {_format_percent(shares[high])} of known images"
    if high != low and shares[high] - shares[low] > 0.005:
        text += f", {run.title(low)} than {_format_percent(shares[low])}"
    return f"{text}."


def describe_prediction(class_name: str, confidence: float) -> str:
    """Describe the predicted class and its softmax probability, e.g. "Predicted as cat (98% confidence)"."""
    return f"Predicted as {class_name} ({confidence:.0%} confidence)"


def _format_percent(share: float) -> str:
    return "all" if share == 1 else f"{100 * share:.1f} %" if share > 0.99 else f"{100 * share:.0f} %"
