"""Shifted sets in the form of a new run, and in the pages of a run that has some."""

from dataclasses import replace

import pytest

from app.runs.form_checks import find_errors
from app.runs.form_values import FormValues
from heat_core.runs.experiment import demo_experiment
from tests.app.runs.new_run_form import form
from tests.app.runs.test_runs import press, texts
from tests.app.test_pages import page
from tests.synthetic import synthetic_run

pytestmark = pytest.mark.usefixtures("started")


def test_a_shifted_set_is_filled_in_and_kept(sets, image_folder):
    image_folder(sets / "rainy", {"blue": 2, "red": 2})
    test = press(form(sets), "Add a shifted set")
    test.text_input(key="new-ood-1-name").set_value("rain").run()
    test.text_input(key="new-ood-1-source").set_value(str(sets / "rainy")).run()
    assert not test.exception
    (command,) = [code.value for code in test.code if "--ood" in code.value]
    assert f"--ood ood={sets / 'ood'} --shifted rain={sets / 'rainy'}" in command
    e = replace(demo_experiment(), shifted={"rain": "/rainy"})
    filled = FormValues.from_experiment(e)
    assert filled.to_experiment() == e
    filled.add_row(shifted=True)
    filled.rows[4].name, filled.rows[4].source = "rain", "/other"
    assert "Two sets are called 'rain'" in find_errors(filled)["ood-4-source"]
    filled.rows[4].name, filled.rows[4].source = "ood", str(sets / "rainy")
    assert "ood-4-source" not in find_errors(filled)


def test_pages_count_shifted_images_as_known(home):
    groups = {"near": "near", "far": "far"}
    synthetic_run(home / "runs" / "with", groups=groups, shifted={"dark": 30})
    synthetic_run(home / "runs" / "without", groups=groups)
    shown, plain = (page("compare", run=name) for name in ("with", "without"))
    cards, expected = (next(h.body for h in t.get("html") if "heat-cards" in h.body) for t in (shown, plain))
    assert cards.replace("run=with", "run=without") == expected
    assert "dark (shifted known images): 30 images, accuracy" in texts(shown)
    assert any('colspan="3">full-spectrum</th>' in h.body for h in shown.get("html"))
