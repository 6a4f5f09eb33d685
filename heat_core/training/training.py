"""Train a ResNet for small images: one cycle of the learning rate, resumable after every epoch.

SGD with Nesterov momentum and one cycle (Smith & Topin, 2018, arXiv:1708.07120: a straight line up, a straight line
down to 0), on images that are shifted and mirrored. What an epoch draws depends on the seed and its number alone, so
that a training that was killed goes on to the same weights, on a CPU with the same number of threads bit for bit.
"""

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypedDict

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from heat_core.backbones.resnet_recipe import Recipe, Trained
from heat_core.backbones.timm_models import small_resnet
from heat_core.data.image_set import ImageSet, require_classes
from heat_core.errors import HeatError
from heat_core.features.batches import auto_device
from heat_core.progress import Every
from heat_core.storage import printable, writing
from heat_core.training.checkpoints import (
    alone,
    checkpoint_of,
    read_checkpoint,
    require_place,
    same_training,
    write_checkpoint,
    write_weights,
)
from heat_core.training.image_cache import Batches, Draw, Pixels, colours, decoded

MOMENTUM = 0.9
_WARM_UP = 0.2  # share of all steps in which the learning rate rises
_SAY_EVERY = 30.0  # seconds between two reports within an epoch
_COST_OF_HALF = 0.001  # test accuracy that storing float16 may cost


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
    recipe: Recipe,
    out: Path,
    device: torch.device | None = None,
    on_progress: Report = lambda _: None,
    say: Say = lambda _: None,
) -> Trained:
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
    recipe.check()
    small_resnet(recipe, 2)  # refuses a name that is none before minutes of decoding
    require_classes(images)
    require_place(out)
    with alone(out):
        known, unseen = _both(images, test, recipe.image_size, say)
        data = known.digest
        if (finished := same_training(out, recipe, data, known.class_names)) is not None:
            say(f"{printable(out)} is already trained.")
            return finished
        training = _Training(recipe, known, data, out, device or auto_device(), say)
        for _ in range(training.made.epochs_done, recipe.epochs):
            training.epoch(on_progress)
        return training.finish(unseen)


class _Training:
    """A network on its way; what it has learned so far is read from its checkpoint, where there is one."""

    def __init__(self, recipe: Recipe, known: Pixels, data: str, out: Path, device: torch.device, say: Say) -> None:
        self.recipe, self.out, self.device, self.say = recipe, out, device, say
        torch.manual_seed(recipe.seed)
        model = small_resnet(recipe, len(known.class_names))
        self.model: nn.Module = model.to(device).to(memory_format=torch.channels_last).train()
        self.optimiser = _optimiser(self.model, recipe)
        begun = same_training(checkpoint_of(out), recipe, data, known.class_names)
        mean, std = (begun.mean, begun.std) if begun else colours(known.values)
        self.batches = Batches(known, mean, std, device)
        self.steps = self.batches.per_epoch(recipe.batch_size)
        if begun:
            self.made = begun
            self._continue()
        else:
            self.made = Trained(recipe, known.class_names, mean, std, data, self._precision())

    def _continue(self) -> None:
        """Take up weights and momentum where the last epoch left them."""
        weights, momentum = read_checkpoint(self.out)
        self.model.load_state_dict(weights)
        for name, parameter in self.model.named_parameters():
            # in the parameter's own layout, so that the next step computes what it would have computed
            buffer = torch.empty_like(parameter, requires_grad=False).copy_(momentum[name])
            self.optimiser.state[parameter]["momentum_buffer"] = buffer
        self.say(f"Goes on after epoch {self.made.epochs_done} of {self.recipe.epochs}, in {self.made.precision}.")

    def _precision(self) -> str:
        """The precision that was asked for; for auto the faster one, by the clock."""
        if self.recipe.precision != "auto":
            return self.recipe.precision
        if self.device.type not in ("cpu", "cuda"):
            return "fp32"
        seconds = {precision: self._seconds_of_a_step(precision) for precision in ("fp32", "bf16")}
        taken = min(seconds, key=lambda precision: seconds[precision])
        times = " and ".join(f"{precision} {s:.3f} s" for precision, s in seconds.items())
        self.say(f"A step takes {times}: {taken} is taken.")
        return taken

    def _seconds_of_a_step(self, precision: str) -> float:
        """The shorter of two real steps, of a copy of the network."""
        model = copy.deepcopy(self.model)
        optimiser, draw = _optimiser(model, self.recipe), next(self._draws(0))
        times = []
        for _ in range(3):  # the first one prepares
            began = time.perf_counter()
            self._step(model, optimiser, precision, draw)
            times.append(time.perf_counter() - began)
        return min(times[1:])

    def _draws(self, epoch: int) -> Iterator[Draw]:
        return self.batches.drawn(self.recipe.seed, epoch, self.recipe.batch_size)

    def epoch(self, on_progress: Report) -> None:
        """One epoch more, and its checkpoint."""
        done, total = self.made.epochs_done, self.recipe.epochs * self.steps
        loss, right, seen, began, due = 0.0, 0, 0, time.monotonic(), Every(_SAY_EVERY)
        for step, draw in enumerate(self._draws(done), start=done * self.steps + 1):
            _set_rate(self.optimiser, _one_cycle(step / (total + 1)) * self.recipe.lr)
            its_loss, its_right = self._step(self.model, self.optimiser, self.made.precision, draw)
            self._require(math.isfinite(its_loss))
            loss, right, seen = loss + its_loss * len(draw.rows), right + its_right, seen + len(draw.rows)
            last = step == (done + 1) * self.steps
            if last:
                self._keep()
            if due() or last:
                rate = seen / max(time.monotonic() - began, 1e-9)
                on_progress(
                    {
                        "epoch": done + 1,
                        "epochs": self.recipe.epochs,
                        "step": step - done * self.steps,
                        "steps": self.steps,
                        "loss": loss / seen,
                        "accuracy": right / seen,
                        "images_per_s": rate,
                        "eta": (total - step) * len(draw.rows) / rate,
                    }
                )

    def _step(
        self, model: nn.Module, optimiser: torch.optim.Optimizer, precision: str, draw: Draw
    ) -> tuple[float, int]:
        """One update; the loss of the batch before it, and how many of its images were right."""
        pixels, labels = self.batches.varied(draw), self.batches.labels[draw.rows]
        with torch.autocast(self.device.type, torch.bfloat16, enabled=precision == "bf16"):
            logits = model(pixels)
        loss = cross_entropy(logits.float(), labels, label_smoothing=self.recipe.label_smoothing)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return loss.item(), int((logits.argmax(dim=1) == labels).sum())

    def _require(self, finite: bool) -> None:
        """Refuse to go on from what is no number any more."""
        if finite:
            return
        done = self.made.epochs_done
        kept = f"epoch {done} is kept in {printable(checkpoint_of(self.out))}" if done else "no epoch is kept"
        raise HeatError(
            f"The training diverged in epoch {done + 1}, its loss is no longer a finite number ({kept}): train again "
            f"with a learning rate below {self.recipe.lr:g} and another --out."
        )

    def _keep(self) -> None:
        """Write the checkpoint of one epoch more."""
        weights = self.model.state_dict()
        self._require(all(bool(torch.isfinite(v).all()) for v in weights.values()))
        self.made = replace(self.made, epochs_done=self.made.epochs_done + 1)
        momentum = {n: self.optimiser.state[p]["momentum_buffer"] for n, p in self.model.named_parameters()}
        write_checkpoint(self.out, weights, momentum, self.made)

    def finish(self, unseen: Pixels) -> Trained:
        """Measure the test accuracy, write the file, and remove the checkpoint.

        The weights are stored in float16 where that costs at most `_COST_OF_HALF` of the accuracy.
        """
        test = Batches(unseen, self.made.mean, self.made.std, self.device)
        exact = copy.deepcopy(self.model.state_dict())
        half = {name: v.half() if v.is_floating_point() else v for name, v in exact.items()}
        accuracy = self._accuracy(test)
        self.model.load_state_dict(half)
        of_half = self._accuracy(test)
        taken = (half, of_half) if of_half >= accuracy - _COST_OF_HALF else (exact, accuracy)
        made = replace(self.made, test_accuracy=taken[1], test_images=len(unseen))
        write_weights(self.out, taken[0], made)
        with writing(checkpoint_of(self.out)):
            checkpoint_of(self.out).unlink(missing_ok=True)
        return made

    def _accuracy(self, test: Batches) -> float:
        """Share of the images that the network gets right."""
        self.model.eval()
        right, size = 0, self.recipe.batch_size
        with torch.inference_mode():
            for i in range(0, len(test.labels), size):
                logits = self.model(test.plain(slice(i, i + size)))
                right += int((logits.argmax(dim=1) == test.labels[i : i + size]).sum())
        return right / len(test.labels)


def _optimiser(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    decay = recipe.weight_decay
    return torch.optim.SGD(model.parameters(), recipe.lr, momentum=MOMENTUM, nesterov=True, weight_decay=decay)


def _one_cycle(progress: float) -> float:
    """Progress between 0 and 1 → share of the highest learning rate: up to 1 at `_WARM_UP`, down to 0 at the end."""
    return min(progress / _WARM_UP, (1 - progress) / (1 - _WARM_UP))


def _set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    for group in optimiser.param_groups:
        group["lr"] = rate


def _both(images: ImageSet, test: ImageSet, side: int, say: Say) -> tuple[Pixels, Pixels]:
    """Training and test images, the labels of both being numbers of the training classes."""
    known, unseen = (decoded(s, side, say) for s in (images, test))
    for pixels, name in ((known, images.name), (unseen, test.name)):
        if pixels.skipped:
            count, first = len(pixels.skipped), printable(pixels.skipped[0])
            say(f"{count:,} images of {name} cannot be read and are left out, {first} first.")
    if empty := [name for c, name in enumerate(known.class_names) if not (known.labels == c).any()]:
        raise HeatError(f"No image of the class {printable(empty[0])} can be read: mend them, or remove the class.")
    if foreign := sorted(set(unseen.class_names) - set(known.class_names)):
        raise HeatError(
            f"The test set {test.name!r} has classes that the training set has not ({printable(', '.join(foreign[:3]))}"
            "): give both the same sub-folders."
        )
    number = np.array([known.class_names.index(name) for name in unseen.class_names], np.int64)
    return known, replace(unseen, labels=number[unseen.labels], class_names=known.class_names)
