"""Implementation of the verb `train-backbone`."""

import argparse
import shlex
from functools import partial
from typing import TYPE_CHECKING

from heat_core.cli.output import print_json, print_line, print_stage, stop_on_sigterm
from heat_core.memory import require_memory
from heat_core.storage import expand_home

if TYPE_CHECKING:
    from heat_core.data.image_set import ImageSet
    from heat_core.training.training_progress import TrainingProgress


def train_backbone(options: argparse.Namespace) -> None:
    """Train a network for small images; print its file, its accuracy, and the options that use it in a run."""
    require_memory()
    from heat_core.backbones.resnet_recipe import TrainingRecipe
    from heat_core.training.training import train

    names = TrainingRecipe.__dataclass_fields__
    settings = {name: value for name, value in vars(options).items() if name in names and value is not None}
    recipe = TrainingRecipe(architecture=options.arch.partition(".")[0], **settings)
    stop_on_sigterm()
    train_set, test_set = _open_sets(options)
    out = expand_home(options.out)
    trained = train(
        train_set.limited(options.limit), test_set, recipe, out, None, _print_progress, partial(print_stage, "train")
    )
    print_line(out)
    print_line(f"test accuracy {trained.test_accuracy:.2%} ({trained.test_images:,} images)")
    print_line(f"heat run … --backbone {recipe.architecture} --weights {shlex.quote(str(out))}")
    if options.json:
        result = {
            "weights": str(out),
            "test_accuracy": trained.test_accuracy,
            "test_images": trained.test_images,
        }
        print_json(result)


def _open_sets(options: argparse.Namespace) -> "tuple[ImageSet, ImageSet]":
    """Open the training and the test images; if there are no test images, every fifth image is held out."""
    from heat_core.data.datasets import open_dataset

    known = open_dataset(options.id, "train")
    test_source = options.id_test or (options.id if known.has_test_rows else None)
    return (known, open_dataset(test_source)) if test_source else known.split()


def _print_progress(progress: "TrainingProgress") -> None:
    step = f", {progress['step']}/{progress['steps']}" if progress["step"] < progress["steps"] else ""
    loss = f"loss {progress['loss']:.4f} · training accuracy {progress['accuracy']:.1%}"
    print_stage("train", f"epoch {progress['epoch']}/{progress['epochs']}{step}: {loss}", **progress)
