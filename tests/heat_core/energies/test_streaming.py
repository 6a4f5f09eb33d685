"""Features that are mapped files, read block by block, give what the same features in memory give."""

import numpy as np
import pytest
import torch

from heat_core import storage
from heat_core.energies import residual
from heat_core.energies.heat import fit_prior
from heat_core.energies.residual import StreamedPoints, points_of
from heat_core.energies.settings import settings_for
from heat_core.energies.views import VIEWS
from heat_core.features.chunks import BLOCK
from heat_core.features.features import Features
from heat_core.storage import digest_of_array

RNG = np.random.default_rng(0)
N, DIM, CLASSES = BLOCK + 300, 8, 3
HEAD = RNG.normal(size=(CLASSES, DIM)), RNG.normal(size=CLASSES)


@pytest.fixture
def both(tmp_path, monkeypatch) -> tuple[Features, Features]:
    """Features in memory, and mapped ones that count as larger than memory."""
    monkeypatch.setattr(storage, "_LARGE", 1000)
    y = RNG.integers(0, CLASSES, N)
    z = np.abs(RNG.normal(size=(CLASSES, DIM))[y] + RNG.normal(size=(N, DIM))).astype(np.float32)
    np.save(tmp_path / "z.npy", z)
    mapped = np.load(tmp_path / "z.npy", mmap_mode="r")
    assert isinstance(mapped, np.memmap)
    return Features(z, z, y, [""] * N), Features(mapped, mapped, y, [""] * N)


@pytest.mark.parametrize("name", ["gmm", "gmm-std", "el", "vim", "knn", "dice", "scale"])
def test_a_prior_of_mapped_features_is_that_of_features_in_memory(both, name, monkeypatch):
    settings = settings_for(name, "quick", {"epochs": 1, "updates": 2, "width": 16})
    energies = []
    for i, features in enumerate(both):
        monkeypatch.setattr(residual, "_KEPT", 0 if i else 2**30)
        part = fit_prior(name, features, HEAD)
        part.train(features, settings, torch.device("cpu"), 0, lambda _: None)
        energies.append(part.hybrid_energy(features))
    np.testing.assert_allclose(energies[1], energies[0], rtol=1e-5, atol=1e-6)


def test_points_are_read_when_they_are_asked_for(both, monkeypatch):
    kept = points_of(VIEWS["gmm"].rows(both[0]), torch.device("cpu"))
    assert isinstance(kept, torch.Tensor)
    monkeypatch.setattr(residual, "_KEPT", 0)
    streamed = points_of(VIEWS["gmm"].rows(both[1]), torch.device("cpu"))
    assert isinstance(streamed, StreamedPoints)
    rows = torch.tensor([5, N - 1, 5])
    torch.testing.assert_close(streamed[rows], kept[rows])


def test_a_mapped_files_digest_is_that_of_the_numbers(both):
    assert digest_of_array(both[1].avg) == digest_of_array(both[0].avg)
