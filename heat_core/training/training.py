"""Training of a ResNet for small images: one cycle of the learning rate, resumable after every epoch.

The optimiser is SGD with Nesterov momentum and one cycle (Smith & Topin, 2018, arXiv:1708.07120: a linear rise, then a
linear fall to 0), on images that are shifted and mirrored. The random numbers of an epoch depend on the seed and its
number alone, so that a training that was killed continues to the same weights, on a CPU with the same number of threads
bit for bit.
"""

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

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
from heat_core.training.initial_weights import InitialWeights, read_initial_weights
from heat_core.training.optimizer import make_optimizer, one_cycle, set_learning_rate
from heat_core.training.training_progress import EpochTotals, OnProgress

_REPORT_EVERY = 30.0  # seconds between two reports within an epoch
_MAX_ACCURACY_LOSS = 0.001  # largest loss of test accuracy for storing float16


Report = Callable[[str], None]


def train(
    images: ImageSet,
    test: ImageSet,
    recipe: TrainingRecipe,
    out: Path,
    device: torch.device | None = None,
    on_progress: OnProgress = lambda _: None,
    report: Report = lambda _: None,
) -> TrainingRecord:
    """Train a network and write it to `out`, with what `load_backbone` needs to read it.

    The state after every epoch is kept beside `out`; the next call with the same recipe and images continues from it.

    Args:
        images: images of the known classes.
        test: images of these classes that are not trained on; they are used once, at the end.
        recipe: settings of the training; `initial_weights` is a path.
        out: a safetensors file.
        device: device of the training; default: `auto_device()`.
        on_progress: receives a record at least every 30 s, and one at the end of each epoch.
        report: receives sentences.

    Raises:
        HeatError: where the recipe, the images, the file or the initial weights are invalid, another process trains the
            same file, or the loss is no longer finite.
    """
    recipe.validate()
    small_resnet(recipe, 2)  # refuses an unknown architecture before minutes of decoding
    require_classes(images)
    require_writable(out)
    initial = read_initial_weights(recipe) if recipe.initial_weights else None
    if initial:
        recipe = replace(recipe, initial_weights=initial.digest)
    with lock_training(out):
        train_pixels, test_pixels = read_pixels(images, test, recipe.image_size, report)
        data = train_pixels.digest
        if (finished := read_matching_record(out, recipe, data, train_pixels.class_names)) is not None:
            report(f"{printable(out)} is already trained.")
            return finished
        trainer = Trainer(recipe, train_pixels, out, device or auto_device(), report, initial)
        for _ in range(trainer.record.epochs_done, recipe.epochs):
            trainer.run_epoch(on_progress)
        return trainer.finish(test_pixels)


class Trainer:
    """Network in training, which continues from its checkpoint where there is one.

    Args:
        recipe: settings of the training, with the digest of the initial weights.
        pixels: training images.
        out: file that is written at the end.
        device: device of the training.
        report: receives sentences.
        initial: network from which a new training begins, whose normalisation of the pixels is kept, since its weights
            were trained with it; None for random weights and the statistics of the images.
    """

    def __init__(
        self,
        recipe: TrainingRecipe,
        pixels: PixelArray,
        out: Path,
        device: torch.device,
        report: Report,
        initial: InitialWeights | None = None,
    ) -> None:
        self.recipe, self.out, self.device, self.report = recipe, out, device, report
        torch.manual_seed(recipe.seed)
        model = small_resnet(recipe, len(pixels.class_names))
        self.model: nn.Module = model.to(device).to(memory_format=torch.channels_last).train()
        self.optimizer = make_optimizer(self.model, recipe)
        data = pixels.digest
        record = read_matching_record(checkpoint_path(out), recipe, data, pixels.class_names)
        known = record or (initial and initial.record)
        mean, std = (known.mean, known.std) if known else channel_statistics(pixels.values)
        self.batches = ImageBatches(pixels, mean, std, device)
        self.steps = self.batches.per_epoch(recipe.batch_size)
        if record:
            self.record = record
            self._load_checkpoint()
        else:
            if initial:
                report(initial.copy_to(self.model, pixels.class_names))
            self.record = TrainingRecord(recipe, pixels.class_names, mean, std, data, self._choose_precision())

    def _load_checkpoint(self) -> None:
        """Load weights and momentum of the last finished epoch."""
        weights, momentum = read_checkpoint(self.out)
        self.model.load_state_dict(weights)
        for name, parameter in self.model.named_parameters():
            # The parameter's memory layout is kept, so that the next step gives exactly the same weights.
            buffer = torch.empty_like(parameter, requires_grad=False).copy_(momentum[name])
            self.optimizer.state[parameter]["momentum_buffer"] = buffer
        self.report(
            f"Training continues after epoch {self.record.epochs_done} of {self.recipe.epochs}, "
            f"in {self.record.precision}."
        )

    def _choose_precision(self) -> str:
        """Return the requested precision; for auto the one whose steps take less time."""
        if self.recipe.precision != "auto":
            return self.recipe.precision
        if self.device.type not in ("cpu", "cuda"):
            return "fp32"
        seconds = {precision: self.time_step(precision) for precision in ("fp32", "bf16")}
        fastest = min(seconds, key=lambda precision: seconds[precision])
        times = " and ".join(f"{precision} {s:.3f} s" for precision, s in seconds.items())
        self.report(f"A step takes {times}: {fastest} is used.")
        return fastest

    def time_step(self, precision: str) -> float:
        """Measure the seconds of two steps on a copy of the network, and return the smaller value."""
        model = copy.deepcopy(self.model)
        optimizer, draw = make_optimizer(model, self.recipe), next(self._augmentations(0))
        times = []
        for _ in range(3):  # the first step also allocates memory and is not counted
            start_time = time.perf_counter()
            self._step(model, optimizer, precision, draw)
            times.append(time.perf_counter() - start_time)
        return min(times[1:])

    def _augmentations(self, epoch: int) -> Iterator[Augmentation]:
        return self.batches.iter_augmentations(self.recipe.seed, epoch, self.recipe.batch_size)

    def run_epoch(self, on_progress: OnProgress) -> None:
        """Train one more epoch and write its checkpoint.

        Raises:
            HeatError: where the loss or a weight is no longer finite.
        """
        done, total = self.record.epochs_done, self.recipe.epochs * self.steps
        totals, is_due = EpochTotals(time.monotonic()), RateLimiter(_REPORT_EVERY)
        for step, draw in enumerate(self._augmentations(done), start=done * self.steps + 1):
            set_learning_rate(self.optimizer, one_cycle(step / (total + 1)) * self.recipe.lr)
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
        """Update the network once; return the batch's loss before the update, and its number of correct images."""
        pixels, labels = self.batches.augmented(draw), self.batches.labels[draw.rows]
        with torch.autocast(self.device.type, torch.bfloat16, enabled=precision == "bf16"):
            logits = model(pixels)
        loss = cross_entropy(logits.float(), labels, label_smoothing=self.recipe.label_smoothing)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item(), int((logits.argmax(dim=1) == labels).sum())

    def _require_finite(self, is_finite: bool) -> None:
        """Refuse to continue with a loss or weights that are not finite."""
        if is_finite:
            return
        done = self.record.epochs_done
        checkpoint = f"epoch {done} is kept in {printable(checkpoint_path(self.out))}" if done else "no epoch is kept"
        raise HeatError(
            f"The training diverged in epoch {done + 1}, its loss is no longer a finite number ({checkpoint}): train "
            f"again with a learning rate below {self.recipe.lr:g} and another --out."
        )

    def _save_checkpoint(self) -> None:
        """Write the checkpoint of the epoch that just ended."""
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
        """Compute the share of the images that the network classifies correctly; it stays in evaluation mode."""
        self.model.eval()
        correct, size = 0, self.recipe.batch_size
        with torch.inference_mode():
            for i in range(0, len(test.labels), size):
                logits = self.model(test.normalised(slice(i, i + size)))
                correct += int((logits.argmax(dim=1) == test.labels[i : i + size]).sum())
        return correct / len(test.labels)
