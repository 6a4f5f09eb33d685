"""The tutorials run from top to bottom, and what their text says of the numbers holds."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).resolve().parents[1] / "notebooks").glob("*.ipynb"))
#: A first cell: the tutorials over the demo take a part of its images, and train for seconds.
SMALL = """
from dataclasses import replace

from heat_core.runs import experiment as experiments

whole_demo = experiments.demo_experiment()
experiments.demo_experiment = lambda: replace(
    whole_demo,
    limit=60,
    limit_test=40,
    limit_ood=100,
    settings=whole_demo.settings | {"updates": 30, "epochs": 5},
)
"""
#: Of a tutorial, what it says in words about its own variables: run as a last cell.
CLAIMS = {
    "02-inspect-what-is-missed": """
at_infinity = question_mask(samples, Query("missed"), Lens(np.inf)) & (samples.dataset == sets.argmax())
assert view.visible.tolist() and set(view.visible) == {samples.key(int(i)) for i in np.flatnonzero(at_infinity)}
""",
    "03-heat-in-two-dimensions": """
def area(energy, of="box"):
    return auroc(energy(known), energy(ood[of]))

def likeness(energy):
    return spearmanr(energy(ood["box"]), true_energy(ood["box"])).statistic

# The residual corrects the prior, and neither beats the truth.
assert area(gmm.energy, "centre") < 0.5 < 0.95 < area(hybrid, "centre")
assert area(gmm.energy) + 0.1 < area(hybrid) < area(true_energy)
assert likeness(gmm.energy) + 0.1 < likeness(hybrid)

# The paths are the sampler's, and after training they lead to the data.
generator = torch.Generator().manual_seed(0)
starts, gradient = gmm.sample(400, generator), hybrid_gradient(gmm, residual, 1.0)
ends = langevin(starts, gradient, settings, generator=generator).numpy()
assert np.allclose(ends, walks["trained"][1][-1], atol=1e-4)
inside = {name: share_inside(path[-1]) for name, (_, path) in walks.items()}
assert inside["initialisation"] + 0.2 < min(inside["trained"], inside["trained, 10 × the steps"])

# λ: too small is worse than the prior, too large is the prior.
assert area(corrected(gmm, by_lambda[0.0])) < area(gmm.energy)
assert abs(area(corrected(gmm, by_lambda[20.0])) - area(gmm.energy)) < 0.01

# β: of the priors −∞ loses the far and +∞ sees centre and far; of the corrected ones it hardly matters.
assert area(composed(alone, -np.inf), "far") < 0.5
assert min(area(composed(alone, np.inf), of) for of in ("centre", "far")) > 0.8
assert np.ptp([area(composed(hybrids, beta)) for beta in BETAS]) < 0.05

# When training ends: the spread falls after its largest value, the slope stays, and points outside are told better.
top = int(np.argmax(watched["held-out points"]))
assert 0 < top < len(watched["updates"]) - 3
assert watched["training points"][-1] < watched["held-out points"][-1] < 0.8 * watched["held-out points"][top]
assert watched["slope"][-1] > 0.6 * watched["slope"][top]
assert watched["area"][-1] > watched["area"][top] + 0.01
""",
    "04-your-own-images": """
shares = found["set"].counts(missed) / np.bincount(samples.dataset)
assert samples.datasets[shares.argmax()] == "octagon"
assert result.metrics()["heat"]["photo"]["auroc"] > 0.99
assert 0 < called < len(new.scored)
assert (made.parent / "report.html").exists() and (made.parent / "missed.zip").exists()
""",
}


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_runs_and_ships_without_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "clear the outputs before committing"
    notebook.cells.insert(0, nbformat.v4.new_code_cell(SMALL))
    notebook.cells.append(nbformat.v4.new_code_cell(CLAIMS.get(path.stem, "")))
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(path.parent)}}).execute()
    assert any("AUROC" in str(cell.get("outputs", "")) for cell in notebook.cells)
