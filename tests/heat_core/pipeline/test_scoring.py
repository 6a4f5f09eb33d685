"""New images through a finished run."""

import json
from dataclasses import replace

import numpy as np
import pytest

from heat_core import HeatError, Lens, Run
from heat_core.__main__ import main
from heat_core.pipeline.scoring import score
from heat_core.runs.results_file import ENERGIES, RunRecord
from heat_core.runs.scored_images import ScoredImages
from tests.conftest import copy_run


@pytest.fixture
def pictures(demo_run, tmp_path):
    """Five of the run's own test images as files."""
    for i in range(5):
        demo_run.image("id", str(demo_run.ids("id")[i])).save(tmp_path / f"{i}.png")
    return tmp_path


def test_the_runs_own_images_get_the_energies_that_the_run_has(demo_run, pictures, tmp_path):
    scored = score(demo_run, [pictures])
    np.testing.assert_allclose(scored.prior, demo_run.prior_energies("id")[:5], rtol=1e-4)
    np.testing.assert_allclose(scored.residual, demo_run.residual_energies("id")[:5], atol=1e-4)
    np.testing.assert_array_equal(scored.predicted, demo_run.predicted("id")[:5])
    here = demo_run.map.xy[demo_run.map.dataset == 0][:5]
    spread = np.ptp(demo_run.map.xy)
    assert np.median(np.linalg.norm(scored.xy - here, axis=1)) < 0.1 * spread
    scored.save(tmp_path / "scored.npz")
    np.testing.assert_array_equal(ScoredImages.load(tmp_path / "scored.npz").ids, scored.ids)


def test_new_images_get_the_class_weights_of_the_run(run_of_files, tmp_path):
    """Weights move every energy of the mixture: those of another kind would be seen."""
    run = run_of_files(["gmm"], mixture_weights="empirical")
    scored = score(run, [tmp_path / "other"])
    np.testing.assert_allclose(scored.prior, run.prior_energies("other"), rtol=1e-5)
    plain = run.detector_scores("other", "gmm") + np.log(0.5)  # two classes of as many images
    assert not np.allclose(scored.prior[:, 0] * run.record.temperatures[0], plain, rtol=1e-3, atol=0)


def test_on_the_command_line(demo_run, pictures, capsys):
    (pictures / "cut.png").write_bytes((pictures / "0.png").read_bytes()[:60])
    assert main(["score", str(demo_run.folder), str(pictures), "--beta", "-1", "--priors", "gmm", "el", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [len(answer["images"]), len(answer["skipped"])] == [5, 1]
    assert answer["threshold"] == pytest.approx(demo_run.threshold("heat", Lens(-1.0, ("gmm", "el"))))
    expected = np.sort(demo_run.scores("id", Lens(-1.0, ("gmm", "el")))[:5])[::-1]
    np.testing.assert_allclose([image["score"] for image in answer["images"]], expected, atol=1e-3)


@pytest.mark.parametrize("damage", ["no folder", "no images", "no residual", "no head", "no features"])
def test_what_cannot_work_gives_a_sentence(demo_run, pictures, home, tmp_path, damage):
    folder = home / "runs" / "copy"
    copy_run(demo_run, folder)
    paths = [pictures]
    if damage == "no folder":
        paths = [tmp_path / "none"]
    elif damage == "no images":
        (tmp_path / "empty").mkdir()
        paths = [tmp_path / "empty"]
    elif damage == "no residual":
        (folder / "residual-gmm.safetensors").unlink()
    elif damage == "no head":
        (folder / "head.npz").unlink()
    elif damage == "no features":
        record = RunRecord.load(folder / ENERGIES)
        replace(record, features=record.features | {"train": str(tmp_path / "gone")}).save(folder / ENERGIES)
    run = Run.open(folder)
    with pytest.raises(HeatError):
        score(run, paths)
