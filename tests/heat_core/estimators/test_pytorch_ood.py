"""HEAT among the detectors of pytorch-ood: its methods, its exceptions and its benchmark."""

import numpy as np
import pytest
import torch
from pytorch_ood.api import FeaturesDetector, ModelNotSetException, RequiresFittingException
from pytorch_ood.benchmark import Benchmark
from pytorch_ood.detector import KNN
from torch.utils.data import DataLoader, TensorDataset

from heat_core.backbones.registry import Backbone, load_backbone
from heat_core.data.datasets import open_dataset
from heat_core.estimators.heat import HEAT
from heat_core.estimators.pytorch_ood import HEATDetector
from heat_core.metrics import auroc

OPTIONS = {"settings": {"width": 8, "updates": 1, "epochs": 1, "langevin_steps": 1}, "device": "cpu"}


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return load_backbone("heat-demo-resnet")


def as_dataset(backbone, name: str, part: str, per_class: int, label: int | None = None) -> TensorDataset:
    images = open_dataset(name, part).limited(per_class)
    pixels = torch.stack([backbone.transform(images.open(i)) for i in range(len(images))])
    labels = torch.as_tensor(images.labels) if label is None else torch.full((len(images),), label)
    return TensorDataset(pixels, labels)


class DemoBenchmark(Benchmark):
    """The demo's digits against its patches of photographs."""

    ood_names = ("patches",)

    def __init__(self, backbone) -> None:
        self.known = as_dataset(backbone, "demo-digits", "test", 10)
        self.unknown = as_dataset(backbone, "demo-photo-patches", "test", 40, label=-1)
        self.training = as_dataset(backbone, "demo-digits", "train", 20)

    def train_set(self):
        return self.training

    def test_sets(self, known=True, unknown=True):
        return [torch.utils.data.ConcatDataset([self.known] * known + [self.unknown] * unknown)]


@pytest.fixture(scope="module")
def benchmark(backbone) -> DemoBenchmark:
    return DemoBenchmark(backbone)


@pytest.fixture(scope="module")
def detector(backbone, benchmark) -> HEATDetector:
    detector = HEATDetector(backbone, head=backbone.head, **OPTIONS).to("cpu")
    return detector.fit(DataLoader(benchmark.train_set(), batch_size=64))


def test_its_scores_are_heats(backbone, benchmark, detector):
    assert isinstance(detector, FeaturesDetector)
    (pixels, labels), (unknown, _) = benchmark.training.tensors, benchmark.unknown.tensors
    with torch.no_grad():
        parts = [backbone(batch) for batch in pixels.split(64)]
        avg, std = (torch.cat(column) for column in zip(*parts, strict=True))
        z, s = backbone(unknown)
    heat = HEAT(**OPTIONS).fit(avg, labels, std=std, head=backbone.head)
    scores = detector.predict(unknown)
    assert scores.dtype == torch.float64
    np.testing.assert_array_equal(scores, heat.ood_score(z, std=s))
    np.testing.assert_array_equal(detector(unknown), scores)
    np.testing.assert_array_equal(detector.predict_features(torch.cat([z, s], dim=1)), scores)


def test_it_stands_in_a_benchmark(backbone, benchmark, detector):
    rival = KNN(detector.encoder, k=5).to("cpu").fit(DataLoader(benchmark.train_set(), batch_size=64))
    found, of_rival = benchmark.evaluate([detector, rival], loader_kwargs={"batch_size": 50})
    assert (found["Detector"], found["Dataset"], of_rival["Detector"]) == ("HEATDetector", "patches", "KNN")
    known, unknown = (detector(part.tensors[0]).numpy() for part in (benchmark.known, benchmark.unknown))
    assert float(found["AUROC"]) == pytest.approx(auroc(known, unknown), abs=1e-3)
    assert float(found["AUROC"]) > 0.8


def test_features_alone_are_enough_and_ood_samples_are_left_out():
    rng = np.random.default_rng(0)
    z, y = torch.tensor(rng.normal(size=(60, 6)), dtype=torch.float32), torch.arange(60) % 3
    z[:, 0] += 4 * y
    labels = torch.cat([y, torch.full((20,), -1)])
    detector = HEATDetector(**OPTIONS).fit_features(torch.cat([z, torch.full((20, 6), 99.0)]), labels)
    expected = HEAT(**OPTIONS).fit(z, y)
    np.testing.assert_array_equal(detector.predict_features(z), expected.ood_score(z))
    assert list(detector.heat.classes_) == [0, 1, 2]
    with pytest.raises(ModelNotSetException):
        detector.predict(z)
    with pytest.raises(ModelNotSetException):
        detector.fit([(z, y)])


def test_beta_is_a_hyperparameter():
    z, y = torch.randn(40, 4, generator=torch.Generator().manual_seed(0)), torch.arange(40) % 2
    detector = HEATDetector(beta=0.0, **OPTIONS)
    with pytest.raises(RequiresFittingException):
        detector.predict_features(z)
    before = detector.fit_features(z, y).predict_features(z)
    assert detector.get_hyperparameters() == {"beta": 0.0}
    after = detector.set_hyperparameters(beta=-10.0).predict_features(z)
    assert detector.heat.beta == -10.0
    assert not torch.equal(before, after)
