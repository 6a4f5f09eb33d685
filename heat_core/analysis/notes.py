"""Notes and tags on samples, kept with the run (`notes.json`)."""

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
    """Sample key (`set/id`) → {"note": text, "tags": [..], "time": seconds}; HeatError where the file is damaged."""
    path, cure = folder / _FILE, "move it away; notes that are kept then begin a new one"
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
    """Keep a note and tags on a sample; both empty removes them. Safe beside other windows on the same run.

    Args:
        folder: of the run.
        key: of the sample.
        note: what is kept.
        tags: the sample's tags; None = those that it has.

    Raises:
        HeatError: where the run is gone, or the note is too long.
    """
    if len(note) > _MAX_CHARACTERS:
        raise HeatError(f"A note has at most {_MAX_CHARACTERS:,} characters, this one has {len(note):,}.")
    new_tags = None if tags is None else {t.strip() for t in tags if t.strip()}
    _change(folder, [key], lambda _, before: (note.strip(), before if new_tags is None else new_tags), "note")


def write_tags(folder: Path, keys: list[str], tag: str, given: bool = True) -> None:
    """Give many samples a tag, or take it from them; what else was noted on them stays.

    Raises:
        HeatError: where the run is gone, or the tag is empty or too long.
    """
    tag = tag.strip()
    if not tag or len(tag) > _MAX_TAG_CHARACTERS:
        raise HeatError(f"A tag has 1 to {_MAX_TAG_CHARACTERS} characters.")
    _change(folder, keys, lambda note, tags: (note, tags | {tag} if given else tags - {tag}), "tag")


def _change(folder: Path, keys: list[str], change: Callable[[str, set[str]], tuple[str, set[str]]], what: str) -> None:
    """Put what `change` makes of a sample's note and tags in their place; nothing is kept of one that has neither."""
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
