"""The linter of the JavaScript, Biome, in the version that biome.json names, which npx installs or has kept."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.browser import ROOT

CONFIGURATION = ROOT / "biome.json"
VERSION = re.search(r"/schemas/([\d.]+)/", json.loads(CONFIGURATION.read_text(encoding="utf-8"))["$schema"])[1]
FAULTS = {
    "noUndeclaredVariables": "export const twice = () => 2 * once;\n",
    "noUnresolvedImports": 'import { once } from "./none.js";\nexport const twice = 2 * once;\n',
    "noUnusedVariables": "const twice = 2;\n",
}


def biome(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess:
    command = [shutil.which("npx"), "--yes", f"@biomejs/biome@{VERSION}", *arguments, "--colors=off"]
    environment = os.environ | {"npm_config_prefer_offline": "true", "npm_config_fetch_retries": "0"}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "encoding": "utf-8"}
    return subprocess.run(command, cwd=cwd, env=environment, timeout=60, check=False, **streams)


@pytest.fixture(scope="module")
def installed():
    """Skips where Biome cannot be run."""
    if shutil.which("npx") is None:
        pytest.skip("needs npx, which comes with Node.js")
    try:
        found = biome("--version").returncode == 0
    except subprocess.TimeoutExpired:
        found = False
    if not found:
        pytest.skip(f"needs Biome {VERSION}, and npx could not install it: no connection to npm's registry?")


def test_the_javascript_has_no_fault(installed):
    files = [*ROOT.glob("heat_core/workbench/browser/**/*.js"), ROOT / "app" / "page.js", CONFIGURATION]
    result = biome("lint", "--error-on-warnings")
    assert result.returncode == 0, result.stdout
    assert int(re.search(r"Checked (\d+) files", result.stdout)[1]) == len(files)


@pytest.mark.parametrize("rule", FAULTS)
def test_a_fault_is_found(installed, tmp_path, rule):
    shutil.copy(CONFIGURATION, tmp_path)
    folder = tmp_path / "heat_core" / "workbench" / "browser"
    folder.mkdir(parents=True)
    (folder / "faulty.js").write_text(FAULTS[rule], encoding="utf-8")
    result = biome("lint", "--error-on-warnings", cwd=tmp_path)
    assert result.returncode == 1
    assert rule in result.stdout


def test_one_version_is_named_everywhere():
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in ("CONTRIBUTING.md", ".github/workflows/tests.yml")]
    assert [re.findall(r"@biomejs/biome@([\d.]+)", text) for text in texts] == [[VERSION], [VERSION]]
