"""Study `cost`: milliseconds per image of network, priors, residuals, HEAT and an ensemble of five (Tab. 12)."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import Any

import numpy as np

from heat_core.analysis.comparison import Cell, Comparison
from heat_core.analysis.comparison_rows import ScoreSource
from heat_core.progress import no_progress
from heat_core.runs.experiment import FEATURES, ID, TRAIN, Experiment
from heat_core.runs.results_file import residual_path
from heat_core.runs.run import Run
from heat_core.studies.paper import add_paper_columns
from heat_core.studies.results import Result
from heat_core.studies.study import FinishedRuns, Study, StudySetting, main_setting

_MEMBERS = 5  # networks of the ensemble, as in Tab. 12
_BATCH = 256  # samples per call
_REPEATS = 7


def measure_cost(run: Run, report: Callable[[str], None] = no_progress) -> dict[str, Any]:
    """Measure the milliseconds per image of each part of HEAT, on the device that runs use on this machine.

    Returns:
        "ms": part → median milliseconds per image over repeats of the same batch, without "network" and "ensemble"
        where the run has only features; "device": its name; "batch": images per call.
    """
    report("Measuring the time per image.")
    from heat_core.energies.corrected_prior import restore_prior
    from heat_core.features.batches import auto_device

    device = auto_device()
    known, e = run.features(TRAIN), run.experiment
    batch = run.features(ID)
    rows = np.arange(min(_BATCH, len(batch)))
    batch = batch.subset(rows)
    milliseconds: dict[str, float] = {}
    kind = e.covariance, e.mixture_weights, e.id_set
    parts = [restore_prior(p, known, run.head, *kind, residual_path(run.folder, p)) for p in run.priors]
    if e.backbone != FEATURES:
        milliseconds["network"] = _network_ms(run, rows, device)
    for part in parts:
        milliseconds[part.name] = _time_per_sample(partial(part.prior_energy, batch), len(rows))
    milliseconds["residual"] = median(
        _time_per_sample(partial(part.residual_energy, batch), len(rows)) for part in parts
    )
    network = milliseconds.get("network", 0.0)
    milliseconds["heat"] = network + sum(milliseconds[p] for p in run.priors) + milliseconds["residual"] * len(parts)
    if "network" in milliseconds:
        milliseconds["ensemble"] = _MEMBERS * network
    return {"ms": milliseconds, "device": _device_name(device), "batch": len(rows)}


def _network_ms(run: Run, rows: np.ndarray, device: Any) -> float:
    """Measure the milliseconds per image of the network's forward pass, without decoding the images."""
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

    return _time_per_sample(forward, len(rows))


def _time_per_sample(function: Callable[[], object], samples: int) -> float:
    """Measure the median milliseconds per sample, after one call that is not timed."""
    function()
    seconds = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return 1000 * median(seconds) / samples


def _device_name(device: Any) -> str:
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} threads"


def _vary(base: Experiment, values: Sequence[float]) -> list[StudySetting]:  # noqa: ARG001
    return [main_setting(base)]


def _show(finished: FinishedRuns) -> list[Result]:
    runs, measured = finished.runs_of("base"), finished.measurements.get("ms")
    if not runs or not measured:
        return []
    titles = {"network": runs[0].experiment.backbone, "residual": "a residual", "heat": "HEAT"}
    titles |= {p: runs[0].prior_title(p) for p in runs[0].priors}
    titles |= {"ensemble": f"ensemble of {_MEMBERS} networks"}
    parts = ("network", *runs[0].priors, "residual", *(["ensemble"] if "network" in measured else []), "heat")
    order = [name for name in parts if name in measured]
    nan = float("nan")
    ours = Comparison(
        "ms",
        [titles[name] for name in order],
        [("", "ms an image")],
        [[Cell(measured[name], nan, nan, 0, False, decimals=3)] for name in order],
        [ScoreSource(runs[0].id, name) for name in order],
        [()],
    )
    device, batch = finished.measurements["device"], finished.measurements["batch"]
    sentence = f"Measured on {device}, {batch} images per call, without the time to decode images. "
    sentence += (
        "HEAT: the network once, each prior and each residual; ensemble: all of its networks."
        if "network" in measured
        else "HEAT: each prior and each residual, without the network, since the features were given."
    )
    share = measured.get("network", 0.0) / measured["heat"] if measured["heat"] else 0.0
    answers = [sentence, f"The network takes {share:.0%} of HEAT's time."] if share else [sentence]
    table = add_paper_columns(ours, runs[0].experiment.id_set, "cost", "cost")
    return [Result("Time per image (Tab. 12)", [table], answers=answers)]


COST = Study("Time per image of each part", "Tab. 12", _vary, _show, measure=measure_cost)
