"""Features that are mapped files, read block by block, give what the same features in memory give."""

import numpy as np
import pytest
import torch

from heat_core import memory
from heat_core.digests import digest_of_array
from heat_core.energies.corrected_prior import fit_prior
from heat_core.energies.settings import settings_for
from heat_core.energies.training_features import MAX_DEVICE_BYTES, StreamedFeatures, load_training_features
from heat_core.energies.views import VIEWS
from heat_core.features.chunks import BLOCK
from heat_core.features.features import Features
from tests.tolerance import assert_close_in_norm

RNG = np.random.default_rng(0)
N, DIM, CLASSES = BLOCK + 300, 8, 3
HEAD = RNG.normal(size=(CLASSES, DIM)), RNG.normal(size=CLASSES)


@pytest.fixture
def both(tmp_path, monkeypatch) -> tuple[Features, Features]:
    """Features in memory, and mapped ones that count as larger than memory."""
    monkeypatch.setattr(memory, "LARGE_FILE", 1000)
    y = RNG.integers(0, CLASSES, N)
    z = np.abs(RNG.normal(size=(CLASSES, DIM))[y] + RNG.normal(size=(N, DIM))).astype(np.float32)
    np.save(tmp_path / "z.npy", z)
    mapped = np.load(tmp_path / "z.npy", mmap_mode="r")
    assert isinstance(mapped, np.memmap)
    return Features(z, z, y, [""] * N), Features(mapped, mapped, y, [""] * N)


@pytest.mark.parametrize("name", ["gmm", "gmm-std", "el", "vim", "knn", "dice", "scale", "resflow"])
def test_a_prior_of_mapped_features_is_that_of_loaded_ones(both, name):
    """A prior of memory-mapped features is that of features in memory."""
    settings = settings_for(name, "quick", {"epochs": 1, "updates": 2, "width": 16})
    energies = []
    for features, max_device_bytes in zip(both, (MAX_DEVICE_BYTES, 0), strict=True):
        part = fit_prior(name, features, HEAD)
        part.train(features, settings, torch.device("cpu"), 0, lambda _: None, max_device_bytes)
        energies.append(part.hybrid_energy(features))
    assert_close_in_norm(energies[1], energies[0], 1e-5)


def test_features_are_read_when_they_are_used(both):
    whole = load_training_features(VIEWS["gmm"].rows(both[0]), torch.device("cpu"))
    assert isinstance(whole, torch.Tensor)
    streamed = load_training_features(VIEWS["gmm"].rows(both[1]), torch.device("cpu"), max_bytes=0)
    assert isinstance(streamed, StreamedFeatures)
    rows = torch.tensor([5, N - 1, 5])
    torch.testing.assert_close(streamed[rows], whole[rows])


def test_a_mapped_files_digest_is_that_of_the_numbers(both):
    assert digest_of_array(both[1].avg) == digest_of_array(both[0].avg)
