"""What the tests share: the folder of real data (absent for users), small image folders, one finished demo run."""

import os
import shutil
import subprocess
import sys
import tarfile
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("NUMBA_OPT", "1")  # each map's process compiles UMAP: 10 s, not 14, and small maps fit as fast
if "PYTEST_XDIST_WORKER" in os.environ:  # threads of two processes that share the cores wait for one another
    os.environ.setdefault("OMP_NUM_THREADS", "1")
SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the files that hold slow tests, so that two processes end together; give browser tests a second try.

    A browser on a busy machine may be late once: the summary names the tests that took the second try.
    """
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=1))
    slow_tests = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow_tests[item.path])


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Path:
    """Every test has an empty HEAT_HOME of its own."""
    monkeypatch.setenv("HEAT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="session")
def make_demo(tmp_path_factory) -> Callable[[], Path]:
    """Makes the folder of `demo_output` with the environment of now, whenever it is called."""
    environment = dict(os.environ)

    def run_demo(folder: Path) -> None:
        command = [sys.executable, "-m", "heat_core", "demo", "--json"]
        of_demo = environment | {"HEAT_HOME": str(folder / "home")}
        demo = subprocess.run(command, env=of_demo, check=True, capture_output=True, text=True)
        (folder / "output.txt").write_text(demo.stdout, encoding="utf-8")

    return lambda: make_once(tmp_path_factory, "demo", run_demo)


@pytest.fixture(scope="session", autouse=True)
def early_demo(request, make_demo) -> None:
    """Of several processes the first one starts the demo at once, so that the others find it finished."""
    needed = any("demo_output" in item.fixturenames for item in request.session.items)
    if needed and os.environ.get("PYTEST_XDIST_WORKER") == "gw0":
        threading.Thread(target=make_demo, daemon=True).start()


@pytest.fixture(scope="session")
def demo_output(make_demo, tmp_path_factory) -> Path:
    """A folder with HEAT_HOME (`home`) after `python -m heat_core demo --json`, and what it printed (`output.txt`)."""
    return shutil.copytree(make_demo(), tmp_path_factory.mktemp("demo") / "copy")


def copy_run(run, folder: Path) -> Path:
    """Copy a run to `folder`, HEAT_HOME/runs/NAME, of another HEAT_HOME, which gets a link to the run's features."""
    shutil.copytree(run.folder, folder)
    if not (folder.parents[1] / "features").exists():
        (folder.parents[1] / "features").symlink_to(run.folder.parents[1] / "features")
    return folder


@pytest.fixture(scope="session")
def demo_run(demo_output):
    """The embedded demo, run once for all tests; its HEAT_HOME is `demo_run.folder.parents[1]`."""
    from heat_core import Run

    return Run.open(next((demo_output / "home" / "runs").iterdir()))


@pytest.fixture(scope="session")
def shared_data(tmp_path_factory) -> Path:
    """The folder of the real photographs, unpacked."""
    packed = SHARED / "data" / "photos.tar.xz"
    if not packed.exists():
        pytest.skip(f"needs the real image sets of {SHARED}, which users do not have")

    def unpack(folder: Path) -> None:
        with tarfile.open(packed) as archive:
            archive.extractall(folder, filter="data")

    return make_once(tmp_path_factory, "data", unpack)


def make_once(tmp_path_factory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that one of the test processes fills, and all of them read."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"shared-{name}"
    finished = Path(f"{folder}.finished")
    with FileLock(f"{folder}.lock"):
        if not finished.exists():  # of a pytest that was killed, something may be left
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            finished.touch()
    return folder


def make_folder(path: Path, classes: dict[str, int], side: int = 32) -> Path:
    """Write PNGs of smooth random colours, `classes` giving how many in each sub-folder ("" = flat).

    Flat folders, such as OOD sets, hold images that no folder with classes holds, since copies are reported.
    """
    of_classes = np.random.default_rng(len(path.name))
    for name, count in classes.items():
        rng = of_classes if name else np.random.default_rng(list(path.name.encode()))
        (path / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            small = rng.integers(0, 255, (4, 4, 3), dtype=np.uint8)
            Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC).save(path / name / f"{i:03d}.png")
    return path


def save_network(folder: Path, name: str) -> Path:
    """A weights file of that timm network, drawn at random."""
    import torch
    from safetensors.torch import save_file
    from timm import create_model

    torch.manual_seed(0)
    save_file(create_model(name).state_dict(), folder / f"{name}.safetensors")
    return folder / f"{name}.safetensors"


def make_known_and_other(folder: Path) -> None:
    """Two folders of image files: `known` with two classes, `other` without any."""
    make_folder(folder / "known", {"a": 10, "b": 10})
    make_folder(folder / "other", {"": 6})


def run_over_files(folder: Path, priors: list[str], **changes):
    """A finished run over the two folders of `make_known_and_other`, and a network that is made here."""
    from heat_core import Experiment, run

    experiment = Experiment(
        id=str(folder / "known"),
        ood={"other": str(folder / "other")},
        backbone="resnet10t",
        weights=str(save_network(folder, "resnet10t")),
        image_size=32,
        priors=priors,
        detectors=[],
        settings={"epochs": 1, "updates": 4, "width": 32},
        map=False,
        **changes,
    )
    return run(experiment)


@pytest.fixture
def weights_of(tmp_path):
    """timm name → a weights file of that network, drawn at random."""
    return lambda name: save_network(tmp_path, name)


@pytest.fixture
def image_folder():
    return make_folder


@pytest.fixture
def run_of_files(tmp_path):
    """A finished run over two folders of files (`tmp_path/known`, `tmp_path/other`), made by `run_of_files()`."""
    make_known_and_other(tmp_path)
    return lambda priors=("el",), **changes: run_over_files(tmp_path, list(priors), **changes)
