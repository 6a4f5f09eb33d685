"""Train a ResNet for small images: one cycle of the learning rate, resumable after every epoch.

SGD with Nesterov momentum and one cycle (Smith & Topin, 2018, arXiv:1708.07120: a straight line up, a straight line
down to 0), on images that are shifted and mirrored. What an epoch draws depends on the seed and its number alone, so
that a training that was killed goes on to the same weights, on a CPU with the same number of threads bit for bit.
"""

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from heat_core.backbones.resnet_recipe import TrainingRecipe, TrainingRecord
from heat_core.backbones.timm_models import small_resnet
from heat_core.data.image_set import ImageSet, require_classes
from heat_core.errors import HeatError
from heat_core.features.batches import auto_device
from heat_core.names import printable
from heat_core.progress import RateLimiter
from heat_core.storage import writing
from heat_core.training.checkpoints import (
    checkpoint_path,
    lock_training,
    read_checkpoint,
    read_matching_record,
    require_writable,
    write_checkpoint,
    write_weights,
)
from heat_core.training.image_cache import Augmentation, ImageBatches, PixelArray, channel_statistics, read_pixels

MOMENTUM = 0.9
_WARM_UP_SHARE = 0.2  # share of all steps in which the learning rate rises
_REPORT_EVERY = 30.0  # seconds between two reports within an epoch
_MAX_ACCURACY_LOSS = 0.001  # test accuracy that storing float16 may cost


class TrainingProgress(TypedDict):
    """How far a training is: of the current epoch so far the loss, the share of its (varied) images that were right,
    and the images a second; `eta` in seconds, to the end of all epochs."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    accuracy: float
    images_per_s: float
    eta: float


Report = Callable[[TrainingProgress], None]
Say = Callable[[str], None]


def train(
    images: ImageSet,
    test: ImageSet,
    recipe: TrainingRecipe,
    out: Path,
    device: torch.device | None = None,
    on_progress: Report = lambda _: None,
    say: Say = lambda _: None,
) -> TrainingRecord:
    """Train a network and write it to `out`, with what `load_backbone` needs to read it.

    After every epoch the state is kept beside `out`, and the next call with the same recipe and images goes on there.

    Args:
        images: the known classes.
        test: images of these classes that are not trained on; they are looked at once, at the end.
        recipe: how.
        out: a safetensors file.
        device: default: `auto_device()`.
        on_progress: receives a record at least every 30 s, and one at the end of each epoch.
        say: receives sentences.

    Raises:
        HeatError: for a recipe, images or a file that cannot be, and where the loss is no longer finite.
    """
    recipe.validate()
    small_resnet(recipe, 2)  # refuses a name that is none before minutes of decoding
    require_classes(images)
    require_writable(out)
    with lock_training(out):
        train_pixels, test_pixels = read_pixels(images, test, recipe.image_size, say)
        data = train_pixels.digest
        if (finished := read_matching_record(out, recipe, data, train_pixels.class_names)) is not None:
            say(f"{printable(out)} is already trained.")
            return finished
        trainer = Trainer(recipe, train_pixels, out, device or auto_device(), say)
        for _ in range(trainer.record.epochs_done, recipe.epochs):
            trainer.run_epoch(on_progress)
        return trainer.finish(test_pixels)


@dataclass
class _EpochTotals:
    """Sums over the images of an epoch so far.

    Attributes:
        start_time: when the epoch began, of `time.monotonic`.
        loss: sum of the images' losses.
        correct: how many images were right.
        images: how many there were.
    """

    start_time: float
    loss: float = 0.0
    correct: int = 0
    images: int = 0

    def add(self, mean_loss: float, correct: int, images: int) -> None:
        """Count a batch."""
        self.loss += mean_loss * images
        self.correct += correct
        self.images += images


class Trainer:
    """A network on its way; what it has learned so far is read from its checkpoint, where there is one."""

    def __init__(self, recipe: TrainingRecipe, pixels: PixelArray, out: Path, device: torch.device, say: Say) -> None:
        self.recipe, self.out, self.device, self.say = recipe, out, device, say
        torch.manual_seed(recipe.seed)
        model = small_resnet(recipe, len(pixels.class_names))
        self.model: nn.Module = model.to(device).to(memory_format=torch.channels_last).train()
        self.optimizer = _make_optimizer(self.model, recipe)
        data = pixels.digest
        record = read_matching_record(checkpoint_path(out), recipe, data, pixels.class_names)
        mean, std = (record.mean, record.std) if record else channel_statistics(pixels.values)
        self.batches = ImageBatches(pixels, mean, std, device)
        self.steps = self.batches.per_epoch(recipe.batch_size)
        if record:
            self.record = record
            self._load_checkpoint()
        else:
            self.record = TrainingRecord(recipe, pixels.class_names, mean, std, data, self._choose_precision())

    def _load_checkpoint(self) -> None:
        """Take up weights and momentum where the last epoch left them."""
        weights, momentum = read_checkpoint(self.out)
        self.model.load_state_dict(weights)
        for name, parameter in self.model.named_parameters():
            # in the parameter's own layout, so that the next step computes what it would have computed
            buffer = torch.empty_like(parameter, requires_grad=False).copy_(momentum[name])
            self.optimizer.state[parameter]["momentum_buffer"] = buffer
        self.say(f"Goes on after epoch {self.record.epochs_done} of {self.recipe.epochs}, in {self.record.precision}.")

    def _choose_precision(self) -> str:
        """The precision that was asked for; for auto the faster one, by the clock."""
        if self.recipe.precision != "auto":
            return self.recipe.precision
        if self.device.type not in ("cpu", "cuda"):
            return "fp32"
        seconds = {precision: self.time_step(precision) for precision in ("fp32", "bf16")}
        fastest = min(seconds, key=lambda precision: seconds[precision])
        times = " and ".join(f"{precision} {s:.3f} s" for precision, s in seconds.items())
        self.say(f"A step takes {times}: {fastest} is taken.")
        return fastest

    def time_step(self, precision: str) -> float:
        """The shorter of two real steps, of a copy of the network."""
        model = copy.deepcopy(self.model)
        optimizer, draw = _make_optimizer(model, self.recipe), next(self._augmentations(0))
        times = []
        for _ in range(3):  # the first one prepares
            start_time = time.perf_counter()
            self._step(model, optimizer, precision, draw)
            times.append(time.perf_counter() - start_time)
        return min(times[1:])

    def _augmentations(self, epoch: int) -> Iterator[Augmentation]:
        return self.batches.iter_augmentations(self.recipe.seed, epoch, self.recipe.batch_size)

    def run_epoch(self, on_progress: Report) -> None:
        """One epoch more, and its checkpoint."""
        done, total = self.record.epochs_done, self.recipe.epochs * self.steps
        totals, is_due = _EpochTotals(time.monotonic()), RateLimiter(_REPORT_EVERY)
        for step, draw in enumerate(self._augmentations(done), start=done * self.steps + 1):
            _set_learning_rate(self.optimizer, one_cycle(step / (total + 1)) * self.recipe.lr)
            loss, correct = self._step(self.model, self.optimizer, self.record.precision, draw)
            self._require_finite(math.isfinite(loss))
            totals.add(loss, correct, len(draw.rows))
            is_last = step == (done + 1) * self.steps
            if is_last:
                self._save_checkpoint()
            if is_due() or is_last:
                rate = totals.images / max(time.monotonic() - totals.start_time, 1e-9)
                on_progress(
                    {
                        "epoch": done + 1,
                        "epochs": self.recipe.epochs,
                        "step": step - done * self.steps,
                        "steps": self.steps,
                        "loss": totals.loss / totals.images,
                        "accuracy": totals.correct / totals.images,
                        "images_per_s": rate,
                        "eta": (total - step) * len(draw.rows) / rate,
                    }
                )

    def _step(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, precision: str, draw: Augmentation
    ) -> tuple[float, int]:
        """One update; the loss of the batch before it, and how many of its images were right."""
        pixels, labels = self.batches.augmented(draw), self.batches.labels[draw.rows]
        with torch.autocast(self.device.type, torch.bfloat16, enabled=precision == "bf16"):
            logits = model(pixels)
        loss = cross_entropy(logits.float(), labels, label_smoothing=self.recipe.label_smoothing)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item(), int((logits.argmax(dim=1) == labels).sum())

    def _require_finite(self, is_finite: bool) -> None:
        """Refuse to go on from what is no number any more."""
        if is_finite:
            return
        done = self.record.epochs_done
        checkpoint = f"epoch {done} is kept in {printable(checkpoint_path(self.out))}" if done else "no epoch is kept"
        raise HeatError(
            f"The training diverged in epoch {done + 1}, its loss is no longer a finite number ({checkpoint}): train "
            f"again with a learning rate below {self.recipe.lr:g} and another --out."
        )

    def _save_checkpoint(self) -> None:
        """Write the checkpoint of one epoch more."""
        weights = self.model.state_dict()
        self._require_finite(all(bool(torch.isfinite(v).all()) for v in weights.values()))
        self.record = replace(self.record, epochs_done=self.record.epochs_done + 1)
        momentum = {n: self.optimizer.state[p]["momentum_buffer"] for n, p in self.model.named_parameters()}
        write_checkpoint(self.out, weights, momentum, self.record)

    def finish(self, test_pixels: PixelArray) -> TrainingRecord:
        """Measure the test accuracy, write the file, and remove the checkpoint.

        The weights are stored in float16 where that costs at most `_MAX_ACCURACY_LOSS` of the accuracy.
        """
        test = ImageBatches(test_pixels, self.record.mean, self.record.std, self.device)
        weights = copy.deepcopy(self.model.state_dict())
        half_weights = {name: v.half() if v.is_floating_point() else v for name, v in weights.items()}
        accuracy = self.accuracy(test)
        self.model.load_state_dict(half_weights)
        half_accuracy = self.accuracy(test)
        if half_accuracy >= accuracy - _MAX_ACCURACY_LOSS:
            weights, accuracy = half_weights, half_accuracy
        record = replace(self.record, test_accuracy=accuracy, test_images=len(test_pixels))
        write_weights(self.out, weights, record)
        with writing(checkpoint_path(self.out)):
            checkpoint_path(self.out).unlink(missing_ok=True)
        return record

    def accuracy(self, test: ImageBatches) -> float:
        """Share of the images that the network gets right."""
        self.model.eval()
        correct, size = 0, self.recipe.batch_size
        with torch.inference_mode():
            for i in range(0, len(test.labels), size):
                logits = self.model(test.normalised(slice(i, i + size)))
                correct += int((logits.argmax(dim=1) == test.labels[i : i + size]).sum())
        return correct / len(test.labels)


def _make_optimizer(model: nn.Module, recipe: TrainingRecipe) -> torch.optim.Optimizer:
    decay = recipe.weight_decay
    return torch.optim.SGD(model.parameters(), recipe.lr, momentum=MOMENTUM, nesterov=True, weight_decay=decay)


def one_cycle(progress: float) -> float:
    """Progress between 0 and 1 → share of the highest learning rate: to 1 at `_WARM_UP_SHARE`, to 0 at the end."""
    return min(progress / _WARM_UP_SHARE, (1 - progress) / (1 - _WARM_UP_SHARE))


def _set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate
