"""Features on which a residual is trained: on the device as a whole or, if they are too large, read batch by batch."""

import numpy as np
import torch

from heat_core.energies.priors.base import column_moments
from heat_core.types import Rows

MAX_DEVICE_BYTES = 2**30  # size in bytes up to which training features are held on the device


class StreamedFeatures:
    """Features (N, D) that are too large for the device; indexing them reads a batch and moves it there.

    Args:
        z: the features on the disk or in memory.
        device: device of the training.
        numbers: rows of `z` that take part.
    """

    def __init__(self, z: Rows, device: torch.device, numbers: np.ndarray) -> None:
        self.rows, self.device, self.numbers = z, device, numbers
        self.shape = len(self.numbers), z.shape[1]

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(self.rows[self.numbers[index.cpu().numpy()]]).to(self.device)


TrainingFeatures = torch.Tensor | StreamedFeatures


def load_training_features(
    z: Rows, device: torch.device, max_bytes: int = MAX_DEVICE_BYTES, without: np.ndarray | None = None
) -> TrainingFeatures:
    """Load (N, D) training features onto the device, or stream them if they are larger than `max_bytes` in float32.

    Args:
        z: the features.
        device: device of the training.
        max_bytes: size in bytes above which the features are read batch by batch.
        without: rows that are left out; None: none.
    """
    kept = np.arange(len(z)) if without is None else np.setdiff1d(np.arange(len(z)), without)
    if len(kept) * z.shape[1] * 4 <= max_bytes:
        return torch.tensor(z[:] if without is None else z[kept], device=device)
    return StreamedFeatures(z, device, kept)


def column_spread(z: TrainingFeatures) -> torch.Tensor:
    """Compute the standard deviation of each dimension, (D,)."""
    if isinstance(z, torch.Tensor):
        return z.std(dim=0, correction=0)
    return torch.from_numpy(column_moments(z.rows)[1]).float().to(z.device)
