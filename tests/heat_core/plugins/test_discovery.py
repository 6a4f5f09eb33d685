"""How plugins are found: entry points and HEAT_PLUGINS, and what is said of those that cannot be used."""

import numpy as np
import pytest

from heat_core import HEAT, Guard, HeatError, detectors, run
from heat_core.cli.parser import build_parser
from heat_core.energies.names import all_priors
from heat_core.plugins import problems
from tests.heat_core.detectors.test_register import experiment
from tests.heat_core.plugins.conftest import write_distribution

DETECTOR = """
from heat_core.detectors import Detector, register

@register("{name}")
class Zero(Detector):
    title, source, evidence = "Zero", "this test", "features"

    def score_features(self, features):
        return features.avg[:, 0] * 0
"""


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """A function that writes a module which registers a detector; the modules can be imported."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(module: str, name: str) -> None:
        (tmp_path / f"{module}.py").write_text(DETECTOR.format(name=name))

    return write


def test_a_module_of_the_variable_is_imported_once(modules, monkeypatch, tmp_path):
    modules("zero_of_variable", "zero")
    monkeypatch.setenv("HEAT_PLUGINS", " zero_of_variable ,")
    assert "zero" in detectors.names()
    assert detectors.registry.origin("zero") == "the module zero_of_variable"
    done = run(experiment(tmp_path, ["zero"]))
    assert done.record.plugins == {"zero": "the module zero_of_variable"}
    assert not problems


def test_the_help_of_a_run_names_what_plugins_offer(plugin, capsys):
    with pytest.raises(SystemExit):
        build_parser().parse_args(["run", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "scale, resflow, diagonal (default" in shown
    assert "fdbd, feature-norm, gen" in shown


def test_an_entry_point_that_registers_another_name_is_named(modules, tmp_path, caplog):
    modules("zero_of_another", "zero")
    write_distribution(tmp_path, "another", "3", "[heat_core.detectors]\nnil = zero_of_another\n")
    assert "nil" not in detectors.in_table_order()
    assert caplog.messages == ["The plugin another 3 offers a detector 'nil', and registers none of that name."]
    with pytest.raises(HeatError, match="The plugin another 3 offers a detector 'nil'"):
        detectors.load("nil")


def test_a_name_that_is_taken_is_not_offered(modules, tmp_path, caplog):
    modules("zero_taken", "msp")
    offers = "msp = zero_taken\ngmm-std = zero_taken\nHEAT = zero_taken\n"
    write_distribution(tmp_path, "taking", "1", f"[heat_core.detectors]\n{offers}")
    assert not {"gmm-std", "HEAT"} & set(detectors.names())
    assert detectors.load("msp").title == "MSP"
    assert caplog.messages == [
        "The plugin taking 1 cannot be used: There is already a detector 'msp': choose another name.",
        "The plugin taking 1 cannot be used: 'gmm-std' is the name of a prior: choose another name.",
        "The plugin taking 1 cannot be used: 'HEAT' is no name for a detector: write lower-case letters, digits and "
        "hyphens.",
    ]


def test_one_name_of_two_plugins_is_not_guessed(modules, tmp_path, caplog):
    for module in ("zero_a", "zero_b"):
        modules(module, "zero")
        write_distribution(tmp_path, module, "1", f"[heat_core.detectors]\nzero = {module}\n")
    with pytest.raises(HeatError, match="offer the same name 'zero': uninstall one of them"):
        detectors.load("zero")
    assert len(caplog.messages) == 1


def test_a_broken_plugin_is_left_out_of_each_run_of_a_process(tmp_path, monkeypatch, caplog):
    monkeypatch.syspath_prepend(str(tmp_path))
    write_distribution(tmp_path, "broken", "1", "[heat_core.detectors]\nbroken = not_there\n")
    for _ in range(2):
        done = run(experiment(tmp_path, ["broken", "msp"]))
        assert done.left_out["broken"].startswith("broken is left out: The plugin broken 1 cannot be imported")
        assert "msp" in done.detectors
    assert len(caplog.messages) == 1


def test_an_unknown_name_tells_which_modules_failed(monkeypatch):
    monkeypatch.setenv("HEAT_PLUGINS", "not_there")
    with pytest.raises(HeatError, match=r"no detector 'zero': .* The module not_there of HEAT_PLUGINS cannot be imp"):
        detectors.resolve(["zero"])
    assert "diagonal" not in all_priors()


def test_the_estimator_takes_the_prior_of_a_plugin(plugin, tmp_path):
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=120)
    z = rng.normal(size=(3, 8))[y] + 0.3 * rng.normal(size=(120, 8))
    heat = HEAT(priors=["diagonal"], settings={"epochs": 1, "updates": 5}).fit(z, y).calibrate(z)
    heat.save(tmp_path / "guard.safetensors")
    scores = Guard.load(tmp_path / "guard.safetensors").of_features(z).score
    np.testing.assert_allclose(scores, heat.ood_score(z), rtol=1e-3, atol=1e-3)
