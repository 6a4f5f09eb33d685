"""Where in the image: asks a process of its own, and tells what it found."""

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

_PATIENCE = 120.0  # seconds after which a process that said nothing is asked again


def start(samples: Samples, number: int) -> None:
    """Start the process for a sample, unless it is at it or done."""
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
    """Whether the run has images and the mixture's energy."""
    return samples.run.experiment.backbone != FEATURES


def read_status(samples: Samples, number: int) -> dict[str, Any] | None:
    """What is known of a sample so far: nothing, that it is worked out, why it cannot be, or the maps."""
    into = _folder(samples, number)
    if (into / POSITIONS).exists():
        try:
            return _maps_message(Positions.load(into / POSITIONS))
        except HeatError as error:
            return {"sentence": str(error), "pending": False}
    if (into / FAILED_FILE).exists():
        return {"sentence": (into / FAILED_FILE).read_text(encoding="utf-8", errors="replace"), "pending": False}
    if (into / LOG_FILE).exists() and time.time() - (into / LOG_FILE).stat().st_mtime < _PATIENCE:
        return {"sentence": "The network looks at this image once more…", "pending": True}
    return None


def _maps_message(found: Positions) -> dict[str, Any]:
    height, width = found.energy.shape
    return {
        "height": height,
        "width": width,
        "box": found.box.tolist(),
        "maps": [
            {"title": "unusual (GMM energy)", "values": _centre(found.energy)},
            {"title": f"speaks for {found.class_name}", "values": _centre(found.logit)},
        ],
    }


def _centre(values: Any) -> list[float]:
    """Contributions against their mean, since they are to be compared with one another."""
    return (values - values.mean()).ravel().tolist()


def _folder(samples: Samples, number: int) -> Path:
    key = samples.key(number)
    digest = digest_of_bytes(key.encode(errors="surrogatepass"), length=12)  # names of two files may be cut alike
    return samples.run.folder / "positions" / f"{file_name(key)[:60]}-{digest}"
