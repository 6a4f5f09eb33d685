"""Where the images of a run go by the decisions on them: to a class, with test images held out, or out of their set."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from heat_core.analysis.new_images import NEW
from heat_core.data.containers.members import open_file
from heat_core.data.folder_scan import normalise_class_names
from heat_core.data.image_set import ImageSet
from heat_core.decisions.image_rows import Part, labels_of
from heat_core.decisions.same_files import Chosen, one_decision_per_file
from heat_core.decisions.store import ADD_TO_CLASS, CLASS_ACTIONS, NEW_CLASS, Decision, in_force, split_key
from heat_core.digests import digest_of_bytes
from heat_core.errors import HeatError
from heat_core.features.written_pictures import box_bytes, picture_files, write_pictures
from heat_core.names import printable, shortlist
from heat_core.pipeline.experiment_sets import scored_set
from heat_core.pipeline.validate_sets import set_title
from heat_core.runs.experiment import ID, TRAIN
from heat_core.runs.run import Run
from heat_core.runs.scored_images import SCORED, ScoredImages

HELD_OUT_EVERY = 5  # of the images that are added to a class, one in so many becomes a test image


@dataclass
class ClassChange:
    """Images that are added to a class.

    Attributes:
        name: the class.
        is_new: whether the run has no such class.
        parts: images that are added, with the name of their set before and the title of their decision.
        relabelled: number of known images that get this class where they are.
    """

    name: str
    is_new: bool
    parts: list[tuple[str, ImageSet, str]] = field(default_factory=list)
    relabelled: int = 0

    @property
    def count(self) -> int:
        """Number of images that are added; copies of the same image are one."""
        return sum(len(part.labels) for parts in self.split for part in parts)

    @property
    def held_out(self) -> int:
        """Number of the added images that become test images."""
        return sum(len(part.labels) for part in self.split[1])

    @property
    def copies(self) -> int:
        """Number of images that are left out, since they are copies of images that are added."""
        return sum(len(images) for _, images, _ in self.parts) - self.count

    @property
    def testable(self) -> int:
        """Number of the added images that are no training images of the run."""
        return len(self._rows_once[1])

    @cached_property
    def _rows_once(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the added images without copies, in the order of their digests: all, and those not trained on.

        An image with the bytes of a training image that is added counts as a training image.
        """
        digests = np.array([digest for _, images, _ in self.parts for digest in _digests(images)])
        is_training = np.array([name == TRAIN for name, images, _ in self.parts for _ in images.ids], bool)
        unique, first = np.unique(digests, return_index=True)
        return first, first[~np.isin(unique, digests[is_training])]

    @cached_property
    def split(self) -> tuple[list[Part], list[Part]]:
        """The added images as training and test images, once `parts` is complete.

        Every fifth in the order of the digests is a test image, of those that are no training images of the run: its
        networks may have been trained on these. The order depends on the bytes of the files alone, so that names and
        earlier decisions have no influence. Of images with the same bytes, only the first is added: another one could
        become a test image of a training image.
        """
        first, testable = self._rows_once
        split_of = np.zeros(sum(len(images) for _, images, _ in self.parts), np.uint8)  # 0 for copies
        split_of[first] = 1
        split_of[testable[HELD_OUT_EVERY - 1 :: HELD_OUT_EVERY]] = 2
        of_split: tuple[list[Part], list[Part]] = ([], [])
        start = 0
        for _, images, title in self.parts:
            own = split_of[start : start + len(images)]
            start += len(images)
            for parts, split, value in zip(of_split, ("train", "test"), (1, 2), strict=True):
                chosen = images.subset(np.flatnonzero(own == value), f"{split} of {digest_of_bytes(own.tobytes())}")
                parts += [Part(chosen, ID, split, [self.name] * len(chosen), title)] if len(chosen) else []
        return of_split


def _digests(images: ImageSet) -> list[str]:
    """Return the digest of each image's bytes, and of the box of a crop."""
    write_pictures(images)
    digests = []
    for path, box, sample in zip(picture_files(images), box_bytes(images), images.ids, strict=True):
        try:
            with open_file(path) as file:
                digests.append(digest_of_bytes(file.read(), box))
        except OSError as error:
            raise HeatError(f"{sample} can no longer be read: put it back, or undo the decision on it.") from error
    return digests


@dataclass
class Moves:
    """Images of a run's sets after the decisions.

    Attributes:
        sets: `train`, `id` and each OOD and shifted set → its images in the run.
        labels: the same → class of each image; changed where a known image gets another class.
        stays: the same → (n,) whether each image stays in its set.
        classes: changes by class.
        removed: the same → number of images that leave their set for none.
        relabelled: names of the sets in which known images get a class where they are.
    """

    sets: dict[str, ImageSet]
    labels: dict[str, list[str]]
    stays: dict[str, np.ndarray]
    classes: dict[str, ClassChange]
    removed: dict[str, int]
    relabelled: set[str] = field(default_factory=set)

    @property
    def changes_known(self) -> bool:
        """Whether the training set or the ID test set changes."""
        are_added = any(change.parts for change in self.classes.values())
        return are_added or self.changes(TRAIN) or self.changes(ID)

    def changes(self, name: str) -> bool:
        """Return whether images of a set leave it, or get a class in it."""
        return name in self.relabelled or not self.stays[name].all()

    def staying(self, name: str) -> Part:
        """Return the images of a set that stay in it."""
        rows = np.flatnonzero(self.stays[name])
        split = {TRAIN: "train", ID: "test"}.get(name, "")
        images = self.sets[name].subset(rows, f"stay {digest_of_bytes(rows.tobytes())}")
        return Part(images, ID if split else name, split, [self.labels[name][i] for i in rows])


def plan_moves(run: Run, decisions: Sequence[Decision]) -> Moves:
    """Find where each image of a run goes by the decisions that hold.

    Args:
        run: the run.
        decisions: all decisions of the run.

    Raises:
        HeatError: where no decision holds, an image is no longer there, or a class cannot be added.
    """
    holding = in_force(decisions)
    if not holding:
        raise HeatError("No decision holds: decide on some images first.")
    sets = {name: _images_of_run(run, name) for name in (TRAIN, *run.datasets)}
    moves = Moves(
        sets=sets,
        labels={name: labels_of(images) for name, images in sets.items()},
        stays={name: np.ones(len(images), bool) for name, images in sets.items()},
        classes=_classes(sets[TRAIN], decisions),
        removed={},
    )
    of_number = {decision.id: decision for decision in decisions}
    ids_of: dict[tuple[str, str, int], list[str]] = {}
    for (batch, key), decision in holding.items():
        name, sample = split_key(key, (NEW,) if batch else sets)
        if not name:
            raise HeatError(f"This run has no sample {printable(key)}: undo the decision on it.")
        ids_of.setdefault((batch, name, decision.id), []).append(sample)
    chosen: list[Chosen] = []
    for (batch, name, number), ids in ids_of.items():
        images = _batch_images(run, batch) if batch else sets[name]
        chosen.append((name, images, _rows(images, ids, name), of_number[number]))
    for name, images, rows, decision in one_decision_per_file(chosen, sets):
        _apply(moves, name, images, rows, decision, (TRAIN, ID, *run.shifted_names))
    moves.classes = {name: change for name, change in moves.classes.items() if change.parts or change.relabelled}
    return moves


def _images_of_run(run: Run, name: str) -> ImageSet:
    """Return the images of a set that the run used, in the order of the set; files that came later are left out."""
    wanted = run.training_ids if name == TRAIN else run.ids(name)
    if name == TRAIN and run.experiment.share < 1:  # the features of the others were extracted too
        wanted = np.array(run.features(TRAIN).ids)
    images = run.pictures.of(name).select(wanted.tolist())
    if missing := sorted(set(wanted.tolist()) - set(images.ids)):
        raise HeatError(
            f"{len(missing):,} images of {name!r} are no longer where they were ({shortlist(missing, 2)}): put them "
            "back, or start a new run."
        )
    return images


def _classes(train: ImageSet, decisions: Sequence[Decision]) -> dict[str, ClassChange]:
    """List the classes that decisions name.

    Raises:
        HeatError: where the training set has no classes, or an image is added to a class that does not exist.
    """
    holding = {d.id: d for d in in_force(decisions).values()}
    named = [d for d in holding.values() if d.action in CLASS_ACTIONS]
    if named and train.labels is None:
        raise HeatError("The training set of this run has no classes to which one could be added.")
    new = {class_of(d) for d in named if d.action == NEW_CLASS} - set(train.class_names)
    for decision in named:
        if decision.action == ADD_TO_CLASS and class_of(decision) not in {*train.class_names, *new}:
            raise HeatError(
                f"This run has no class {decision.name!r}, it has {shortlist(train.class_names)}: choose one of these, "
                f"or {decision.name!r} as a new class."
            )
    return {class_of(d): ClassChange(class_of(d), class_of(d) in new) for d in named}


def class_of(decision: Decision) -> str:
    """Return the name of a decision's class, spelled as names of classes are."""
    return normalise_class_names([decision.name])[0]


def _batch_images(run: Run, batch: str) -> ImageSet:
    return scored_set(ScoredImages.load(run.folder / "own" / batch / SCORED))


def _rows(images: ImageSet, ids: list[str], name: str) -> np.ndarray:
    """Return the sorted rows of samples in a set."""
    row_of = {sample: row for row, sample in enumerate(images.ids)}
    if missing := [sample for sample in ids if sample not in row_of]:
        raise HeatError(f"{printable(f'{name}/{missing[0]}')} is no longer there: undo the decision on it.")
    return np.array(sorted(row_of[sample] for sample in ids))


def _apply(
    moves: Moves, name: str, images: ImageSet, rows: np.ndarray, decision: Decision, known: Collection[str]
) -> None:
    """Apply a decision to some images of a set; in the known sets, another class that exists is a new label alone."""
    if decision.action in CLASS_ACTIONS:
        change = moves.classes[class_of(decision)]
        if name in known and not change.is_new:
            if moves.sets[name].labels is None:
                raise HeatError(
                    f"Images of {set_title(name)}, which has no classes, cannot get the class {change.name!r}: undo "
                    "the decisions that add them to it."
                )
            for row in rows:
                moves.labels[name][row] = change.name
            moves.relabelled.add(name)
            change.relabelled += len(rows)
            return
        change.parts.append((name, images.subset(rows, f"decided {digest_of_bytes(rows.tobytes())}"), decision.title))
    elif name != NEW:
        moves.removed[name] = moves.removed.get(name, 0) + len(rows)
    if name != NEW:
        moves.stays[name][rows] = False
