"""The README's Python does what it says."""

import re
from pathlib import Path

import heat_core

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_lines_for_your_own_code(demo_run, tmp_path, monkeypatch, capsys):
    (code,) = [block for block in blocks() if "Guard.load" in block]
    heat_core.pack(demo_run, tmp_path / "guard.safetensors")
    known, unknown = demo_run.image("id", demo_run.ids("id")[0]), demo_run.ood_names[-1]
    known.save(tmp_path / "cat.jpg")
    demo_run.image(unknown, demo_run.ids(unknown)[0]).save(tmp_path / "engine.jpg")
    monkeypatch.chdir(tmp_path)
    made: dict = {}
    exec(compile(code, "README.md", "exec"), made)
    said = capsys.readouterr().out
    assert said.startswith(f"cat.jpg: taken for {demo_run.class_names[demo_run.predicted('id')[0]]}; of known images ")
    assert "Calibrated on" in said
    assert made["found"].p_value[0] > made["found"].p_value[1]
    assert len(code.strip().splitlines()) <= 11  # ten and the blank one
