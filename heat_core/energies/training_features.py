"""Features on which a residual is trained: on the device as a whole or, if they are too large, read batch by batch."""

import torch

from heat_core.energies.priors.base import column_moments
from heat_core.types import Rows

MAX_DEVICE_BYTES = 2**30  # size in bytes up to which training features are held on the device


class StreamedFeatures:
    """Features (N, D) that are too large for the device; indexing them reads a batch and moves it there."""

    def __init__(self, z: Rows, device: torch.device) -> None:
        self.rows, self.device, self.shape = z, device, z.shape

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(self.rows[index.cpu().numpy()]).to(self.device)


TrainingFeatures = torch.Tensor | StreamedFeatures


def load_training_features(z: Rows, device: torch.device, max_bytes: int = MAX_DEVICE_BYTES) -> TrainingFeatures:
    """Load (N, D) training features onto the device, or stream them if they are larger than `max_bytes` in float32."""
    if len(z) * z.shape[1] * 4 <= max_bytes:
        return torch.tensor(z[:], device=device)
    return StreamedFeatures(z, device)


def column_spread(z: TrainingFeatures) -> torch.Tensor:
    """Compute the standard deviation of each dimension, (D,)."""
    if isinstance(z, torch.Tensor):
        return z.std(dim=0, correction=0)
    return torch.from_numpy(column_moments(z.rows)[1]).float().to(z.device)
