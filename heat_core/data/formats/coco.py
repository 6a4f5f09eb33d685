"""COCO: a JSON file with images, categories, and annotations, each of which is a crop with its category as label."""

import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from heat_core.data.containers.members import is_stored_file
from heat_core.data.formats.annotations import Annotation, AnnotationTable, Box, explain_errors
from heat_core.data.image_table import LABEL
from heat_core.data.skipped_rows import SkippedRows

_CONTRACT = (
    "is no COCO file, which has `images` with `id` and `file_name`, `annotations` with `image_id`, `category_id` and "
    "`bbox`, and `categories` with `id` and `name`"
)
_EXAMINED = 20  # images by which their folder is found
_SPLIT = re.compile(r"(?:train|val|test)(?:\d{4})?", re.IGNORECASE)


def open_coco(path: Path) -> AnnotationTable:
    """Open a COCO file.

    The images lie beside it, or in a folder (or zip archive) of a usual name beside it or its folder: `images`,
    `train2017` for `instances_train2017.json`.

    Raises:
        HeatError: if the file is damaged, or is no COCO file.
    """
    skipped, notes = SkippedRows(), list[str]()
    with explain_errors(path, "JSON", _CONTRACT):
        # Outlines take most of the memory, and are not needed.
        content = json.loads(path.read_bytes(), object_hook=lambda item: (item.pop("segmentation", None), item)[1])
        files = {image["id"]: _file_name(image) for image in content["images"]}
        categories = {category["id"]: str(category["name"]) for category in content.get("categories") or ()}
        if listed := content.get("annotations"):
            annotations = list(_read_annotations(listed, files, categories, path, skipped, notes))
        else:
            annotations = [Annotation(number, file, None, ("",)) for number, file in enumerate(files.values(), 1)]
            notes.append("It has no annotations: its images are taken whole.")
    return AnnotationTable(path, _find_folder(path, list(files.values())), [LABEL], annotations, skipped, notes)


def _file_name(image: dict[str, Any]) -> str:
    return str(image["file_name"]).encode(errors="replace").decode()  # JSON may hold halves of characters


def _read_annotations(
    annotations: list[dict[str, Any]],
    files: dict[Any, str],
    categories: dict[Any, str],
    path: Path,
    skipped: SkippedRows,
    notes: list[str],
) -> Iterator[Annotation]:
    """Yield the annotations that are crops of images; the others are counted."""
    crowds, annotated = 0, set[Any]()
    for number, annotation in enumerate(annotations, 1):
        annotated.add(image := annotation.get("image_id"))
        box, category = _read_box(annotation.get("bbox")), annotation.get("category_id")
        if annotation.get("iscrowd"):
            crowds += 1
        elif why := _why_invalid(image in files, category in categories, box):
            skipped.add(path, number, why)
        else:
            yield Annotation(number, files[image], box, (categories[category],))
    if crowds:
        notes.append(f"{crowds:,} annotations of crowds (`iscrowd`) are left out.")
    if empty := len(files.keys() - annotated):
        notes.append(f"{empty:,} images without annotations are left out.")


def _why_invalid(has_image: bool, has_category: bool, box: Box | None) -> str:
    if not has_image:
        return "its image_id is none of the images"
    if not has_category:
        return "its category_id is none of the categories"
    if box is None:
        return "its bbox is not four numbers"
    return "" if box[2] > 0 and box[3] > 0 else "its bbox has no width or height"


def _read_box(values: Any) -> Box | None:
    if not isinstance(values, list) or len(values) != 4:
        return None
    try:
        x, y, w, h = map(float, values)
    except (TypeError, ValueError):
        return None
    return (x, y, w, h) if all(map(math.isfinite, (x, y, w, h))) else None


def _find_folder(path: Path, files: list[str]) -> Path:
    """Return the folder in which most of the first images are; the file's own if there are none."""
    splits = _SPLIT.findall(path.stem)
    names = [".", "images", *splits, *(f"images/{split}" for split in splits), *(f"{s}.zip/{s}" for s in splits)]
    folders = [os.path.normpath(base / name) for base in (path.parent, path.parent.parent) for name in names]
    counts = Counter(
        {folder: sum(is_stored_file(Path(folder, file)) for file in files[:_EXAMINED]) for folder in folders}
    )
    best, count = counts.most_common(1)[0]
    return Path(best) if count else path.parent
