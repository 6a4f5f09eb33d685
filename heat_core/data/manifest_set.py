"""Opening of one set of a manifest: selection of rows by set and split, with their labels and metadata."""

from collections import Counter
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from heat_core.data.folder_scan import SPLITS, encode_classes, split_of, unique_names
from heat_core.data.image_set import ImageSet, images_fingerprint, make_opener
from heat_core.data.image_table import HEAT_ID, LABEL, SET, SPLIT, whole_column
from heat_core.data.manifest_cells import names_with_boxes, printable_names
from heat_core.data.path_list import NOT_A_FILE, NOT_FOUND, PathList, read_file_stats
from heat_core.data.skipped_rows import SkippedRows
from heat_core.data.table_formats import open_image_table, table_files, table_title
from heat_core.digests import version_of
from heat_core.errors import HeatError
from heat_core.names import printable
from heat_core.storage import resolve_links

#: Names of the known images in a manifest's column `set`, in lower case.
ID_SETS = ("id", "ind", "known", "in-distribution")


@dataclass(frozen=True)
class ManifestTable:
    """All valid rows of a manifest.

    Attributes:
        path: path of the manifest.
        rows: (N,) number of each row in the file, as a spreadsheet counts.
        names: printable path of each image as the file holds it; the name of a crop includes its box. Where the file
            has a column `heat_id`, its texts.
        files: path of each image, resolved.
        boxes: (N, 4) x, y, w, h in pixels, or None if the manifest has no boxes.
        columns: name of a column → (N,) texts or numbers.
        skipped: invalid rows, which are left out.
        notes: sentences about columns.
    """

    path: Path
    rows: np.ndarray
    names: list[str]
    files: PathList
    boxes: np.ndarray | None
    columns: dict[str, np.ndarray]
    skipped: SkippedRows
    notes: list[str]


def open_manifest(path: Path, role: str, set_name: str | None = None) -> ImageSet:
    """Open one set of images that a manifest lists.

    Args:
        path: path of the manifest.
        role: split that is selected by the column `split`: "train" or "test"; ignored if no row of the set has a split.
        set_name: set that is selected by the column `set`; None = the known images, which are called `id` (see
            `ID_SETS`), or else like a split (`train`, `test`).

    Raises:
        HeatError: if the manifest is damaged, has no such rows, or if none of their files exists.
    """
    version = tuple(version_of(file.stat()) for file in table_files(path))
    table = _read_table(resolve_links(path), version)
    chosen = _RowSelection(table)
    chosen.select_set(set_name, role)
    has_test_rows = role == "train" and set_name is None and chosen.has_test_rows()
    chosen.select_split(role)
    if role == "train":
        chosen.drop_unlabelled()
    names = chosen.drop_duplicates()
    stats = chosen.drop_missing_files()
    labels, class_names = chosen.encode_labels()
    ids = [names[i] for i in chosen.selected.tolist()]
    files = table.files.take(chosen.selected)
    boxes = None if table.boxes is None else table.boxes[chosen.selected]
    return ImageSet(
        name=printable(table_title(path)),
        ids=ids,
        open=make_opener(files, boxes),
        labels=labels,
        class_names=class_names,
        fingerprint=images_fingerprint(ids, stats, labels, class_names),
        notes=chosen.sentences(),
        files=files,
        boxes=boxes,
        columns={name: values[chosen.selected] for name, values in table.columns.items() if name != SET},
        manifest=path,
        has_test_rows=has_test_rows,
    )


@lru_cache(maxsize=1)
def _read_table(path: Path, version: tuple[tuple[int, ...], ...]) -> ManifestTable:  # noqa: ARG001 (part of the cache's key)
    """Read a manifest, and keep it: the training, test and OOD sets of one manifest are opened in turn."""
    manifest, skipped = open_image_table(path), SkippedRows()
    rows, names, files, boxes = list[np.ndarray](), list[str](), list[PathList](), list[np.ndarray]()
    texts: dict[str, list[np.ndarray]] = {name: [] for name in manifest.names}
    for block in manifest.blocks(skipped):
        rows.append(block.rows)
        files.append(PathList.from_paths(manifest.resolve_paths(block.paths)))
        paths = printable_names(block.paths)
        names += paths if block.boxes is None else names_with_boxes(paths, block.boxes)
        if block.boxes is not None:
            boxes.append(block.boxes)
        for name, values in block.texts.items():
            texts[name].append(values)
    if HEAT_ID in texts:
        names = np.concatenate(texts.pop(HEAT_ID)).tolist()
    if not names:
        why = f": {'; '.join(skipped.sentences())}" if skipped.count else ""
        raise HeatError(f"{printable(path)} lists no images{why}.")
    return ManifestTable(
        path=path,
        rows=np.concatenate(rows),
        names=names,
        files=PathList.concatenate(files),
        boxes=np.concatenate(boxes) if boxes else None,
        columns={name: whole_column(name, parts) for name, parts in texts.items()},
        skipped=skipped,
        notes=manifest.notes,
    )


class _RowSelection:
    """Selection of rows of a table, which each method narrows.

    Attributes:
        selected: (n,) indices of the selected rows in the table.
    """

    def __init__(self, table: ManifestTable) -> None:
        self._table, self._file = table, printable(table.path.name)
        self._skipped, self._notes = deepcopy(table.skipped), list(table.notes)
        self.selected = np.arange(len(table.names))

    def _values(self, column: str) -> np.ndarray:
        """Return the (n,) values of a column for the selected rows; all "" if there is no such column."""
        if column not in self._table.columns:
            return np.full(len(self.selected), "", object)
        return self._table.columns[column][self.selected]

    def select_set(self, name: str | None, role: str) -> None:
        """Keep the rows of one set; keep all if no row belongs to a set."""
        values = self._values(SET)
        counts = Counter(values.tolist())
        missing = counts.pop("", 0)
        if not counts:
            return
        names = list(counts)
        wanted = _known_sets(names, role) if name is None else _match_set_name(names, name)
        if not wanted:
            which, remedy = _NO_KNOWN_SET if name is None else (f"set {name!r}", "")
            raise HeatError(f"{self._file} has no {which}: its column `set` says {_format_counts(counts)}{remedy}.")
        self.selected = self.selected[np.isin(values, wanted)]
        if missing:
            self._notes.append(f"{missing:,} of its rows have no set, and belong to none.")

    def has_test_rows(self) -> bool:
        """Return whether the manifest has test rows of the known images."""
        names = set(self._table.columns.get(SET, np.empty(0, object)).tolist())
        splits = {split_of(value) for value in set(self._values(SPLIT).tolist())}
        by_set = not _known_set_names(names) and bool(_known_sets(list(names), "test"))
        return by_set or "test" in splits

    def select_split(self, role: str) -> None:
        """Keep the rows of one split; keep all if no row has a split."""
        values = self._values(SPLIT)
        counts = Counter(values.tolist())
        if set(counts) == {""} or not counts:
            return
        wanted = [value for value in counts if split_of(value) == role]
        if not wanted:
            purpose, counted = {"train": "training", "test": "testing"}[role], _format_counts(counts)
            raise HeatError(f"{self._file} has no rows for {purpose}: its column `split` says {counted}.")
        if len(wanted) > 1:
            self._notes.append(f"Its splits {' and '.join(map(repr, wanted))} are taken together.")
        if odd := {value: count for value, count in counts.items() if not split_of(value)}:
            counted = _format_counts(odd)
            self._notes.append(f"Its column `split` says {counted}, which is no split: these rows are left out.")
        self.selected = self.selected[np.isin(values, wanted)]

    def drop_unlabelled(self) -> None:
        """Leave out rows without a label, unless no row has one."""
        mask = self._values(LABEL) == ""
        if not mask.all():
            self._drop(mask, np.full(len(mask), "no label", object))

    def _drop(self, mask: np.ndarray, why: np.ndarray) -> None:
        if mask.any():
            self._skipped.add_all(self._table.path, self._table.rows[self.selected[mask]], why[mask].tolist())
            self.selected = self.selected[~mask]

    def drop_duplicates(self) -> list[str]:
        """Keep the first of rows that name the same image.

        Returns:
            N names, one for each row of the table; those of the kept rows are unique.
        """
        names, files = self._table.names, self._table.files
        if len(set(names)) == len(names):
            return names
        first: dict[str, int] = {}
        again = [row for row in self.selected.tolist() if first.setdefault(names[row], row) != row]
        # Different paths can have the same printable name.
        same = [row for row in again if files[row] == files[first[names[row]]]]
        if same:
            self.selected = np.setdiff1d(self.selected, same)
            labels = self._table.columns.get(LABEL)
            conflicts = [] if labels is None else [row for row in same if labels[row] != labels[first[names[row]]]]
            example = names[conflicts[0]] if conflicts else ""
            conflict = f"; {len(conflicts):,} of these give another label (first {example})" if conflicts else ""
            self._notes.append(
                f"{len(same):,} of its rows name an image that another row names: the first is taken{conflict}."
            )
        if len(same) == len(again):
            return names
        rows = self.selected.tolist()
        unique = dict(zip(rows, unique_names([names[row] for row in rows]), strict=True))
        return [unique.get(row, name) for row, name in enumerate(names)]

    def drop_missing_files(self) -> np.ndarray:
        """Keep the rows whose files exist, and return their (n, 5) file stats (see `path_list.read_file_stats`).

        Raises:
            HeatError: if no row is left.
        """
        files = self._table.files.take(self.selected)
        stats = read_file_stats(files)
        size = stats[:, 0]
        if len(size) and (size == NOT_FOUND).all():
            raise HeatError(
                f"None of the {len(size):,} files of {self._file} is there, first {printable(files[0])}: paths are "
                "absolute, or relative to the manifest's folder."
            )
        why = np.select([size == NOT_FOUND, size == NOT_A_FILE], ["not there", "no file"], "")
        self._drop(why != "", why)
        if not len(self.selected):
            raise HeatError(f"{self._file} lists no images: {'; '.join(self._skipped.sentences())}.")
        return stats[why == ""]

    def encode_labels(self) -> tuple[np.ndarray | None, list[str]]:
        """Return the (n,) class numbers and the class names; None and no names if a row has no label."""
        values = self._values(LABEL)
        names = list(dict.fromkeys(values.tolist()))
        if "" in names:
            if len(names) > 1:
                missing = int((values == "").sum())
                self._notes.append(f"{missing:,} of its rows have no label, so that the set is taken without classes.")
            return None, []
        numbers, titles = encode_classes(names)
        number_of = dict(zip(names, numbers.tolist(), strict=True))
        return np.fromiter(map(number_of.__getitem__, values), np.int64, len(values)), titles

    def sentences(self) -> tuple[str, ...]:
        """Return the notes about the set, with one on the rows that are left out."""
        skipped = [f"{self._skipped.count:,} of its rows are left out: {'; '.join(self._skipped.sentences())}."]
        return (*self._notes, *(skipped if self._skipped.count else []))


def _match_set_name(names: list[str], name: str) -> list[str]:
    """Return the names equal to `name`; if there is none, those that differ in case alone."""
    wanted = printable(name.strip())
    return [n for n in names if n == wanted] or [n for n in names if n.casefold() == wanted.casefold()]


def _known_set_names(names: set[str]) -> list[str]:
    return [name for name in names if name.lower() in ID_SETS]


def _known_sets(names: list[str], role: str) -> list[str]:
    """Return the names of sets of known images; if there is none, of sets that are named like the split `role`."""
    return _known_set_names(set(names)) or [name for name in names if SPLITS.get(name.lower()) == role]


def _format_counts(counts: dict[str, int]) -> str:
    """Format the values of a column with their counts, the most frequent first, at most eight."""
    most = sorted(counts.items(), key=lambda item: -item[1])
    more = f" and {len(most) - 8:,} more" if len(most) > 8 else ""
    return ", ".join(f"{name or 'nothing'} ({count:,})" for name, count in most[:8]) + more


_NO_KNOWN_SET = "known images", "; it must say id there, or train and test"
