"""Labels that come back from other tools: which samples they are of, and the decisions that they mean."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from heat_core.analysis.samples import Samples
from heat_core.data.containers.members import is_archive
from heat_core.data.formats.row_paths import LIST_SUFFIXES
from heat_core.decisions.on_samples import decide, decided_numbers
from heat_core.decisions.store import ACTIONS, ADD_TO_CLASS, MAX_NAME_CHARACTERS, NEW_CLASS, Decision, read_decisions
from heat_core.digests import digest_of_bytes
from heat_core.errors import HeatError
from heat_core.exchange.label_rows import FORMATS_READ, LabelRow
from heat_core.exchange.label_studio_labels import read_label_studio
from heat_core.exchange.label_tables import read_folder, read_table
from heat_core.exchange.picture_formats import WORDS
from heat_core.names import file_name, match_names, printable, shortlist
from heat_core.reporting.picture_files import is_whole_file, picture_file
from heat_core.storage import is_folder


@dataclass
class Labels:
    """Labels of samples, and what of a file is left out.

    Attributes:
        of_samples: number of a sample → its label.
        unlabelled: number of rows that no person labelled.
        unchanged: number of known images that were labelled with their own true class.
        unknown: names of images that are none of the run's.
        ambiguous: names of images that may be several of the run's, or that have several labels.
    """

    of_samples: dict[int, str] = field(default_factory=dict)
    unlabelled: int = 0
    unchanged: int = 0
    unknown: list[str] = field(default_factory=list)
    ambiguous: list[str] = field(default_factory=list)

    def sentences(self) -> list[str]:
        """Return sentences about what is left out."""
        found = []
        if self.unlabelled:
            found.append(f"Without a label of a person: {self.unlabelled:,}.")
        if self.unchanged:
            found.append(f"Known images with their own class, which stay as they are: {self.unchanged:,}.")
        for names, what in (
            (self.unknown, "No image of this run, and left out"),
            (self.ambiguous, "Several labels or several images of that name, and left out"),
        ):
            if names:
                found.append(f"{what}: {len(names):,} ({shortlist(list(map(printable, names)))}).")
        return found


def read_labels(samples: Samples, path: Path) -> Labels:
    """Read a file with labels, or a folder or archive, and find the samples that they are of.

    A row is matched by the key that the export wrote, unless the sample's file has another digest than the row; else by
    the digest of the image, where it is known; else by the name of its file, where one sample alone has it.

    Raises:
        HeatError: if the file is missing or damaged, or holds no labels.
    """
    if is_folder(path) or is_archive(path):
        rows = read_folder(path)
    elif path.suffix.lower() == ".json":
        rows = list(read_label_studio(path))
    elif path.name.lower().endswith(LIST_SUFFIXES):
        rows = read_table(path)
    else:
        raise HeatError(f"{printable(path)} is no file of labels: {FORMATS_READ}.")
    return _match(samples, rows)


def _match(samples: Samples, rows: list[LabelRow]) -> Labels:
    labels, finder = Labels(unlabelled=sum(not row.label for row in rows)), _Finder(samples, rows)
    given: dict[int, set[str]] = defaultdict(set)
    for row in rows:
        numbers = finder.find(row) if row.label else []
        if len(numbers) == 1:
            given[numbers[0]].add(row.label)
        elif row.label:
            (labels.ambiguous if numbers else labels.unknown).append(row.key or row.file_name)
    for number, different in given.items():
        label = next(iter(different))
        if len(different) > 1:
            labels.ambiguous.append(samples.key(number))
        elif not samples.is_ood[number] and label == printable(str(samples.true_class[number])):
            labels.unchanged += 1
        else:
            labels.of_samples[number] = label
    return labels


class _Finder:
    """Numbers of the samples by key, digest and file name; digests are computed only where rows need them."""

    def __init__(self, samples: Samples, rows: Iterable[LabelRow]) -> None:
        number_of = {samples.key(number): number for number in range(len(samples))}
        labelled = [row for row in rows if row.label]
        self._by_key = {
            (row.key, row.digest): number_of[row.key]
            for row in labelled
            if row.key in number_of and _may_be_of(samples, number_of[row.key], row)
        }
        without_key = [row for row in labelled if (row.key, row.digest) not in self._by_key]
        self._by_digest = _samples_by_digest(samples, {row.file_size for row in without_key if row.digest})
        self._by_name: dict[str, set[int]] = defaultdict(set)
        if any(not row.digest for row in without_key):
            for number, sample in enumerate(samples.ids.tolist()):
                place = PurePosixPath(str(sample).partition("#xywh=")[0])
                for name in (place.name, f"{file_name(place.stem)}{place.suffix}"):
                    self._by_name[name].add(number)

    def find(self, row: LabelRow) -> list[int]:
        """Return the numbers of the samples that a row may be of."""
        if (row.key, row.digest) in self._by_key:
            return [self._by_key[row.key, row.digest]]
        found = self._by_digest.get(row.digest, set()) if row.digest else self._by_name.get(row.file_name, set())
        return sorted(found)


def _may_be_of(samples: Samples, number: int, row: LabelRow) -> bool:
    """Return whether a row may be of a sample: not where the row has a digest, and the sample's file another one."""
    if not row.digest or not is_whole_file(samples, number):
        return True
    if not _may_have_size(samples.path_of(number), {row.file_size}):
        return False
    try:
        return digest_of_bytes(picture_file(samples, number)) == row.digest
    except HeatError:  # the file is gone
        return True


def _samples_by_digest(samples: Samples, sizes: set[int]) -> dict[str, set[int]]:
    """Map the digest of each image file of one of these sizes, in bytes, to its samples; 0 stands for any size."""
    found: dict[str, set[int]] = defaultdict(set)
    for number in range(len(samples)) if sizes else ():
        if is_whole_file(samples, number) and _may_have_size(samples.path_of(number), sizes):
            try:
                found[digest_of_bytes(picture_file(samples, number))].add(number)
            except HeatError:  # the file is gone
                continue
    return found


def _may_have_size(path: Path | None, sizes: set[int]) -> bool:
    """Return whether a file has one of these sizes; true for a member of an archive, which has to be read."""
    try:
        return path is not None and (0 in sizes or path.stat().st_size in sizes)
    except OSError:
        return True


def decisions_of(samples: Samples, labels: Labels) -> dict[tuple[str, str], np.ndarray]:
    """Group labelled samples by the decision that their label means.

    A label that is a class of the run means that the images are added to it, `remove` and `ignore` mean these
    actions, and any other label is a new class. Classes are compared without regard to case, `_`, `-` and spaces where
    none has the very name.

    Returns:
        (action, name of the class) → (n,) sorted numbers of the samples.
    """
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for number, label in labels.of_samples.items():
        groups[_decision(label, samples.run.class_names)].append(number)
    return {decision: np.array(sorted(numbers)) for decision, numbers in groups.items()}


def _decision(label: str, classes: list[str]) -> tuple[str, str]:
    shown = list(map(printable, classes))
    for names in (shown, list(map(file_name, shown))):  # the second are the names of folders
        if found := match_names(names, [label]):
            return ADD_TO_CLASS, classes[found[0]]
    return (label.lower(), "") if label.lower() in WORDS else (NEW_CLASS, label)


def record_labels(samples: Samples, labels: Labels, author: str | None = None) -> tuple[list[Decision], int]:
    """Store the decisions that labels mean; those that hold already are not stored again.

    Args:
        samples: the samples.
        labels: their labels.
        author: who decides; default: the user of this process.

    Returns:
        The new decisions, and the number of samples whose decision held already.

    Raises:
        HeatError: where a label is too long for the name of a class; then nothing is stored.
    """
    made, before = list[Decision](), decided_numbers(samples, read_decisions(samples.run.folder))
    held, wanted = 0, decisions_of(samples, labels)
    if too_long := [name for _, name in wanted if len(name) > MAX_NAME_CHARACTERS]:
        raise HeatError(f"The name of a class has at most {MAX_NAME_CHARACTERS} characters, unlike {too_long[0]!r}.")
    for (action, name), numbers in wanted.items():
        is_new = ~np.isin(numbers, before.get(f"{ACTIONS[action]} {name}".strip(), []))
        held += int((~is_new).sum())
        if is_new.any():
            made += decide(samples, numbers[is_new], action, name, author)
    return made, held
