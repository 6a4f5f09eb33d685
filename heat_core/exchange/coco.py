"""COCO for classification: true classes as annotations, predicted classes as results, each of the whole image."""

import json
from typing import Any

from heat_core.exchange.picture_formats import IMAGES, About, Entry, PictureFormat


def _describe(entries: list[Entry], about: About) -> dict[str, str]:
    """Write `annotations.json` with the true classes, and `predictions.json` in the form of COCO's results."""
    ids = {name: number for number, name in enumerate(about.classes, 1)}
    annotated = [(i, entry) for i, entry in enumerate(entries, 1) if entry.record.true_class]
    content = {
        "info": {"description": f"Images of the run {about.run_id} of HEAT Explorer"},
        "images": [_image(i, entry) for i, entry in enumerate(entries, 1)],
        "categories": [{"id": number, "name": name, "supercategory": ""} for name, number in ids.items()],
        "annotations": [
            _annotation(i, entry, ids[entry.record.true_class]) | {"id": number}
            for number, (i, entry) in enumerate(annotated, 1)
        ],
    }
    results = [
        _annotation(i, entry, ids[entry.record.predicted_class]) | {"score": entry.record.confidence}
        for i, entry in enumerate(entries, 1)
    ]
    return {"annotations.json": json.dumps(content), "predictions.json": json.dumps(results)}


def _image(number: int, entry: Entry) -> dict[str, Any]:
    size = {"width": entry.width, "height": entry.height}
    return {"id": number, "file_name": entry.path.removeprefix(f"{IMAGES}/")} | size | entry.record.fields()


def _annotation(image: int, entry: Entry, category: int) -> dict[str, Any]:
    box = [0, 0, entry.width, entry.height]
    area = entry.width * entry.height
    return {"image_id": image, "category_id": category, "bbox": box, "area": area, "iscrowd": 0}


COCO = PictureFormat(
    title="COCO classification",
    usage="annotations.json holds the images and their true classes, where these are known, and predictions.json the "
    "predicted classes with their confidence, as pycocotools reads them: COCO(annotations).loadRes(predictions). Each "
    "box is the whole image.",
    describe=_describe,
)
