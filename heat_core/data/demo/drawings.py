"""Drawings of digits on four kinds of paper for the embedded demo, determined by a digit and a random generator."""

import colorsys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

SIDE = 32  # pixels
_GRAIN = 0.012  # noise of the camera, as a share of white


@dataclass(frozen=True)
class Paper:
    """Kind of paper, with the ink and the pen that write on it.

    Attributes:
        name: name of the paper.
        ground: draws the empty paper, (32, 32, 3) in [0, 1].
        ink: draws the colour of the ink, (3,) in [0, 1].
        threshold: range of the digit's grey value in [0, 1] above which there is ink; a lower one gives bolder strokes.
        softness: width of the stroke's edge, in grey values.
        outline: whether only the edge of the stroke is drawn.
        wear: draws the opacity of the stroke, a number or (32, 32), in [0, 1].
    """

    name: str
    ground: Callable[[np.random.Generator], np.ndarray]
    ink: Callable[[np.random.Generator], np.ndarray]
    threshold: tuple[float, float]
    softness: float = 0.12
    outline: bool = False
    wear: Callable[[np.random.Generator], np.ndarray | float] = lambda _: 1.0


@dataclass(frozen=True)
class Drawing:
    """Drawing of a digit.

    Attributes:
        pixels: (32, 32, 3) uint8.
        traits: (11,) size, centre x and y (pixels), angle (degrees) and threshold of the stroke, mean colour of the
            paper and colour of the ink.
    """

    pixels: np.ndarray
    traits: np.ndarray


def draw(digit: np.ndarray, paper: Paper, rng: np.random.Generator) -> Drawing:
    """Draw a digit on paper, with random position, size (22 to 32 pixels) and angle (±20°).

    Args:
        digit: (8, 8) grey values in [0, 1].
        paper: kind of paper.
        rng: source of the random numbers.
    """
    ground = paper.ground(rng)
    size = int(rng.integers(22, SIDE + 1))
    left, top = (int(rng.integers(0, SIDE - size + 1)) for _ in "xy")
    angle, threshold = rng.uniform(-20, 20), rng.uniform(*paper.threshold)
    stroke = _stroke(digit, size, left, top, angle, threshold, paper) * paper.wear(rng)
    ink = paper.ink(rng)
    image = ground + (ink - ground) * stroke[..., None]
    traits = np.array([size, left + size / 2, top + size / 2, angle, threshold, *ground.mean(axis=(0, 1)), *ink])
    return Drawing(_to_bytes(image + rng.normal(0, _GRAIN, image.shape)), traits)


def add_patch(drawing: Drawing, paper: Paper, rng: np.random.Generator) -> np.ndarray:
    """Return the pixels of a drawing with a rectangle of another paper over a part of them, (32, 32, 3) uint8."""
    pixels, sheet = drawing.pixels.copy(), _to_bytes(paper.ground(rng))
    width, height = rng.integers(11, 20, 2)
    left, top = rng.integers(0, SIDE - width + 1), rng.integers(0, SIDE - height + 1)
    pixels[top : top + height, left : left + width] = sheet[top : top + height, left : left + width]
    return pixels


def _stroke(
    digit: np.ndarray, size: int, left: int, top: int, angle: float, threshold: float, paper: Paper
) -> np.ndarray:
    """Compute the share of each pixel that the stroke covers, (32, 32) in [0, 1]."""
    sheet = Image.new("L", (SIDE, SIDE))
    digit = (digit * 255).astype(np.uint8)
    sheet.paste(Image.fromarray(digit).resize((size, size), Image.Resampling.BICUBIC), (left, top))
    grey = np.asarray(sheet.rotate(angle, Image.Resampling.BICUBIC)) / 255

    def above(threshold: float) -> np.ndarray:
        return np.clip((grey - threshold) / paper.softness / 2 + 0.5, 0, 1)

    inside = above(threshold + 0.38) if paper.outline else 0.0
    return np.clip(above(threshold) - inside, 0, 1)


def _to_bytes(image: np.ndarray) -> np.ndarray:
    return np.asarray((np.clip(image, 0, 1) * 255).round(), dtype=np.uint8)


def _clouds(rng: np.random.Generator, cells: int, strength: float) -> np.ndarray:
    """Draw smooth noise with `cells` cells on a side, (32, 32) in ±strength."""
    coarse = Image.fromarray((rng.random((cells, cells)) * 255).astype(np.uint8))
    return (np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC)) / 255 - 0.5) * 2 * strength


def _lines(rng: np.random.Generator, apart: int) -> np.ndarray:
    """Draw the grid of squared paper, (32, 32, 1) of zeros and ones, with lines every `apart` pixels."""
    lines = np.zeros((SIDE, SIDE, 1))
    lines[rng.integers(0, apart) :: apart] = 1
    lines[:, rng.integers(0, apart) :: apart] = 1
    return lines


def _squared(rng: np.random.Generator) -> np.ndarray:
    white = np.array([0.96, 0.95, 0.90]) * rng.uniform(0.93, 1)
    return white + 0.35 * _lines(rng, 8) * (np.array([0.55, 0.7, 0.9]) - white)


def _chalkboard(rng: np.random.Generator) -> np.ndarray:
    green = np.array([0.13, 0.27, 0.2]) * rng.uniform(0.8, 1.2)
    return green + (_clouds(rng, 5, 0.07) + _clouds(rng, 16, 0.03))[..., None]


def _card(rng: np.random.Generator) -> np.ndarray:
    colour = np.array(colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.3, 0.55), 1.0)) * rng.uniform(0.9, 1)
    return np.broadcast_to(colour + np.linspace(-0.04, 0.04, SIDE)[:, None, None], (SIDE, SIDE, 3))


def _blueprint(rng: np.random.Generator) -> np.ndarray:
    return np.array([0.1, 0.25, 0.6]) * rng.uniform(0.85, 1.15) + 0.06 * _lines(rng, 4)


_MARKERS = np.array([[0.1, 0.1, 0.1], [0.75, 0.08, 0.1], [0.1, 0.15, 0.65]])
PAPERS = (
    Paper(
        "squared paper",
        _squared,
        lambda rng: np.array([0.25, 0.25, 0.28]) * rng.uniform(0.6, 1.3),  # a pencil
        threshold=(0.45, 0.62),
        wear=lambda rng: rng.uniform(0.75, 1),
    ),
    Paper(
        "chalkboard",
        _chalkboard,
        lambda rng: np.array([0.95, 0.95, 0.9]) * rng.uniform(0.85, 1.05),
        threshold=(0.35, 0.5),
        softness=0.2,
        wear=lambda rng: np.clip(1 + _clouds(rng, SIDE, 0.5), 0.3, 1),
    ),
    Paper("coloured card", _card, lambda rng: _MARKERS[rng.integers(len(_MARKERS))], threshold=(0.2, 0.3)),
    Paper(
        "blueprint",
        _blueprint,
        lambda _: np.array([0.85, 0.92, 1.0]),
        threshold=(0.25, 0.4),
        softness=0.1,
        outline=True,
    ),
)
