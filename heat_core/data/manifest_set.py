"""A manifest → the images of one set: which of its rows are meant, and what is known of them."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from heat_core.data.folder_scan import SPLITS, numbered, split_of, unique
from heat_core.data.image_io import READER
from heat_core.data.image_set import ImageSet, opener_of
from heat_core.data.manifest import LABEL, SET, SPLIT, Bad, Manifest, whole_column
from heat_core.data.manifest_cells import printed, with_boxes
from heat_core.data.path_list import GONE, NO_FILE, Files, looked_at
from heat_core.errors import HeatError
from heat_core.storage import printable

#: What a manifest may call its known images, in its column `set`.
ID_SETS = ("id", "ind", "known", "in-distribution")


@dataclass(frozen=True)
class Table:
    """Every row of a manifest.

    Attributes:
        path: of the manifest.
        rows: (N,) number of each in the file, as a spreadsheet counts.
        names: as they stand there, and as they can be printed; of a crop, with its box.
        files: where they lie.
        boxes: (N, 4) x, y, w, h in pixels, or None.
        columns: name → (N,) texts or numbers.
        bad: rows that are left out.
        notes: sentences about columns.
    """

    path: Path
    rows: np.ndarray
    names: list[str]
    files: Files
    boxes: np.ndarray | None
    columns: dict[str, np.ndarray]
    bad: Bad
    notes: list[str]


def open_manifest(path: Path, role: str, of: str | None = None) -> ImageSet:
    """The images of one set that a manifest lists.

    Args:
        path: of the manifest.
        role: "train" or "test": of its column `split`, where the set says one at all.
        of: which set of its column `set`, where there is one; None = the known images: `id` (see `ID_SETS`), or what is
            called train and test.

    Raises:
        HeatError: where it is damaged or has no such rows, or none of their files is there.
    """
    stat = path.stat()
    table = _table(path.resolve(), (stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size))
    chosen = _Chosen(table)
    chosen.of_set(of, role)
    tested = role == "train" and of is None and chosen.has_test()
    chosen.of_split(role)
    if role == "train":
        chosen.labelled()
    names = chosen.names_once()
    found = chosen.that_are_files()
    labels, class_names = chosen.classes()
    ids = [names[i] for i in chosen.kept.tolist()]
    files = table.files.take(chosen.kept)
    boxes = None if table.boxes is None else table.boxes[chosen.kept]
    return ImageSet(
        name=printable(path.stem),
        ids=ids,
        open=opener_of(files, boxes),
        labels=labels,
        class_names=class_names,
        fingerprint=fingerprint_of(ids, found, labels, class_names),
        notes=chosen.sentences(),
        files=files,
        boxes=boxes,
        columns={name: values[chosen.kept] for name, values in table.columns.items() if name != SET},
        manifest=path,
        tested=tested,
    )


@lru_cache(maxsize=1)
def _table(path: Path, version: tuple[int, ...]) -> Table:  # noqa: ARG001 (of the file: part of the cache's key)
    """Read a manifest; the last one is kept: its training, test and OOD rows are asked for one after the other."""
    manifest, bad = Manifest(path), Bad()
    rows, names, files, boxes = list[np.ndarray](), list[str](), list[Files](), list[np.ndarray]()
    texts: dict[str, list[np.ndarray]] = {name: [] for name in manifest.names}
    for block in manifest.blocks(bad):
        rows.append(block.rows)
        files.append(Files.of(manifest.located(block.paths)))
        given = printed(block.paths)
        names += given if block.boxes is None else with_boxes(given, block.boxes)
        if block.boxes is not None:
            boxes.append(block.boxes)
        for name, values in block.texts.items():
            texts[name].append(values)
    if not names:
        why = f": {'; '.join(bad.sentences())}" if bad.count else ""
        raise HeatError(f"{printable(path)} lists no images{why}.")
    return Table(
        path=path,
        rows=np.concatenate(rows),
        names=names,
        files=Files.joined(files),
        boxes=np.concatenate(boxes) if boxes else None,
        columns={name: whole_column(name, texts.pop(name)) for name in manifest.names},
        bad=bad,
        notes=manifest.notes,
    )


class _Chosen:
    """The rows of a table that are meant: fewer with every step.

    Attributes:
        kept: (n,) their places in the table.
    """

    def __init__(self, table: Table) -> None:
        self._table, self._what = table, printable(table.path.name)
        self.kept, self._bad, self._notes = np.arange(len(table.names)), deepcopy(table.bad), list(table.notes)

    def _values(self, column: str) -> np.ndarray:
        """(n,) texts of a column; "" where there is none."""
        if column not in self._table.columns:
            return np.full(len(self.kept), "", object)
        return self._table.columns[column][self.kept]

    def of_set(self, of: str | None, role: str) -> None:
        """Keep the rows of one set, where the rows belong to sets."""
        values = self._values(SET)
        counts = Counter(values.tolist())
        missing = counts.pop("", 0)
        if not counts:
            return
        wanted = _sets_called(list(counts), of) if of is not None else _known_sets(list(counts), role)
        if not wanted:
            which, cure = (f"set {of!r}", "") if of is not None else _NO_KNOWN
            raise HeatError(f"{self._what} has no {which}: its column `set` says {_counted(counts)}{cure}.")
        self.kept = self.kept[np.isin(values, wanted)]
        if missing:
            self._notes.append(f"{missing:,} of its rows have no set, and belong to none.")

    def has_test(self) -> bool:
        """Whether the known images have rows for testing, beside those for training."""
        names = set(self._table.columns.get(SET, np.empty(0, object)).tolist())
        splits = {split_of(value) for value in set(self._values(SPLIT).tolist())}
        by_set = not _known_words(names) and bool(_known_sets(list(names), "test"))
        return by_set or "test" in splits

    def of_split(self, role: str) -> None:
        """Keep the rows of one split, where the rows say one."""
        values = self._values(SPLIT)
        counts = Counter(values.tolist())
        if set(counts) == {""} or not counts:
            return
        wanted = [value for value in counts if split_of(value) == role]
        if not wanted:
            purpose = {"train": "training", "test": "testing"}[role]
            raise HeatError(f"{self._what} has no rows for {purpose}: its column `split` says {_counted(counts)}.")
        if len(wanted) > 1:
            self._notes.append(f"Its splits {' and '.join(map(repr, wanted))} are taken together.")
        if odd := {value: count for value, count in counts.items() if not split_of(value)}:
            self._notes.append(f"Its column `split` says {_counted(odd)}, which is no split: these rows are left out.")
        self.kept = self.kept[np.isin(values, wanted)]

    def labelled(self) -> None:
        """Leave out rows without a label, unless none has one."""
        mask = self._values(LABEL) == ""
        if not mask.all():
            self._leave_out(mask, np.full(len(mask), "no label", object))

    def _leave_out(self, mask: np.ndarray, why: np.ndarray) -> None:
        if mask.any():
            self._bad.add_all(self._table.path, self._table.rows[self.kept[mask]], why[mask].tolist())
            self.kept = self.kept[~mask]

    def names_once(self) -> list[str]:
        """Keep the first of rows that name the same image; (N,) the names of the table's rows, each kept one once."""
        names, files = self._table.names, self._table.files
        if len(set(names)) == len(names):
            return names
        first: dict[str, int] = {}
        again = [row for row in self.kept.tolist() if first.setdefault(names[row], row) != row]
        same = [row for row in again if files[row] == files[first[names[row]]]]  # not only printed alike
        if same:
            self.kept = np.setdiff1d(self.kept, same)
            labels = self._table.columns.get(LABEL)
            other = [] if labels is None else [row for row in same if labels[row] != labels[first[names[row]]]]
            conflict = f"; {len(other):,} of these give another label (first {names[other[0]]})" if other else ""
            self._notes.append(
                f"{len(same):,} of its rows name an image that another row names: the first is taken{conflict}."
            )
        if len(same) == len(again):
            return names
        each = dict(zip(self.kept.tolist(), unique([names[row] for row in self.kept.tolist()]), strict=True))
        return [each.get(row, name) for row, name in enumerate(names)]

    def that_are_files(self) -> np.ndarray:
        """Keep the rows whose files are there; (n, 5) what the disk says of them (see `files.looked_at`)."""
        files = self._table.files.take(self.kept)
        found = looked_at(files)
        size = found[:, 0]
        if len(size) and (size == GONE).all():
            raise HeatError(
                f"None of the {len(size):,} files of {self._what} is there, first {printable(files[0])}: paths are "
                "absolute, or relative to the manifest's folder."
            )
        why = np.select([size == GONE, size == NO_FILE], ["not there", "no file"], "")
        self._leave_out(why != "", why)
        if not len(self.kept):
            raise HeatError(f"{self._what} lists no images: {'; '.join(self._bad.sentences())}.")
        return found[why == ""]

    def classes(self) -> tuple[np.ndarray | None, list[str]]:
        """(n,) labels, and the names of their classes; None where a row has none."""
        values = self._values(LABEL)
        names = list(dict.fromkeys(values.tolist()))
        if "" in names:
            if len(names) > 1:
                self._notes.append("Some of its rows have no label, so that the set is taken without classes.")
            return None, []
        numbers, titles = numbered(names)
        number_of = dict(zip(names, numbers.tolist(), strict=True))
        return np.fromiter(map(number_of.__getitem__, values), np.int64, len(values)), titles

    def sentences(self) -> tuple[str, ...]:
        """What one should know of the set."""
        bad = [f"{self._bad.count:,} of its rows are left out: {'; '.join(self._bad.sentences())}."]
        return (*self._notes, *(bad if self._bad.count else []))


def _sets_called(names: list[str], of: str) -> list[str]:
    """Those of that name; where none is, those that differ from it in case alone."""
    wanted = printable(of.strip())
    return [name for name in names if name == wanted] or [n for n in names if n.casefold() == wanted.casefold()]


def _known_words(names: set[str]) -> list[str]:
    return [name for name in names if name.lower() in ID_SETS]


def _known_sets(names: list[str], role: str) -> list[str]:
    """The sets of known images; where none is called so, those that are called after the split that is asked for."""
    return _known_words(set(names)) or [name for name in names if SPLITS.get(name.lower()) == role]


def _counted(counts: dict[str, int]) -> str:
    """What a column says, and how often."""
    most = sorted(counts.items(), key=lambda item: -item[1])
    more = f" and {len(most) - 8:,} more" if len(most) > 8 else ""
    return ", ".join(f"{name or 'nothing'} ({count:,})" for name, count in most[:8]) + more


_NO_KNOWN = "known images", "; it must say id there, or train and test"


def fingerprint_of(
    ids: list[str], found: np.ndarray, labels: np.ndarray | None = None, class_names: Sequence[str] = ()
) -> str:
    """Changes when an image, its box or its class does; what else stands in a manifest changes no feature."""
    digest = hashlib.blake2b(f"reader {READER}\n".encode(), digest_size=8)
    for i in range(0, len(ids), _BLOCK):
        digest.update("\n".join(ids[i : i + _BLOCK]).encode())
    digest.update(np.ascontiguousarray(found[:, :3]).tobytes())
    digest.update("\n".join(class_names).encode())
    if labels is not None:
        digest.update(labels.tobytes())
    return digest.hexdigest()


_BLOCK = 2**16
