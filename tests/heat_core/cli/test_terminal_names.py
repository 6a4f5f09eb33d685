"""Names that control a terminal, long names and empty ones, on the command line."""

import pytest

from heat_core import Experiment, Run
from heat_core.__main__ import main
from heat_core.runs.creation import new_run
from heat_core.runs.events import RUN_FILE
from heat_core.storage import read_json, write_json
from tests.heat_core.cli.options import TINY
from tests.synthetic import synthetic_run

STEERING = "x\x1b[31m\x07\u202e\x9b2J"


def harmless(text: str) -> bool:
    return all(character.isprintable() or character == "\n" for character in text)


def test_names_and_notes_do_not_control_the_terminal(tmp_path, home, image_folder, capsys):
    try:
        image_folder(tmp_path / "train", {"blue": 5, STEERING: 5})
    except OSError:
        pytest.skip("this file system has no such names")
    image_folder(tmp_path / "train", {f"small{STEERING}": 2})
    image_folder(tmp_path / f"ood{STEERING}", {"": 3})
    (tmp_path / f"ood{STEERING}" / f"{STEERING}.png").write_text("no image")
    words = ["run", "--id", str(tmp_path / "train"), "--ood", f"far{STEERING}={tmp_path / f'ood{STEERING}'}"]
    words += ["--backbone", "heat-demo-resnet", "--preset", "quick", "--name", f"my{STEERING}", *TINY]
    assert main([*words, "--json"]) == 0
    (folder,) = (home / "runs").iterdir()
    done = Run.open(folder)
    assert len(done.features(done.ood_names[0])) == 3  # found under the name that is kept
    for verb in (
        ["list"],
        ["show", folder.name],
        *(["compare", folder.name, folder.name, "--format", kind] for kind in ("markdown", "latex", "csv")),
        ["score", folder.name, str(tmp_path / f"ood{STEERING}")],
    ):
        assert main(verb) == 0
    said = capsys.readouterr()
    for text in (said.out, said.err):
        assert harmless(text)
    assert "far" + STEERING.encode("unicode_escape").decode() in said.out  # they are there, as escapes
    assert "No image of 'small" in said.out
    assert any(line.startswith("skipped, not readable") for line in said.err.splitlines())


@pytest.mark.parametrize("verb", ["show", "list", "compare"])
def test_a_given_run_does_not_control_the_terminal(home, verb, capsys):
    run = synthetic_run(home / "runs" / "gift", {f"near{STEERING}": 20}, known=20)
    content = read_json(run.folder / RUN_FILE)
    content["experiment"]["backbone"] = STEERING
    write_json(run.folder / RUN_FILE, content)
    assert main([verb] if verb == "list" else [verb, "gift"]) == 0
    assert harmless(capsys.readouterr().out)


RUN = ["run", "--id", "demo-digits", "--ood"]


@pytest.mark.parametrize(
    "words",
    [
        ["show", STEERING],
        ["score", STEERING, "x.png"],
        ["run", "--id", STEERING, "--ood", "a=b", "--backbone", "heat-demo-resnet"],
        [*RUN, f"a={STEERING}", "--backbone", "heat-demo-resnet"],
        [*RUN, STEERING, "--backbone", "heat-demo-resnet"],
        [*RUN, "a=demo-photo-patches", "--backbone", "test_resnet", "--weights", STEERING],
        pytest.param([*RUN, "a=demo-photo-patches", "--backbone", STEERING]),
    ],
    ids=["run", "score", "id", "ood", "no ood", "weights", "backbone"],
)
def test_sentences_about_names_do_not_control_the_terminal(words, capsys):
    assert main(words) == 2
    assert harmless(capsys.readouterr().err)


def test_long_names_are_cut_in_folders_alone(home):
    """Long names of runs and sets are cut for folders and kept for display."""
    asked = Experiment(id="demo-digits", ood={"o" * 230: "demo-photo-patches"}, name="n" * 300)
    folder = new_run(asked)
    assert len(folder.name) < 200
    assert Run.open(folder).experiment.name == "n" * 300
    assert Run.open(folder).ood_names == ["o" * 230]


@pytest.mark.parametrize("name", ["", " ", "\t"])
def test_a_set_without_a_name_is_refused(name, capsys):
    words = ["run", "--id", "demo-digits", "--ood", f"{name}=demo-photo-patches", "--backbone", "heat-demo-resnet"]
    assert main(words) == 2
    assert "An OOD set has no name" in capsys.readouterr().err
