"""Every detector on arrays: the scores of a run's features, with labels, a head, clusters, or a sentence."""

import numpy as np
import pytest
import torch

from heat_core import HeatError, detectors
from heat_core.detectors import load, names
from heat_core.energies.settings import ResidualSettings
from tests.heat_core.detectors.blobs import HEAD, TEST, TRAIN

TINY = ResidualSettings(width=8, hidden_layers=1, epochs=1, updates=1, batch_size=16, langevin_steps=1)
PARAMETERS = {"ebm": {"settings": TINY}, "ensemble": {"members": 2}}
ON_ARRAYS = [name for name in names() if not load(name).reads_images]
Z, Y, TEST_Z = TRAIN.avg, TRAIN.labels, TEST.avg


def detector(name: str):
    return load(name)(**PARAMETERS.get(name, {}))


@pytest.mark.parametrize("name", ON_ARRAYS)
def test_arrays_score_as_features_do(name):
    expected = detector(name).fit_with_head(TRAIN, HEAD).score_features(TEST)
    fitted = detector(name).fit(torch.from_numpy(Z), Y.tolist(), head=HEAD)
    np.testing.assert_array_equal(fitted.ood_score(torch.from_numpy(TEST_Z)), expected)
    assert set(fitted.predict(TEST_Z)) <= {-1, 1}
    assert ((fitted.calibrate(Z[::2]).p_value(TEST_Z) >= 1 / 201) & (fitted.p_value(TEST_Z) <= 1)).all()


@pytest.mark.parametrize("name", ON_ARRAYS)
def test_without_y_there_are_clusters_or_a_sentence(name):
    if load(name).is_classifier_free():
        assert np.isfinite(detector(name).fit(Z).ood_score(TEST_Z)).all()
        return
    with pytest.raises(HeatError, match=r"^y is missing: .* reads the logits of a classifier"):
        detector(name).fit(Z)


@pytest.mark.parametrize("name", ["msp", "vim"])
def test_a_head_is_fitted_on_the_labels(name):
    own = detector(name).fit(Z, Y)
    assert [part.shape for part in own.head_] == [(4, 24), (4,)]
    assert ((own.head_[0] @ Z.T).T + own.head_[1]).argmax(axis=1)[:200].tolist() == Y[:200].tolist()


def test_methods_that_read_images_say_so():
    for name in sorted(set(names()) - set(ON_ARRAYS)):
        with pytest.raises(HeatError, match="reads the images: it works in a run, and not on features alone"):
            load(name)(**({"widths": [1]} if name in ("gram", "mds", "mm-plus-plus") else {})).fit(Z, Y)


def test_classes_are_imported_by_their_names():
    from heat_core.detectors import KNN, MDSPlusPlus

    assert (KNN, MDSPlusPlus) == (load("knn"), load("mds-plus-plus"))
    assert repr(KNN(k=50)) == "KNN(k=50)"
    np.testing.assert_array_equal(KNN(k=50).fit(Z, Y).ood_score(TEST_Z), KNN(k=50).fit(Z).ood_score(TEST_Z))
    with pytest.raises(AttributeError, match="no attribute 'Knn'"):
        detectors.Knn  # noqa: B018
