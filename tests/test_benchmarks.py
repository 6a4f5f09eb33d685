"""The benchmark runs, and ends with its line of JSON. What it measures is asserted nowhere: machines differ."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).parent / "benchmarks" / "run.py"


def run(*options: str, script: Path = RUN) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(script), *options], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_it_measures_both_sides_and_ends_with_json():
    done = run("maxlogit", "train_step_el", "--quick", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert list(found) == ["maxlogit", "train_step_el"]
    for row in found.values():
        assert row["ratio"] == pytest.approx(row["theirs_s"] / row["ours_s"])
        assert 0 < row["ours_s"] < 60
        assert {"ours_mb", "theirs_mb", "share_of_peak"} <= set(row)
    assert "GFLOP/s" in done.stdout


def test_an_unknown_name_is_refused_with_those_that_there_are():
    done = run("teleport")
    assert done.returncode != 0
    assert "no benchmark 'teleport'" in done.stderr
    assert "mahalanobis_imagenet" in done.stderr


def test_a_manifest_is_opened_in_every_form():
    done = run("--rows", "1500", "--json", script=RUN.with_name("manifest.py"))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert [row["rows"] for row in found.values()] == [1500, 1, 1500, 1500]
    assert {"seconds", "cpu_s", "peak_mb"} <= set(found["CSV"])


@pytest.mark.slow
def test_the_comparison_of_devices_finds_the_cpu_equal_to_itself():
    done = run("--device", "cpu", "--quick", "--json", script=RUN.with_name("gpu.py"))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found) == 10
    assert {row["difference"] for row in found.values()} == {0.0}
