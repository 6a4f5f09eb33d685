"""RAS and AdaSCALE against their formulas, image by image in float64."""

import numpy as np
from scipy.special import logsumexp
from scipy.stats import rankdata

from heat_core.detectors import load
from heat_core.features.features import Features
from tests.heat_core.detectors.blobs import HEAD, TEST, TRAIN, ours
from tests.tolerance import assert_close_in_norm

KNOWN, NEW = TRAIN.avg.astype(np.float64), TEST.avg.astype(np.float64)


# ---- RAS -------------------------------------------------------------------------------------------------------------


def ras_energies(known: np.ndarray, new: np.ndarray) -> list[float]:
    profile = np.mean([sorted(z) for z in known], axis=0)
    shifted = [profile[rankdata(z, method="ordinal") - 1] for z in new]
    return [-np.log(np.exp(HEAD[0] @ z + HEAD[1]).sum()) for z in shifted]


def test_ras_is_its_formula():
    assert (TEST.avg == 0).sum(axis=1).max() > 1  # some images have equal activations
    np.testing.assert_allclose(ours("ras"), ras_energies(KNOWN, NEW), rtol=1e-5)


def test_ras_is_its_formula_on_features_below_zero():
    below = [Features(f.avg - 2, None, f.labels, f.ids) for f in (TRAIN, TEST)]
    scores = load("ras")().fit_with_head(below[0], HEAD).score_features(below[1])
    np.testing.assert_allclose(scores, ras_energies(KNOWN - 2, NEW - 2), rtol=1e-5)


def test_ras_reads_the_order_of_the_activations_alone():
    bent = Features(np.exp(TEST.avg), None, TEST.labels, TEST.ids)
    assert_close_in_norm(load("ras")().fit_with_head(TRAIN, HEAD).score_features(bent), ours("ras"), 1e-6)
    assert not np.allclose(ours("ras"), -logsumexp(NEW @ HEAD[0].T + HEAD[1], axis=1), rtol=1e-3)
