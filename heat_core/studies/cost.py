"""The study `cost`: milliseconds an image of network, priors, residuals, HEAT and an ensemble of five (Tab. 12)."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from heat_core.analysis.comparison import Cell, Comparison, Source
from heat_core.energies.names import PRIOR_TITLES
from heat_core.runs.experiment import FEATURES, ID, TRAIN, Experiment
from heat_core.runs.record import residual_path
from heat_core.runs.run import Run
from heat_core.studies.paper import beside
from heat_core.studies.results import Result
from heat_core.studies.study import Finished, Setting, Study, main

_MEMBERS = 5  # of an ensemble, as in Tab. 12
_AT_ONCE = 256  # samples a call
_REPEATS = 7


def measure(run: Run, folder: Path) -> dict[str, Any]:  # noqa: ARG001
    """Milliseconds an image: name → median over repeats of the same batch, on the device that runs use here."""
    from heat_core.energies.heat import restore
    from heat_core.features.batches import auto_device

    device = auto_device()
    known, e = run.features(TRAIN), run.experiment
    batch = run.features(ID)
    rows = np.arange(min(_AT_ONCE, len(batch)))
    batch = batch.subset(rows)
    found: dict[str, float] = {}
    kind = e.covariance, e.mixture_weights, e.id_set
    parts = [restore(p, known, run.head, *kind, residual_path(run.folder, p)) for p in run.priors]
    if e.backbone != FEATURES:
        found["network"] = _network_ms(run, rows, device)
    for part in parts:
        found[part.name] = _ms(partial(part.prior_energy, batch), len(rows))
    found["residual"] = median(_ms(partial(part.residual_energy, batch), len(rows)) for part in parts)
    network = found.get("network", 0.0)
    found["heat"] = network + sum(found[p] for p in run.priors) + found["residual"] * len(parts)
    found["ensemble"] = _MEMBERS * network
    return {"ms": found, "device": _name_of(device), "batch": len(rows)}


def _network_ms(run: Run, rows: np.ndarray, device: Any) -> float:
    """The network's forward pass alone, on images that are decoded already."""
    import torch

    from heat_core.backbones.registry import load_backbone

    e = run.experiment
    network = load_backbone(e.backbone, e.weights, e.image_size)
    images = [network.transform(run.image(ID, str(sample))) for sample in run.ids(ID)[rows]]
    pixels = torch.stack(images).to(device)
    on_device = network.to(device)

    def forward() -> None:
        with torch.inference_mode():
            for block in pixels.split(64):
                on_device(block)
            if device.type == "cuda":
                torch.cuda.synchronize()

    return _ms(forward, len(rows))


def _ms(work: Callable[[], object], samples: int) -> float:
    """Median milliseconds a sample, after one call that does not count."""
    work()
    seconds = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return 1000 * median(seconds) / samples


def _name_of(device: Any) -> str:
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} threads"


def _vary(base: Experiment, values: Sequence[float]) -> list[Setting]:  # noqa: ARG001
    return [main(base)]


def _cost(finished: Finished) -> list[Result]:
    runs, measured = finished.of("base"), finished.measured.get("ms")
    if not runs or not measured:
        return []
    titles = {"network": runs[0].experiment.backbone, "residual": "a residual", "heat": "HEAT"}
    titles |= PRIOR_TITLES | {"ensemble": f"ensemble of {_MEMBERS} networks"}
    order = [name for name in ("network", *runs[0].priors, "residual", "ensemble", "heat") if name in measured]
    nan = float("nan")
    ours = Comparison(
        "ms",
        [titles[name] for name in order],
        [("", "ms an image")],
        [[Cell(measured[name], nan, nan, 0, False, decimals=3)] for name in order],
        [Source(runs[0].id, name) for name in order],
        [()],
    )
    where = f"Measured on {finished.measured['device']}, {finished.measured['batch']} images at a time; the network on "
    where += "decoded images. HEAT is the network once, each prior and each residual; the ensemble is its networks."
    share = measured.get("network", 0.0) / measured["heat"] if measured["heat"] else 0.0
    answers = [where, f"The network takes {share:.0%} of HEAT's time."] if share else [where]
    table = beside(ours, runs[0].experiment.id_set, "cost", "cost")
    return [Result("What it costs (Tab. 12)", [table], answers=answers)]


COST = Study("What each part costs", "Tab. 12", _vary, _cost, measure=measure)
