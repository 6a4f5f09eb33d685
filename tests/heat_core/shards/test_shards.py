"""Long lists in shards: the same bytes from every engine, whatever died on the way."""

import os
import signal
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from heat_core import HeatError
from heat_core.__main__ import main
from heat_core.composition import HEAT, Lens
from heat_core.energies.moments import Moments
from heat_core.energies.priors import GaussianMixture
from heat_core.energies.views import VIEWS
from heat_core.features.backbones import load_backbone
from heat_core.features.datasets import from_folder
from heat_core.features.extraction import extract
from heat_core.features.features import Features
from heat_core.metrics import p_values
from heat_core.runs.events import silent
from heat_core.runs.scoring import score
from heat_core.shards.extracted import extract_list, moments_of
from heat_core.shards.on_ray import OnRay
from heat_core.shards.scores import _read, score_list
from heat_core.shards.work import How
from heat_core.storage import digest_of
from tests.conftest import make_folder


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(a finished run, a folder of 23 images of which two cannot be read, the run's weights)."""
    folder = tmp_path_factory.mktemp("shards")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEAT_HOME", str(folder / "home"))
        import torch
        from safetensors.torch import save_file
        from timm import create_model

        from heat_core import Experiment, run

        torch.manual_seed(0)
        save_file(create_model("resnet10t").state_dict(), folder / "net.safetensors")
        make_folder(folder / "known", {"a": 10, "b": 10})
        make_folder(folder / "other", {"": 6})
        make_folder(folder / "new", {"x": 11, "y": 12})
        (folder / "new" / "x" / "004.png").write_bytes(b"no image")
        os.truncate(folder / "new" / "y" / "003.png", 60)
        finished = run(
            Experiment(
                id=str(folder / "known"),
                ood={"other": str(folder / "other")},
                backbone="resnet10t",
                weights=str(folder / "net.safetensors"),
                image_size=32,
                priors=["gmm", "el"],
                detectors=[],
                settings={"epochs": 1},
                map=False,
            )
        )
        yield finished, folder / "new", folder / "net.safetensors"


@pytest.fixture(scope="module")
def ray_here():
    ray = pytest.importorskip("ray", reason="needs ray[data], the extra [cluster]")
    ray.init(num_cpus=2, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
    yield ray
    ray.shutdown()


def scored(made, out: Path, report=silent, sources=None, lens=Lens(beta=1), keep=2, **how):  # noqa: B008
    return score_list(made[0], sources or [made[1]], out, lens, How(**{"size": 5, "threads": 1} | how), keep, report)


def bytes_of(out: Path) -> dict[str, str]:
    return {p.name: digest_of(p) for p in sorted(out.glob("*.parquet"))}


def test_scores_are_those_of_the_run_and_what_cannot_be_read_has_a_row(made, tmp_path):
    run, new, _ = made
    found = scored(made, tmp_path / "out")
    table = pa.concat_tables([pq.read_table(p) for p in sorted((tmp_path / "out").glob("scores-*"))])
    assert table["id"].to_pylist() == list(range(23))
    assert table["path"].to_pylist() == [str(p) for p in sorted(new.rglob("*.png"))]
    unreadable = [Path(row["path"]).name for row in table.to_pylist() if row["error"]]
    assert unreadable == ["004.png", "003.png"]
    whole = table.filter(pa.compute.is_valid(table["score"]))
    plain = score(run, [new])
    assert whole["path"].to_pylist() == plain.ids.tolist()
    expected = plain.scores(run.scale, Lens(beta=1))
    np.testing.assert_allclose(whole["score"].to_numpy(), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(whole["energy_gmm"].to_numpy(), (plain.prior + plain.residual)[:, 0], rtol=1e-5)
    calibration = run.detector_scores("id", HEAT, Lens(beta=1))
    literal = [(1 + sum(c >= s for c in calibration)) / (len(calibration) + 1) for s in expected]
    np.testing.assert_allclose(whole["p_value"].to_numpy(), literal, rtol=1e-6)
    np.testing.assert_allclose(whole["confidence"].to_numpy(), plain.confidence, rtol=1e-5)
    assert whole["predicted"].to_pylist() == [run.class_names[c] for c in plain.predicted]
    assert (found.images, found.unreadable) == (23, 2)
    assert found.unknown == int((expected > found.threshold).sum())
    assert found.top[0][2] == plain.ids[expected.argmax()]


def test_features_are_kept_of_a_sample_and_of_the_most_unusual(made, tmp_path):
    scored(made, tmp_path / "out")
    scores = pq.read_table(tmp_path / "out" / "scores-000001.parquet")
    kept = pq.read_table(tmp_path / "out" / "kept-000001.parquet").to_pylist()
    assert [row["why"] for row in kept] == ["sample", "sample", "top", "top"]
    in_order = np.argsort(-scores["score"].to_numpy())
    assert {row["path"] for row in kept[2:]} == {scores["path"][int(i)].as_py() for i in in_order[:2]}
    whole = score(made[0], [made[1]])
    avg = dict(zip(whole.ids.tolist(), whole.avg, strict=True))
    np.testing.assert_allclose(np.array(kept[0]["avg"]), avg[kept[0]["path"]], rtol=2e-3, atol=1e-3)


def test_work_goes_on_where_it_ended(made, tmp_path):
    whole = scored(made, tmp_path / "whole")
    said = []

    def stop(stage, message="", **more):
        said.append(message)
        if "3 of 5 shards" in message:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scored(made, tmp_path / "out", report=stop)
    times = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "out").glob("scores-*")}
    assert len(times) == 3
    found = scored(made, tmp_path / "out", report=lambda stage, message="", **more: said.append(message))
    assert "3 of 5 shards were finished before." in said
    assert all((tmp_path / "out" / name).stat().st_mtime_ns == time for name, time in times.items())
    assert bytes_of(tmp_path / "out") == bytes_of(tmp_path / "whole")
    assert found == whole


def test_ray_writes_the_same_bytes_though_an_actor_dies(made, ray_here, tmp_path):
    plain = scored(made, tmp_path / "plain", size=2)
    left = []

    def kill_once(stage, message="", **more):
        if "pid" in more and not left:
            left.append(12 - len(list((tmp_path / "ray").glob("scores-*"))))
            os.kill(more["pid"], signal.SIGKILL)

    found = scored(made, tmp_path / "ray", size=2, engine="ray", report=kill_once)
    assert left[0] > 0
    assert bytes_of(tmp_path / "ray") == bytes_of(tmp_path / "plain")
    assert found == plain


def test_ray_goes_on_where_the_loop_ended(made, ray_here, tmp_path):
    scored(made, tmp_path / "plain")
    scored(made, tmp_path / "out")
    for number in (1, 4):
        (tmp_path / "out" / f"scores-{number:06d}.parquet").unlink()
    scored(made, tmp_path / "out", engine="ray")
    assert bytes_of(tmp_path / "out") == bytes_of(tmp_path / "plain")


def test_a_mistake_of_the_job_is_its_own_sentence_on_ray(ray_here):
    def job(number, report=None):
        raise HeatError("The disk is full: free some.")

    with pytest.raises(HeatError, match=r"^The disk is full: free some\.$"):
        list(OnRay(threads=1)(job, [0]))
    with pytest.raises(HeatError, match="Ray has 2 cores on a machine, and a worker wants 9: fewer --threads"):
        list(OnRay(threads=9)(job, [0]))


def test_a_shard_that_kills_its_worker_is_given_up(ray_here):
    def job(number, report=None):
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(HeatError, match="Ray gave up"):
        list(OnRay(threads=1)(job, [0]))


def test_what_goes_wrong_on_a_worker_is_a_sentence(ray_here):
    def job(number, report=None):
        raise PermissionError(13, "Permission denied", "/out/x")

    with pytest.raises(HeatError, match=r"Permission denied: '/out/x'\. \(on .*, number 7\)"):
        list(OnRay(threads=1)(job, [7]))


def test_a_cluster_that_is_not_there(monkeypatch):
    ray = pytest.importorskip("ray", reason="needs ray[data], the extra [cluster]")
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with pytest.raises(HeatError, match=r"There is no Ray cluster at 127\.0\.0\.1:9"):
        list(OnRay("127.0.0.1:9", threads=1)(print, [0]))


def test_without_ray_there_is_a_sentence(made, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(HeatError, match="pip install 'heat-explorer\\[cluster\\]'"):
        scored(made, tmp_path / "out", engine="ray")
    with pytest.raises(HeatError, match="--address and --workers are Ray's"):
        scored(made, tmp_path / "out", workers=2)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_manifest_is_the_folder(made, tmp_path, kind):
    new = made[1]
    files = sorted(new.rglob("*.png"))
    table = pa.table({"camera": ["A"] * 23, "path": [os.path.relpath(p, tmp_path) for p in files]})
    manifest = tmp_path / f"list.{kind}"
    pyarrow.csv.write_csv(table, manifest) if kind == "csv" else pq.write_table(table, manifest)
    scored(made, tmp_path / "out", sources=[manifest])
    scored(made, tmp_path / "folder")
    one, other = (pq.read_table(tmp_path / name / "scores-000002.parquet") for name in ("out", "folder"))
    assert [Path(p).resolve() for p in one["path"].to_pylist()] == [Path(p) for p in other["path"].to_pylist()]
    assert one.drop_columns("path") == other.drop_columns("path")
    assert score(made[0], [manifest]).scores(made[0].scale).shape == (21,)


def test_bad_rows_of_a_manifest_are_named_and_files_that_are_gone_have_a_row(made, tmp_path, capsys):
    good = sorted(made[1].rglob("*.png"))[0]
    manifest = tmp_path / "<b>list.csv"
    manifest.write_text(f"path,label\n{good},a\n,b\na,b,c,d\n{tmp_path / 'gone.png'},c\n")
    assert main(["score", str(made[0].folder), str(manifest), "--out", str(tmp_path / "out"), "--json"]) == 0
    said = capsys.readouterr()
    assert "<b>list.csv: 4 columns instead of 2" in said.err
    assert "<b>list.csv, row 2: no path" in said.err
    assert "of 1 images unknown" in said.out
    assert "1 not readable" in said.out
    (tmp_path / "none.csv").write_text("file\nx\n")
    for wrong, sentence in ((tmp_path / "none.csv", "has no column `path`"), (tmp_path / "no.csv", "does not exist")):
        assert main(["score", str(made[0].folder), str(wrong), "--out", str(tmp_path / "o2")]) == 2
        assert sentence in capsys.readouterr().err
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no")
    assert main(["score", str(made[0].folder), str(tmp_path / "broken.parquet"), "--out", str(tmp_path / "o3")]) == 2
    assert "cannot be read as PARQUET" in capsys.readouterr().err


def test_files_that_are_all_gone_are_no_result_and_damaged_ones_are(made, tmp_path):
    manifest = tmp_path / "list.csv"
    manifest.write_text("path\n" + "\n".join(f"/not/mounted/{i}.png" for i in range(100)))
    with pytest.raises(HeatError, match=r"None of 100 images is there on .*, first /not/mounted/0\.png"):
        scored(made, tmp_path / "out", sources=[manifest], size=100)
    assert not list((tmp_path / "out").glob("scores-*"))
    (tmp_path / "broken").mkdir()
    for i in range(100):
        (tmp_path / "broken" / f"{i}.png").write_bytes(b"broken")
    found = scored(made, tmp_path / "out2", sources=[tmp_path / "broken", made[1]], size=100)
    assert (found.images, found.unreadable) == (123, 102)


def test_a_folder_that_was_begun_with_something_else_is_left_alone(made, tmp_path):
    out = tmp_path / "out"
    scored(made, out)
    before = bytes_of(out)
    with pytest.raises(HeatError, match="was begun for something else"):
        scored(made, out, lens=Lens(beta=2))
    with pytest.raises(HeatError, match="was begun with another list of images"):
        scored(made, out, sources=[made[1] / "x"])
    with pytest.raises(HeatError, match=r"was begun with another number of threads \(1, not 2\)"):
        scored(made, out, threads=2)
    assert scored(made, out, threads=None).images == 23  # it keeps its own
    assert bytes_of(out) == before
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.doc").write_text("mine")
    with pytest.raises(HeatError, match=r"holds thesis\.doc, but no plan"):
        scored(made, tmp_path / "full")
    (out / "plan.json").unlink()  # it died between its list and its plan
    for path in out.glob("*-0*.parquet"):
        path.unlink()
    assert scored(made, out).images == 23


def test_a_damaged_shard_is_not_believed(made, tmp_path):
    scored(made, tmp_path / "out")
    path = tmp_path / "out" / "scores-000001.parquet"
    whole, right = path.read_bytes(), _read(path)
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        try:
            assert _read(path) == right
        except HeatError as error:
            assert "is cut off or damaged: delete it and start again" in str(error)  # noqa: PT017
    path.write_bytes(b"cut off")
    with pytest.raises(HeatError, match="is cut off or damaged: delete it and start again"):
        scored(made, tmp_path / "out")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--keep", "-1"], "--keep is -1"),
        (["--shard", "0"], "--shard is 0"),
        (["--threads", "0"], "--threads is 0"),
        (["--engine", "ray", "--workers", "-1"], "--workers is -1"),
        (["--workers", "2"], "are Ray's"),
        (["--into", "x"], "give one of them"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_is_written(made, tmp_path, capsys, words, sentence):
    out = tmp_path / "out"
    assert main(["score", str(made[0].folder), str(made[1]), "--out", str(out), *words]) == 2
    assert sentence in capsys.readouterr().err
    assert not (out / "plan.json").exists()


def test_extracted_features_are_a_folder_for_runs(made, ray_here, tmp_path):
    _, new, weights = made
    backbone = load_backbone("resnet10t", str(weights), 64)
    extract_list(backbone, [new], tmp_path / "loop", How(size=4, threads=1))
    extract_list(backbone, [new], tmp_path / "ray", How("ray", size=4, threads=1))
    for name in ("avg.npy", "std.npy", "labels.npy", "meta.json"):
        assert digest_of(tmp_path / "loop" / name) == digest_of(tmp_path / "ray" / name)
    assert not list((tmp_path / "loop").glob("features-*"))
    found, direct = Features.open(tmp_path / "loop"), extract(backbone, from_folder(new))
    np.testing.assert_allclose(found.avg, direct.avg, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.std, direct.std, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(found.labels, direct.labels)
    assert found.class_names == ["x", "y"]
    assert len(found.skipped) == 2
    told = extract_list(
        backbone, [new], tmp_path / "loop", How(size=4, threads=1)
    )  # a second time there is nothing to do
    assert told.rows == 23

    z = VIEWS["gmm-std"].rows(found)
    together = moments_of(tmp_path / "loop", "gmm-std", ["x", "y"], size=6, engine=OnRay(threads=1))
    direct_moments = Moments.of(z, found.labels, 2)
    np.testing.assert_allclose(together.scatter, direct_moments.scatter, rtol=1e-6, atol=1e-9)
    energy = GaussianMixture("empirical").fit_moments(together).energy(z)
    alone = GaussianMixture("empirical").fit_moments(direct_moments).energy(z)
    np.testing.assert_allclose(energy, alone, rtol=1e-4)


def test_moments_of_folders_with_other_classes_are_of_the_same_names(made, tmp_path):
    backbone = load_backbone("resnet10t", str(made[2]), 64)
    for name, classes in {"one": {"cat": 5, "dog": 4}, "two": {"dog": 6, "emu": 3}}.items():
        extract_list(backbone, [make_folder(tmp_path / name, classes)], tmp_path / f"f-{name}", How())
    names = ["cat", "dog", "emu"]
    together = moments_of(tmp_path / "f-one", "gmm", names, size=4) + moments_of(tmp_path / "f-two", "gmm", names)
    assert together.counts.tolist() == [5, 10, 3]
    with pytest.raises(HeatError, match="has the class emu, which is not among these"):
        moments_of(tmp_path / "f-two", "gmm", ["cat", "dog"])


def test_an_image_that_is_listed_twice_and_one_without_a_label(made, tmp_path):
    backbone, said = load_backbone("resnet10t", str(made[2]), 64), []
    files = sorted(made[1].rglob("*1.png"))
    manifest = tmp_path / "list.csv"
    manifest.write_text("path,label\n" + "\n".join(f"{p},a" for p in [*files, files[0]]) + f"\n{files[1]},\n")
    extract_list(
        backbone, [manifest], tmp_path / "f", How(), report=lambda stage, message="", **more: said.append(message)
    )
    found = Features.open(tmp_path / "f")
    assert len(set(found.ids)) == len(files) + 2
    assert found.labels is None
    assert "Some images have no label, so that the set is taken without classes." in said


def test_the_verbs_work_from_the_command_line(made, tmp_path, capsys):
    run, new, weights = made
    assert main(["extract", str(new), "--backbone", "resnet10t", "--weights", str(weights), "--image-size", "32",
                 "--out", str(tmp_path / "features")]) == 0  # fmt: skip
    assert len(Features.open(tmp_path / "features")) == 21
    assert main(["score", str(run.folder), str(new), "--engine", "ray"]) == 2
    assert "say which with --out" in capsys.readouterr().err


def test_p_values_are_valid_where_nothing_was_fitted_on_the_calibration_images():
    rng = np.random.default_rng(0)
    draws = [p_values(rng.normal(size=99), rng.normal(size=20)) for _ in range(400)]
    for alpha in (0.01, 0.05, 0.1):
        rate = np.mean([(p <= alpha).mean() for p in draws])
        assert abs(rate - alpha) < 4 * np.sqrt(alpha * (1 - alpha) / 400 / 5)
    assert p_values([1, 2, 2, 3], [0, 2, 4]).tolist() == [1.0, 0.8, 0.2]


def test_two_leaders_do_not_work_in_one_folder(made, tmp_path):
    from heat_core.shards.work import at_work

    with at_work(tmp_path / "out"), pytest.raises(HeatError, match="Another process is at work"):
        scored(made, tmp_path / "out")
