"""What samples are broken down by, against plain loops; and a few of many, chosen to differ."""

from dataclasses import replace

import numpy as np
import pytest

from heat_core import HeatError, Lens
from heat_core.analysis import facets
from heat_core.analysis.explanation import explain
from heat_core.analysis.facets import Facet, Tags
from heat_core.analysis.samples import Samples
from heat_core.reporting.diverse_subset import choose_diverse
from heat_core.runs.results_file import ENERGIES, RunRecord
from heat_core.runs.run import Run
from tests.synthetic import CLASSES, synthetic_run


@pytest.fixture
def run(tmp_path):
    return synthetic_run(tmp_path / "run", {"near": 60, "far": 70}, known=80)


def with_ids(run: Run, name_of) -> Samples:
    """The same run whose samples are called `name_of(set, row)`."""
    record = RunRecord.load(run.folder / ENERGIES)
    for name, found in zip(run.datasets, record.sets, strict=True):
        object.__setattr__(found, "ids", np.array([name_of(name, row) for row in range(len(found.ids))]))
    record.save(run.folder / ENERGIES)
    return Samples(Run.open(run.folder))


def value(facet: Facet, number: int) -> str | None:
    return facet.names[facet.codes[number]] if facet.codes[number] >= 0 else None


def test_sets_and_classes_are_those_of_the_run(run):
    samples = Samples(run)
    for i in range(len(samples)):
        name, row = samples.locate(i)
        assert value(facets.by_set(samples), i) == name
        assert value(facets.by_predicted_class(samples), i) == CLASSES[run.predicted(name)[row]]


def test_counts_and_members_are_those_of_a_loop(run):
    samples = Samples(run)
    facet = replace(facets.by_predicted_class(samples), codes=np.where(samples.row % 5, samples.predicted, -1))
    among = samples.is_ood
    plain = [sum(bool(among[i]) and value(facet, i) == name for i in range(len(samples))) for name in facet.names]
    assert facet.counts(among).tolist() == plain
    assert facet.counts(np.zeros(len(samples), bool)).tolist() == [0, 0, 0]
    np.testing.assert_array_equal(
        facet.mask_of(("dog", "gone", "cat")), [value(facet, i) in ("dog", "cat") for i in range(len(samples))]
    )
    assert not facet.mask_of(()).any()


def test_folders_come_from_the_ids(run):
    """Folders are those of the ids, and samples without a folder have none."""
    folder = {0: "a", 1: "a/b", 2: ""}
    samples = with_ids(run, lambda name, row: f"{folder[row % 3]}/{row}.png".lstrip("/"))
    facet = facets.by_folder(samples)
    assert facet.names == ("far/a", "far/a/b", "id/a", "id/a/b", "near/a", "near/a/b")
    for i in range(len(samples)):
        name, row = samples.locate(i)
        assert value(facet, i) == (f"{name}/{folder[row % 3]}" if folder[row % 3] else None)


def test_a_run_without_folders_has_no_folder(run):
    facet = facets.by_folder(Samples(run))
    assert facet.names == ()
    assert (facet.codes == -1).all()
    assert facet.counts(np.ones(len(facet.codes), bool)).tolist() == []


@pytest.mark.parametrize(
    "lens",
    [
        Lens(),
        Lens(-1.5),
        Lens(np.inf),
        Lens(threshold=0.5),
        Lens(2.0, ("el", "gmm"), (2.0, 1.0)),
        Lens(0.5, weights=(1.0, 0.0, 3.0)),
    ],
    ids=str,
)
def test_the_part_responsible_moves_the_score_most(run, lens):
    """The part responsible is the one that moves the score most, as `explain` takes each sample apart, one by one."""
    samples, titles = Samples(run), {"gmm": "GMM", "gmm-std": "GMM-std", "el": "EL"}
    facet, flagged = facets.by_decisive_part(samples, lens), samples.flagged("heat", lens)
    for i in range(len(samples)):
        name, row = samples.locate(i)
        told = explain(run, run.prior_energies(name)[row], run.residual_energies(name)[row], lens)
        pulls = {f"{titles[p.prior]} prior": p.from_prior for p in told.contributions}
        pulls |= {f"{titles[p.prior]} residual": p.from_residual for p in told.contributions}
        wanted = max(pulls.values()) if flagged[i] else min(pulls.values())
        assert pulls[value(facet, i)] == pytest.approx(wanted, abs=1e-12)


def test_clusters_are_named_after_the_commonest_prediction(tmp_path):
    """Clusters lie together, the largest first, and have the class that most of their samples are predicted as."""
    run = synthetic_run(tmp_path / "run", {"near": 150, "far": 150}, known=100)
    samples = Samples(run)
    facet = facets.by_cluster(samples)
    assert len(facet.names) == len(set(facet.names)) == 400 // 40
    assert (facet.codes >= 0).all()
    sizes = facet.counts(np.ones(len(samples), bool))
    assert (np.diff(sizes) <= 0).all()
    xy = samples.map_xy()
    centres = np.stack([xy[facet.codes == c].mean(axis=0) for c in range(len(facet.names))])
    nearest = np.array([np.argmin(((centres - point) ** 2).sum(axis=1)) for point in xy])
    assert (nearest == facet.codes).mean() > 0.95
    for c, name in enumerate(facet.names):
        commonest = np.bincount(samples.predicted[facet.codes == c]).max()
        seen = CLASSES.index(name.removeprefix("nearest class ").removesuffix(f", cluster {c + 1}"))
        assert (samples.predicted[facet.codes == c] == seen).sum() == commonest
    with pytest.raises(HeatError):
        facets.by_cluster(Samples(synthetic_run(tmp_path / "bare", with_map=False)))


def test_several_tags_and_tags_of_missing_samples(run):
    """A sample may have several tags, and tags of samples that no longer exist are ignored."""
    samples = Samples(run)
    notes = {
        samples.key(3): {"note": "", "tags": ["b", "a"]},
        samples.key(90): {"note": "", "tags": ["b"]},
        samples.key(7): {"note": "a note alone", "tags": []},
        "id/gone": {"note": "", "tags": ["b"]},
    }
    tags = Tags.from_notes(samples, notes)
    assert {tag: numbers.tolist() for tag, numbers in tags.members.items()} == {"": [7], "a": [3], "b": [3, 90]}
    assert np.flatnonzero(tags.any_mask()).tolist() == [3, 7, 90]
    assert np.flatnonzero(tags.mask_of(("a",))).tolist() == [3]
    assert np.flatnonzero(tags.mask_of(("a", "b", "gone"))).tolist() == [3, 90]
    assert not Tags.from_notes(samples, {}).any_mask().any()


# ---- a few of many ---------------------------------------------------------------------------------------------------


def test_pictures_are_the_farthest_from_those_before_them(run, monkeypatch):
    samples, rng = Samples(run), np.random.default_rng(0)
    features = rng.normal(size=(len(samples), 5))
    features[20:40] = features[20]  # twenty times the same picture
    monkeypatch.setattr("heat_core.reporting.diverse_subset.unit_features", lambda _, numbers: unit(features[numbers]))

    def unit(x):
        return x / np.linalg.norm(x, axis=1, keepdims=True)

    numbers = np.arange(100)[::-1].copy()
    found, how = choose_diverse(samples, numbers, 6)
    chosen = [numbers[0]]
    while len(chosen) < 6:
        nearest = {i: max(float(unit(features[[i]])[0] @ unit(features[[j]])[0]) for j in chosen) for i in numbers}
        chosen.append(min((i for i in numbers if i not in chosen), key=nearest.__getitem__))
    assert found.tolist() == sorted(chosen, reverse=True)  # in the order in which they came
    assert sum(20 <= i < 40 for i in found) <= 1
    assert how.startswith("6 are shown: the first, and those whose features differ most")


def test_without_features_sets_folders_and_classes_take_turns(run):
    samples = with_ids(run, lambda name, row: f"{'ab'[row % 2]}/{row}")
    numbers = np.arange(len(samples))
    found, how = choose_diverse(samples, numbers, 18)
    kinds = {(samples.locate(i)[0], str(samples.ids[i])[0], samples.predicted[i]) for i in found.tolist()}
    assert len(kinds) == 18  # three sets, two folders, three classes: one of each
    assert (np.diff(found) > 0).all()
    assert how.startswith("18 are shown, taken in turn from each combination of set, folder")


def test_few_samples_are_all_shown(run):
    found, how = choose_diverse(Samples(run), np.array([4, 2]), 12)
    assert found.tolist() == [4, 2]
    assert how == "All of them are shown."
    assert len(choose_diverse(Samples(run), np.empty(0, int), 12)[0]) == 0
