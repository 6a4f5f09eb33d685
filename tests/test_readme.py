"""The README is short, and its Python does what it says."""

import re
from pathlib import Path

import numpy as np
import pytest

import heat_core

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FEATURES, IMAGES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def run(code: str) -> dict:
    made: dict = {}
    exec(compile(code, "README.md", "exec"), made)
    return made


def test_it_is_short():
    assert len(README.split()) <= 900


def test_its_test_command_is_the_one_of_the_clean_clone():
    _, tests = re.findall(r"^python3 -m venv .*", README, re.M)
    assert tests in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


@pytest.mark.slow
def test_the_ten_lines_on_features(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    made = run(FEATURES)
    heat, testing = made["heat"], made["known"][700:900]
    area, share = capsys.readouterr().out.splitlines()
    value, low, high = map(float, re.findall(r"0\.\d+", area))
    assert 0.9 < low < value < high < 1
    assert 0.2 < float(share) < 1
    assert (heat.p_value(testing) <= 0.05).mean() < 0.1
    guard = heat_core.Guard.load("guard.safetensors")
    np.testing.assert_array_equal(guard.of_features(testing).score, heat.ood_score(testing))
    assert len([line for line in FEATURES.splitlines() if line]) <= 10


def test_the_lines_for_your_own_code(demo_run, tmp_path, monkeypatch, capsys):
    heat_core.pack(demo_run, tmp_path / "guard.safetensors")
    known, unknown = demo_run.image("id", demo_run.ids("id")[0]), demo_run.ood_names[-1]
    known.save(tmp_path / "cat.jpg")
    demo_run.image(unknown, demo_run.ids(unknown)[0]).save(tmp_path / "engine.jpg")
    monkeypatch.chdir(tmp_path)
    made = run(IMAGES)
    said = capsys.readouterr().out
    assert said.startswith(f"cat.jpg: taken for {demo_run.class_names[demo_run.predicted('id')[0]]}; of known images ")
    assert "Calibrated on" in said
    assert made["found"].p_value[0] > made["found"].p_value[1]
