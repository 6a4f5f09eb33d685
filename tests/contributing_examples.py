"""Run by test_contributing.py in a changed copy of the code: what the four examples added is used there."""

import json
from pathlib import Path

import numpy as np
from PIL import Image
from streamlit.testing.v1 import AppTest

import heat_core
from heat_core.storage import heat_home


def write_pets(folder: Path) -> None:
    """Images of two breeds in the files of torchvision's OxfordIIITPet, 12 for training and 6 for testing of each."""
    rng = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    (folder / "annotations").mkdir()
    for split, numbers in (("trainval", range(12)), ("test", range(12, 18))):
        lines = []
        for label, breed in enumerate(("beagle", "Birman"), start=1):
            for i in numbers:
                name = f"{breed}_{i}"
                small = rng.integers(0, 255, (4, 4, 3), dtype=np.uint8)
                Image.fromarray(small).resize((32, 32)).save(folder / "images" / f"{name}.jpg")
                lines.append(f"{name} {label} 1 1")
        (folder / "annotations" / f"{split}.txt").write_text("\n".join(lines))


write_pets(heat_home() / "data" / "oxford-iiit-pet")
experiment = heat_core.Experiment(
    id="pets",
    id_test="pets",
    ood={"patches": "demo-photo-patches"},
    backbone="heat-demo-resnet",
    priors=["gmm", "diagonal"],
    detectors=["maxlogit"],
    limit_ood=20,
    preset="quick",
    settings={"updates": 6, "epochs": 2},
    map=False,
)
run = heat_core.run(experiment)
heat_core.pack(run, "guard.safetensors")
guard = heat_core.Guard.load("guard.safetensors")
page = AppTest.from_file("app/app_pages/sizes.py", default_timeout=60).run()
menu = AppTest.from_file("app/main.py", default_timeout=60).run()
answer = {
    "code": str(Path(heat_core.__file__).parent),
    "detectors": run.detectors,
    "titles": [run.title(row) for row in run.detectors],
    "class_names": run.class_names,
    "packed": bool(
        np.allclose(guard.of_features(run.features("id").avg).score, run.scores("id"), rtol=1e-3, atol=1e-3)
    ),
    "page": [page.dataframe[0].value.to_dict("list"), [str(error.value) for error in page.exception]],
    "menu": [str(error.value) for error in menu.exception],
}
print(json.dumps(answer))
