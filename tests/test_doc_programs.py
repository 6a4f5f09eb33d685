"""Every Python block of the README and of docs/ is run as it stands there, page by page, in one namespace a page."""

import json
import re
import threading
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision import models

import heat_core
from heat_core.backbones.registry import Backbone, load_backbone
from heat_core.cli.main import main
from tests.conftest import copy_run

ROOT = Path(__file__).resolve().parents[1]
#: Pages whose blocks are run here; tests/test_readme.py runs the README's.
HERE = {
    "benchmarks.md",
    "findings.md",
    "guard.md",
    "models.md",
    "notebook.md",
    "own-images.md",
    "quickstart.md",
    "scale.md",
    "service.md",
}
ELSEWHERE = {"plugins.md": "tests/heat_core/plugins"}


def blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.S)


def run_blocks(page: str, names: dict | None = None) -> dict:
    """Run the blocks of a page, one after the other; returns their names."""
    names = {"__name__": "page"} if names is None else names
    for number, block in enumerate(blocks(page)):
        exec(compile(block, f"{page}, block {number}", "exec"), names)
    return names


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """An empty folder, in which the blocks are run."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_page_with_programs_is_run_by_a_test():
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert {page for page in pages if blocks(page)} - HERE == ELSEWHERE.keys() & pages


@pytest.mark.slow
def test_the_programs_of_the_quick_start(here):
    names = run_blocks("quickstart.md")
    scores, heat = names["heat"].ood_score(names["unknown"]), names["heat"]
    assert heat.beta == -1.0
    assert heat_core.metrics.auroc(heat.ood_score(names["testing"]), scores) > 0.85
    assert (heat.p_value(names["testing"]) <= 0.05).mean() < 0.1
    guard = heat_core.Guard.load("guard.safetensors")
    np.testing.assert_allclose(
        guard.of_features(names["unknown"]).p_value, heat.set_params(beta=0.0).p_value(names["unknown"])
    )
    assert names["features"].avg.shape == (len(names["known"]), 8)


@pytest.mark.slow
def test_the_program_of_the_page_about_own_images(here):
    result = run_blocks("own-images.md")["result"]
    assert result.metrics(heat_core.Lens(beta=-1))["heat"]["patches"]["auroc"] > 0.8
    assert result.has_energies


def test_the_program_of_the_page_about_findings(here, demo_run, capsys):
    (here / "RUN").symlink_to(demo_run.folder)
    run_blocks("findings.md")
    assert " missed, " in capsys.readouterr().out.splitlines()[0]


def test_the_program_of_the_page_about_other_benchmarks(here, capsys):
    names = run_blocks("benchmarks.md")
    assert 0.7 < float(names["metrics"].compute()["AUROC"]) < 1
    assert "AUROC" in capsys.readouterr().out


@pytest.mark.slow
def test_the_programs_of_the_page_about_models(here):
    wrapping, of_loader, saving, by_torch = blocks("models.md")
    torch.manual_seed(0)
    names = {"model": models.resnet18(num_classes=6)}
    exec("\n".join(line for line in wrapping.splitlines() if "run(" not in line), names)
    exec(saving, names)
    pixels = torch.randn(3, 3, 64, 64)
    torch.testing.assert_close(load_backbone("torch:net.pt2")(pixels), names["backbone"](pixels))
    exec(of_loader, names)
    guard = heat_core.Guard.load("guard.safetensors", backbone=names["backbone"])
    assert guard(np.zeros((80, 90, 3), np.uint8)).predicted_class[0] in list("012345")
    exec(by_torch, names)
    expected = Backbone.wrap(names["model"], names["transform"])
    torch.testing.assert_close(load_backbone("torch:net.pt2")(pixels), expected(pixels))


@pytest.mark.slow
def test_the_program_of_the_page_about_clusters(here, image_folder, weights_of):
    ray = pytest.importorskip("ray", reason="needs ray[data], the extra [cluster]")
    weights = str(weights_of("resnet10t"))
    for folder, classes in {"features": {"cat": 5, "dog": 4}, "features-of-new-images": {"dog": 6}}.items():
        images = image_folder(here / f"images-{folder}", classes)
        words = ["extract", str(images), "--backbone", "resnet10t", "--weights", weights, "--image-size", "32"]
        assert main([*words, "--out", folder]) == 0
    try:
        names = run_blocks("scale.md")
    finally:
        ray.shutdown()
    assert (names["moments"] + names["later"]).counts.tolist() == [5, 10]
    assert names["prior"].energy(np.zeros((2, 512), np.float32)).shape == (2,)


def test_the_programs_of_the_page_about_notebooks(home, demo_run):
    copy_run(demo_run, home / "runs" / "RUN")
    names = run_blocks("notebook.md")
    view, energy = names["view"], names["energy"]
    assert len(energy.visible) == (names["scores"]["web photos"] <= 1.5).sum()
    assert (view.lens, view.inspected) == (heat_core.Lens(), view.visible[0])
    assert len(view.visible) == len(demo_run.ids("photo patches"))
    assert all(hasattr(view, name) for name in re.findall(r"`(\w+)`", "".join(table_of("notebook.md"))))


def table_of(page: str) -> list[str]:
    """The first cells of the lines of a page's table."""
    lines = (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines()
    return [line.split("|")[1] for line in lines if line.startswith("| `")]


def test_the_program_of_the_page_about_guards(here, demo_run):
    heat_core.pack(demo_run, here / "guard.safetensors")
    for name, of in {"cat.jpg": "id", "engine.jpg": demo_run.ood_names[-1]}.items():
        demo_run.image(of, demo_run.ids(of)[0]).save(here / name)
    names = run_blocks("guard.md")
    pixels = torch.stack([names["guard"].backbone.transform(demo_run.image("id", demo_run.ids("id")[0]))])
    assert names["network"](pixels)[1].shape == (1,)
    assert [bool(p <= 0.01) for p in names["found"].p_value] == names["found"].unknown(alpha=0.01).tolist()


def post(address: str, body: bytes) -> tuple[int, dict]:
    try:
        with urllib.request.urlopen(address, data=body, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@pytest.mark.slow
def test_the_service_answers_for_an_image_a_text_and_nothing(here, demo_run):
    heat_core.pack(demo_run, here / "guard.safetensors", with_weights=True)
    names = run_blocks("service.md")
    server = names["ThreadingHTTPServer"](("127.0.0.1", 0), names["Scoring"])
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/"
        with urllib.request.urlopen(address, timeout=30) as answer:
            assert "Calibrated on" in json.load(answer)["calibration"]
        unknown = demo_run.ood_names[-1]
        demo_run.image(unknown, demo_run.ids(unknown)[0]).save(here / "patch.png")
        status, found = post(address, (here / "patch.png").read_bytes())
        expected = names["guard"]([here / "patch.png"])
        assert status == 200
        assert found["score"] == pytest.approx(float(expected.score[0]))
        assert found["unknown"] == bool(expected.p_value[0] <= 0.01)
        status, found = post(address, b"no image at all")
        assert (status, found["error"], found["score"], found["unknown"]) == (422, "not readable", None, False)
        assert post(address, b"")[0] == 413
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
