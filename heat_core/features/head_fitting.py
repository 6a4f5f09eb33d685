"""Multinomial logistic regression on features, as scikit-learn's `LogisticRegression`, in fewer and cheaper steps.

Loss, Σ_n -log p(y_n|z_n) + ‖W‖² / 2C, and optimiser, L-BFGS, are the same. Three things differ. Products are computed
in the features' own precision (float32 needs half the memory traffic). Steps are taken in coordinates in which the
Hessian is near the identity, so that tens of steps suffice where correlated features need hundreds (Nocedal & Wright,
2006, Sec. 7.2). The first steps read only a sample of the rows.
"""

import numpy as np
import torch
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

from heat_core.features.chunks import BLOCK, as_tensor, blocks, compute_dtype, rows_in_cache
from heat_core.progress import no_progress
from heat_core.types import Head, OnStep, Rows

_FIRST_STEPS = (10, 20)  # steps on a sample; the metric is computed again before each number of steps
_MAX_STEPS = 1000
_SAMPLE_ROWS_PER_DIMENSION = 8  # rows of that sample per feature dimension


def fit_logistic(
    z: Rows, y: np.ndarray, inverse_penalty: float, on_step: OnStep = no_progress, start: Head | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Fit weight (C, D) and bias (C,) in float64; C rows also for two classes.

    Args:
        z: (N, D) features.
        y: (N,) labels of at least two classes.
        inverse_penalty: scikit-learn's C.
        on_step: receives, after each evaluation, the number of evaluations and the mean loss.
        start: a head near the result, such as that of most of the rows, which saves the steps on a sample.
    """
    classes, index = np.unique(y, return_inverse=True)
    # For two classes scikit-learn penalises one row w; the two rows ± w / 2 have half of its squared norm.
    penalty = (2.0 if len(classes) == 2 else 1.0) / inverse_penalty
    stride = max(len(z) // max(_SAMPLE_ROWS_PER_DIMENSION * z.shape[1], BLOCK), 1)
    sample = np.array(z[::stride], dtype=compute_dtype(z.dtype))
    sample_problem = _LogisticProblem(
        sample, index[::stride], penalty * len(sample) / len(z), sample.mean(axis=0, dtype=np.float64)
    )
    weight, bias = torch.zeros(len(classes), z.shape[1]).double(), torch.zeros(len(classes)).double()
    first_steps: tuple[int, ...] = _FIRST_STEPS if stride > 1 else _FIRST_STEPS[:1]
    if start is not None:
        weight, bias = (torch.from_numpy(np.array(part, dtype=np.float64)) for part in start)
        bias, first_steps = bias + weight @ sample_problem.mean, ()
    for max_steps in first_steps:
        weight, bias = sample_problem.solve(weight, bias, sample_problem.inverse_root(weight, bias), max_steps)
    full_problem = _LogisticProblem(z, index, penalty, sample_problem.mean.numpy())
    weight, bias = full_problem.solve(weight, bias, sample_problem.inverse_root(weight, bias), _MAX_STEPS, on_step)
    bias = bias - weight @ full_problem.mean
    return (weight - weight.mean(dim=0)).numpy(), (bias - bias.mean()).numpy()


class _LogisticProblem:
    """Loss of a logistic regression on some rows, whose features are centred at a given mean."""

    def __init__(self, z: Rows, index: np.ndarray, penalty: float, mean: np.ndarray) -> None:
        self.z, self.index, self.penalty, self.mean = z, torch.from_numpy(index), penalty, torch.from_numpy(mean)
        self.dtype = torch.float64 if compute_dtype(z.dtype) == np.float64 else torch.float32

    def solve(
        self,
        weight: torch.Tensor,
        bias: torch.Tensor,
        inverse: torch.Tensor,
        max_steps: int,
        on_step: OnStep = no_progress,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Run at most `max_steps` L-BFGS steps from a point, in coordinates transformed by `inverse`."""
        shape, n, evaluations = (len(bias), len(self.mean) + 1), len(self.z), 0

        def evaluate(point: np.ndarray) -> tuple[float, np.ndarray]:
            nonlocal evaluations
            current = torch.from_numpy(point).view(shape)
            loss, slope, slope_bias = self._loss(current[:, :-1] @ inverse, current[:, -1])
            evaluations += 1
            on_step(evaluations, loss / n)
            return loss / n, torch.cat([slope @ inverse.T, slope_bias[:, None]], dim=1).flatten().numpy() / n

        start = torch.cat([torch.linalg.solve_triangular(inverse.T, weight.T, upper=True).T, bias[:, None]], dim=1)
        tolerance = 1e-13 if self.dtype == torch.float64 else 1e-7  # limited by the rounding of products
        options = {"maxiter": max_steps, "maxfun": 2 * max_steps, "ftol": tolerance, "gtol": 1e-9, "maxcor": 20}
        with threadpool_limits(1, user_api="blas"):  # torch's threads still spin and would compete for the cores
            result = minimize(evaluate, start.flatten().numpy(), jac=True, method="L-BFGS-B", options=options)
        end = torch.from_numpy(result.x).view(shape)
        return end[:, :-1] @ inverse, end[:, -1]

    def inverse_root(self, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """Compute L⁻¹ of the Hessian H = L Lᵀ in one row of W, averaged over rows: Σ_n mean_c p_c (1 - p_c) z zᵀ."""
        centred = as_tensor(self.z[:]) - self.mean.to(self.dtype)
        p = torch.softmax(centred @ weight.T.to(self.dtype) + bias.to(self.dtype), dim=1)
        scaled = centred * (p * (1 - p)).mean(dim=1, keepdim=True).clamp_min(1e-6).sqrt()
        hessian = (scaled.T @ scaled).double()
        hessian.diagonal().add_(self.penalty)
        identity = torch.eye(len(hessian), dtype=torch.float64)
        return torch.linalg.solve_triangular(torch.linalg.cholesky(hessian), identity, upper=False)

    def _loss(self, weight: torch.Tensor, bias: torch.Tensor) -> tuple[float, torch.Tensor, torch.Tensor]:
        """Compute Σ -log p(y|z) + the penalty, and its gradients in weight and bias."""
        loss, slope, slope_bias = 0.0, torch.zeros_like(weight), torch.zeros_like(bias)
        cast_weight, shift = weight.to(self.dtype), bias - weight @ self.mean
        for rows, block in blocks(self.z, rows=rows_in_cache(self.z)):
            features, labels = as_tensor(block), self.index[rows, None]
            log_p = torch.log_softmax((features @ cast_weight.T).double() + shift, dim=1)
            loss -= float(log_p.gather(1, labels).sum())
            residual = log_p.exp_()
            residual.scatter_add_(1, labels, torch.full_like(labels, -1, dtype=residual.dtype))
            slope += residual.T.to(self.dtype) @ features
            slope_bias += residual.sum(dim=0)
        slope += self.penalty * weight - torch.outer(slope_bias, self.mean)
        return loss + 0.5 * self.penalty * float((weight**2).sum()), slope, slope_bias
