"""A run that scores long lists, and a list for it."""

import os

import pytest

from tests.conftest import make_folder, make_known_and_other, run_over_files


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(a finished run, a folder of 23 images of which two cannot be read, the run's weights)."""
    folder = tmp_path_factory.mktemp("shards")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEAT_HOME", str(folder / "home"))
        make_folder(folder / "new", {"x": 11, "y": 12})
        (folder / "new" / "x" / "004.png").write_bytes(b"no image")
        os.truncate(folder / "new" / "y" / "003.png", 60)
        make_known_and_other(folder)
        yield run_over_files(folder, ["gmm", "el"]), folder / "new", folder / "resnet10t.safetensors"
