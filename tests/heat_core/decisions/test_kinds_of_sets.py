"""Decisions on crops, archives, sets that are no files, and new images: they move, and their features are kept."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from heat_core import HeatError, Run, run
from heat_core.analysis.new_images import NewImages
from heat_core.analysis.samples import Samples
from heat_core.data.datasets import open_dataset
from heat_core.decisions.image_rows import Part, write_list
from heat_core.decisions.next_experiment import next_experiment
from heat_core.decisions.on_samples import decide
from heat_core.decisions.store import add_decision, read_decisions
from heat_core.pipeline.experiment_sets import open_sets
from heat_core.pipeline.scoring import score
from heat_core.pipeline.sources import ImageSource
from heat_core.progress import no_progress
from heat_core.runs.scored_images import SCORED
from tests.conftest import copy_run, make_folder
from tests.heat_core.decisions.conftest import experiment_over


def extracted(made: Run, networks_runs: list[int], added: str) -> None:
    """Extract the sets of the run that follows: the class was added, each row is its image's, and none was read."""
    following = next_experiment(made, read_decisions(made.folder)).experiment
    networks_runs.clear()
    source = ImageSource(following, no_progress)
    sets = {name: source.features(name) for name in ("train", "id", *following.ood)}
    assert networks_runs == []
    assert added in sets["train"].all_class_names
    assert added in sets["id"].all_class_names
    for name in ("id", "train"):
        before, after = made.features(name), sets[name]
        common = [sample for sample in before.ids if sample in set(after.ids)]
        assert len(common) == len(before.ids)
        rows = [[f.ids.index(sample) for sample in common] for f in (before, after)]
        np.testing.assert_array_equal(before.avg[rows[0]], after.avg[rows[1]])


def test_crops_of_a_list(tmp_path, home, networks_runs):
    pixels = np.random.default_rng(0).integers(0, 255, (8, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((320, 64), Image.Resampling.NEAREST).save(tmp_path / "wide.png")
    rows = [f'wide.png,"{8 * n},0,32,{30 + n}",{"ab"[n % 2]},id,cam {n % 3}' for n in range(20)]
    rows += [f'wide.png,"{8 * n},8,24,{30 + n}",,other,cam {n % 3}' for n in range(12)]
    (tmp_path / "list.csv").write_text("\n".join(["path,box,label,set,camera", *rows]) + "\n")
    source = str(tmp_path / "list.csv")
    made = run(experiment_over(tmp_path, id=source, ood={"other": source}, priors=["el"]))
    samples = Samples(made)
    decide(samples, np.flatnonzero(samples.dataset == 1)[:6], "new-class", "c")
    extracted(made, networks_runs, "c")
    following = next_experiment(made, read_decisions(made.folder)).experiment
    again = ImageSource(following, no_progress)
    assert again.columns("other", made.ids("other")[6:])["camera"].tolist() == [f"cam {n % 3}" for n in range(6, 12)]


def test_members_of_an_archive(tmp_path, home, networks_runs):
    make_folder(tmp_path / "known", {"a": 10, "b": 10})
    make_folder(tmp_path / "other", {"": 8})
    known = shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "known")
    other = shutil.make_archive(str(tmp_path / "packed"), "tar", tmp_path / "other")
    made = run(experiment_over(tmp_path, id=known, ood={"other": other}, priors=["el"]))
    samples = Samples(made)
    decide(samples, np.flatnonzero(samples.dataset == 1)[:5], "new-class", "c")
    extracted(made, networks_runs, "c")


@pytest.mark.slow
def test_pictures_that_are_no_files(demo_run, home, networks_runs):
    folder = copy_run(demo_run, home / "runs" / demo_run.id)
    made = Run.open(folder)
    samples = Samples(made)
    decide(samples, np.flatnonzero(samples.dataset == 1)[:20], "new-class", "7")
    extracted(made, networks_runs, "7")
    pictures = [Image.open(path) for path in sorted((home / "sets").glob("pictures-*/*.png"))[:3]]
    assert {picture.size for picture in pictures} == {(32, 32)}


def new_batch(made: Run, folder: Path, name: str) -> NewImages:
    """Score the files of a folder, and keep them with the run as a batch."""
    scored = score(made, [folder])
    batch = made.folder / "own" / name
    batch.mkdir(parents=True)
    scored.save(batch / SCORED)
    return NewImages(made, scored, name)


def test_new_images_join_a_run(decided_run, tmp_path, networks_runs):
    made = decided_run
    make_folder(tmp_path / "new", {"": 7})
    samples = new_batch(made, tmp_path / "new", "20260101-000000")
    numbers = np.r_[np.flatnonzero(samples.is_ood)[:6], 0]
    with pytest.raises(HeatError, match="not kept with the run: score them as a batch first"):
        decide(NewImages(made, samples.scored), numbers, "new-class", "c")
    assert read_decisions(made.folder) == []
    first, second = decide(samples, numbers, "new-class", "c")  # a known test image was among them
    assert (first.batch, first.samples) == ("", (f"id/{made.ids('id')[0]}",))
    assert (second.batch, len(second.samples)) == ("20260101-000000", 6)
    proposal = next_experiment(made, read_decisions(made.folder))
    assert proposal.sentences[0] == "7 images into the new class 'c', 1 of them as its test images."
    networks_runs.clear()
    source = ImageSource(proposal.experiment, no_progress)
    sizes = {name: len(source.features(name)) for name in ("train", "id", "other")}
    assert networks_runs == []
    assert sizes == {"train": 40 + 6, "id": 9 + 1, "other": 20}


def test_a_file_that_is_decided_several_times_moves_once(decided_run, tmp_path):
    """Files of two batches, byte copies, and files of an OOD set: no image is in the training and in the test set."""
    made, other = decided_run, Path(decided_run.experiment.ood["other"])
    make_folder(tmp_path / "new", {"": 4})
    shutil.copy(tmp_path / "new" / "000.png", tmp_path / "new" / "copy.png")
    for i in range(3):
        Image.effect_noise((32, 32), 40 + i).save(tmp_path / "new" / f"{i + 5}.png")
    batches = [new_batch(made, tmp_path / "new", name) for name in ("first", "second")]
    for samples in batches:
        decide(samples, np.flatnonzero(samples.is_ood), "new-class", "c")
    samples = new_batch(made, other, "third")
    decide(samples, np.flatnonzero(samples.is_ood)[:2], "new-class", "c")
    decide(samples, np.flatnonzero(samples.is_ood)[2:3], "remove")
    add_decision(made.folder, "remove", [f"other/{made.ids('other')[3]}"])
    decide(samples, np.flatnonzero(samples.is_ood)[3:4], "ignore")
    add_decision(made.folder, "ignore", [batches[0].key(int(np.flatnonzero(batches[0].is_ood)[1]))], batch="first")
    proposal = next_experiment(made, read_decisions(made.folder))
    sets = open_sets(proposal.experiment)
    added = [Path(str(path)) for name in ("train", "id") for path in sets[name].files if "known" not in str(path)]
    digests = [path.read_bytes() for path in added]
    assert len(set(digests)) == len(digests) == 8  # 6 new files, since one is a copy and one ignored, and 2 of `other`
    assert tmp_path / "new" / "001.png" not in added  # the last decision on it is to ignore it
    assert sets["other"].ids == made.ids("other")[4:].tolist()
    assert proposal.sentences[:3] == (
        "8 images into the new class 'c', 1 of them as its test images.",
        "Left out: 1 image for the new class 'c' with the same content as another one.",
        "Left out: 2 of 'other'.",
    )


def test_an_id_that_became_free_is_given_to_no_other_image(tmp_path, home):
    """Two runs are compared by ids: `a/000.png` was removed, and an image of that name comes from another set."""
    known = open_dataset(str(make_folder(tmp_path / "known", {"a": 3, "b": 3})))
    other = open_dataset(str(make_folder(tmp_path / "other", {"a": 2})))
    staying = Part(known.subset(np.arange(1, 6), "rest"), "id", "test", ["a"] * 2 + ["b"] * 3)
    moved = [Part(images, "id", "test", ["b"], "Add as class b") for images in (known, other)]
    moved = [replace(part, images=part.images.subset(np.array([0]), "first")) for part in moved]
    for parts, first in (([staying, moved[1]], f"{other.name}/a/000.png"), ([staying, moved[0]], "a/000.png")):
        write_list(tmp_path / "list.parquet", parts, {("id", "test"): known})
        ids = pq.read_table(tmp_path / "list.parquet").column("heat_id").to_pylist()
        assert ids == [*known.ids[1:], first]
