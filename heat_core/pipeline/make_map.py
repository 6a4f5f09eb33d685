"""Map for a run that was made without one, from the features that it stored on this machine; torch is not needed."""

from collections.abc import Callable
from importlib.util import find_spec

import numpy as np

from heat_core.errors import HeatError
from heat_core.features.features import Features
from heat_core.pipeline.provenance import require_same_avg
from heat_core.pipeline.umap_process import Projector
from heat_core.runs.events import Event, record_side_job
from heat_core.runs.experiment import TRAIN
from heat_core.runs.feature_map import write_points
from heat_core.runs.run import Run


def require_mappable(run: Run) -> None:
    """Refuse a run that has a map or cannot get one.

    Raises:
        HeatError: where umap-learn, the run's numbers or its features are missing, or the run has a map.
    """
    if run.has_map:
        raise HeatError(f"Run {run.id} has a map: there is nothing to do.")
    if not run.has_energies:
        raise HeatError(f"Run {run.id} has nothing to map yet: wait for it, or resume it.")
    if find_spec("umap") is None:
        raise HeatError("A map needs umap-learn, which is not installed here: `pip install umap-learn`, and try again.")
    for name in (TRAIN, *run.datasets):
        run.features_folder(name)


def make_map(run: Run, on_event: Callable[[Event], None] = lambda _: None) -> None:
    """Fit the map that the run itself would have made, and write it; the run's status stays unchanged.

    Raises:
        HeatError: as `require_mappable`; where another process works on the run; where the features are no longer those
            that the run was made from.
    """
    seed = run.experiment.seed
    with record_side_job(run.folder, on_event, "map") as progress:
        require_mappable(run)
        with Projector() as projector:
            progress("map", "Reading the features.")
            sets = {name: features_in_order(run, name) for name in (TRAIN, *run.datasets)}
            require_same_avg(run.folder, sets)
            points = run.folder / projector.input
            try:
                write_points(points, sets[TRAIN], [sets[name] for name in run.datasets], seed)
                progress("map", "Fitting the UMAP map.")
                projector.fit(run.folder, seed)
                projector.wait()
            finally:
                points.unlink(missing_ok=True)  # the child removes it only on success
        progress("map", "The map is made.")


def features_in_order(run: Run, name: str) -> Features:
    """Load the features of a set's samples in the run's order; their folder may hold more samples than the run used."""
    features, ids = run.features(name), (run.training_ids if name == TRAIN else run.ids(name)).tolist()
    if features.ids == ids:
        return features
    row = {sample: i for i, sample in enumerate(features.ids)}
    if missing := [sample for sample in ids if sample not in row]:
        raise HeatError(f"The features of {missing[0]} are no longer on this machine: run the experiment here again.")
    return features.subset(np.array([row[sample] for sample in ids]))
