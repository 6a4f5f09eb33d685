"""The form of a new run: it keeps what was typed, and can be filled."""

from dataclasses import fields, replace

import pytest
from streamlit.testing.v1 import AppTest

from app.runs.form_values import FormValues
from heat_core import Experiment, HeatError, Run
from heat_core.energies.settings import ResidualSettings
from heat_core.runs.events import RUN_FILE
from heat_core.runs.experiment import demo_experiment
from heat_core.storage import read_json, write_json
from tests.app.runs.new_run_form import can_start, show_demo
from tests.app.runs.test_runs import press, texts
from tests.app.test_pages import PAGES, page
from tests.synthetic import synthetic_run

pytestmark = pytest.mark.usefixtures("started")

FULL = Experiment(
    id="demo-digits",
    id_test="demo-digits",
    ood={"unseen": "demo-unseen-digits", "patches": "demo-photo-patches"},
    shifted={"rain": "/some/rain"},
    backbone="heat-demo-resnet",
    weights="/some/weights.safetensors",
    image_size=48,
    priors=["el", "knn"],
    detectors=["msp", "odin"],
    groups={"patches": "far"},
    preset="released",
    settings={"epochs": 3, "lambda_": 2.5, "decay": "linear", "starts_are_negatives": False},
    covariance="empirical",
    mixture_weights="empirical",
    second_backbone="test_vit",
    second_weights="/v.safetensors",
    second_image_size=64,
    limit=7,
    limit_test=5,
    limit_ood=6,
    share=0.5,
    seed=11,
    name="everything",
    map=False,
    batch_size=32,
    clusters=4,
    parent="20260101-000000-before",
)


@pytest.fixture
def run(home) -> Run:
    """A run whose Experiment has no default left."""
    made = synthetic_run(home / "runs" / "full", shifted={"rain": 5})
    write_json(made.folder / RUN_FILE, read_json(made.folder / RUN_FILE) | {"experiment": FULL.to_dict()})
    return Run.open(made.folder)


@pytest.mark.parametrize("experiment", [FULL, demo_experiment(), Experiment(id="a", ood={"b": "c"})])
def test_an_experiment_passes_the_form_unchanged(experiment):
    assert FormValues.from_experiment(experiment).to_experiment() == experiment
    assert FormValues.from_experiment(experiment).note == ""


def test_every_field_has_its_place(home):
    """A field that is added to the Experiment must be added to the form."""
    form_values = FormValues.from_experiment(FULL)
    kept = {*form_values.values, "ood", "shifted", "groups", "settings"}
    assert kept == {f.name for f in fields(Experiment)}
    default = Experiment(id="", ood={})
    assert not [f.name for f in fields(FULL) if getattr(FULL, f.name) == getattr(default, f.name)]
    assert set(form_values.current_settings()) == set(ResidualSettings().as_options())


def test_what_no_form_can_hold_is_left_out_and_said():
    strange = replace(
        FULL, detectors=["msp", "my-own"], preset="other", settings={"epochs": 3, "nonsense": 1}, seed=-4, limit=2**70
    )
    form_values = FormValues.from_experiment(strange, "A copy.")
    assert form_values.note == "A copy. Not known here, and left out: my-own, other, nonsense."
    kept = form_values.to_experiment()
    assert (kept.detectors, kept.preset, kept.settings, kept.seed) == (["msp"], "quick", {"epochs": 3}, 0)
    assert kept.limit == 2**53 - 1


def test_a_setting_set_back_to_the_presets_is_no_change():
    form_values = FormValues.from_experiment(replace(FULL, settings={}))
    default = form_values.current_settings()["epochs"]
    form_values.change_setting("epochs", default + 1)
    assert form_values.to_experiment().settings == {"epochs": default + 1}
    form_values.change_setting("epochs", default)
    assert form_values.to_experiment().settings == {}


def test_two_ood_sets_of_one_name_are_refused():
    """Two sets of one name are refused, and a name that was left out comes from its folder."""
    form_values = FormValues.from_experiment(Experiment(id="a", ood={"b": "/x/trees"}))
    form_values.add_row()
    form_values.rows[1].source = "/y/trees"
    form_values.rows[0].name = " "
    with pytest.raises(HeatError, match="Two sets are called 'trees'"):
        form_values.to_experiment()
    form_values.rows[1].name = "other"
    assert form_values.to_experiment().ood == {"trees": "/x/trees", "other": "/y/trees"}
    form_values.remove_row(0)
    form_values.add_row()
    assert form_values.to_experiment().ood == {"other": "/y/trees"}  # an empty row is none


def test_what_was_typed_is_there_when_the_page_comes_back(demo_home):
    main = AppTest.from_file(str(PAGES.parent / "main.py"), default_timeout=60).run()
    main.switch_page("app_pages/runs.py").run()
    main.segmented_control(key="runs-view-list").set_value("new").run()
    main.text_input(key="new-id").set_value("cifar10").run()
    press(main, "Add an OOD set")
    main.text_input(key="new-ood-1-name").set_value("other").run()
    main.number_input(key="new-seed").set_value(5).run()
    main.number_input(key="new-set-quick-gmm-0-epochs").set_value(3).run()
    main.selectbox(key="new-ood-1-group").set_value("far").run()
    for away in ("app_pages/studies.py", "app_pages/runs.py"):
        main.switch_page(away).run()
        assert not main.exception
    assert main.segmented_control(key="runs-view-new").value == "new"
    assert main.text_input(key="new-id").value == "cifar10"
    assert main.text_input(key="new-ood-1-name").value == "other"
    assert main.selectbox(key="new-ood-1-group").value == "far"
    assert main.number_input(key="new-seed").value == 5
    assert main.number_input(key="new-set-quick-gmm-0-epochs").value == 3
    main.segmented_control(key="runs-view-new").set_value("list").run()
    main.segmented_control(key="runs-view-list").set_value("new").run()
    assert main.text_input(key="new-id").value == "cifar10"


def test_duplicate_fills_the_form_with_all_of_it(run):
    test = press(page("runs", run="full"), "Duplicate")
    assert test.query_params["view"] == "new"
    assert FULL.to_command() in [code.value for code in test.code]
    assert "The settings of everything." in texts(test)
    assert test.text_input(key="new-1-ood-1-name").value == "patches"
    press(test, "Reset to preset")
    assert replace(FULL, settings={}).to_command() in [code.value for code in test.code]


def test_the_form_is_filled_from_another_run_or_the_demo(run):
    test = page("runs", view="new")
    test.selectbox(key="new-from").set_value("full").run()
    assert FULL.to_command() in [code.value for code in test.code]
    show_demo(test)
    assert demo_experiment().to_command() in [code.value for code in test.code]


def test_another_page_fills_the_form_in_one_call(home, sets):
    """Prefill the form from a button, as Inspect does with a tagged set, and open the Runs page."""
    synthetic_run(home / "runs" / "a")
    command = "heat train-backbone --out '/a  b.safetensors'"
    script = f"""
import runpy
import streamlit as st
from app.runs import run_form
from heat_core import Experiment
if st.button("go"):
    run_form.prefill(
        Experiment(id={str(sets / "train")!r}, ood={{"tagged": {str(sets / "ood")!r}}}, backbone="heat-demo-resnet"),
        "The 4 images that you tagged.",
        [{command!r}],
    )
runpy.run_path({str(PAGES / "runs.py")!r})
"""
    test = AppTest.from_string(script, default_timeout=60).run()
    press(test, "go")
    assert "The 4 images that you tagged." in texts(test)
    assert command in [code.value for code in test.code]  # with both spaces, and no character more
    assert test.text_input(key="new-1-ood-0-source").value == str(sets / "ood")
    assert "10 ID training · 2 ID test · 4 tagged · 2 classes" in texts(test).replace("**", "")
    assert can_start(test)


def test_every_detector_and_prior_is_offered(demo_home):
    test = page("runs", view="new")
    show_demo(test)
    test.multiselect(key="new-1-detectors").set_value(["all"]).run()
    assert any("--detectors all" in c.value for c in test.code)
    assert any("--group 'unseen digits=near'" in c.value for c in test.code)
    test.button(key="new-1-ood-0-less").click().run()
    assert not any("unseen digits" in c.value for c in test.code)
    press(test, "Add an OOD set")
    assert test.text_input(key="new-1-ood-3-source").value == ""
