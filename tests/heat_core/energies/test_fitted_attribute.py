"""Whatever learns says so when it is used before `fit`, and what needs labels says so when there are none."""

import re

import numpy as np
import pytest
import torch

from heat_core import HeatError
from heat_core.detectors import load, names
from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.energies.names import BUILT_IN
from heat_core.energies.priors import GaussianMixture, make_prior
from heat_core.energies.settings import ResidualSettings
from heat_core.features.features import Features

CLASSES, DIM = 3, 6
RNG = np.random.default_rng(0)
HEAD = RNG.normal(size=(CLASSES, DIM)), RNG.normal(size=CLASSES)
Y = np.arange(60) % CLASSES
Z = np.abs(RNG.normal(size=(60, DIM)) + 3 * np.eye(CLASSES, DIM)[Y]).astype(np.float32)
TRAIN = Features(Z, Z, Y, [str(i) for i in range(60)], [str(c) for c in range(CLASSES)])
UNLABELLED = Features(Z, Z, None, TRAIN.ids)
TINY = ResidualSettings(width=8, hidden_layers=1, epochs=1, updates=1, batch_size=16, langevin_steps=1)

FROM_FEATURES = [name for name in names() if not load(name).reads_images]
NEED_LABELS = {"mahalanobis", "ensemble", "openmax", "ssd-plus"}
NEED_LABELS |= {"mds-plus-plus", "resflow", "rmds", "rmds-plus-plus", "she", "core"}


def detector(name: str):
    return load(name)(**({"settings": TINY} if name == "ebm" else {}))


def prior(name: str):
    return make_prior(name, HEAD)


@pytest.mark.parametrize("name", FROM_FEATURES)
def test_a_detector_used_before_fit_asks_for_fit(name):
    """A detector used before `fit` names itself and asks for `fit`."""
    method = detector(name)
    with pytest.raises(HeatError, match=rf"^{type(method).__name__} is not fitted yet \(\w+ is missing\): call fit"):
        method.score_features(TRAIN)
    scores = method.fit_with_head(TRAIN, HEAD).score_features(TRAIN)
    assert scores.shape == (60,)
    assert np.isfinite(scores).all()


def test_detectors_that_read_images_ask_for_fit_too():
    gram = load("gram")(widths=[1])
    with pytest.raises(HeatError, match=r"^Gram is not fitted yet .* call fit first"):
        gram.score_features(Features(Z, None, Y, TRAIN.ids, extra={"gram": RNG.random((60, 10))}))
    mds = load("mds")(widths=[DIM])
    for use in (lambda: mds.score_features(TRAIN), lambda: mds.test_columns(None)):
        with pytest.raises(HeatError, match=r"^MDS is not fitted yet .* call fit first"):
            use()


@pytest.mark.parametrize("use", ["energy", "energy of a tensor", "gradient", "sample"])
@pytest.mark.parametrize("name", BUILT_IN)
def test_a_prior_used_before_fit_names_itself_and_asks_for_fit(name, use):
    uses = {
        "energy": lambda p: p.energy(Z),
        "energy of a tensor": lambda p: p.energy(torch.from_numpy(Z)),
        "gradient": lambda p: p.gradient(torch.from_numpy(Z)),
        "sample": lambda p: p.sample(3),
    }
    with pytest.raises(HeatError, match=rf"^{type(prior(name)).__name__} is not fitted yet .*: call fit first"):
        uses[use](prior(name))
    assert np.isfinite(np.asarray(uses[use](prior(name).fit(Z, Y)))).all()


@pytest.mark.parametrize(
    ("name", "attribute"),
    [("gmm", a) for a in ("means_", "precision_", "covariance_used_", "floored_")]
    + [("vim", "dim_"), ("vim", "alpha_"), ("knn", "width_"), ("resflow", "gain_")],
)
def test_what_fit_learns_is_named_when_missing(name, attribute):
    with pytest.raises(HeatError, match=rf"\({attribute} is missing\)"):
        getattr(prior(name), attribute)
    assert getattr(prior(name).fit(Z, Y), attribute) is not None


def test_a_fit_that_fails_leaves_nothing_fitted():
    mixture = GaussianMixture()
    with pytest.raises(HeatError, match="do not vary"):
        mixture.fit(np.ones((8, 2)), np.arange(8) % 2)
    with pytest.raises(HeatError, match="call fit first"):
        mixture.energy(np.ones((8, 2)))


@pytest.mark.parametrize("name", FROM_FEATURES)
def test_only_what_needs_labels_refuses_features_without(name):
    if name in NEED_LABELS:
        with pytest.raises(HeatError, match=f"^{re.escape(detector(name).title)} needs the label of every"):
            detector(name).fit_with_head(UNLABELLED, HEAD)
        return
    expected = detector(name).fit_with_head(TRAIN, HEAD).score_features(TRAIN)
    np.testing.assert_array_equal(detector(name).fit_with_head(UNLABELLED, HEAD).score_features(TRAIN), expected)


def test_a_mixture_needs_labels():
    with pytest.raises(HeatError, match="needs the label of every training sample"):
        GaussianMixture().fit(Z, None)


def test_each_instance_is_fitted_for_itself():
    class Mean:
        value_ = FittedAttribute[float]()

        def fit(self, z):
            self.value_ = float(np.mean(z))
            return self

    class Other(Mean):
        pass

    fitted, unfitted = Mean().fit([1, 3]), Other()
    assert fitted.value_ == 2
    with pytest.raises(HeatError, match=r"^Other is not fitted yet \(value_ is missing\): call fit first\.$"):
        _ = unfitted.value_
    assert unfitted.fit([5]).value_ == 5
    assert isinstance(Mean.value_, FittedAttribute)
