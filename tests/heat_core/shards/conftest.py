"""A run that scores long lists, and a list for it."""

import os

import pytest

from tests.conftest import make_folder


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(a finished run, a folder of 23 images of which two cannot be read, the run's weights)."""
    folder = tmp_path_factory.mktemp("shards")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEAT_HOME", str(folder / "home"))
        import torch
        from safetensors.torch import save_file
        from timm import create_model

        from heat_core import Experiment, run

        torch.manual_seed(0)
        save_file(create_model("resnet10t").state_dict(), folder / "net.safetensors")
        make_folder(folder / "known", {"a": 10, "b": 10})
        make_folder(folder / "other", {"": 6})
        make_folder(folder / "new", {"x": 11, "y": 12})
        (folder / "new" / "x" / "004.png").write_bytes(b"no image")
        os.truncate(folder / "new" / "y" / "003.png", 60)
        finished = run(
            Experiment(
                id=str(folder / "known"),
                ood={"other": str(folder / "other")},
                backbone="resnet10t",
                weights=str(folder / "net.safetensors"),
                image_size=32,
                priors=["gmm", "el"],
                detectors=[],
                settings={"epochs": 1},
                map=False,
            )
        )
        yield finished, folder / "new", folder / "net.safetensors"
