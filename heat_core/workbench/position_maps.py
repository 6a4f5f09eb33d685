"""Position maps of a sample, which a separate process computes."""

import time
from pathlib import Path
from typing import Any

from heat_core import HeatError
from heat_core.analysis.new_images import NEW
from heat_core.analysis.samples import Samples
from heat_core.digests import digest_of_bytes
from heat_core.jobs.jobs import start_positions, start_positions_of_file
from heat_core.names import file_name
from heat_core.runs.experiment import FEATURES
from heat_core.runs.lock import FAILED_FILE, LOG_FILE
from heat_core.runs.position_maps import POSITIONS, Positions
from heat_core.storage import writing

_PATIENCE = 120.0  # seconds without progress after which a process may be started again


def start(samples: Samples, number: int) -> None:
    """Start the process for a sample, unless it already runs or has finished.

    Raises:
        HeatError: if the image can no longer be read, or the run's folder cannot be written.
    """
    into = _folder(samples, number)
    if read_status(samples, number) is not None and not (into / FAILED_FILE).exists():
        return
    with writing(into):
        into.mkdir(parents=True, exist_ok=True)
        (into / FAILED_FILE).unlink(missing_ok=True)
        (into / LOG_FILE).unlink(missing_ok=True)
    name, _ = samples.locate(number)
    if name == NEW:
        if (place := samples.location_of(number)) is None:
            raise HeatError(f"{samples.ids[number]} can no longer be read: was it moved or deleted?")
        start_positions_of_file(samples.run, place, into)
    else:
        start_positions(samples.run, name, str(samples.ids[number]), into)


def is_available(samples: Samples) -> bool:
    """Return whether position maps can be computed, which needs the images and the network of the run."""
    return samples.run.experiment.backbone != FEATURES and samples.run.score_title is None


def read_status(samples: Samples, number: int) -> dict[str, Any] | None:
    """Return the state of a sample's position maps as a message to the browser.

    Returns:
        {"sentence": …, "pending": whether a process runs} where it runs or failed; the maps where it has finished; None
        where none was started, or where it has reported nothing for _PATIENCE seconds.
    """
    into = _folder(samples, number)
    if (into / POSITIONS).exists():
        try:
            return _maps_message(Positions.load(into / POSITIONS))
        except HeatError as error:
            return {"sentence": str(error), "pending": False}
    if (into / FAILED_FILE).exists():
        return {"sentence": (into / FAILED_FILE).read_text(encoding="utf-8", errors="replace"), "pending": False}
    if (into / LOG_FILE).exists() and time.time() - (into / LOG_FILE).stat().st_mtime < _PATIENCE:
        return {"sentence": "The network processes this image again…", "pending": True}
    return None


def _maps_message(found: Positions) -> dict[str, Any]:
    height, width = found.energy.shape
    return {
        "height": height,
        "width": width,
        "box": found.box.tolist(),
        "maps": [
            {"title": "unusual (GMM energy)", "values": _centre(found.energy)},
            {"title": f"supports {found.class_name} (logit)", "values": _centre(found.logit)},
        ],
    }


def _centre(values: Any) -> list[float]:
    """Subtract the mean of the contributions, since only their differences are shown."""
    return (values - values.mean()).ravel().tolist()


def _folder(samples: Samples, number: int) -> Path:
    key = samples.key(number)
    # The digest distinguishes keys that are equal after the cut.
    digest = digest_of_bytes(key.encode(errors="surrogatepass"), length=12)
    return samples.run.folder / "positions" / f"{file_name(key)[:60]}-{digest}"
