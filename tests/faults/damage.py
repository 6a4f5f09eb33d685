"""A finished run, one of its files damaged at a time, and every question of the command line asked of it."""

import contextlib
import io
import json
import re
import shutil
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from heat_core.__main__ import main

Damage = tuple[str, bytes | None]  # what was done, and the new content; None = the file is gone


@dataclass(frozen=True)
class Outcome:
    """What came of a question: the same answer, a sentence, another answer, or a traceback."""

    kind: str
    detail: str = ""


def damages(path: Path, thorough: bool) -> Iterator[Damage]:
    """Ways in which a file can be damaged."""
    content = path.read_bytes()
    yield "missing", None
    yield "empty", b""
    yield "cut in half", content[: len(content) // 2]
    yield "other content", b"[1, 2, 3]"
    for share in (0.01, 0.2, 0.5, 0.8, 0.99) if thorough else (0.5,):
        at = int(share * len(content))
        yield f"a bit at {share:.0%}", content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
    if thorough:
        yield "one byte fewer", content[:-1]
        yield "zeros", bytes(len(content))
        yield "not UTF-8", b"\xff\xfe" + content
    if path.suffix == ".npz":
        yield from _of_arrays(path, thorough)
    elif path.suffix == ".npy":
        yield from _of_array(path)
    elif path.suffix == ".json":
        yield from _of_json(content)


def _of_arrays(path: Path, thorough: bool) -> Iterator[Damage]:
    """Valid files with other arrays, with their seal and without."""
    with np.load(path) as found:
        arrays = {name: found[name] for name in found.files}
    names = [n for n in arrays if n != "digest"]
    for name in names if thorough else names[:3]:
        values = arrays[name]
        changed = {"dropped": None, "as text": np.array(["x"]), "a dimension more": values[None]}
        if values.ndim and len(values) > 1:
            changed["one row fewer"] = values[:-1]
        if values.dtype.kind == "f" and values.size:
            changed |= {"NaN": np.full_like(values, np.nan), "zeros": np.zeros_like(values)}
        for what, new in changed.items():
            others = {n: v for n, v in arrays.items() if n != name} | ({} if new is None else {name: new})
            yield f"{name} {what}", _saved(others)
            if what != "zeros":  # that alone may be what was written
                yield f"{name} {what}, no seal", _saved({n: v for n, v in others.items() if n != "digest"})


def _of_array(path: Path) -> Iterator[Damage]:
    values = np.load(path)
    for what, new in {
        "one row fewer": values[:-1],
        "as float64": values.astype(np.float64),
        "flat": values.ravel(),
    }.items():
        out = io.BytesIO()
        np.save(out, new)
        yield what, out.getvalue()


def _of_json(content: bytes) -> Iterator[Damage]:
    found = json.loads(content)
    if isinstance(found, dict):
        for key in found:
            yield f"without {key}", json.dumps({k: v for k, v in found.items() if k != key}).encode()
            yield f"{key} null", json.dumps(found | {key: None}).encode()
            yield f"{key} a list", json.dumps(found | {key: [[]]}).encode()


def _saved(arrays: dict[str, np.ndarray]) -> bytes:
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def questions(run: Path, picture: Path | None) -> dict[str, list[str]]:
    """What the command line can be asked of a run; `score` where there is a picture."""
    name = str(run)
    asked = {
        "show": ["show", name, "--json"],
        "show at another beta": ["show", name, "--beta", "-1", "--json"],
        "show auto": ["show", name, "--beta", "auto"],
        "compare": ["compare", name, "--format", "csv"],
        "subsets": ["compare", name, "--subsets", "--metric", "fpr95"],
        "report": ["report", name, "--out", str(run.parent.parent / "report.html")],
        "list": ["list"],
    }
    return asked | ({"score": ["score", name, str(picture), "--json"]} if picture else {})


def answer(words: list[str], report: Path | None = None) -> tuple[int | None, str]:
    """(exit status or None after a traceback, what was printed); the text of a report in place of its path."""
    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main(words)
    except Exception:
        return None, traceback.format_exc()
    text = out.getvalue()
    if status == 0 and report and report.exists():
        page = re.sub(r"<script.*?</script>", "", report.read_text(encoding="utf-8"), flags=re.DOTALL)
        text = re.sub(r'id="[0-9a-f-]{36}"', "", page)
    return status, text if status == 0 else err.getvalue()


def judge(before: tuple[int | None, str], after: tuple[int | None, str]) -> Outcome:
    """What a damage did to an answer."""
    status, text = after
    if status is None:
        return Outcome("traceback", text.strip().splitlines()[-1])
    if status != 0:
        lines = [line for line in text.strip().splitlines() if line.startswith("heat_core:")]
        return Outcome("sentence", lines[-1]) if lines else Outcome("traceback", text[-200:])
    return Outcome("same") if after == before else Outcome("different")


def tried(
    run: Path, files: list[Path], picture: Path | None, thorough: bool
) -> Iterator[tuple[str, str, str, Outcome]]:
    """(file, damage, question, outcome) of every damage of every file; the files are put back."""
    report = run.parent.parent / "report.html"
    asked = questions(run, picture)
    before = {name: answer(words, report if name == "report" else None) for name, words in asked.items()}
    for path in files:
        content = path.read_bytes()
        for what, new in damages(path, thorough):
            if new == content:
                continue
            path.unlink() if new is None else path.write_bytes(new)
            for name, words in asked.items():
                found = judge(before[name], answer(words, report if name == "report" else None))
                if name == "list" and found.kind == "different":
                    found = Outcome("same")  # it says that a run is damaged
                yield path.name, what, name, found
            path.write_bytes(content)


def files_of(run: Path) -> list[Path]:
    """What the run wrote."""
    return sorted(p for p in run.iterdir() if p.is_file() and p.suffix in (".json", ".npz", ".jsonl", ".safetensors"))


def copied(run: Path, home: Path) -> Path:
    """A run's copy in another home."""
    shutil.copytree(run, home / "runs" / run.name)
    return home / "runs" / run.name
