"""The documentation is built without a warning, and its commands are those of the command line."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from heat_core.cli.parser import build_parser

ROOT = Path(__file__).resolve().parents[1]
PAGES = ["README.md", *sorted(page.relative_to(ROOT).as_posix() for page in (ROOT / "docs").rglob("*.md"))]
_FENCE = re.compile(r"```(\w*)\n(.*?)```", re.S)
_INLINE = re.compile(r"`((?:heat|python -m heat_core) [a-z][^`]*)`")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site; a warning of mkdocs is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1", "SITE_URL": "", "REPO_URL": ""}
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def test_the_site_is_built_from_the_pages_and_from_the_code(site):
    for page in PAGES:
        name = "index" if page == "README.md" else page.removeprefix("docs/").removesuffix(".md")
        assert (site / f"{name}.html").exists(), page
    command_line = (site / "reference" / "cli.html").read_text(encoding="utf-8")
    for verb in verbs():
        assert f'id="{verb}"' in command_line
    assert "training images of the known classes" in command_line  # a help text
    arrays = (site / "reference" / "heat.html").read_text(encoding="utf-8")
    assert 'id="heat_core.estimators.heat.HEAT.fit"' in arrays


def test_no_page_of_the_site_loads_anything_from_elsewhere(site):
    loading = re.compile(
        r'<(?:script|img|iframe|source)[^>]+src="(?:https?:)?//|<link[^>]+rel="(?!canonical)[^"]*"[^>]+//'
    )
    pages = list(site.rglob("*.html"))
    assert len(pages) > len(PAGES)
    assert [page.name for page in pages if loading.search(page.read_text(encoding="utf-8"))] == []
    for style in site.rglob("*.css"):
        assert not re.search(r"url\((?:https?:)?//", style.read_text(encoding="utf-8")), style


def test_formulas_are_drawn_without_a_script(site):
    glossary = (site / "glossary.html").read_text(encoding="utf-8")
    written = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    assert glossary.count("<math") == written.count("$$") / 2 > 10
    assert "arithmatex" not in glossary


def verbs() -> list[str]:
    """The verbs of the command line, as its help lists them."""
    return re.findall(r"^  ([a-z][a-z-]+)  +\S", build_parser().format_help().split("examples")[0], re.M)


def commands_of(text: str) -> list[list[str]]:
    """The words of each command of a page that names us: in blocks, and in inline code that begins with our program."""
    shell = [block for language, block in _FENCE.findall(text) if language in ("", "bash", "console", "sh")]
    lines = [line for block in shell for line in re.sub(r"\\\n\s*", " ", block).splitlines()]
    lines += _INLINE.findall(re.sub(_FENCE, "", text))
    found = []
    for line in (line for line in lines if "heat" in line):
        words = shlex.split(re.sub(r"`#[^`]*`", "", line), comments=True)
        command: list[str] = []
        for word in [*words, "&&"]:
            if word in ("&&", "|", ";", ">", "||", "--"):
                found += [command] if command else []
                command = []
            else:
                command.append(word)
    return found


def arguments_of(command: list[str]) -> list[str] | None:
    """What follows our program in a command, or None where another program is called."""
    command = [word for word in command if not re.match(r"[A-Z_]+=", word)]  # without variables of the environment
    if command[:1] == ["heat"]:
        return command[1:]
    if "heat_core" in command and command[command.index("heat_core") - 1] == "-m":
        return command[command.index("heat_core") + 1 :]
    return None


def help_of(verb: str, capsys) -> str:
    with pytest.raises(SystemExit):
        build_parser().parse_args([verb, "--help"])
    return capsys.readouterr().out


@pytest.mark.parametrize("page", PAGES)
def test_every_command_is_parsed(page, capsys):
    """Where a command leaves something out (…), its verb and its options are looked up."""
    for command in commands_of((ROOT / page).read_text(encoding="utf-8")):
        arguments = arguments_of(command)
        if arguments is None:
            continue
        if "…" in arguments or len(arguments) == 1:  # the latter names a verb in a sentence
            known = help_of(arguments[0], capsys)
            assert [word for word in arguments if word.startswith("--") and word not in known] == [], command
        else:
            build_parser().parse_args(arguments)


def test_commands_are_found_and_a_wrong_one_is_seen():
    page = "```bash\nheat run --id a \\\n    --ood b=c `# more`  # less\n```\nand `heat show RUN --beta -1 | head`"
    first, second, third = commands_of(page)
    assert arguments_of(first) == ["run", "--id", "a", "--ood", "b=c"]
    assert arguments_of(second) == ["show", "RUN", "--beta", "-1"]
    assert arguments_of(third) is None
    with pytest.raises(SystemExit):
        build_parser().parse_args(["show", "RUN", "--betta", "-1"])


@pytest.mark.parametrize("page", PAGES)
def test_scripts_and_extras_that_are_named_exist(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for extras in re.findall(r"heat-explorer\[([\w,-]+)\]", text):
        assert set(extras.split(",")) <= set(project["optional-dependencies"])
    for script in re.findall(r"python ((?:tests|assets)/[\w/]+\.py)", text):
        assert (ROOT / script).exists(), script
