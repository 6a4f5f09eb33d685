"""Which images are alike: against plain cosines, over all sets; the same picture in two sets."""

import numpy as np
import pytest
from PIL import Image

from heat_core import HeatError
from heat_core.analysis.samples import Samples
from heat_core.analysis.similarity import SimilarityIndex, most_similar, nearest_training
from heat_core.features.features import Features
from heat_core.runs.experiment import TRAIN
from tests.synthetic import synthetic_run


@pytest.fixture
def finished(tmp_path):
    return synthetic_run(tmp_path / "run")


def test_the_nearest_training_images_are_those_of_largest_cosine(tmp_path, monkeypatch):
    run = synthetic_run(tmp_path / "run")
    z = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float16)
    z[3] = 0  # a feature without a direction is like nothing
    train = Features(z, None, None, [str(i) for i in run.training_ids])
    monkeypatch.setitem(run.loaded_features, TRAIN, train)
    query = 100 * z[11].astype(float) + 0.01
    ids, similarity = nearest_training(run, query, k=4)
    with np.errstate(invalid="ignore"):
        cosine = z.astype(float) @ query / np.linalg.norm(z.astype(float), axis=1) / np.linalg.norm(query)
    order = np.argsort(-np.nan_to_num(cosine))[:4]
    assert ids == [f"train-{i}" for i in order]
    assert ids[0] == "train-11"
    np.testing.assert_allclose(similarity, cosine[order], rtol=1e-3)
    assert len(nearest_training(run, query)[0]) == 6
    assert len(nearest_training(run, query, k=99)[0]) == 20
    assert np.isfinite(nearest_training(run, np.zeros(5))[1]).all()


def test_neighbours_without_training_features_give_a_sentence(finished):
    """Without training features there is a sentence instead of neighbours."""
    with pytest.raises(HeatError, match="features of 'train' are not on this machine"):
        nearest_training(finished, np.ones(5))


def with_features(run, seed=0):
    """The run, with random features of every set in memory."""
    rng = np.random.default_rng(seed)
    for name in run.datasets:
        z = rng.normal(size=(len(run.ids(name)), 6)).astype(np.float32)
        run.loaded_features[name] = Features(z, None, None, [str(i) for i in run.ids(name)])
    return run


def test_the_nearest_samples_have_the_largest_cosine(finished):
    """The nearest samples are those of largest cosine over all sets."""
    run = with_features(finished)
    samples = Samples(run)
    z = np.concatenate([np.asarray(run.features(n).avg, dtype=np.float64) for n in run.datasets])
    cosine = (z @ z[70]) / np.linalg.norm(z, axis=1) / np.linalg.norm(z[70])
    wanted = [i for i in np.argsort(-cosine) if i != 70][:5]
    found = SimilarityIndex(run).nearest_samples(samples, samples.features(70), k=5, exclude=70)
    assert [samples.number(a.dataset, a.row) for a in found] == wanted
    np.testing.assert_allclose([a.cosine for a in found], cosine[wanted], rtol=1e-5)
    assert most_similar(samples, SimilarityIndex(run), 70, k=5).tolist() == [70, *wanted]


def test_features_too_large_to_keep_give_the_same(finished):
    run = with_features(finished)
    kept = SimilarityIndex(run).cosines("near", np.ones(6))
    read = SimilarityIndex(run, max_cached_bytes=0, block=7)
    np.testing.assert_allclose(read.cosines("near", np.ones(6)), kept, atol=1e-6)


def test_a_vector_of_another_dimension_gives_a_sentence(finished):
    with pytest.raises(HeatError, match="6 dimensions, not 4"):
        SimilarityIndex(with_features(finished)).cosines("near", np.ones(4))


def test_the_same_picture_in_two_sets_is_said(tmp_path, run_of_files):
    twin = next((tmp_path / "known" / "a").glob("*.png"))
    Image.open(twin).save(tmp_path / "other" / "twin.jpg", quality=92)  # once more, encoded otherwise
    made = run_of_files()
    samples, likeness = Samples(made), SimilarityIndex(made)
    number = samples.find("other/twin.jpg")
    z = samples.features(number)
    found = likeness.nearest(TRAIN, z, k=3) + likeness.nearest("id", z, k=3)
    told = likeness.mark_duplicates("other", "twin.jpg", found)
    same = {(a.dataset, a.sample) for a in told if a.is_same}
    assert same <= {(TRAIN, f"a/{twin.name}"), ("id", f"a/{twin.name}")}
    assert same
