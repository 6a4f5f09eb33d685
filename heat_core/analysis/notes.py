"""Notes and tags on samples, stored in the run's folder (`notes.json`)."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from heat_core.errors import HeatError
from heat_core.locks import exclusive
from heat_core.names import printable
from heat_core.storage import read_json, write_json

_FILE = "notes.json"
_MAX_CHARACTERS, _MAX_TAG_CHARACTERS = 5_000, 100  # characters of a note, of a tag


def read_notes(folder: Path) -> dict[str, dict[str, Any]]:
    """Read the notes of a run: sample key (`set/id`) → {"note": text, "tags": [...], "time": seconds since the epoch}.

    Raises:
        HeatError: where the file is damaged.
    """
    path, cure = folder / _FILE, "move the file away, and the next note will start a new one"
    notes = read_json(path, cure) if path.exists() else {}
    if not isinstance(notes, dict) or not all(map(_is_note, notes.values())):
        raise HeatError(f"{printable(path)} is damaged, it does not hold notes: {cure}.")
    return notes


def _is_note(entry: Any) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("note"), str):
        return False
    tags = entry.get("tags")
    return isinstance(tags, list) and all(isinstance(tag, str) for tag in tags)


def write_note(folder: Path, key: str, note: str, tags: list[str] | None = None) -> None:
    """Store a note and tags for a sample; both empty removes the entry. Several processes may write at once.

    Args:
        folder: folder of the run.
        key: key of the sample (`set/id`).
        note: text of the note; at most 5,000 characters.
        tags: the sample's tags; None: its present tags stay.

    Raises:
        HeatError: where the run is gone, or the note is too long.
    """
    if len(note) > _MAX_CHARACTERS:
        raise HeatError(f"A note has at most {_MAX_CHARACTERS:,} characters, this one has {len(note):,}.")
    new_tags = None if tags is None else {t.strip() for t in tags if t.strip()}
    _change(folder, [key], lambda _, before: (note.strip(), before if new_tags is None else new_tags), "note")


def write_tags(folder: Path, keys: list[str], tag: str, given: bool = True) -> None:
    """Add a tag to many samples, or remove it; their notes and other tags stay.

    Args:
        folder: folder of the run.
        keys: keys of the samples (`set/id`).
        tag: 1 to 100 characters.
        given: whether the tag is added or removed.

    Raises:
        HeatError: where the run is gone, or the tag is empty or too long.
    """
    tag = tag.strip()
    if not tag or len(tag) > _MAX_TAG_CHARACTERS:
        raise HeatError(f"A tag has 1 to {_MAX_TAG_CHARACTERS} characters.")
    _change(folder, keys, lambda note, tags: (note, tags | {tag} if given else tags - {tag}), "tag")


def _change(folder: Path, keys: list[str], change: Callable[[str, set[str]], tuple[str, set[str]]], what: str) -> None:
    """Replace the note and tags of each sample by the result of `change`; entries without either are removed."""
    if not folder.is_dir():
        raise HeatError(f"This run was deleted: the {what} could not be kept.")
    with exclusive(folder / "notes.lock", target=folder / _FILE):
        notes = read_notes(folder)
        for key in keys:
            entry = notes.pop(key, {"note": "", "tags": []})
            note, tags = change(entry["note"], set(entry["tags"]))
            if note or tags:
                notes[key] = {"note": note, "tags": sorted(tags), "time": time.time()}
        write_json(folder / _FILE, notes)
