"""Notes and tags on samples, kept with the run (`notes.json`)."""

import time
from pathlib import Path
from typing import Any

from filelock import FileLock

from heat_core.errors import HeatError
from heat_core.storage import printable, read_json, write_json, writing

_FILE = "notes.json"
_LONGEST, _LONGEST_TAG = 5_000, 100  # characters of a note, of a tag


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


def write_note(folder: Path, key: str, note: str, tags: list[str]) -> None:
    """Keep a note and tags on a sample; both empty removes them. Safe beside other windows on the same run.

    Raises:
        HeatError: where the run is gone, or the note is too long.
    """
    if len(note) > _LONGEST:
        raise HeatError(f"A note has at most {_LONGEST:,} characters, this one has {len(note):,}.")
    if not folder.is_dir():
        raise HeatError("This run was deleted: the note could not be kept.")
    tags = sorted({t.strip() for t in tags if t.strip()})
    with writing(folder / _FILE), FileLock(folder / "notes.lock"):
        notes = read_notes(folder)
        notes.pop(key, None)
        if note.strip() or tags:
            notes[key] = {"note": note.strip(), "tags": tags, "time": time.time()}
        write_json(folder / _FILE, notes)


def write_tags(folder: Path, keys: list[str], tag: str, given: bool = True) -> None:
    """Give many samples a tag, or take it from them; what else was noted on them stays.

    Raises:
        HeatError: where the run is gone, or the tag is empty or too long.
    """
    tag = tag.strip()
    if not tag or len(tag) > _LONGEST_TAG:
        raise HeatError(f"A tag has 1 to {_LONGEST_TAG} characters.")
    if not folder.is_dir():
        raise HeatError("This run was deleted: the tags could not be kept.")
    with writing(folder / _FILE), FileLock(folder / "notes.lock"):
        notes = read_notes(folder)
        for key in keys:
            known = notes.pop(key, {"note": "", "tags": []})
            tags = sorted({*known["tags"], tag} if given else {*known["tags"]} - {tag})
            if known["note"] or tags:
                notes[key] = {"note": known["note"], "tags": tags, "time": time.time()}
        write_json(folder / _FILE, notes)
