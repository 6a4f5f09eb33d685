"""A finished run made of random numbers, in milliseconds: for whatever is asked of runs and not of images."""

from pathlib import Path

import numpy as np

from heat_core import Experiment, Run
from heat_core.composition import Scale
from heat_core.energies.names import prior_title
from heat_core.runs.events import RUN_FILE
from heat_core.runs.feature_map import MAP_FILE
from heat_core.runs.results_file import ENERGIES, FORMAT, RunRecord
from heat_core.runs.row_names import prior_row
from heat_core.runs.set_record import SetRecord
from heat_core.storage import write_json, write_npz

CLASSES = ["cat", "dog", "owl"]


def synthetic_run(
    folder: Path,
    ood: dict[str, int] | None = None,
    known: int = 60,
    priors: tuple[str, ...] = ("gmm", "gmm-std", "el"),
    groups: dict[str, str] | None = None,
    seed: int = 0,
    with_map: bool = True,
    columns: dict[str, dict[str, np.ndarray]] | None = None,
    shifted: dict[str, int] | None = None,
) -> Run:
    """Write a run of `known` ID test samples and `ood` (name → how many); unknown ones score higher on average.
    `columns`: set → what its manifest says; `shifted`: shifted sets, which score a little higher than known ones."""
    rng = np.random.default_rng(seed)
    ood, shifted = {"near": 40, "far": 50} if ood is None else ood, shifted or {}
    sizes = {"id": known} | ood | shifted
    sets = []
    for name, n in sizes.items():
        height = 1.0 if name in ood else 0.4 * (name in shifted)
        prior = rng.normal(2.0 * height, 1, (n, len(priors)))
        of_priors = {prior_row(p): 3 * prior[:, k] for k, p in enumerate(priors)}
        found = SetRecord(
            ids=np.array([f"{name}-{j:06d}" for j in range(n)]),
            labels=None if name in ood else rng.integers(0, len(CLASSES), n),
            predicted=rng.integers(0, len(CLASSES), n),
            confidence=rng.uniform(1 / len(CLASSES), 1, n),
            scores={"msp": rng.normal(height, 1, n), **of_priors},
            prior=prior,
            residual=rng.normal(0.5 * height, 0.3, (n, len(priors))),
            columns=(columns or {}).get(name, {}),
        )
        sets.append(found)
    record = RunRecord(
        sets=sets,
        training_ids=np.array([f"train-{j}" for j in range(20)]),
        class_names=CLASSES,
        titles={"msp": "MSP"} | {prior_row(p): prior_title(p) for p in priors},
        left_out={},
        features={},
        accuracy=0.9,
        scale=Scale(priors, np.zeros(len(priors)), np.ones(len(priors))),
        temperatures=(3.0,) * len(priors),
    )
    experiment = Experiment(id="known", ood={name: name for name in ood}, backbone="features", priors=list(priors))
    experiment.shifted = {name: name for name in shifted}
    experiment.groups = groups or {}
    folder.mkdir(parents=True)
    info = {"format": FORMAT, "experiment": experiment.to_dict(), "status": "done", "created": 0.0}
    write_json(folder / RUN_FILE, info)
    record.save(folder / ENERGIES)
    if with_map:
        dataset = np.concatenate([np.full(n, i) for i, n in enumerate([20, *sizes.values()], start=-1)])
        row = np.concatenate([np.arange(n) for n in (20, *sizes.values())])
        write_npz(folder / MAP_FILE, {"xy": rng.normal(size=(len(row), 2)), "dataset": dataset, "row": row})
    return Run.open(folder)
