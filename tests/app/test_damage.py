"""Every page on a run whose files were damaged: a sentence where it needs them, never a traceback."""

import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.common.faults import UNEXPECTED
from app.new_images import batch_store
from heat_core.analysis.notes import write_note
from heat_core.analysis.samples import Samples
from heat_core.analysis.selections import save_selection
from heat_core.decisions.on_samples import decide
from heat_core.decisions.store import IGNORE
from heat_core.pipeline.measurements.measurements_file import FINDINGS, Measurements, SetMeasurements
from heat_core.runs.run import Run
from heat_core.runs.scored_images import ScoredImages
from tests.app.test_pages import PAGES
from tests.synthetic import synthetic_run

EVERY = ("inspect", "compare", "new_images", "studies", "runs")
# File → the pages that read it.
FILES = {
    "run.json": EVERY,
    "energies.npz": EVERY,
    "map.npz": EVERY,
    "events.jsonl": ("compare", "runs"),
    "notes.json": ("inspect",),
    "decisions.json": ("inspect",),
    "findings.npz": ("inspect",),
    "beta.json": ("compare",),
    "selections/{}.npy": ("inspect",),
    "own/20260101-000000/scored.npz": ("new_images",),
    "own/20260101-000000/log.txt": ("new_images",),
    "own/20260101-000000/failed.txt": ("new_images",),
}


def _arrays(path: Path, change) -> None:
    with np.load(path) as content:
        arrays = {name: content[name] for name in content.files if name != "digest"}
    np.savez(path, **{name: change(name, values) for name, values in arrays.items()})


def _longer(name: str, values: np.ndarray) -> np.ndarray:
    return np.concatenate([values, values]) if values.ndim and name.endswith(("prior", "xy", "ids")) else values


def _texts(name: str, values: np.ndarray) -> np.ndarray:
    return values.astype(str)


def _numbers(name: str, values: np.ndarray) -> np.ndarray:
    return np.full(values.shape, np.nan) if values.dtype.kind in "fiu" else values


def _json(path: Path, content: str) -> None:
    path.write_text(content)


DAMAGES = {
    "gone": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "cut off": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "noise": lambda path: path.write_bytes(np.random.default_rng(0).bytes(1000)),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a list": lambda path: _json(path, "[1, 2]"),
    "an object": lambda path: _json(path, "{}"),
    "null": lambda path: _json(path, "null"),
    "wrong values": lambda path: _json(path, '{"id/id-000001": 3, "beta": "much", "experiment": 5, "status": []}'),
    "longer arrays": lambda path: _arrays(path, _longer),
    "arrays of texts": lambda path: _arrays(path, _texts),
    "NaN": lambda path: _arrays(path, _numbers),
    "other arrays": lambda path: np.savez(path, other=np.arange(3)),
}
OF_ARRAYS = ("longer arrays", "arrays of texts", "NaN", "other arrays")


def _whole(folder: Path) -> tuple[Path, str, str]:
    """A run with everything that its folder can hold; its selection's name, and the key of a sample."""
    run = synthetic_run(folder)
    samples = Samples(run)
    write_note(folder, samples.key(1), "looks odd", ["interesting"])
    decide(samples, np.arange(20, 25), IGNORE)
    copies = (SetMeasurements(is_duplicate=np.arange(n) < 2) for n in samples.sizes)
    Measurements(tuple(copies)).save(folder / FINDINGS)
    chosen = save_selection(folder, np.arange(5, 20))
    two, three = np.zeros((3, len(run.priors))), np.zeros(3)
    batch = folder / "own" / "20260101-000000"
    batch.mkdir(parents=True)
    names = np.array(["a.png", "b.png", "c.png"])
    scored = ScoredImages(names, two, two, three.astype(int), three, np.zeros((3, 8)), np.zeros((3, 2)), names[:1])
    scored.save(batch / "scored.npz")
    for name in ("log.txt", "failed.txt"):
        (batch / name).write_text("said")
        os.utime(batch / name, (0, 0))
    (folder / "beta.json").write_text('{"beta": -1.0}')
    event = {"time": 0.0, "stage": "start", "message": "begun"}
    residual = {**event, "stage": "residual", "prior": "gmm", "epoch": 1}  # without what its curve needs
    (folder / "events.jsonl").write_text("".join(json.dumps(e) + "\n" for e in (event, residual)))
    return folder, chosen, samples.key(1)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("whole")
        patch.setenv("HEAT_HOME", str(home))
        return _whole(home / "runs" / "synthetic")


def _draw(name: str, **query: str) -> AppTest:
    test = AppTest.from_file(str(PAGES / f"{name}.py"), default_timeout=60)
    for key, value in query.items():
        test.query_params[key] = value
    test.run()
    assert not test.exception, (name, test.exception)
    return test


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES)
def test_no_page_falls_over_a_damaged_file(file, whole, home, monkeypatch):
    monkeypatch.setattr("app.common.run_picker.start", lambda folder: None)
    folder, chosen, key = whole
    said = {}
    for damage, damaged in DAMAGES.items():
        path = home / "runs" / folder.name / file.format(chosen)
        if damage in OF_ARRAYS and path.suffix != ".npz":
            continue
        shutil.rmtree(home / "runs", ignore_errors=True)
        shutil.copytree(folder, home / "runs" / folder.name)
        damaged(path)
        for name in FILES[file]:
            test = _draw(name, run=folder.name, sel=chosen, sample=key)
            said[damage, name] = [e.value for e in (*test.error, *test.warning, *test.toast)]
    unforeseen = {at: texts for at, texts in said.items() if any(UNEXPECTED in text for text in texts)}
    assert not unforeseen


@pytest.mark.parametrize("damage", ["empty", "a list", "wrong values"])
def test_damaged_notes_end_nothing_but_themselves(damage, whole, home, monkeypatch):
    folder, chosen, key = whole
    shutil.copytree(folder, home / "runs" / folder.name)
    DAMAGES[damage](home / "runs" / folder.name / "notes.json")
    told: list[dict] = []
    monkeypatch.setattr("app.workbench.inspect_view.send_state", lambda key, data: told.append(data))
    test = _draw("inspect", run=folder.name, sel=chosen, sample=key)
    assert any("notes" in error.value for error in test.error)
    assert told[-1]["tags"] == {}
    assert told[-1]["subject"]["key"] == key


def test_uploads_are_data_whatever_they_are_called(whole, monkeypatch):
    folder, _, _ = whole
    scored = []
    monkeypatch.setattr(
        "app.new_images.batch_store.start_scoring", lambda run, paths, into: scored.append((paths, into))
    )
    names = [
        "../../out.png",
        "..",
        "CON.png",
        "a" * 300 + ".PNG",
        "é猫.png",
        "\udcff.jpg",
        "",
        "a\0b.png",
        "![x](y).gif",
    ]
    files = [SimpleNamespace(name=name, getvalue=lambda: b"data") for name in names]
    batch_store.start_batch(Run.open(folder), files, "")
    (([images], batch),) = scored
    written = sorted(path.name for path in images.iterdir())
    assert images.parent == batch
    assert len(written) == len(names)
    assert all(path.is_file() and len(path.name) < 120 for path in images.iterdir())
    endings = [".png", "", ".png", ".PNG", ".png", ".jpg", "", ".png", ".gif"]
    assert sorted(Path(name).suffix for name in written) == sorted(endings)
    shutil.rmtree(batch)


def test_damaged_runs_are_named_and_hide_no_other(whole, home, monkeypatch):
    folder, _, _ = whole
    monkeypatch.setattr("app.common.run_picker.start", pytest.fail)  # a HEAT_HOME of damaged runs is not empty
    shutil.copytree(folder, home / "runs" / "broken")
    (home / "runs" / "broken" / "run.json").write_text("{")
    assert "run" in _draw("compare").error[0].value
    shutil.copytree(folder, home / "runs" / "fine")
    test = _draw("compare", run="broken")
    assert "damaged" in test.warning[0].value
    assert test.query_params["run"] == "fine"
