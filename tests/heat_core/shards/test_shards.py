"""Long lists in shards: what a shard holds, and that work goes on whatever ended it."""

import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from heat_core import HeatError
from heat_core.__main__ import main
from heat_core.backbones.registry import load_backbone
from heat_core.composition import HEAT, Lens
from heat_core.features.store import load_features
from heat_core.pipeline.scoring import score
from heat_core.shards.list_extraction import extract_list
from heat_core.shards.list_scoring import read_score_shard
from heat_core.shards.shard_plan import EngineOptions
from heat_core.shards.sharded_moments import compute_moments
from tests.conftest import make_folder
from tests.heat_core.shards.helpers import parquet_digests, score_images


def test_scores_are_those_of_the_run(made, tmp_path):
    """Scores are those of the run, and an image that cannot be read has a row."""
    run, new, _ = made
    found = score_images(made, tmp_path / "out")
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
    assert (found.image_count, found.unreadable_count) == (23, 2)
    assert found.unknown_count == int((expected > found.threshold).sum())
    assert found.top[0][2] == plain.ids[expected.argmax()]


def test_a_score_that_equals_the_threshold_is_not_above_it(made, tmp_path):
    """Scores are stored in float32, in which one may exceed a threshold in float64 that it equals."""
    top = score_images(made, tmp_path / "first").top
    threshold = float(np.nextafter(top[3][0], -np.inf))
    assert score_images(made, tmp_path / "second", lens=Lens(beta=1, threshold=threshold)).unknown_count == 3


def test_columns_that_a_shard_has_itself_are_kept(made, tmp_path):
    files = sorted(made[1].rglob("*1.png"))
    rows = [f"{path},a{i},b{i},c{i},D{i}" for i, path in enumerate(files)]
    (tmp_path / "list.csv").write_text("path,class,class~2,score,ID\n" + "\n".join(rows))
    score_images(made, tmp_path / "out", sources=[tmp_path / "list.csv"])
    tables = [pq.read_table(path) for path in sorted((tmp_path / "out").glob("scores-*"))]
    names, values = tables[0].column_names, pa.concat_tables(tables).to_pydict()
    assert len({name.lower() for name in names}) == len(names)
    for letter, name in (("a", "class~3"), ("b", "class~2"), ("c", "score~2")):
        assert values[name] == [f"{letter}{i}" for i in range(len(files))]
    assert [f"D{i}" for i in range(len(files))] in values.values()


def test_features_are_kept_of_a_sample_and_of_the_most_unusual(made, tmp_path):
    score_images(made, tmp_path / "out")
    scores = pq.read_table(tmp_path / "out" / "scores-000001.parquet")
    kept = pq.read_table(tmp_path / "out" / "kept-000001.parquet").to_pylist()
    assert [row["why"] for row in kept] == ["sample", "sample", "top", "top"]
    in_order = np.argsort(-scores["score"].to_numpy())
    assert {row["path"] for row in kept[2:]} == {scores["path"][int(i)].as_py() for i in in_order[:2]}
    whole = score(made[0], [made[1]])
    avg = dict(zip(whole.ids.tolist(), whole.avg, strict=True))
    np.testing.assert_allclose(np.array(kept[0]["avg"]), avg[kept[0]["path"]], rtol=2e-3, atol=1e-3)


def test_work_goes_on_where_it_ended(made, tmp_path):
    whole = score_images(made, tmp_path / "whole")
    said = []

    def stop(stage, message="", **more):
        said.append(message)
        if "3 of 5 shards" in message:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_images(made, tmp_path / "out", report=stop)
    times = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "out").glob("scores-*")}
    assert len(times) == 3
    found = score_images(made, tmp_path / "out", report=lambda stage, message="", **more: said.append(message))
    assert "3 of 5 shards were finished before." in said
    assert all((tmp_path / "out" / name).stat().st_mtime_ns == time for name, time in times.items())
    assert parquet_digests(tmp_path / "out") == parquet_digests(tmp_path / "whole")
    assert found == whole


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_manifest_is_the_folder(made, tmp_path, kind):
    new = made[1]
    files = sorted(new.rglob("*.png"))
    table = pa.table({"camera": ["A"] * 23, "path": [os.path.relpath(p, tmp_path) for p in files]})
    manifest = tmp_path / f"list.{kind}"
    pyarrow.csv.write_csv(table, manifest) if kind == "csv" else pq.write_table(table, manifest)
    score_images(made, tmp_path / "out", sources=[manifest])
    score_images(made, tmp_path / "folder")
    one, other = (pq.read_table(tmp_path / name / "scores-000002.parquet") for name in ("out", "folder"))
    assert [Path(p).resolve() for p in one["path"].to_pylist()] == [Path(p) for p in other["path"].to_pylist()]
    assert one["camera"].to_pylist() == ["A"] * len(one)
    assert one.drop_columns(["path", "camera"]) == other.drop_columns("path")
    assert score(made[0], [manifest]).scores(made[0].scale).shape == (21,)


def test_bad_rows_are_named_and_missing_files_have_a_row(made, tmp_path, capsys):
    """Bad rows of a manifest are named, and files that are missing have a row."""
    good = sorted(made[1].rglob("*.png"))[0]
    manifest = tmp_path / "<b>list.csv"
    manifest.write_text(f"path,label\n{good},a\n,b\na,b,c,d\n{tmp_path / 'gone.png'},c\n")
    assert main(["score", str(made[0].folder), str(manifest), "--out", str(tmp_path / "out"), "--json"]) == 0
    said = capsys.readouterr()
    assert "left out: <b>list.csv, row 4: 4 columns instead of 2: a,b,c,d" in said.err
    assert "left out: <b>list.csv, row 3: no path" in said.err
    assert "of 1 images unknown" in said.out
    assert "1 not readable" in said.out
    (tmp_path / "none.csv").write_text("file\nx\n")
    for wrong, sentence in ((tmp_path / "none.csv", "has no column `path`"), (tmp_path / "no.csv", "does not exist")):
        assert main(["score", str(made[0].folder), str(wrong), "--out", str(tmp_path / "o2")]) == 2
        assert sentence in capsys.readouterr().err
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no")
    assert main(["score", str(made[0].folder), str(tmp_path / "broken.parquet"), "--out", str(tmp_path / "o3")]) == 2
    assert "cannot be read as PARQUET" in capsys.readouterr().err


def test_all_missing_files_fail_and_all_damaged_ones_do_not(made, tmp_path):
    """When all files are missing there is no result; when all are damaged there is one."""
    manifest = tmp_path / "list.csv"
    manifest.write_text("path\n" + "\n".join(f"/not/mounted/{i}.png" for i in range(100)))
    with pytest.raises(HeatError, match=r"None of 100 images is there on .*, first /not/mounted/0\.png"):
        score_images(made, tmp_path / "out", sources=[manifest], shard_size=100)
    assert not list((tmp_path / "out").glob("scores-*"))
    (tmp_path / "broken").mkdir()
    for i in range(100):
        (tmp_path / "broken" / f"{i}.png").write_bytes(b"broken")
    found = score_images(made, tmp_path / "out2", sources=[tmp_path / "broken", made[1]], shard_size=100)
    assert (found.image_count, found.unreadable_count) == (123, 102)


def test_a_folder_begun_with_other_settings_is_left_alone(made, tmp_path):
    """A folder that was begun with something else is left unchanged."""
    out = tmp_path / "out"
    score_images(made, out)
    before = parquet_digests(out)
    with pytest.raises(HeatError, match="was begun for something else"):
        score_images(made, out, lens=Lens(beta=2))
    with pytest.raises(HeatError, match="was begun with another list of images"):
        score_images(made, out, sources=[made[1] / "x"])
    with pytest.raises(HeatError, match=r"was begun with another number of threads \(1, not 2\)"):
        score_images(made, out, threads=2)
    assert score_images(made, out, threads=None).image_count == 23  # it keeps its own
    assert parquet_digests(out) == before
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.doc").write_text("mine")
    with pytest.raises(HeatError, match=r"holds thesis\.doc, but no plan"):
        score_images(made, tmp_path / "full")
    (out / "plan.json").unlink()  # it died between its list and its plan
    for path in out.glob("*-0*.parquet"):
        path.unlink()
    assert score_images(made, out).image_count == 23


def test_a_damaged_shard_is_refused_or_read_alike(made, tmp_path):
    score_images(made, tmp_path / "out")
    path = tmp_path / "out" / "scores-000001.parquet"
    whole, right = path.read_bytes(), read_score_shard(path)
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        try:
            assert read_score_shard(path) == right
        except HeatError as error:
            assert "is cut off or damaged: delete it and start again" in str(error)  # noqa: PT017
    path.write_bytes(b"cut off")
    with pytest.raises(HeatError, match="is cut off or damaged: delete it and start again"):
        score_images(made, tmp_path / "out")


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


def test_moments_of_folders_are_matched_by_class_name(made, tmp_path):
    """Moments of folders with other classes are those of the same names."""
    backbone = load_backbone("resnet10t", str(made[2]), 64)
    for name, classes in {"one": {"cat": 5, "dog": 4}, "two": {"dog": 6, "emu": 3}}.items():
        extract_list(backbone, [make_folder(tmp_path / name, classes)], tmp_path / f"f-{name}", EngineOptions())
    names = ["cat", "dog", "emu"]
    together = compute_moments(tmp_path / "f-one", "gmm", names, shard_size=4) + compute_moments(
        tmp_path / "f-two", "gmm", names
    )
    assert together.counts.tolist() == [5, 10, 3]
    with pytest.raises(HeatError, match="has the class emu, which is not among these"):
        compute_moments(tmp_path / "f-two", "gmm", ["cat", "dog"])


def test_an_image_that_is_listed_twice_and_one_without_a_label(made, tmp_path):
    backbone, said = load_backbone("resnet10t", str(made[2]), 64), []
    files = sorted(made[1].rglob("*1.png"))
    manifest = tmp_path / "list.csv"
    manifest.write_text("path,label\n" + "\n".join(f"{p},a" for p in [*files, files[0]]) + f"\n{files[1]},\n")
    extract_list(
        backbone,
        [manifest],
        tmp_path / "f",
        EngineOptions(),
        report=lambda stage, message="", **more: said.append(message),
    )
    found = load_features(tmp_path / "f")
    assert len(set(found.ids)) == len(files) + 2
    assert found.labels is None
    assert "Some images have no label, so that the set is taken without classes." in said


def test_the_verbs_work_from_the_command_line(made, tmp_path, capsys):
    run, new, weights = made
    assert main(["extract", str(new), "--backbone", "resnet10t", "--weights", str(weights), "--image-size", "32",
                 "--out", str(tmp_path / "features")]) == 0  # fmt: skip
    assert len(load_features(tmp_path / "features")) == 21
    out = tmp_path / "scores"
    words = ["score", str(run.folder), str(new), "--out", str(out)]
    assert main([*words, "--alpha", "0.3", "--fail-above", "0.99", "--json"]) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    p = np.array(pq.read_table(out / "scores-000000.parquet")["p_value"].to_pylist(), dtype=float)
    assert said["unknown"] == (p <= 0.3).sum()
    assert main([*words, "--by", "x"]) == 2
    assert "--by is for images scored at once" in capsys.readouterr().err
    assert main(["score", str(run.folder), str(new), "--engine", "ray"]) == 2
    assert "say which with --out" in capsys.readouterr().err


def test_two_leaders_do_not_work_in_one_folder(made, tmp_path):
    from heat_core.shards.shard_plan import lock_folder

    with lock_folder(tmp_path / "out"), pytest.raises(HeatError, match="Another process is at work"):
        score_images(made, tmp_path / "out")
