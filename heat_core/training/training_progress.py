"""Progress of a training: what it reports, and the sums over an epoch from which the report is made."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypedDict


class TrainingProgress(TypedDict):
    """Progress of a training.

    Attributes:
        epoch: number of the current epoch, from 1.
        epochs: number of all epochs.
        step: step within the epoch, from 1.
        steps: steps per epoch.
        loss: mean loss of the epoch so far.
        accuracy: share of the epoch's augmented images so far that were classified correctly.
        images_per_s: images per second.
        eta: seconds to the end of all epochs.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    accuracy: float
    images_per_s: float
    eta: float


OnProgress = Callable[[TrainingProgress], None]


@dataclass
class EpochTotals:
    """Sums over the images of an epoch so far.

    Attributes:
        start_time: `time.monotonic()` at the beginning of the epoch, in seconds.
        loss: sum of the images' losses.
        correct: number of images that were classified correctly.
        images: number of images.
    """

    start_time: float
    loss: float = 0.0
    correct: int = 0
    images: int = 0

    def add(self, mean_loss: float, correct: int, images: int) -> None:
        """Add a batch."""
        self.loss += mean_loss * images
        self.correct += correct
        self.images += images
