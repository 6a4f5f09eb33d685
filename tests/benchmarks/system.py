"""What a person waits for: features from images, imports, the first page, the demo."""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from tests.benchmarks.case import Case, Job, Seconds

ROOT = Path(__file__).resolve().parents[2]
_LITE0 = ROOT.parent / "shared" / "data" / "tf_efficientnet_lite0.fp16.safetensors"
_SIZE = 224


def _folder() -> Path:
    """A new one, which goes with this process."""
    folder = Path(tempfile.mkdtemp(prefix="heat-bench-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _pictures(folder: Path, n: int) -> None:
    """Smooth random pictures as JPEGs of 224 px, as large as photographs of that size."""
    from PIL import Image

    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    for i in range(n):
        coarse = Image.fromarray(rng.integers(0, 255, (28, 28, 3), dtype=np.uint8)).resize(
            (_SIZE, _SIZE), Image.BICUBIC
        )
        noise = rng.normal(0, 8, (_SIZE, _SIZE, 3))
        Image.fromarray(np.clip(np.asarray(coarse) + noise, 0, 255).astype(np.uint8)).save(
            folder / f"{i:05d}.jpg", quality=90
        )


def _backbone(name: str):
    import timm
    from safetensors.torch import save_model

    from heat_core.backbones.registry import load_backbone

    if name == "tf_efficientnet_lite0" and _LITE0.exists():
        return load_backbone(name, str(_LITE0), _SIZE)
    drawn = _folder() / "drawn.safetensors"  # the time does not hang on the weights
    save_model(timm.create_model(name), str(drawn))
    return load_backbone(name, str(drawn), _SIZE)


def _count(name: str, quick: bool) -> int:
    return (128 if quick else 512) if name == "tf_efficientnet_lite0" else (64 if quick else 192)


def _our_extraction(name: str):
    def prepare(quick: bool) -> Job:
        from heat_core.data.datasets import open_dataset
        from heat_core.features.batches import auto_device
        from heat_core.features.extraction import extract

        home = _folder()
        os.environ["HEAT_HOME"] = str(home)
        _pictures(home / "pictures", _count(name, quick))
        backbone, images = _backbone(name), open_dataset(str(home / "pictures"), "test")

        def run():
            shutil.rmtree(home / "features", ignore_errors=True)
            return extract(backbone, images, auto_device(), 32)

        return run

    return prepare


def _bare_loop(name: str):
    def prepare(quick: bool) -> Job:
        import torch

        model = _backbone(name).model.eval()
        batches = torch.randn(_count(name, quick), 3, _SIZE, _SIZE).split(32)

        def run():
            with torch.inference_mode():
                return [model(batch) for batch in batches]

        return run

    return prepare


def _child(*command: str, **environment: str) -> Job:
    def run():
        subprocess.run(command, check=True, cwd=ROOT, env=os.environ | environment, capture_output=True)

    return run


def _import(_: bool) -> Job:
    return _child(sys.executable, "-c", "import heat_core")


def _demo(warm: bool):
    def prepare(_: bool) -> Job:
        home = str(_folder())

        def run():
            if not warm:
                shutil.rmtree(home, ignore_errors=True)
            _child(sys.executable, "-m", "heat_core", "demo", HEAT_HOME=home)()

        return run

    return prepare


def _app_start(_: bool) -> Job:
    """From the start of the process to a page that shows a run."""
    from tests.browser import app_on, chromium

    home = _folder()
    _child(sys.executable, "-m", "heat_core", "demo", HEAT_HOME=str(home))()
    browser = ExitStack()  # is closed with this process
    open_page = browser.enter_context(chromium()).new_page
    atexit.register(browser.close)

    def run():
        began = time.perf_counter()
        with app_on(home) as address:
            page = open_page()
            page.goto(address)
            page.locator(".results .cell").first.wait_for(timeout=60_000)
            seconds = Seconds(time.perf_counter() - began)
            page.close()
        return seconds

    return run


CASES = [
    *(
        Case(
            f"extraction_{short}",
            f"features of JPEGs of {_SIZE} px, {name}",
            _our_extraction(name),
            _bare_loop(name),
            "bare model(x) on tensors",
            0.95,
        )
        for short, name in {"lite0": "tf_efficientnet_lite0", "resnet50": "resnet50"}.items()
    ),
    Case("import", "import heat_core, in a new process", _import, None, "", 0.3),
    Case("app_start", "start of the process to the first page with a run", _app_start, None, "", 2.5),
    Case("demo_cold", "the embedded demo, features not kept yet", _demo(False), None, "", 30),
    Case("demo_warm", "the embedded demo, features kept", _demo(True), None, "", 15),
]
