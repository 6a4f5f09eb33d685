"""Contributions of each position of the feature volume to an energy and to a logit."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from heat_core.backbones.registry import Backbone, load_backbone
from heat_core.data.image_location import ImageLocation
from heat_core.energies.corrected_prior import CorrectedPrior, refit_prior
from heat_core.errors import HeatError
from heat_core.features.batches import auto_device
from heat_core.features.preparation import prepare
from heat_core.names import printable
from heat_core.pipeline.scoring import lock_output_folder
from heat_core.progress import no_progress
from heat_core.runs.events import Progress
from heat_core.runs.experiment import FEATURES, TRAIN
from heat_core.runs.position_maps import POSITIONS, Positions
from heat_core.runs.run import Run
from heat_core.types import Head

_PRIOR = "gmm"
_CLOSE = 1e-3  # largest distance of the mean of the positions from `avg`, as a share of its norm


def positions_of(run: Run, what: str, report: Progress = no_progress) -> Positions:
    """Compute the contributions of an image's positions.

    Args:
        run: run with energies; residuals are not needed.
        what: `SET/ID`, a sample of a scored set or of `train`; or the path of a file, or of a box of it
            (`FILE#xywh=10,20,30,40`).
        report: receives a stage and a sentence at every step.

    Raises:
        HeatError: where the run was made from features, the picture or the training features are missing, or the
            network does not pool its volume by a mean over positions.
    """
    e = run.experiment
    if e.backbone == FEATURES:
        raise HeatError("This run was made from features: it has no images whose positions could be compared.")
    picture, head = open_picture(run, what), run.head
    report("features", f"Loading {printable(e.backbone)}.")
    backbone = load_backbone(e.backbone, e.weights, e.image_size)
    values, grid = pooled_values(backbone, picture)
    report("priors", "Fitting the prior on the run's training features.")
    part = refit_prior(_PRIOR, run.features(TRAIN), head, e.covariance, e.mixture_weights, e.id_set)
    return position_contributions(values, grid, part, head, run.class_names, visible_box(backbone, picture))


def positions_into(run: Run, what: str, folder: Path, report: Progress = no_progress) -> Positions:
    """Compute the contributions of an image's positions and write them to a folder, as `scoring.score_into`."""
    with lock_output_folder(folder):
        maps = positions_of(run, what, report)
        maps.save(folder / POSITIONS)
    return maps


def open_picture(run: Run, what: str) -> Image.Image:
    """Open the picture of `SET/ID` or of a file.

    Raises:
        HeatError: where there is no such sample or file, or it cannot be read.
    """
    for name in (TRAIN, *run.datasets):
        sample = what.removeprefix(f"{name}/")
        if sample != what and sample in (run.training_ids if name == TRAIN else run.ids(name)):
            return run.image(name, sample)
    place = ImageLocation.parse(what)
    if place is None:
        raise HeatError(f"{printable(what)} is no sample of this run (SET/ID), and no file.")
    try:
        return place.read()
    except OSError as error:
        raise HeatError(f"{printable(what)} cannot be read as an image.") from error


def pooled_values(backbone: Backbone, picture: Image.Image) -> tuple[torch.Tensor, tuple[int, int]]:
    """Return the (P, D) float64 vectors whose mean is `avg`, and the grid (h, w) of the P positions.

    Raises:
        HeatError: where there are fewer than two positions, or their mean is not `avg`.
    """
    backbone = backbone.to(auto_device())
    with torch.inference_mode():
        activations = backbone.extractor.forward(prepare(backbone.transform, picture)[None].to(auto_device()))
        avg, values = activations.avg[0].double().cpu(), backbone.positions(activations.volume)[0].double().cpu()
    if activations.volume is None or len(values) < 2:
        raise HeatError(f"{backbone.name} leaves one position of such an image: choose a larger image size.")
    mean = values.mean(dim=0)
    if mean.shape != avg.shape or (mean - avg).norm() > _CLOSE * avg.norm():
        raise HeatError(
            f"The pooling of {backbone.name} cannot be taken apart, since it is no mean over positions (a class token "
            "is read, or a layer follows): choose a backbone such as a ResNet."
        )
    return values, backbone.grid(activations.volume)


def position_contributions(
    values: torch.Tensor,
    grid: tuple[int, int],
    part: CorrectedPrior,
    head: Head,
    class_names: list[str],
    box: np.ndarray,
) -> Positions:
    """Compute f(z) - f((P z - v_p) / (P - 1)) of every position, for the energy and the predicted class's logit."""
    mean = values.mean(dim=0, keepdim=True)
    points = torch.cat([mean, (len(values) * mean - values) / (len(values) - 1)])
    logits = points.numpy() @ head[0].T + head[1]
    predicted = int(logits[0].argmax())
    # `view.array` rounds to float32, as features are stored; differences of close points need float64.
    energies = part.prior.energy(part.view.project(points, False).numpy())
    by_energy, by_logit = (f[0] - f[1:] for f in (energies, logits[:, predicted]))
    return Positions(
        energy=by_energy.reshape(grid),
        logit=by_logit.reshape(grid),
        class_name=class_names[predicted],
        energy_of_image=float(energies[0]),
        logit_of_image=float(logits[0, predicted]),
        box=box,
    )


def visible_box(backbone: Backbone, picture: Image.Image) -> np.ndarray:
    """Return (4,) left, top, right, bottom of what the transform keeps, as shares of the picture, to half a percent.

    It is measured on two grey pictures, one of which rises linearly from left to right, the other from top to bottom.
    """
    right, down = (np.rint(255 * (np.arange(n) + 0.5) / n).astype(np.uint8) for n in picture.size)
    across, along = np.meshgrid(right, down)
    pictures = [Image.new("L", picture.size), Image.fromarray(across), Image.fromarray(along)]
    dark, *bright = (prepare(backbone.transform, image.convert("RGB")).numpy() for image in pictures)
    in_x, in_y = ((pixels - dark)[0] * backbone.pixel_std[0, 0].numpy() for pixels in bright)
    (left, end), (top, bottom) = _line_ends(in_x.mean(axis=0)), _line_ends(in_y.mean(axis=1))
    return np.clip([left, top, end, bottom], 0.0, 1.0)


def _line_ends(shares: np.ndarray) -> tuple[float, float]:
    """Return the values at both ends of a line fitted to the middle of the (n,) shares; resizing bends the ends."""
    middles = (np.arange(len(shares)) + 0.5) / len(shares)
    inner = slice(len(shares) // 8, len(shares) - len(shares) // 8)
    slope, start = np.polyfit(middles[inner], shares[inner], 1)
    return float(start), float(start + slope)
