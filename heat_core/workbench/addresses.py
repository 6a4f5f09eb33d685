"""Addresses of pictures and downloads, below a prefix that the server or the notebook of the workbench chooses."""

from urllib.parse import urlencode

from heat_core.analysis.new_images import NewImages
from heat_core.analysis.samples import Samples
from heat_core.findings.training_images import TRAINING, TrainingImages
from heat_core.runs.results_file import ENERGIES


def pictures_url(prefix: str, samples: Samples, dataset: str) -> str:
    """Return the address of the pictures of a set, to which `row` and `side` are appended.

    Args:
        prefix: path of the routes.
        samples: samples of a run.
        dataset: name of one of their sets, or of the training set.
    """
    run = samples.run
    version = (run.folder / ENERGIES).stat().st_mtime_ns if run.has_energies else 0
    query = {"run": run.id, "v": version} | samples.picture_query(dataset)
    return f"{prefix}/picture?{urlencode(query, errors='surrogateescape')}"


def download_target(prefix: str, samples: Samples) -> dict[str, str]:
    """Return the address of the downloads: {"path": path of the route, "of": further query parameters}.

    The browser sends the page's own query, which names run and subset, followed by `of`.

    Args:
        prefix: path of the routes.
        samples: samples of a run.
    """
    query = {"of": "known"}
    if isinstance(samples, TrainingImages):
        query = {"of": TRAINING}
    elif isinstance(samples, NewImages):
        query = {"of": "new", "batch": samples.batch}
    return {"path": f"{prefix}/take", "of": urlencode(query, errors="surrogateescape")}
