"""Fixtures of guards."""

import pytest

from heat_core import Guard, Lens, Run, pack
from heat_core.__main__ import main
from tests.conftest import make_known_and_other, save_network

PRIORS_OF_TWO = ("gmm", "gmm-std@b", "knn@b", "el")


@pytest.fixture(scope="session")
def two_encoders(tmp_path_factory):
    """A run with two encoders at two image sizes, its folder of images, and its guard as a file without weights."""
    folder = tmp_path_factory.mktemp("two")
    make_known_and_other(folder)
    weights = [str(save_network(folder, network)) for network in ("resnet10t", "test_vit")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEAT_HOME", str(folder / "home"))
        sets = ["--id", str(folder / "known"), "--ood", f"other={folder / 'other'}"]
        networks = ["--backbone", "resnet10t", "test_vit", "--weights", *weights, "--image-size", "32", "0"]
        assert (
            main(["run", *sets, *networks, "--priors", *PRIORS_OF_TWO, "--set", "epochs=1", "--no-map", "--detectors"])
            == 0
        )
        (one,) = (folder / "home" / "runs").iterdir()
        run = Run.open(one)
        pack(run, folder / "guard.safetensors", Lens(beta=0.5))
    return run, folder, Guard.load(folder / "guard.safetensors")
