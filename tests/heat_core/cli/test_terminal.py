"""The command line in terminals, pipes and the homes of other users."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from heat_core import Run
from heat_core.__main__ import main
from heat_core.data.demo import DEMO_WEIGHTS
from heat_core.runs.events import RUN_FILE
from heat_core.runs.manage import list_runs
from heat_core.storage import expand_home, read_json, write_json
from tests.heat_core.cli.options import TINY
from tests.synthetic import synthetic_run

VERBS = ("demo", "run", "job", "list", "show", "findings", "compare", "report", "score", "detectors")
ROOT = Path(__file__).resolve().parents[3]


def heat(*words, before: tuple[str, ...] = (), **env) -> subprocess.CompletedProcess:
    """`python -m heat_core …` in a process of its own, from the repository."""
    command = [*before, sys.executable, "-m", "heat_core", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, env=os.environ | env, capture_output=True, timeout=120)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A finished run of random numbers, that nothing is written to."""
    return synthetic_run(tmp_path_factory.mktemp("made") / "runs" / "made", {"near": 20, "β sets 猫": 20}, known=20)


# ---- what a terminal cannot print ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "encoding"), [(("show",), "cp1252"), (("show",), "ascii"), (("compare", "--format", "latex"), "cp1252")]
)
def test_tables_are_printed_in_every_encoding(made, words, encoding):
    done = heat(words[0], made.folder, *words[1:], PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    printed = done.stdout.decode(encoding)
    assert "near" in printed
    assert "\\u732b" in printed  # 猫, which neither has
    if words == ("show",):
        assert "\\u03b2 = 0" in printed
        assert f"{100 * made.metrics()['heat']['near']['auroc']:.1f}" in printed


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_the_help_of_every_verb_is_printed_in_every_encoding(encoding):
    asked = [
        subprocess.Popen(
            [sys.executable, "-m", "heat_core", *words],
            cwd=ROOT,
            env=os.environ | {"PYTHONIOENCODING": encoding},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for words in (("--help",), *((verb, "--help") for verb in VERBS))
    ]
    for verb, process in zip(("", *VERBS), asked, strict=True):
        out, error = process.communicate(timeout=60)
        assert (process.returncode, error) == (0, b""), verb
        assert out.decode(encoding).startswith(f"usage: python -m heat_core {verb}".rstrip())


def test_sentences_are_printed_in_every_encoding():
    done = heat("show", "猫", PYTHONIOENCODING="ascii")
    assert done.returncode == 2
    assert done.stderr.decode("ascii").startswith("heat_core: There is no run '\\u732b'")


# ---- pipes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [("detectors",), ("list",), ("show", "RUN"), ("compare", "RUN"), ("run", "--help")])
def test_a_closed_pipe_ends_the_command_without_a_message(made, words):
    readable, writable = os.pipe()
    os.close(readable)
    command = [sys.executable, "-m", "heat_core", *(str(made.folder) if w == "RUN" else w for w in words)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=writable, stderr=subprocess.PIPE)
    os.close(writable)
    _, error = process.communicate(timeout=60)
    assert error == b""
    assert process.returncode in (0, 141)


def test_a_run_whose_progress_is_not_read_goes_on(home, image_folder, tmp_path):
    image_folder(tmp_path / "train", {"blue": 5, "red": 5})
    words = ["run", "--id", str(tmp_path / "train"), "--ood", "far=demo-photo-patches", "--limit", "5", *TINY]
    words += ["--backbone", "heat-demo-resnet", "--preset", "quick"]
    with subprocess.Popen(
        [sys.executable, "-m", "heat_core", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as job:
        job.stdout.readline()
        job.stdout.close()
        assert job.wait(120) == 0
    (done,) = list_runs()
    assert done.status == "done"


def test_no_standard_output_at_all_is_no_error():
    done = heat("list", before=("sh", "-c", 'exec "$@" >&-', "sh"))
    assert (done.returncode, done.stderr) == (0, b"")


# ---- ~ and folders ---------------------------------------------------------------------------------------------------


@pytest.fixture
def me(tmp_path, monkeypatch) -> Path:
    """A home directory of one's own."""
    (tmp_path / "me").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "me"))
    return tmp_path / "me"


def test_a_tilde_in_an_option_is_ones_home(me, image_folder, capsys):
    shutil.copy(DEMO_WEIGHTS, me / "w.safetensors")
    image_folder(me / "train", {"blue": 5, "red": 5})
    image_folder(me / "ood", {"": 3})
    words = ["run", "--id=~/train", "--ood", "green=~/ood", "--backbone", "heat-demo-resnet", "--preset", "quick"]
    assert main([*words, "--weights=~/w.safetensors", *TINY]) == 0
    kept = Run.open(capsys.readouterr().out.splitlines()[0]).experiment
    assert kept.weights == str(me / "w.safetensors")
    assert (kept.id, kept.ood) == (str(me / "train"), {"green": str(me / "ood")})


@pytest.mark.parametrize("path", ["~nobodyatall", "~nobodyatall/x"])
def test_the_home_of_an_unknown_user_is_an_ordinary_name(path, capsys):
    """The home of a user who does not exist is treated as a name like any other."""
    run = ["run", "--id", path, "--ood", f"a={path}", "--backbone", "heat-demo-resnet"]
    weights = ["run", "--id", "demo-digits", "--ood", "a=demo-photo-patches", "--backbone", "heat-demo-resnet"]
    for words in (run, [*weights, f"--weights={path}"], ["show", path]):
        assert main(words) == 2
        assert path in capsys.readouterr().err


def test_a_file_whose_name_begins_with_a_tilde_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "~nobodyatall").write_text("x")
    assert expand_home("~nobodyatall").read_text() == "x"


def test_a_report_goes_where_the_tilde_says(me, made, capsys, monkeypatch):
    monkeypatch.chdir(me.parent)
    assert main(["report", str(made.folder), "--out=~/r.html"]) == 0
    assert capsys.readouterr().out == f"{me / 'r.html'}\n"
    assert (me / "r.html").read_text(encoding="utf-8").lstrip().lower().startswith("<!doctype html>")
    assert not (me.parent / "~").exists()


def test_a_folder_as_the_reports_file_gives_a_sentence(me, made, capsys):
    assert main(["report", str(made.folder), "--out", str(me)]) == 2
    said = capsys.readouterr().err
    assert said == f"heat_core: --out is the folder {me}: name a file in it, {me / 'made'}.html for one.\n"
    assert list(me.iterdir()) == []


@pytest.mark.parametrize("words", [("score", "RUN", ""), ("score", "RUN", "x.png", "--into", ""), ("show", "")])
def test_a_word_that_is_empty_is_not_the_working_directory(words, made, capsys):
    assert main([str(made.folder) if word == "RUN" else word for word in words]) == 2
    assert "is empty: leave it out, or say which" in capsys.readouterr().err


def test_what_cannot_be_scored_is_refused_before_the_work(made, tmp_path, capsys):
    (tmp_path / "file").write_text("x")
    run = str(made.folder)
    for words, said in (
        (["score", run, str(tmp_path), "--priors", "knn"], "has no residual for 'knn'"),
        (["score", run, str(tmp_path), "--into", str(tmp_path / "file")], "something else of that name is in the way"),
    ):
        assert main(words) == 2
        told = capsys.readouterr().err
        assert said in told
        assert "Loading" not in told


def test_a_folder_that_is_no_run_is_named_and_not_to_be_deleted(tmp_path, capsys):
    """The sentence about a folder that is no run says so and does not advise deleting it."""
    (tmp_path / "photos").mkdir()
    for verb in ("show", "report", "job"):
        assert main([verb, str(tmp_path / "photos")]) == 2
        said = capsys.readouterr().err
        assert f"{tmp_path / 'photos'} is no run, it has no {RUN_FILE}" in said
        assert "delete" not in said


@pytest.mark.parametrize("words", [("show", "n" * 300), ("run", "--id", "n" * 300, "--ood", "a=b", "--backbone", "x")])
def test_names_that_no_file_can_have_give_a_sentence(words):
    assert main(list(words)) == 2


# ---- what may not be read or written ---------------------------------------------------------------------------------


def as_nobody(*words, **env) -> subprocess.CompletedProcess:
    """As a user without any rights: root may write everywhere."""
    before = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups") if os.geteuid() == 0 else ()
    return heat(*words, before=before, PYTHONDONTWRITEBYTECODE="1", **env)


@pytest.fixture
def open_to_all():
    """A folder that every user may look into, unlike pytest's own."""
    if os.name == "nt" or (os.geteuid() == 0 and not shutil.which("setpriv")):
        pytest.skip("needs a user who may not write")
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    if as_nobody("--version", HEAT_HOME=str(folder)).returncode:
        shutil.rmtree(folder)
        pytest.skip("this Python is closed to other users")
    yield folder
    for place, *_ in os.walk(folder):
        os.chmod(place, 0o755)
    shutil.rmtree(folder)


def test_a_read_only_home_is_listed_and_its_job_explains(open_to_all):
    """A read-only home is listed, and its job gives the reason why it cannot continue."""
    run = synthetic_run(open_to_all / "runs" / "cut-off")
    write_json(run.folder / RUN_FILE, read_json(run.folder / RUN_FILE) | {"status": "running"})
    (run.folder / "job.lock").touch()
    for place, _, files in os.walk(open_to_all):
        for file in files:
            os.chmod(Path(place) / file, 0o444)
        os.chmod(place, 0o555)
    home = {"HEAT_HOME": str(open_to_all), "HOME": "/"}
    listed = as_nobody("list", **home)
    assert (listed.returncode, listed.stderr) == (0, b"")
    assert listed.stdout.decode().splitlines()[1].split()[:2] == ["cut-off", "interrupted"]
    shown = as_nobody("show", "cut-off", **home)
    assert (shown.returncode, shown.stderr) == (0, b"")
    job = as_nobody("job", "cut-off", **home)
    (said,) = job.stderr.decode().splitlines()
    assert job.returncode == 2
    assert said.startswith(f"heat_core: Could not write {run.folder}")
    assert "Permission denied): change its permissions, or point HEAT_HOME to a folder of your own" in said


def test_a_path_that_may_not_be_looked_at_gives_a_sentence(open_to_all):
    (open_to_all / "shut").mkdir(mode=0o700)
    done = as_nobody("show", open_to_all / "shut" / "run", HEAT_HOME=str(open_to_all), HOME="/")
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
