"""What a run keeps on disk comes back as it was, and what cannot be read says what to do."""

import json

import numpy as np
import pytest

from heat_core import HeatError, Lens, compose
from heat_core.composition import Scale
from heat_core.runs.results_file import FORMAT, RunRecord, residual_path
from heat_core.runs.scored_images import ScoredImages
from heat_core.runs.set_record import SetRecord
from heat_core.storage import read_npz, write_npz
from tests.synthetic import synthetic_run

RNG, PRIORS = np.random.default_rng(0), ("gmm", "gmm-std", "el")


def set_of(n: int, labels: bool = False, priors: int = 3) -> SetRecord:
    return SetRecord(
        ids=np.array([f"Straße/<b>{i}</b>.png" for i in range(n)]),
        labels=RNG.integers(0, 2, n) if labels else None,
        predicted=RNG.integers(0, 2, n),
        confidence=RNG.random(n),
        scores={"msp": RNG.normal(size=n), "el": np.r_[np.inf, RNG.normal(size=n - 1)]},
        prior=RNG.normal(size=(n, priors)),
        residual=RNG.normal(size=(n, priors)),
    )


def record_of(**changes) -> RunRecord:
    parts = {
        "sets": [set_of(5, labels=True), set_of(3), set_of(1)],
        "training_ids": np.array(["a", "b"]),
        "class_names": ["cat", "<i>dog</i> 犬"],
        "titles": {"msp": "MSP", "el": "EL"},
        "left_out": {"vim": "vim is left out: nothing is left."},
        "features": {"train": "/somewhere/train"},
        "accuracy": 0.75,
        "notes": ("id: 3 of its images are <b>elsewhere</b>.",),
        "evidence": {"msp": "logits"},
        "scale": Scale(PRIORS, np.array([1.0, -2.0, 1 / 3]), np.array([0.1, 0.4, 7.0])),
        "temperatures": (3.0, 0.1 + 0.2, 1e-12),
    }
    return RunRecord(**parts | changes)


def same(found: RunRecord, expected: RunRecord) -> None:
    assert len(found.sets) == len(expected.sets)
    for a, b in zip(found.sets, expected.sets, strict=True):
        for name in ("ids", "predicted", "confidence", "prior", "residual"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
        assert (a.labels is None) == (b.labels is None)
        np.testing.assert_array_equal(a.labels, b.labels)
        assert set(a.scores) == set(b.scores)
        for name in a.scores:
            np.testing.assert_array_equal(a.scores[name], b.scores[name])
    np.testing.assert_array_equal(found.training_ids, expected.training_ids)
    for name in ("class_names", "left_out", "features", "accuracy", "temperatures", "notes", "evidence"):
        assert getattr(found, name) == getattr(expected, name)
    assert list(found.titles.items()) == list(expected.titles.items())  # their order is the tables'
    assert found.scale.priors == expected.scale.priors
    np.testing.assert_array_equal(found.scale.mean, expected.scale.mean)
    np.testing.assert_array_equal(found.scale.std, expected.scale.std)


def with_summary(path, change) -> None:
    """Save a record whose summary `change` was applied to."""
    record_of().save(path)
    arrays = read_npz(path)
    summary = json.loads(str(arrays["summary"]))
    changed = change(summary)
    write_npz(path, arrays | {"summary": np.array(json.dumps(summary if changed is None else changed))})


def without(*names: str):
    def change(summary):
        for name in names:
            del summary[name]

    return change


@pytest.mark.parametrize(
    "record",
    [
        record_of(),
        record_of(accuracy=None, titles={"el": "EL", "msp": "MSP"}, left_out={}, features={}, notes=(), evidence={}),
        record_of(
            sets=[set_of(4, priors=0), set_of(2, priors=0)],
            scale=Scale((), np.empty(0), np.empty(0)),
            temperatures=(),
        ),
    ],
    ids=["everything", "nothing optional", "before the first residual"],
)
def test_a_record_comes_back_as_it_was(tmp_path, record):
    record.save(tmp_path / "energies.npz")
    same(RunRecord.load(tmp_path / "energies.npz"), record)


def test_saving_again_replaces_and_leaves_nothing_beside(tmp_path):
    path = tmp_path / "energies.npz"
    record_of().save(path)
    record_of(accuracy=0.5).save(path)
    assert RunRecord.load(path).accuracy == 0.5
    assert list(tmp_path.iterdir()) == [path]


def test_a_sets_hybrid_energy_is_the_sum(tmp_path):
    found = set_of(4)
    np.testing.assert_array_equal(found.hybrid, found.prior + found.residual)
    assert len(found) == 4


def test_only_some_priors_in_their_order():
    record = record_of()
    part = record.with_priors(("el", "gmm"))
    assert part.scale.priors == ("el", "gmm")
    assert part.temperatures == (1e-12, 3.0)
    np.testing.assert_array_equal(part.scale.mean, [1 / 3, 1.0])
    np.testing.assert_array_equal(part.scale.std, [7.0, 0.1])
    for a, b in zip(part.sets, record.sets, strict=True):
        np.testing.assert_array_equal(a.prior, b.prior[:, [2, 0]])
        np.testing.assert_array_equal(a.residual, b.residual[:, [2, 0]])
        assert a.scores is b.scores
        np.testing.assert_array_equal(a.ids, b.ids)
        lens = Lens(0.5, ("gmm", "el"))
        np.testing.assert_allclose(part.scale.scores(a.hybrid, lens), record.scale.scores(b.hybrid, lens))
    assert part.titles == record.titles
    same(record.with_priors(PRIORS), record)
    same(record.with_priors(("el", "gmm")).with_priors(("gmm",)), record.with_priors(("gmm",)))


def test_only_no_priors_is_the_run_before_training(tmp_path):
    part = record_of().with_priors(())
    assert [s.prior.shape for s in part.sets] == [(5, 0), (3, 0), (1, 0)]
    assert (part.scale.priors, part.temperatures) == ((), ())
    part.save(tmp_path / "energies.npz")
    same(RunRecord.load(tmp_path / "energies.npz"), part)


def test_corrected_priors_replace_the_others():
    record = record_of()
    scale = Scale(("vim",), np.zeros(1), np.ones(1))
    columns = [np.full((len(s), 1), float(i)) for i, s in enumerate(record.sets)]
    changed = record.with_corrected(scale, (2.0,), columns, [c + 1 for c in columns])
    assert (changed.scale, changed.temperatures) == (scale, (2.0,))
    for i, found in enumerate(changed.sets):
        np.testing.assert_array_equal(found.hybrid, np.full((len(found), 1), 2.0 * i + 1))
    assert record.sets[0].prior.shape == (5, 3)


def test_a_record_from_before_formats_were_kept_opens(tmp_path):
    path = tmp_path / "energies.npz"
    with_summary(path, without("format"))
    assert RunRecord.load(path).class_names == ["cat", "<i>dog</i> 犬"]
    with_summary(path, without("titles", "features", "accuracy", "notes", "evidence"))
    found = RunRecord.load(path)
    assert (found.titles, found.features, found.accuracy) == ({"msp": "msp", "el": "el"}, {}, None)
    assert found.notes == ()
    assert found.evidence == {}


@pytest.mark.parametrize("number", [FORMAT + 1, 0, "2", None])
def test_another_format_is_refused_by_its_number(tmp_path, number):
    """Another format is refused by its number, and the sentence says what to do."""
    path = tmp_path / "energies.npz"
    with_summary(path, lambda summary: summary | {"format": number})
    with pytest.raises(HeatError) as told:
        RunRecord.load(path)
    assert str(told.value) == (
        f"{path} was written in format {number}, and this heat_core reads format {FORMAT}: install the version that "
        "wrote it, or start the run again."
    )


@pytest.mark.parametrize(
    "change",
    [
        without("baselines"),
        without("class_names"),
        without("temperature"),
        without("left_out"),
        lambda summary: [summary],
        lambda summary: "summary",
        lambda summary: summary | {"priors": None},
        lambda summary: summary | {"temperature": 3.0},
        lambda summary: summary | {"baselines": ["msp", "el", "knn"]},
        lambda summary: summary | {"titles": ["MSP"]},
        lambda summary: summary | {"evidence": ["logits"]},
        lambda summary: summary | {"evidence": {"msp": 5}},
    ],
    ids=lambda _: "",
)
def test_a_damaged_summary_gives_a_sentence(tmp_path, change):
    path = tmp_path / "energies.npz"
    with_summary(path, change)
    with pytest.raises(HeatError, match=r"is damaged .*: delete it and resume the run") as told:
        RunRecord.load(path)
    assert str(path) in str(told.value)


@pytest.mark.parametrize("name", ["summary", "train/ids", "1/prior", "0/score-msp", "2/labels"])
def test_a_missing_array_gives_a_sentence_that_names_it(tmp_path, name):
    path = tmp_path / "energies.npz"
    record_of().save(path)
    arrays = read_npz(path)
    del arrays[name]
    write_npz(path, arrays)
    with pytest.raises(HeatError, match=f"is damaged .*{name}.* is missing or misplaced"):
        RunRecord.load(path)


def test_a_summary_that_is_no_json_gives_a_sentence(tmp_path):
    path = tmp_path / "energies.npz"
    record_of().save(path)
    write_npz(path, read_npz(path) | {"summary": np.array('{"format": 1, "sets"')})
    with pytest.raises(HeatError, match="delete it and resume the run"):
        RunRecord.load(path)


def test_a_run_refuses_the_record_of_another_number_of_sets(tmp_path):
    run = synthetic_run(tmp_path / "run")
    record = RunRecord.load(run.folder / "energies.npz")
    same(record, run.record)
    RunRecord(**record.__dict__ | {"sets": record.sets[:2]}).save(run.folder / "energies.npz")
    with pytest.raises(HeatError, match="holds 2 sets where the run has 3"):
        _ = type(run).open(run.folder).record


# ---- new images ------------------------------------------------------------------------------------------------------


def scored_of(n: int = 4, xy: bool = True) -> ScoredImages:
    return ScoredImages(
        ids=np.array([f"é <b>{i}.png" for i in range(n)]),
        prior=RNG.normal(size=(n, 2)),
        residual=RNG.normal(size=(n, 2)),
        predicted=RNG.integers(0, 3, n),
        confidence=RNG.random(n),
        avg=RNG.normal(size=(n, 5)).astype(np.float32),
        xy=RNG.normal(size=(n, 2)).astype(np.float32) if xy else np.empty((0, 2), np.float32),
        skipped=np.array(["broken.png"]) if xy else np.array([], dtype=str),
    )


def arrays_of(scored: ScoredImages) -> dict[str, np.ndarray]:
    return {name: array for name, array in scored.__dict__.items() if isinstance(array, np.ndarray)}


@pytest.mark.parametrize("scored", [scored_of(), scored_of(1, xy=False)], ids=["with a map", "without"])
def test_scored_images_come_back_as_they_were(tmp_path, scored):
    scored.save(tmp_path / "scored.npz")
    found = ScoredImages.load(tmp_path / "scored.npz")
    assert len(found) == len(scored)
    for name, array in arrays_of(scored).items():
        assert getattr(found, name).dtype == array.dtype
        np.testing.assert_array_equal(getattr(found, name), array)


def test_scored_images_are_composed_on_the_runs_scale():
    scored, scale = scored_of(), Scale(("gmm", "el"), np.array([1.0, 2.0]), np.array([0.5, 0.0]))
    standardised = (scored.prior + scored.residual - [1, 2]) / [0.5, 1]
    np.testing.assert_allclose(scored.scores(scale), standardised.mean(axis=1))
    np.testing.assert_allclose(scored.scores(scale, Lens(2.0, ("el",))), standardised[:, 1])
    np.testing.assert_allclose(
        scored.scores(scale, Lens(-1.0, weights=(1, 3))), compose(standardised, -1.0, weights=(1, 3))
    )


def test_scored_images_of_another_format_are_refused(tmp_path):
    path = tmp_path / "scored.npz"
    scored_of().save(path)
    write_npz(path, read_npz(path) | {"format": np.array(FORMAT + 1)})
    with pytest.raises(HeatError, match=rf"scored\.npz was written in format {FORMAT + 1}, .* reads format {FORMAT}"):
        ScoredImages.load(path)


def test_scored_images_from_before_formats_were_kept_open(tmp_path):
    path, scored = tmp_path / "scored.npz", scored_of()
    write_npz(path, arrays_of(scored))
    np.testing.assert_array_equal(ScoredImages.load(path).prior, scored.prior)


@pytest.mark.parametrize("change", [lambda a: a.pop("xy"), lambda a: a.update(more=np.ones(1))], ids=["less", "more"])
def test_what_holds_no_scored_images_gives_a_sentence(tmp_path, change):
    path = tmp_path / "scored.npz"
    scored_of().save(path)
    arrays = read_npz(path)
    change(arrays)
    write_npz(path, arrays)
    with pytest.raises(HeatError, match=r"scored\.npz does not hold scored images: score them again"):
        ScoredImages.load(path)
    with pytest.raises(HeatError, match=r"other\.npz is missing"):
        ScoredImages.load(tmp_path / "other.npz")


def test_residuals_lie_beside_the_record(tmp_path):
    assert residual_path(tmp_path, "gmm-std") == tmp_path / "residual-gmm-std.safetensors"
