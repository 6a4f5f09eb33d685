"""The features that a residual is trained on: on the device as a whole, or read batch by batch where they are many."""

import torch

from heat_core.energies.priors.base import column_moments
from heat_core.types import Rows

MAX_DEVICE_BYTES = 2**30  # of training features that are held on the device


class StreamedFeatures:
    """(N, D) features too many for the device: each batch is read when it is indexed."""

    def __init__(self, z: Rows, device: torch.device) -> None:
        self.rows, self.device, self.shape = z, device, z.shape

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(self.rows[index.cpu().numpy()]).to(self.device)


TrainingFeatures = torch.Tensor | StreamedFeatures


def load_training_features(z: Rows, device: torch.device, max_bytes: int = MAX_DEVICE_BYTES) -> TrainingFeatures:
    """Training features for `train_residual`, on the device as a whole where they take at most `max_bytes`."""
    if len(z) * z.shape[1] * 4 <= max_bytes:
        return torch.tensor(z[:], device=device)
    return StreamedFeatures(z, device)


def column_spread(z: TrainingFeatures) -> torch.Tensor:
    """(D,) standard deviation of each dimension."""
    if isinstance(z, torch.Tensor):
        return z.std(dim=0, correction=0)
    return torch.from_numpy(column_moments(z.rows)[1]).float().to(z.device)
