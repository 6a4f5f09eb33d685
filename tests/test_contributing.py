"""The four examples of CONTRIBUTING.md, added to a copy of the code: run, packed, loaded and drawn."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DETECTOR, PRIOR, PRIOR_ENTRY, DATASET, PAGE = re.findall(
    r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.S
)
PAGE_ENTRY = 'st.Page("app_pages/sizes.py", title="Sizes")'


def insert(path: Path, before: str, line: str) -> None:
    """Insert a line in front of the one that holds the text `before`, which one line does."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    (at,) = [i for i, text in enumerate(lines) if before in text]
    path.write_text("".join([*lines[:at], line, *lines[at:]]), encoding="utf-8")


def test_the_detector_is_the_whole_file_that_it_says():
    assert (ROOT / "heat_core" / "detectors" / "maxlogit.py").read_text(encoding="utf-8") == DETECTOR


@pytest.mark.slow
def test_the_examples_work_where_they_are_added(tmp_path, home):
    for folder in ("heat_core", "app"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    core = tmp_path / "heat_core"
    (core / "detectors" / "maxlogit.py").write_text(DETECTOR, encoding="utf-8")
    (core / "energies" / "priors" / "diagonal.py").write_text(PRIOR, encoding="utf-8")
    insert(core / "energies" / "names.py", '    "el": PriorSpec(', PRIOR_ENTRY)
    insert(core / "data" / "datasets.py", '    "svhn": (', DATASET)
    (tmp_path / "app" / "app_pages" / "sizes.py").write_text(PAGE, encoding="utf-8")
    assert f"`{PAGE_ENTRY}`" in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    insert(tmp_path / "app" / "main.py", 'title="Compare"', f"{PAGE_ENTRY},\n")

    program = shutil.copy(ROOT / "tests" / "contributing_examples.py", tmp_path)
    done = subprocess.run([sys.executable, program], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["code"] == str(core)
    assert answer["class_names"] == ["Beagle", "Birman"]
    assert answer["detectors"] == ["maxlogit", "el", "gmm", "diagonal", "gmm-std", "heat-gmm", "heat-diagonal", "heat"]
    assert answer["titles"][3] == "Diagonal"
    assert answer["titles"][6] == "HEAT-Diagonal"
    assert answer["packed"]
    assert answer["page"] == [{"set": ["id", "patches"], "images": [12, 20]}, []]
    assert answer["menu"] == []
