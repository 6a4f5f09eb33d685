"""Folders of images made of a subset of samples, which a new run can use as a set."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from heat_core.analysis.samples import Samples
from heat_core.data.containers.members import is_stored_file, open_file
from heat_core.errors import HeatError
from heat_core.names import file_name
from heat_core.storage import heat_home, is_file, writing


def write_image_folder(samples: Samples, numbers: np.ndarray, name: str) -> Path:
    """Put the images of samples into a new folder in HEAT_HOME/sets.

    Images that are whole files are linked, and copied out of archives; crops, and images that are no files, are written
    as PNG.

    Raises:
        HeatError: where a picture is gone.
    """
    with _create_whole(_unused_folder(samples, name)) as folder:
        _fill(folder, samples, numbers)
    return folder


@contextmanager
def _create_whole(folder: Path) -> Iterator[Path]:
    """Create a folder, and remove it if filling it fails."""
    with writing(folder):
        folder.mkdir(parents=True)
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _fill(folder: Path, samples: Samples, numbers: np.ndarray) -> None:
    with writing(folder):
        for number in map(int, numbers):
            _link_or_save(samples.path_of(number) or samples.image(number), folder, len(samples) + number)


def _link_or_save(image: Path | Image.Image, folder: Path, number: int) -> None:
    """Link to a file, or write what is in an archive or a picture, under a name that is unique in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(image, Image.Image):
        image.save(folder / f"{number:07d}.png")
        return
    target = folder / f"{number:07d}-{file_name(image.stem)}{image.suffix}"
    if not is_file(image) and is_stored_file(image):
        with open_file(image) as file:
            target.write_bytes(file.read())
        return
    try:
        os.symlink(_link_text(image.resolve(), folder.resolve()), target)
    except OSError:  # Windows does not let every user make symbolic links
        shutil.copy2(image, target)


def _link_text(image: Path, folder: Path) -> str | Path:
    """Return the text of a link: relative between two places in HEAT_HOME, which may be moved, otherwise absolute."""
    home = heat_home().resolve()
    return os.path.relpath(image, folder) if image.is_relative_to(home) and folder.is_relative_to(home) else image


def _unused_folder(samples: Samples, name: str) -> Path:
    """Return the path of a folder that does not exist yet."""
    base = heat_home() / "sets" / file_name(f"{name} of {samples.run.id}")
    for n in range(1, 10_000):
        folder = base if n == 1 else base.with_name(f"{base.name}-{n}")
        if not folder.exists():
            return folder
    raise HeatError(f"There are too many folders like {base}: delete some.")
