"""The form of a new run: it starts empty, and an error stands with the field that holds it."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from app.common.text import escape_markdown
from app.runs import form_checks
from app.runs.form_values import FormValues
from heat_core import Experiment, Run
from heat_core.energies.settings import PRESET_PURPOSES
from heat_core.runs.experiment import demo_experiment
from tests.app.runs.new_run_form import can_start, choose_network, form, show_demo
from tests.app.runs.test_runs import press, texts
from tests.app.test_pages import page
from tests.synthetic import synthetic_run

pytestmark = pytest.mark.usefixtures("started")


def errors(**values) -> dict[str, str]:
    """The errors of an Experiment's fields."""
    return form_checks.find_errors(FormValues.from_experiment(Experiment(**{"id": "", "ood": {}} | values)))


def test_own_folders_inherit_nothing_of_the_demo(sets, started):
    test = form(sets)
    press(test, "Start the run")
    (folder,) = started
    found = Run.open(folder).experiment
    assert (found.name, found.groups, found.settings, found.limit) == ("", {}, {}, None)
    assert list(found.ood) == ["ood"]
    assert found.preset == Experiment(id="", ood={}).preset


def test_an_empty_form_says_what_it_lacks(home):
    synthetic_run(home / "runs" / "a")
    test = page("runs", view="new")
    assert "Still to be named: the known images, at least one set of unknown images." in texts(test)
    assert "preset" not in " ".join(caption.value for caption in test.caption[:1])  # of the run that is chosen above
    assert not test.error
    assert not can_start(test)


def test_errors_are_named_by_their_field(sets, tmp_path):
    (tmp_path / "list.csv").write_text("path,set\na.png,near\n")
    found = errors(
        id=str(sets / "none"),
        id_test=str(sets / "tset"),
        ood={"x": str(sets / "odd"), "y": str(sets / "ood"), "z": str(tmp_path / "list.csv")},
        backbone="resnet5O",
        weights=str(tmp_path / "none.pth"),
        second_backbone="hf:/none/at all",
        second_weights=str(tmp_path),
    )
    assert set(found) == {
        "id",
        "id_test",
        "ood-0-source",
        "ood-2-source",
        "backbone",
        "weights",
        "second_backbone",
        "second_weights",
    }
    for field, word in {"id": "none", "id_test": "tset", "ood-0-source": "odd", "weights": "none.pth"}.items():
        assert word in found[field]
    assert "did you mean" in found["backbone"]


def test_what_is_right_has_no_error(sets, tmp_path):
    save_file({"a": np.zeros(2)}, tmp_path / "w.safetensors")
    fine = {"id": str(sets / "train"), "ood": {"ood": str(sets / "ood")}}
    assert errors(**fine, weights=str(tmp_path / "w.safetensors"), backbone="resnet18") == {}
    assert errors(id="cifar10", ood={"far": "svhn"}) == {}  # downloaded by the job
    assert errors(id=fine["id"], ood={"far": "made:noise"}) == {}
    assert set(errors(id="made:noise", ood={"far": "made:fog"})) == {"id", "ood-0-source"}
    assert form_checks.find_errors(FormValues.from_experiment(demo_experiment())) == {}


def test_features_are_looked_for_as_features(sets):
    found = errors(id=str(sets / "train"), ood={"x": str(sets / "ood")}, backbone="features")
    assert set(found) == {"id", "ood-0-source"}
    assert "avg.npy" in found["id"]


def test_rows_without_a_source_and_with_one_name(sets):
    values = FormValues.from_experiment(Experiment(id="", ood={"a": str(sets / "ood"), "b": ""}))
    values.add_row()
    values.rows[2].name, values.rows[2].source = "a", str(sets / "test")
    values.add_row()
    values.add_row()
    values.rows[4].source = str(sets / "train")
    found = form_checks.find_errors(values)
    assert "cannot be called 'train'" in found.pop("ood-4-source")
    assert found == {
        "ood-1-source": "The OOD set 'b' has no folder or name.",
        "ood-2-source": "Two sets are called 'a': give each a name of its own.",
    }


def test_an_error_is_drawn_in_the_column_of_its_field(sets):
    test = form(sets, id_test="tset")
    test.text_input(key="new-weights").set_value(str(sets / "none.pth")).run()
    assert not can_start(test)

    def of_column(key: str) -> list[str]:
        columns = [c for c in test.columns if any(t.key == key for t in c.text_input)]
        column = min(columns, key=lambda c: len(c.text_input))  # without those around it
        return [error.value for error in column.error]

    assert escape_markdown("tset") in of_column("new-id_test")[0]
    assert escape_markdown("none.pth does not exist") in of_column("new-weights")[0]
    assert of_column("new-id") == []
    assert len(test.error) == 2  # each once


def test_the_form_of_own_images_starts_blank_beside_the_demo(home):
    synthetic_run(home / "runs" / "a")
    test = page("runs", view="new")
    assert test.segmented_control(key="new-images-False").value == "My images"
    assert {field.value for field in test.text_input} == {""}
    preset = test.radio(key="new-preset")
    assert (preset.value, preset.proto.captions[0]) == ("quick", PRESET_PURPOSES["quick"])
    assert {field.value for field in test.number_input if field.key.startswith("new-limit")} == {None}
    test.text_input(key="new-id").set_value("/photos/train").run()
    show_demo(test)
    assert test.text_input(key="new-1-id").value == "demo-digits"
    test.segmented_control(key="new-images-True").set_value("My images").run()
    assert test.text_input(key="new-2-id").value == "/photos/train"  # what was typed is kept
    assert test.text_input(key="new-2-ood-0-source").value == ""
    assert "demo" not in "\n".join(str(box.value) for box in (*test.selectbox, *test.text_input))


def test_names_of_networks_are_offered_and_others_are_taken(home, sets):
    synthetic_run(home / "runs" / "a")
    test = page("runs", view="new")
    box = test.selectbox(key="new-backbone")
    assert box.value == "resnet50.a1_in1k"  # as on the command line
    assert {"resnet18", "resnet50.a1_in1k", "vit_base_patch16_224", "resnet34_cifar10"} <= set(box.options)
    choose_network(test, "new-backbone", "resnet5O")
    assert "did you mean" in test.error[0].value
    choose_network(test, "new-backbone", f"torch:{sets}/none.pt2")
    assert "does not exist" in test.error[0].value
    choose_network(test, "new-backbone", "resnet18")
    assert not test.error


def test_a_form_without_a_prior_says_so_below_the_priors(sets):
    test = form(sets)
    test.pills(key="new-priors").set_value([]).run()
    assert [error.value for error in test.error] == ["Choose at least one prior\\."]
    assert not can_start(test)
