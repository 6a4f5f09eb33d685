"""A training that takes a moment."""

from pathlib import Path

import torch

from heat_core.backbones.resnet_recipe import TrainingRecipe, TrainingRecord
from heat_core.data.datasets import open_dataset
from heat_core.training.training import train

CPU = torch.device("cpu")
SMALL = TrainingRecipe("resnet10t", width=0.125, epochs=3, batch_size=8, lr=0.05, precision="fp32")
CLASSES = ["a", "b"]


def trained(folders, out: Path, recipe: TrainingRecipe = SMALL, **more) -> TrainingRecord:
    known, unseen = (open_dataset(folder) for folder in folders)
    return train(known, unseen, recipe, out, CPU, **more)
