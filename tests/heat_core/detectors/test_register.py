"""A detector of one's own: it is registered under a name, and from then on it is one among the others."""

import numpy as np
import pytest
import torch

from heat_core import Experiment, HeatError, detectors, run
from heat_core.detectors import Context, Detector, in_table_order, load, names, register, resolve
from heat_core.features.features import Features

CLASSES, DIM = 3, 8
SETTINGS = {"width": 16, "updates": 6, "epochs": 3, "langevin_steps": 2}


@pytest.fixture(autouse=True)
def registry(monkeypatch) -> dict:
    """An empty one, which no other test sees."""
    monkeypatch.setattr(detectors.registry, "registered", {})
    return detectors.registry.registered


class FarFromTheMean(Detector):
    """Score: ‖z - mean‖₂."""

    title, source = "Far <from> the mean", "this test"
    place = 15

    def fit_features(self, train: Features) -> "FarFromTheMean":
        self._mean = np.asarray(train.avg, np.float64).mean(axis=0)
        return self

    def score_features(self, features: Features) -> np.ndarray:
        return np.linalg.norm(features.avg - self._mean, axis=1)


class Coin(Detector):
    """Score: the seed, whatever is shown."""

    title, source = "Coin", "this test"

    def __init__(self, seed: int = -1) -> None:
        self.seed = seed

    @classmethod
    def for_run(cls, context: Context) -> "Coin":
        return cls(context.seed)

    def score_features(self, features: Features) -> np.ndarray:
        return np.full(len(features), float(self.seed))


def experiment(tmp_path, chosen: list[str], **changes) -> Experiment:
    """Three clouds of features, and a fourth of no class."""
    rng = np.random.default_rng(0)
    y = np.arange(90) % CLASSES
    for name, z in (
        ("known", 4 * np.eye(CLASSES, DIM)[y] + rng.normal(size=(90, DIM))),
        ("unknown", rng.normal(size=(30, DIM)) - 6),
    ):
        (tmp_path / name).mkdir(exist_ok=True)
        np.save(tmp_path / name / "avg.npy", z.astype(np.float32))
    np.save(tmp_path / "known" / "labels.npy", y)
    settings = {"backbone": "features", "preset": "quick", "settings": SETTINGS, "priors": ["gmm", "el"], "map": False}
    ood = {"unknown": str(tmp_path / "unknown")}
    return Experiment(str(tmp_path / "known"), ood, detectors=chosen, **settings | changes)


def test_a_registered_detector_is_one_among_the_others():
    before = names()
    assert register("far-away-2")(FarFromTheMean) is FarFromTheMean
    assert names() == sorted([*before, "far-away-2"])
    assert load("far-away-2") is FarFromTheMean
    assert resolve(["msp", "far-away-2"]) == ["msp", "far-away-2"]
    assert "far-away-2" in resolve(["all"])
    order = list(in_table_order())
    assert order[order.index("msp") + 1] == "far-away-2"  # place 15, between 10 and 20
    assert order[order.index("far-away-2") + 1] == "maxlogit"


def test_a_run_has_its_row_with_its_title_at_its_place(tmp_path):
    register("far")(FarFromTheMean)
    register("coin")(Coin)
    done = run(experiment(tmp_path, ["coin", "maxlogit", "far", "msp", "knn"], seed=7))
    assert list(done.record.titles.items()) == [
        ("msp", "MSP"),
        ("far", "Far <from> the mean"),
        ("maxlogit", "MaxLogit"),
        ("el", "EL"),
        ("knn", "KNN"),
        ("coin", "Coin"),  # without a place of its own: 199, behind the other baselines
        ("gmm", "GMM"),
    ]
    assert done.detectors[:3] == ["msp", "far", "maxlogit"]
    assert done.title("far") == "Far <from> the mean"
    known, unknown = np.load(tmp_path / "known" / "avg.npy"), np.load(tmp_path / "unknown" / "avg.npy")
    train = np.array([int(i.split("/")[1]) for i in done.training_ids])
    mean = known[train].astype(np.float64).mean(axis=0)
    np.testing.assert_allclose(done.detector_scores("unknown", "far"), np.linalg.norm(unknown - mean, axis=1))
    np.testing.assert_array_equal(done.detector_scores("unknown", "coin"), np.full(30, 7.0))
    assert done.metrics()["far"]["unknown"]["auroc"] > 0.95
    assert done.metrics()["coin"]["unknown"]["auroc"] == 0.5
    assert type(done).open(done.folder).title("far") == "Far <from> the mean"


def test_a_finished_run_is_read_without_the_detector(tmp_path, registry):
    register("far")(FarFromTheMean)
    done = run(experiment(tmp_path, ["far"]))
    scores = done.detector_scores("id", "far")
    registry.clear()
    again = type(done).open(done.folder)
    np.testing.assert_array_equal(again.detector_scores("id", "far"), scores)
    assert again.title("far") == "Far <from> the mean"
    with pytest.raises(HeatError, match="no detector 'far'"):
        again.experiment.check()
    with pytest.raises(HeatError, match="row 'far', which comes from the module tests"):
        run(again.experiment, again.folder)
    after = type(done).open(done.folder)  # the job could not do anything, and so it ends nothing
    assert after.info == again.info
    assert after.status == "done"
    assert after.events()[-1]["stage"] == "done"


GIVEN = {
    "two columns": lambda n: np.ones((n, 2)),
    "a column": lambda n: np.ones((n, 1)),
    "short": lambda n: np.ones(n - 1),
    "long": lambda n: np.ones(n + 1),
    "NaN": lambda n: np.r_[np.nan, np.ones(n - 1)],
    "objects": lambda n: np.array([None] * n),
    "texts": lambda n: np.array(["1.0"] * n),
    "nothing": lambda _: None,
    "one number": lambda _: 3.0,
}


@pytest.mark.parametrize("slow", [False, True], ids=["fast", "slow"])
def test_scores_that_cannot_be_used_leave_their_detector_out(tmp_path, slow):
    """They are found when they are given: stored, they would look like damage, and take the run with them."""
    for i, give in enumerate(GIVEN.values()):
        score = lambda _, features, give=give: give(len(features))  # noqa: E731
        register(f"bad-{i}")(type("Bad", (Coin,), {"score_features": score, "slow": slow}))
    register("far")(FarFromTheMean)
    done = run(experiment(tmp_path, [*(f"bad-{i}" for i in range(len(GIVEN))), "far"]))
    assert done.status == "done"
    assert [d for d in done.detectors if d == "far" or d.startswith("bad")] == ["far"]
    reasons = {kind: done.left_out[f"bad-{i}"] for i, kind in enumerate(GIVEN)}
    assert "the scores of Coin are float64 (17,): it must give one number a sample, (18,)." in reasons["short"]
    assert reasons["NaN"].startswith("bad-4 is left out: 1 of the 18 scores of Coin are NaN. (This comes from")
    assert "(18, 2)" in reasons["two columns"]
    assert "object (18,)" in reasons["objects"]


def test_scores_of_any_kind_of_number_are_taken(tmp_path):
    kinds = {
        "tensor": lambda n: torch.arange(n, dtype=torch.bfloat16, requires_grad=True),
        "whole": lambda n: np.arange(n),
        "half": lambda n: np.arange(n).astype(np.float16),
        "list": lambda n: list(range(n)),
        "infinite": lambda n: np.r_[np.arange(n - 1), np.inf],
    }
    for name, give in kinds.items():
        score = lambda _, features, give=give: give(len(features))  # noqa: E731
        register(name)(type(name, (Coin,), {"score_features": score}))
    done = run(experiment(tmp_path, list(kinds)))
    for name in kinds:
        np.testing.assert_array_equal(done.detector_scores("id", name)[:17], np.arange(17.0))


def test_a_file_without_a_detector_gives_a_sentence(tmp_path, monkeypatch):
    """Beside the detectors lie helpers, whose name begins with _."""
    for name in ("helper", "_shared", "two_at_once"):
        (tmp_path / f"{name}.py").write_text("from heat_core.detectors.base import Detector\n")
    with open(tmp_path / "two_at_once.py", "a") as file:
        file.writelines(f"class {name}(Detector): title = source = 'x'\n" for name in "AB")
    monkeypatch.setattr(detectors, "__path__", [*detectors.__path__, str(tmp_path)])
    assert {"helper", "two-at-once"} < set(names())
    assert not any("shared" in name for name in names())
    with pytest.raises(HeatError, match=r"helper\.py has 0 detectors: write one a file"):
        load("helper")
    with pytest.raises(HeatError, match=r"two_at_once\.py has 2 detectors"):
        load("two-at-once")


def test_one_that_reads_images_is_left_out_of_a_run_on_features(tmp_path):
    register("eyes")(type("Eyes", (FarFromTheMean,), {"reads_images": True}))
    register("far")(FarFromTheMean)
    done = run(experiment(tmp_path, ["eyes", "far"]))
    assert "eyes" not in done.detectors
    assert "reads the images" in done.left_out["eyes"]
    assert "far" in done.detectors


def test_an_evidence_that_there_is_not_is_refused():
    class Guess(FarFromTheMean):
        evidence = "intuition"

    with pytest.raises(HeatError, match="Guess judges by 'intuition': its evidence is one of logits, features, both"):
        register("guess")(Guess)
    assert detectors.registry.registered == {}


@pytest.mark.parametrize("name", ["msp", "kl-matching", "ssd-plus", "gram"])
def test_a_name_that_is_taken_is_refused(name):
    before = load(name)
    with pytest.raises(HeatError, match=f"already a detector '{name}': choose another name"):
        register(name)(FarFromTheMean)
    assert load(name) is before
    assert detectors.registry.registered == {}


def test_a_name_may_be_registered_again_by_its_own_class():
    """A name that another class took is refused, and the same class may be registered again."""
    register("far")(FarFromTheMean)
    with pytest.raises(HeatError, match="already a detector 'far'"):
        register("far")(Coin)
    assert load("far") is FarFromTheMean
    register("far")(FarFromTheMean)
    register("far-too")(FarFromTheMean)
    assert load("far-too") is FarFromTheMean


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Far",
        "far_away",
        "far away",
        "2far",
        "-far",
        "fär",
        "far\n",
        "../far",
        "far+near",
        "<b>",
        "all",
        "heat",
        "heat-x",
    ],
)
def test_a_name_that_is_none_is_refused_before_its_class_is_seen(name):
    with pytest.raises(HeatError, match="is no name for a detector: write lower-case letters, digits and hyphens"):
        register(name)
    assert detectors.registry.registered == {}


def test_an_experiment_with_an_unregistered_detector_is_refused(tmp_path):
    """An experiment with a detector that was not registered is refused."""
    with pytest.raises(HeatError, match=r"no detector 'far': choose among all, .*msp"):
        experiment(tmp_path, ["far"]).check()
    register("far")(FarFromTheMean)
    experiment(tmp_path, ["far"]).check()
