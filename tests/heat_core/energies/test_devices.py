"""What a prior computes stays on the device of its points: checked with tensors that only say where they are."""

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from heat_core.detectors.knn import KNN
from heat_core.energies.names import BUILT_IN
from heat_core.energies.priors import make_prior
from heat_core.features.features import Features


@pytest.mark.parametrize("name", BUILT_IN)
def test_energies_and_gradients_of_points_on_a_gpu_are_there(name):
    rng = np.random.default_rng(0)  # three classes: with more, ResFlow needs autograd, which such tensors do not have
    z, y = np.abs(rng.normal(size=(200, 12))).astype(np.float32), np.arange(200) % 3
    prior = make_prior(name, (rng.normal(size=(3, 12)), rng.normal(size=3)), None, "empirical", "x").fit(z, y)
    with FakeTensorMode(allow_non_fake_inputs=True):
        points = torch.empty(8, 12, device="cuda")
        for found, shape in ((prior.energy(points), (8,)), (prior.gradient(points), (8, 12))):
            assert found.device.type == "cuda"
            assert found.shape == shape


def test_neighbours_are_searched_on_a_gpu():
    """Neighbours are searched on a GPU, and the distances come back to the CPU."""
    rng = np.random.default_rng(0)
    avg = rng.normal(size=(60, 12)).astype(np.float32)
    detector = KNN().fit_features(Features(avg, None, None, list(map(str, range(60)))))
    with FakeTensorMode(allow_non_fake_inputs=True):
        detector.searched_ = torch.empty(60, 12, device="cuda")
        found = detector.kth_distance(torch.empty(5, 12))
        assert (found.device.type, found.dtype, found.shape) == ("cpu", torch.float64, (5,))
