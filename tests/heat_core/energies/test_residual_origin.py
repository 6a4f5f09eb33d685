"""A residual that an earlier job of a run stored is used again only where it was made in the same way."""

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from heat_core import Run, pack, run
from heat_core.energies import residual_cache
from heat_core.runs.creation import new_run
from heat_core.runs.results_file import residual_path
from tests.heat_core.pipeline.test_pipeline import small

NOT_USED = "is not used again: it was made with other settings, or by an older version of HEAT Explorer."


class Killed(BaseException):
    """Stands for the end of a process."""


def kill_at_el(event) -> None:
    if event["message"] == "Training the residual of el.":
        raise Killed


def resumed(done: Run) -> tuple[list[str], np.ndarray]:
    """Resume a run; return its messages about residuals and the energies of its OOD set."""
    messages: list[str] = []
    again = run(done.experiment, done.folder, on_event=lambda e: messages.append(e["message"]))
    return [m for m in messages if m.startswith(("The residual", "Training the residual"))], again.energies("unseen")


def test_a_newer_version_trains_residuals_anew(home, monkeypatch):
    """A run of which an older version had made one residual is finished as one that was never interrupted."""
    asked = small(priors=["gmm", "el"])
    whole = run(asked)
    folder = new_run(asked)
    with monkeypatch.context() as older:
        older.setattr(residual_cache, "NUMBERS_VERSION", "0.2.0")
        with pytest.raises(Killed):
            run(asked, folder, on_event=kill_at_el)
    assert residual_path(folder, "gmm").exists()
    messages, energies = resumed(Run.open(folder))
    training = [f"Training the residual of {name}." for name in ("gmm", "el")]
    assert messages == [f"The residual of gmm {NOT_USED}", *training]
    np.testing.assert_array_equal(energies, whole.energies("unseen"))
    assert resumed(whole)[0] == [f"The residual of {name} is already trained." for name in ("gmm", "el")]


def test_a_residual_without_an_origin_opens_but_is_no_start(home):
    """Files of version 0.2 hold none: their runs can be packed as before, and a job of such a run trains anew."""
    done = run(small(priors=["gmm"]))
    path, energies = residual_path(done.folder, "gmm"), done.energies("unseen")
    with safe_open(path, framework="np") as file:
        meta = file.metadata()
        state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
    assert len(meta.pop("origin")) == 32
    save_file(state, path, meta)
    pack(done, home / "guard.safetensors")
    messages, again = resumed(done)
    assert messages == [f"The residual of gmm {NOT_USED}", "Training the residual of gmm."]
    np.testing.assert_array_equal(again, energies)


def test_a_newer_version_fits_slow_detectors_anew(home, monkeypatch):
    """The EBM is trained with the settings of the residuals: its row is kept only beside those of its own origin."""
    messages: list[str] = []
    asked = small(priors=["gmm"], detectors=["msp", "ebm"])
    with monkeypatch.context() as older:
        older.setattr(residual_cache, "NUMBERS_VERSION", "0.2.0")
        done = run(asked)
    for expected in (["EBM: done"], ["EBM: already done"]):
        messages.clear()
        again = run(asked, done.folder, on_event=lambda e: messages.append(e["message"]))
        assert [m for m in messages if m in ("EBM: done", "EBM: already done")] == expected
        sentence = "Scores that are not used again: EBM. They were made with other settings"
        assert any(m.startswith(sentence) for m in messages) == (expected == ["EBM: done"])
        np.testing.assert_array_equal(again.detector_scores("unseen", "ebm"), done.detector_scores("unseen", "ebm"))
