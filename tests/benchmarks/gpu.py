"""Does a GPU give what the CPU gives, and how fast?

    python tests/benchmarks/gpu.py [--device cuda] [--quick] [--json]

Every stage on both, in one process: the largest difference, as a share of the spread of the CPU's numbers, the seconds
of each (after one that warms up), and whether the difference is within what the stage may lose: bfloat16 in a network,
the order of sums elsewhere. Ends with status 1 where one is not. `--device cpu` compares the CPU with itself.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from heat_core.data.datasets import from_folder
from heat_core.detectors.knn import KNN
from heat_core.energies.moments import Moments
from heat_core.energies.priors import make_prior
from heat_core.energies.residual import ResidualMLP
from heat_core.energies.residual_trainer import train_residual
from heat_core.energies.settings import settings_for
from heat_core.energies.training_features import load_training_features
from heat_core.energies.views import VIEWS
from heat_core.features.batches import iter_batches
from heat_core.features.columns import pooled_columns
from heat_core.features.features import Features
from tests.benchmarks import machine
from tests.benchmarks.system import _backbone, _folder, _pictures


@dataclass(frozen=True)
class Size:
    """Of the work: features, dimensions, pictures."""

    n: int = 20_000
    dim: int = 512
    pictures: int = 256


_CLASSES = 100


@dataclass(frozen=True)
class Stage:
    """What is compared: a function of the device, and how much of the spread may differ."""

    name: str
    run: Callable[[torch.device], np.ndarray]
    within: float


def _features(size: Size) -> Features:
    rng = np.random.default_rng(0)
    labels = np.arange(size.n) % _CLASSES
    avg = np.abs(rng.normal(size=(_CLASSES, size.dim))[labels] + rng.normal(size=(size.n, size.dim)))
    avg = avg.astype(np.float32)
    return Features(avg, avg, labels, list(map(str, range(size.n))), list(map(str, range(_CLASSES))))


def _products_on(device: torch.device) -> AbstractContextManager[object]:
    """Let the core take its large products there (`features.chunks.compute_device`)."""
    return mock.patch("torch.cuda.is_available", return_value=device.type == "cuda")


def _extraction(name: str, pictures: int) -> Callable[[torch.device], np.ndarray]:
    folder = _folder()
    _pictures(folder / "pictures", pictures)
    backbone, images = _backbone(name), from_folder(folder / "pictures")

    def run(device: torch.device) -> np.ndarray:
        batches = iter_batches(backbone, images, device, 64, 0, pooled_columns(backbone))
        return np.concatenate([batch["avg"] for batch, _ in batches])

    return run


def _of_prior(name: str, train: Features) -> Callable[[torch.device], np.ndarray]:
    rng = np.random.default_rng(1)
    head = (rng.normal(size=(_CLASSES, train.avg.shape[1])) / train.avg.shape[1] ** 0.5, np.zeros(_CLASSES))
    z = VIEWS[name].rows(train)

    def run(device: torch.device) -> np.ndarray:
        with _products_on(device):
            return make_prior(name, head, None, "empirical", "x").fit(z, train.labels).energy(z)

    return run


def _moments(train: Features) -> Callable[[torch.device], np.ndarray]:
    def run(device: torch.device) -> np.ndarray:
        with _products_on(device):
            return Moments.from_rows(train.avg, train.labels, _CLASSES).scatter

    return run


def _neighbours(train: Features) -> Callable[[torch.device], np.ndarray]:
    def run(device: torch.device) -> np.ndarray:
        with _products_on(device):
            return KNN(k=50).fit_with_head(train, None).score_features(train.subset(np.arange(len(train) // 4)))

    return run


def _residual_energy(train: Features) -> Callable[[torch.device], np.ndarray]:
    torch.manual_seed(0)
    network = ResidualMLP(train.avg.shape[1])

    def run(device: torch.device) -> np.ndarray:
        return network.to(device).energies(train.avg)

    return run


def _training(train: Features) -> Callable[[torch.device], np.ndarray]:
    """The order of E_θ after a short training: noise comes from each device's own generator, so ranks are compared."""
    view, settings = VIEWS["gmm"], settings_for("gmm", "quick", {"updates": 60, "epochs": 3})
    prior = make_prior("gmm", None, None, "empirical", "x").fit(view.rows(train), train.labels)

    def run(device: torch.device) -> np.ndarray:
        z = load_training_features(view.rows(train), device)
        made = train_residual(prior, z, settings, 1.0, lambda points: view.project(points, True)).residual.cpu()
        noise = np.random.default_rng(2).normal(size=train.avg.shape).astype(np.float32)
        other = Features(np.abs(noise), None, None, train.ids)
        known, unknown = (made.energies(view.rows(f)) for f in (train, other))
        return np.array([(known[:2_000, None] < unknown[None, :2_000]).mean(), 0.0])

    return run


def stages(size: Size) -> list[Stage]:
    train = _features(size)
    return [
        Stage("extraction of a CNN (bf16 autocast)", _extraction("tf_efficientnet_lite0", size.pictures), 0.15),
        Stage("extraction of a ViT (bf16 autocast)", _extraction("vit_tiny_patch16_224", size.pictures), 0.15),
        Stage("moments", _moments(train), 1e-4),
        *(Stage(f"{name}: fit and energies", _of_prior(name, train), 1e-3) for name in ("gmm", "el", "vim", "knn")),
        Stage("KNN, k = 50", _neighbours(train), 1e-3),
        Stage("E_θ", _residual_energy(train), 1e-3),
        Stage("60 updates of a residual: its AUROC", _training(train), 0.05),
    ]


def _timed(stage: Stage, device: torch.device) -> tuple[np.ndarray, float]:
    stage.run(device)
    began = time.perf_counter()
    values = stage.run(device)
    return values, time.perf_counter() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--quick", action="store_true", help="smaller work: does it run?")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    options = parser.parse_args()
    device = torch.device(options.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        print("There is no CUDA device here: nothing was compared.")
        return 0
    print(machine.description(), f"; {torch.cuda.get_device_name()}" if device.type == "cuda" else "", sep="")
    print("\n| stage | CPU, s | device, s | difference | within | yes |\n|---|---|---|---|---|---|", flush=True)
    table = {}
    for stage in stages(Size(500, 32, 4) if options.quick else Size()):
        (cpu, cpu_s), (other, other_s) = (_timed(stage, d) for d in (torch.device("cpu"), device))
        difference = float(np.abs(cpu - other).max() / max(cpu.std(), 1e-12))
        is_within = bool(difference <= stage.within)
        table[stage.name] = {"cpu_s": cpu_s, "device_s": other_s, "difference": difference, "fine": is_within}
        row = [stage.name, f"{cpu_s:.3g}", f"{other_s:.3g}", f"{difference:.1e}", f"{stage.within:g}", is_within]
        print(f"| {' | '.join(map(str, row))} |", flush=True)
    if options.json:
        print(json.dumps(table))
    return 0 if all(row["fine"] for row in table.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
